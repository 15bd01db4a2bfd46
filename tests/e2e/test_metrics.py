"""What `/metrics` tells, against what was done: every call, task and byte counts, once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import (
    Client,
    Json,
    command,
    eventually,
    metadata_of,
    sql,
    table_of,
)
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import ERRORS, Code, expect_error
from tests.e2e.every_call import HeaderClient, every_call
from tests.e2e.exposition import Exposition, Labels, labels_of
from tests.e2e.operations import module_path, stubborn, with_modules
from tests.e2e.polling import endless, start, wait_for_state
from tests.e2e.raw_grpc import FLIGHT, METHODS, RawClient
from tests.e2e.server import PATIENCE_SEC, LongbowServer

MODULES = with_modules("sql", "storage", module_path("stubborn"))
STORE_LIMIT = 64 << 20
# The protocol's codes, those that no test here gets included.
CODES = {code.name for code in Code} | {"OK", "CUSTOM", "READ_ONLY", "DATA_LOSS"}
CALLS = "longbow_rpc_calls_total"


@pytest.fixture(scope="module")
def measured() -> Iterator[LongbowServer]:
    """The server that most tests here share, one after the other: none leaves a task behind."""
    settings = {"http": {"port": 0}, "storage": {"memory_limit": STORE_LIMIT}}
    shared = LongbowServer(settings, arguments=MODULES)
    try:
        yield shared.start()
        shared.stop()
    finally:
        shared.kill()


@pytest.fixture
def http(measured: LongbowServer) -> str:
    """Where it tells."""
    return measured.http


@pytest.fixture
def caller(measured: LongbowServer) -> Iterator[Client]:
    """A connection to it."""
    connection = Client(measured.uri)
    yield connection
    connection.close()


def settled(http: str) -> Exposition:
    """What it tells once no call runs: a call counts a moment after its client has the answer."""

    def idle() -> bool:
        now = Exposition(http)
        return sum(now("longbow_rpc_running", method=method) for method in METHODS) == 0

    eventually("no call runs", idle)
    # Asked again: a page is no snapshot, and a call may end between two of its lines.
    return Exposition(http)


def code_of(number: int) -> str:
    """The name of an error's number."""
    return Code(number).name


# Calls.


def test_every_call_counts_once(make_server: MakeServer, path: list[str]) -> None:
    # One of its own: not every result is read, and those of other tests must not expire meanwhile.
    server = make_server({"http": {"port": 0}}, arguments=MODULES)
    caller = Client(server.uri)
    stored, doomed = [*path, "stored"], [*path, "doomed"]
    for each in (stored, doomed):
        caller.stored(each, table_of(x=[1, 2, 3]))
    task = start(caller, stubborn(untilFile="/absent")).task
    raw = HeaderClient(server.uri)
    before = settled(server.http)
    for call in every_call(stored, [*path, "absent"], doomed, task):
        reply = raw.make(call)
        after = settled(server.http)

        def by(name: str, after: Exposition = after, before: Exposition = before) -> Any:
            return after.moved_since(before, "longbow_rpc_" + name)

        code = "OK" if reply.status == 0 else code_of(reply.error["code"])
        only = labels_of(method=call.method)
        assert by("calls_total") == {labels_of(method=call.method, code=code): 1}, call.name
        assert by("duration_seconds_count") == {only: 1}, call.name
        assert by("wait_seconds_count") == {only: 1}, call.name
        assert set(by("duration_seconds_sum")) == {only}, call.name
        received, sent = sum(map(len, call.messages)), sum(map(len, reply.messages))
        if code == "OK":
            assert by("received_bytes_total") == ({only: received} if received else {}), call.name
        else:  # It may have been refused before the end of its messages.
            assert by("received_bytes_total").get(only, 0) <= received, call.name
        assert by("sent_bytes_total") == ({only: sent} if sent else {}), call.name
        before = after
    raw.close()
    caller.close()


def test_rows_and_bytes(http: str, caller: Client, path: list[str]) -> None:
    table = table_of(x=range(1000))
    before = settled(http)
    caller.stored(path, table)
    after = settled(http)
    rows, size = "longbow_rpc_{}_rows_total", "longbow_rpc_{}_bytes_total"
    put, get, exchange = (labels_of(method=m) for m in ("DoPut", "DoGet", "DoExchange"))
    assert after.moved_since(before, rows.format("received")) == {put: 1000}
    assert after.moved_since(before, rows.format("sent")) == {}
    assert 8000 < after.moved_since(before, size.format("received"))[put] < 10000

    before = after
    assert caller.get({"path": path}).num_rows == 1000
    after = settled(http)
    assert after.moved_since(before, rows.format("sent")) == {get: 1000}
    assert after.moved_since(before, rows.format("received")) == {}
    assert 8000 < after.moved_since(before, size.format("sent"))[get] < 10000

    before = after
    summed = caller.exchange(sql("SELECT sum(x)::BIGINT AS s FROM input"), table)
    assert summed["s"].to_pylist() == [499500]
    after = settled(http)
    assert after.moved_since(before, rows.format("received")) == {exchange: 1000}
    assert after.moved_since(before, rows.format("sent")) == {exchange: 1}


def test_calls_that_run(measured: LongbowServer) -> None:
    settled(measured.http)
    raw = [RawClient(measured.uri) for _ in range(3)]
    for each in raw:
        each.begin(FLIGHT + "DoPut", end=False)

    def running(count: int) -> bool:
        now = Exposition(measured.http)
        return now("longbow_rpc_running", method="DoPut") == count and count == now(
            "longbow_calls_running", kind="put"
        )

    eventually("three run", lambda: running(3))
    now = Exposition(measured.http)
    assert sum(now("longbow_rpc_running", method=method) for method in METHODS) == 3
    assert now("longbow_connections_open") >= 3
    before = now
    for each in raw:
        each.close()
    eventually("none runs", lambda: running(0))
    # A client that goes away has cancelled its call.
    assert settled(measured.http).moved_since(before, CALLS) == {
        labels_of(method="DoPut", code="COMMAND_CANCELLED"): 3
    }


def test_durations(http: str, caller: Client) -> None:
    before = settled(http)
    begin = time.monotonic()
    info = caller.info(stubborn(seconds=0.3))
    took = time.monotonic() - begin
    after = settled(http)
    caller.get(info)
    name, only = "longbow_rpc_duration_seconds", labels_of(method="GetFlightInfo")
    assert 0.3 <= after.moved_since(before, name + "_sum")[only] <= took
    buckets = {
        float(dict(labels)["le"]): by
        for labels, by in after.moved_since(before, name + "_bucket").items()
    }
    assert min(buckets) >= 0.5, "none of those below its duration"
    assert set(buckets.values()) == {1}


def test_calls_that_wait(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(
        {
            "server": {
                "max_running_info": 1,
                "max_waiting_calls": 1,
                "max_call_wait_ms": 60000,
                "sync_timeout_sec": 60,
            },
            "http": {"port": 0},
        },
        arguments=MODULES,
    )
    client, go = Client(server.uri), tmp_path / "go"
    threads = [
        threading.Thread(target=client.info, args=(what,), daemon=True)
        for what in (stubborn(untilFile=str(go)), sql("SELECT 1 AS x"))
    ]
    before = Exposition(server.http)
    only = {"method": "GetFlightInfo"}

    def when_counts_are(*, running: int, waiting: int) -> Exposition:
        """Waits for a page that shows these counts of calls, and of their kind.

        All at once, since a page is no snapshot: a call that arrives while it is being written may
        stand in one of its figures and not yet in another.
        """
        expected = (running + waiting, waiting, running, waiting)
        seen: tuple[float, ...] = ()

        def check() -> Exposition | None:
            nonlocal seen
            now = Exposition(server.http)
            seen = (
                now("longbow_rpc_running", **only),
                now("longbow_rpc_waiting", **only),
                now("longbow_calls_running", kind="info"),
                now("longbow_calls_waiting", kind="info"),
            )
            return now if seen == expected else None

        try:
            found: Exposition = eventually("the calls are counted", check)
        except AssertionError as error:
            raise AssertionError(f"{error}: expected {expected}, saw {seen}") from error
        return found

    threads[0].start()
    when_counts_are(running=1, waiting=0)
    threads[1].start()
    now = when_counts_are(running=1, waiting=1)
    assert now("longbow_calls_limit", kind="info") == 1
    waits_since = time.monotonic()
    # A third finds no place, neither to run nor to wait.
    with expect_error(Code.BACKPRESSURE):
        client.info(sql("SELECT 2 AS x"))
    time.sleep(max(0.0, waits_since + 0.2 - time.monotonic()))  # the measured time itself
    go.touch()
    for thread in threads:
        thread.join(PATIENCE_SEC)
    after = settled(server.http)
    assert after.moved_since(before, CALLS) == {
        labels_of(code="OK", **only): 2,
        labels_of(code="BACKPRESSURE", **only): 1,
    }
    waited = after("longbow_rpc_wait_seconds_sum", **only)
    assert 0.2 <= waited <= after("longbow_rpc_duration_seconds_sum", **only)
    assert after("longbow_rpc_waiting", **only) == 0
    assert after("longbow_calls_waiting", kind="info") == 0
    client.close()


# Tasks.


def tasks_moved(after: Exposition, before: Exposition) -> dict[Labels, float]:
    """Tasks that have ended in between."""
    return after.moved_since(before, "longbow_tasks_total")


def when_tasks_moved(http: str, before: Exposition, expected: dict[Labels, float]) -> Exposition:
    """Waits until exactly these tasks have ended, and nothing is left of them."""
    seen: dict[Labels, float] = {}

    def check() -> bool:
        nonlocal seen
        seen = tasks_moved(Exposition(http), before)
        return seen == expected

    try:
        eventually("these tasks have ended", check, 20)
    except AssertionError:
        raise AssertionError(f"{seen} have ended, and not {expected}") from None
    # Asked again, as in `settled`.
    return Exposition(http)


def ended(service: str, outcome: str) -> Labels:
    """Labels of `longbow_tasks_total`."""
    return labels_of(service=service, outcome=outcome)


def test_tasks_by_service_and_outcome(http: str, caller: Client, path: list[str]) -> None:
    before = settled(http)
    caller.run(sql("SELECT 1 AS x"))
    caller.info(sql("SELECT 1 AS x", sink={"path": path}))
    now = when_tasks_moved(http, before, {ended("sql", "completed"): 2})
    for histogram in ("wait", "run", "duration"):
        name = f"longbow_task_{histogram}_seconds"
        assert now.moved_since(before, name + "_count") == {labels_of(service="sql"): 2}
    wait, run, total = (
        now.moved_since(before, f"longbow_task_{each}_seconds_sum").get(
            labels_of(service="sql"), 0.0
        )
        for each in ("wait", "run", "duration")
    )
    assert total == pytest.approx(wait + run, abs=0.005)

    # A command inside another is a task, too.
    before = now
    inner = sql("SELECT 2 AS x")
    caller.run(sql("SELECT * FROM a", {"a": {"command": inner}}))
    now = when_tasks_moved(http, before, {ended("sql", "completed"): 2})

    before = now
    with expect_error(Code.BAD_ARGUMENT, Code.COMMAND_FAILED):
        caller.run(sql("SELECT no_such_column"))
    now = when_tasks_moved(http, before, {ended("sql", "failed"): 1})

    before = now
    task = start(caller, endless([*path, "never"])).task
    wait_for_state(caller, task, "STARTING", "STREAMING")
    assert Exposition(http)("longbow_tasks_running", service="sql") == 1
    caller.action("CancelTask", {"task": task})
    now = when_tasks_moved(http, before, {ended("sql", "cancelled"): 1})
    assert now("longbow_tasks_running", service="sql") == 0

    before = now
    caller.run(stubborn())
    when_tasks_moved(http, before, {ended("stubborn", "completed"): 1})


def test_tasks_that_wait_and_expire(make_server: MakeServer, tmp_path: Path) -> None:
    limits = {"task_threads": 1, "task_result_ttl_sec": 1}
    server = make_server({"server": limits, "http": {"port": 0}}, arguments=MODULES)
    client, go = Client(server.uri), tmp_path / "go"
    before = settled(server.http)
    start(client, stubborn(untilFile=str(go)))
    eventually(
        "the first one runs",
        lambda: Exposition(server.http)("longbow_tasks_running", service="stubborn") == 1,
    )
    start(client, sql("SELECT 1 AS x"))
    queued = Exposition(server.http)
    assert queued("longbow_tasks_queued", service="sql") == 1
    assert queued("longbow_tasks_queued", service="stubborn") == 0
    assert queued("longbow_tasks_running", service="sql") == 0
    assert queued("longbow_task_threads_running") == 1
    assert queued("longbow_tasks_known") == 2
    go.touch()
    # Nobody reads them.
    expired = {ended("stubborn", "expired"): 1.0, ended("sql", "expired"): 1.0}
    now = when_tasks_moved(server.http, before, expired)
    assert now("longbow_task_threads_running") == 0
    assert now("longbow_tasks_queued", service="sql") == 0
    assert now("longbow_tasks_running", service="stubborn") == 0
    client.close()


def test_results_that_are_held(http: str, caller: Client) -> None:
    def held() -> float:
        return Exposition(http)("longbow_results_waiting_bytes") - before

    size = 1 << 20
    before = settled(http)("longbow_results_waiting_bytes")
    info = caller.info(sql(f"SELECT range AS x FROM range({size // 8})"))
    eventually("all of it waits for its reader", lambda: size <= held() < 2 * size)
    caller.get(info)
    eventually("nothing of it is left", lambda: held() == 0)


# What is not of calls and tasks.


def test_stored_flights(http: str, caller: Client, path: list[str]) -> None:
    before = settled(http)
    caller.stored(path, table_of(x=range(100_000)))
    after = settled(http)
    assert after("longbow_stored_flights") == before("longbow_stored_flights") + 1
    assert 800_000 <= after("longbow_stored_bytes") - before("longbow_stored_bytes") < 900_000
    assert after("longbow_stored_limit_bytes") == STORE_LIMIT
    caller.action("DeleteFlights", {"paths": [path]})
    gone = settled(http)
    for name in ("longbow_stored_flights", "longbow_stored_bytes"):
        assert gone(name) == before(name)


def test_memory_of_duckdb(http: str, caller: Client) -> None:
    before = settled(http)
    assert before("longbow_sql_duckdb_memory_limit_bytes") == (2 << 30) * 64
    # All of it is sorted before its first row comes, and then nobody reads on.
    info = caller.info(sql("SELECT range AS x FROM range(4000000) ORDER BY hash(range)"))
    eventually(
        "DuckDB holds what it sorts",
        lambda: 16 << 20 < Exposition(http)("longbow_sql_duckdb_memory_bytes") < 2 << 30,
    )
    caller.action("CancelTask", {"task": metadata_of(info)["task"]})
    eventually(
        "DuckDB has given it back",
        lambda: Exposition(http)("longbow_sql_duckdb_memory_bytes") <= 16 << 20,
    )


def test_process_and_node(measured: LongbowServer) -> None:
    proc = Path(f"/proc/{measured.pid}")

    def agrees() -> Exposition | None:
        # It looks at itself twice a second, and lives on in between.
        now = Exposition(measured.http)
        lines = proc.joinpath("status").read_text().splitlines()
        status = {
            name: value.split()[0]
            for name, value in (x.split(":\t", 1) for x in lines if "kB" in x or "Threads" in x)
        }
        rss, anonymous = int(status["VmRSS"]) * 1024, int(status["RssAnon"]) * 1024
        files = len(os.listdir(proc / "fd"))
        agreed = (
            now("process_resident_memory_bytes") == pytest.approx(rss, rel=0.1)
            and now("longbow_memory_anonymous_bytes") == pytest.approx(anonymous, rel=0.1)
            and now("process_threads") == int(status["Threads"])
            and now("process_open_fds") == pytest.approx(files, abs=2)
        )
        return now if agreed else None

    now: Exposition = eventually("it tells what the system tells", agrees)
    assert now("process_open_fds") < now("process_max_fds")
    assert 0 < time.time() - now("process_start_time_seconds") < 600
    assert now("process_cpu_seconds_total") > 0
    assert now("longbow_ready") == 1
    marks = [now(f"longbow_memory_{mark}_bytes") for mark in ("anonymous", "high", "critical")]
    assert marks == sorted(marks)
    assert now("longbow_memory_refusing") == 0
    assert now("longbow_arrow_pool_bytes") <= now("longbow_arrow_pool_peak_bytes")
    ((_, build),) = now.families["longbow_build_info"].samples
    assert set(dict(build)) == {"version", "arrow_version"}
    written = now("longbow_log_lines_total", fate="written")
    assert written == len(measured.log())
    assert now("longbow_log_lines_total", fate="dropped") == 0


# Callers make no series.


def send_strange_calls(server: LongbowServer, number: int) -> None:
    """Calls with names that nobody has used before, wherever a caller can name something."""
    name = f"made-up-{number}"
    headers = {
        "authorization": f"Bearer {name}",
        "x-longbow-request-id": name,
        "user-agent": name,
        f"x-{name}": name,
    }
    raw = RawClient(server.uri)
    for method in (FLIGHT + name, f"/{name}/DoGet", f"/{name}"):
        assert raw.call(method, b"", headers=headers).status != 0
    raw.close()
    client = Client(server.uri)

    def ask(what: Json | list[str]) -> None:
        try:
            client.info(what, headers)
        except ERRORS:
            return
        raise AssertionError(f"{what} was answered")

    ask([name])
    ask(command(name))
    ask(command("sql", {name: 1}))
    ask(sql(f'SELECT "{name}"'))
    for act in (
        lambda: client.action_bytes(name, b"{}", headers),
        lambda: client.get({"task": name}, headers),
        lambda: client.get(name.encode(), headers),
        lambda: client.exchange(command(name), table_of(x=[1]), headers),
    ):
        with pytest.raises(ERRORS):
            act()
    client.stored([name], table_of(**{name: [1]}))
    client.close()


def test_a_caller_cannot_make_series(measured: LongbowServer) -> None:
    before = settled(measured.http)
    for number in range(100):
        send_strange_calls(measured, number)
    after = settled(measured.http)
    for name, labels in after.series() - before.series():
        assert name == CALLS, (name, labels)
        found = dict(labels)
        assert set(found) == {"method", "code"}
        assert found["method"] in METHODS
        assert found["code"] in CODES
    assert "made-up" not in str(after.series())
    # They did count.
    failed = [labels_of(method=m, code="NOT_FOUND") for m in ("GetFlightInfo",)]
    assert all(after.moved_since(before, CALLS)[labels] >= 100 for labels in failed)
    assert after.moved_since(before, CALLS)[labels_of(method="DoPut", code="OK")] == 100
    # Another hundred changes nothing at all.
    for number in range(100, 200):
        send_strange_calls(measured, number)
    assert settled(measured.http).series() == after.series()
