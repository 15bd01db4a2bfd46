"""Not more than it can carry: every limit has a setting, is run into, and shows in the metrics."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, Json, descriptor_of, eventually, metadata_of, rows, sql
from tests.e2e.conftest import MakeLimited
from tests.e2e.errors import ERRORS, Code, expect_error, parse_error
from tests.e2e.operations import (
    NOISE_SEC,
    Metrics,
    held_result,
    read_away,
    stubborn,
)
from tests.e2e.polling import start, wait_for_state
from tests.e2e.raw_grpc import FLIGHT, METHODS, RawClient
from tests.e2e.server import PATIENCE_SEC, LongbowServer

MiB = 1 << 20
RETRY = 0x30000  # here, or on another node
ENDLESS_RESULT = sql("SELECT range AS x FROM range(1000000000000)")


class Asking:
    """GetFlightInfo on a thread of its own."""

    def __init__(self, client: Client, what: Json) -> None:
        self.info: fl.FlightInfo | None = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(client, what), daemon=True)
        self._thread.start()

    def _run(self, client: Client, what: Json) -> None:
        try:
            self.info = client.info(what)
        except ERRORS as error:
            self.error = error

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def result(self) -> fl.FlightInfo:
        """Waits for its end, which must be good."""
        self._thread.join(PATIENCE_SEC)
        assert self.over
        if self.error is not None:
            raise self.error
        assert self.info is not None
        return self.info


def count(client: Client, *states: str) -> int:
    """How many tasks are in these states."""
    return sum(task["state"] in states for task in client.tasks())


def refusals(server: LongbowServer, method: str, code: str) -> float:
    """Calls of a method that ended with that code."""
    return Metrics(server.http)("rpc_calls_total", method=method, code=code)


# ListActions answers without a request.
@pytest.mark.parametrize("method", sorted({*METHODS} - {"ListActions"}))
def test_a_call_without_a_request_gives_its_place_up(limited: MakeLimited, method: str) -> None:
    server, client = limited(request_timeout_sec=1)
    raw = RawClient(server.uri)
    raw.begin(FLIGHT + method, end=False)
    reply = raw.reply()
    assert reply.error["code"] == Code.TIMEOUT
    assert "request_timeout_sec of [server]" in reply.error["msg"]
    eventually("it has ended", lambda: refusals(server, method, "TIMEOUT") == 1)
    raw.close()
    # One whose request is there may take its time.
    client.info(stubborn(seconds=1.5))


# Calls of each kind.

KINDS = {
    "info": "GetFlightInfo",
    "get": "DoGet",
    "put": "DoPut",
    "exchange": "DoExchange",
    "action": "DoAction",
}


@pytest.mark.parametrize("kind", KINDS)
def test_running_calls_of_each_kind(limited: MakeLimited, kind: str) -> None:
    server, _ = limited(**{f"max_running_{kind}": 2})
    method = KINDS[kind]
    holders = [RawClient(server.uri) for _ in range(2)]
    for holder in holders:
        holder.begin(FLIGHT + method, end=False)  # its request is still to come
    eventually("both run", lambda: Metrics(server.http)("calls_running", kind=kind) == 2)
    assert Metrics(server.http)("calls_limit", kind=kind) == 2

    raw = RawClient(server.uri)
    begin = time.monotonic()
    reply = raw.call(FLIGHT + method, b"")
    assert time.monotonic() - begin < 0.05 + NOISE_SEC
    assert reply.error["code"] == Code.BACKPRESSURE
    assert reply.error["code"] & RETRY == RETRY
    assert f"2 calls of the kind '{kind}'" in reply.error["msg"]
    eventually("it is counted", lambda: refusals(server, method, "BACKPRESSURE") == 1)
    # The other kinds have places of their own.
    for other in set(KINDS) - {kind}:
        reply = raw.call(FLIGHT + KINDS[other], b"")
        assert reply.status == 0 or reply.error["code"] != Code.BACKPRESSURE, other

    holders.pop().close()
    eventually("one has ended", lambda: Metrics(server.http)("calls_running", kind=kind) == 1)
    reply = raw.call(FLIGHT + method, b"")
    assert reply.status == 0 or reply.error["code"] != Code.BACKPRESSURE
    for each in (*holders, raw):
        each.close()


def test_calls_wait_for_their_turn(limited: MakeLimited, tmp_path: Path) -> None:
    go = tmp_path / "go"
    server, client = limited(max_running_info=1, max_waiting_calls=1, max_call_wait_ms=60000)
    first = Asking(client, stubborn(untilFile=str(go)))
    eventually("one runs", lambda: Metrics(server.http)("calls_running", kind="info") == 1)
    second = Asking(client, sql("SELECT 2 AS x"))
    eventually("one waits", lambda: Metrics(server.http)("calls_waiting", kind="info") == 1)
    assert Metrics(server.http)("rpc_waiting", method="GetFlightInfo") == 1
    # There is no room to wait either.
    begin = time.monotonic()
    with expect_error(Code.BACKPRESSURE):
        client.info(sql("SELECT 3 AS x"))
    assert time.monotonic() - begin < 0.05 + NOISE_SEC
    assert not first.over
    assert not second.over
    go.touch()
    first.result()
    assert rows(client.get(second.result())) == [(2,)]
    assert Metrics(server.http)("calls_waiting", kind="info") == 0
    waited = Metrics(server.http)("rpc_wait_seconds_count", method="GetFlightInfo")
    assert waited >= 1


def test_no_call_waits_longer_than_it_may(limited: MakeLimited) -> None:
    server, client = limited(max_running_action=1, max_call_wait_ms=500)
    holder = RawClient(server.uri)
    holder.begin(FLIGHT + "DoAction", end=False)
    eventually("it runs", lambda: Metrics(server.http)("calls_running", kind="action") == 1)
    begin = time.monotonic()
    with expect_error(Code.BACKPRESSURE):
        client.action("HealthCheck")
    assert 0.45 < time.monotonic() - begin < 0.5 + NOISE_SEC
    assert Metrics(server.http)("calls_waiting", kind="action") == 0
    holder.close()
    eventually("it has ended", lambda: Metrics(server.http)("calls_running", kind="action") == 0)
    assert client.action("HealthCheck")["status"] == "SERVING"


def test_a_call_that_waits_does_so_as_long_as_its_client(limited: MakeLimited) -> None:
    server, _ = limited(max_running_action=1, max_waiting_calls=1, max_call_wait_ms=60000)
    assert Metrics(server.http)("calls_waiting_limit") == 1
    holder, waiter = RawClient(server.uri), RawClient(server.uri)
    holder.begin(FLIGHT + "DoAction", end=False)
    eventually("one runs", lambda: Metrics(server.http)("calls_running", kind="action") == 1)
    waiter.begin(FLIGHT + "DoAction", end=False)
    eventually("one waits", lambda: Metrics(server.http)("calls_waiting", kind="action") == 1)
    waiter.close()
    eventually(
        "it does not wait any more",
        lambda: Metrics(server.http)("calls_waiting", kind="action") == 0,
        patience=1 + NOISE_SEC,
    )
    eventually("it has ended", lambda: refusals(server, "DoAction", "COMMAND_CANCELLED") == 1)
    assert Metrics(server.http)("rpc_waiting") == 0
    # Its place is free for another one, which gets its turn.
    other = RawClient(server.uri)
    other.begin(FLIGHT + "ListActions")
    eventually("one waits", lambda: Metrics(server.http)("calls_waiting", kind="action") == 1)
    holder.close()
    assert other.reply().status == 0
    other.close()


def test_all_open_calls_count(limited: MakeLimited) -> None:
    # One of the three runs, and two wait for their turn.
    server, client = limited(max_open_calls=3, max_running_action=1, max_call_wait_ms=60000)
    assert Metrics(server.http)("calls_open_limit") == 3
    holders = [RawClient(server.uri) for _ in range(3)]
    for holder in holders:
        holder.begin(FLIGHT + "DoAction", end=False)
    eventually("all are open", lambda: Metrics(server.http)("rpc_running") == 3)
    raw = RawClient(server.uri)
    for method in METHODS:
        begin = time.monotonic()
        reply = raw.call(FLIGHT + method, b"")
        assert time.monotonic() - begin < NOISE_SEC
        assert reply.error["code"] == Code.BACKPRESSURE, method
        assert reply.error["code"] & RETRY == RETRY
        assert "3 calls open" in reply.error["msg"]
    holders.pop().close()
    eventually("one has ended", lambda: Metrics(server.http)("rpc_running") == 2)
    assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
    for each in (*holders, raw):
        each.close()


# Tasks.


def test_the_queue_of_tasks(limited: MakeLimited, tmp_path: Path) -> None:
    go = tmp_path / "go"
    server, client = limited(task_threads=1, task_queue_length=2)
    command = stubborn(untilFile=str(go))
    tasks = [start(client, command).task]
    wait_for_state(client, tasks[0], "STARTING")
    tasks += [start(client, command).task for _ in range(2)]
    assert count(client, "QUEUED") == 2
    assert Metrics(server.http)("tasks_queued", service="stubborn") == 2
    assert Metrics(server.http)("task_threads_running") == 1
    waiting = client.task(tasks[-1])
    assert waiting is not None
    assert "all 1 threads are at work" in waiting["waitsFor"]
    with expect_error(Code.BACKPRESSURE, message="2 tasks wait"):
        client.info(command)
    assert len(client.tasks()) == 3, "one that was refused leaves nothing behind"
    go.touch()
    eventually("each gets its turn", lambda: all(has_run(client, task) for task in tasks))
    assert Metrics(server.http)("tasks_queued", service="stubborn") == 0
    assert rows(client.run(command)) == [(1,), (2,)]


def has_run(client: Client, task: str) -> bool:
    """Whether it is past its start."""
    known = client.task(task)
    return known is not None and known["state"] in ("STREAMING", "DONE")


ALICE, BOB = ({"authorization": f"Bearer {name}-has-this-token"} for name in ("alice", "bob"))
TWO_CALLERS: dict[str, dict[str, Any]] = {
    "auth": {"method": "token"},
    "auth.token.alice": {"token": "alice-has-this-token"},
    "auth.token.bob": {"token": "bob-has-this-token"},
    "access.rule.both": {"principals": ["*"], "services": ["*"], "actions": ["*"]},
}


def submit(client: Client, headers: dict[str, str], what: Json) -> str:
    """Starts a command, waits for nothing, and returns the task's id."""
    with expect_error(Code.POLL) as error:
        client.info(what, {**headers, "x-longbow-wait-ms": "0"})
    info = fl.FlightInfo.deserialize(poll_info(error.body))
    return str(metadata_of(info)["task"])


def poll_info(body: bytes) -> bytes:
    """The info in the body of POLL."""
    return base64.b64decode(json.loads(body)["flight_info"])


def state_of(client: Client, headers: dict[str, str], task: str) -> str:
    """As ListTasks tells it."""
    tasks = client.action("ListTasks", {}, headers).get("tasks", [])
    return next((str(each["state"]) for each in tasks if each["task"] == task), "")


def test_one_caller_does_not_take_all_threads(limited: MakeLimited, tmp_path: Path) -> None:
    server, client = limited(
        TWO_CALLERS,
        task_threads=2,
        task_threads_per_principal=1,
        task_queue_length=200,
        task_queue_per_principal=99,
    )
    assert Metrics(server.http)("task_threads_per_principal_limit") == 1
    assert Metrics(server.http)("tasks_queued_per_principal_limit") == 99
    never = stubborn(untilFile=str(tmp_path / "never"))
    first = submit(client, ALICE, never)
    eventually("it runs", lambda: state_of(client, ALICE, first) == "STARTING")
    # One thread is free, and not for her.
    queued = [submit(client, ALICE, never) for _ in range(99)]
    assert state_of(client, ALICE, queued[0]) == "QUEUED"
    tasks = client.action("ListTasks", {}, ALICE)["tasks"]
    (waiting,) = [task for task in tasks if task["task"] == queued[0]]
    assert "its caller has 1 threads at work already" in waiting["waitsFor"]
    # He gets it at once.
    assert rows(client.run(stubborn(), BOB)) == [(1,), (2,)]
    # She may not queue any more for the time being, and he may.
    with expect_error(Code.BACKPRESSURE, message="You have 99 tasks that wait"):
        client.info(never, ALICE)
    his = submit(client, BOB, never)
    eventually("his runs", lambda: state_of(client, BOB, his) == "STARTING")
    assert state_of(client, BOB, submit(client, BOB, never)) == "QUEUED"


def test_callers_take_turns(limited: MakeLimited, tmp_path: Path) -> None:
    _, client = limited(TWO_CALLERS, task_threads=1, task_queue_length=200)
    files = [tmp_path / str(n) for n in range(100)]
    tasks = [submit(client, ALICE, stubborn(untilFile=str(file))) for file in files]
    eventually("one runs", lambda: state_of(client, ALICE, tasks[0]) == "STARTING")
    his = submit(client, BOB, stubborn())
    # Behind the one that runs, at most one more of hers comes before his.
    files[0].touch()
    files[1].touch()
    eventually("his has its turn", lambda: state_of(client, BOB, his) in ("STREAMING", "DONE"))
    assert [state_of(client, ALICE, task) for task in tasks[3:]] == ["QUEUED"] * 97


# Bytes of results that wait.


def test_results_that_wait_for_their_readers(limited: MakeLimited) -> None:
    server, client = limited(task_waiting_bytes=MiB)
    info = client.info(ENDLESS_RESULT)
    eventually(
        "the result is made ahead",
        lambda: Metrics(server.http)("results_waiting_bytes") >= MiB,
    )
    with expect_error(Code.BACKPRESSURE, message="wait for their readers"):
        client.info(sql("SELECT 1 AS x"))
    assert client.action("HealthCheck")["status"] == "SERVING"
    client.action("CancelTask", {"task": metadata_of(info)["task"]})
    eventually("nothing waits", lambda: Metrics(server.http)("results_waiting_bytes") < MiB)
    assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]


# Messages, streams and connections.


def test_the_size_of_messages(limited: MakeLimited) -> None:
    server, client = limited(max_message_bytes=64 * 1024)
    small, large = (pa.table({"x": range(n)}) for n in (1000, 10000))
    with expect_error(Code.RESOURCE_EXHAUSTED):
        client.put(["large"], large)
    assert client.paths() == []
    with expect_error(Code.RESOURCE_EXHAUSTED):
        client.info(sql("SELECT 1 AS x -- " + "x" * 65536))
    eventually("it is counted", lambda: refusals(server, "DoPut", "RESOURCE_EXHAUSTED") == 1)
    client.stored(["small"], small)
    assert client.get({"path": ["small"]}).num_rows == 1000


def test_the_calls_of_one_connection(limited: MakeLimited) -> None:
    server, client = limited(max_concurrent_streams=2)
    one = fl.FlightClient(server.uri, generic_options=[("grpc.use_local_subchannel_pool", 1)])
    options = client.options()
    streams = [
        one.do_get(client.info(ENDLESS_RESULT).endpoints[0].ticket, options) for _ in range(2)
    ]
    for stream in streams:
        assert stream.read_chunk().data.num_rows > 0
    # The third is not begun by the client before there is room; another connection has its own.
    short = fl.FlightCallOptions(timeout=1)
    with pytest.raises(fl.FlightTimedOutError):
        one.get_flight_info(descriptor_of(sql("SELECT 1 AS x")), short)
    assert Metrics(server.http)("calls_running", kind="get") == 2
    raw = RawClient(server.uri)
    assert raw.call(FLIGHT + "ListActions", b"").status == 0
    # A client that does not keep to it is not served.
    eventually("it is counted", lambda: refusals(server, "ListActions", "OK") == 1)
    for _ in range(2):
        raw.begin(FLIGHT + "DoAction", end=False)
    assert not is_answered(raw)
    assert Metrics(server.http)("rpc_calls_total", method="ListActions") == 1
    raw.close()
    streams.pop().cancel()
    eventually("one call has ended", lambda: can_ask(one, options))
    one.close()


def can_ask(flight: fl.FlightClient, options: fl.FlightCallOptions) -> bool:
    """Whether there is room for a call."""
    info = flight.get_flight_info(descriptor_of(sql("SELECT 1 AS x")), options)
    return len(info.endpoints) == 1


def is_answered(raw: RawClient) -> bool:
    """Whether the server answers a call on this connection."""
    try:
        return raw.call(FLIGHT + "ListActions", b"").status == 0
    except ConnectionError:
        return False


def test_connections(limited: MakeLimited) -> None:
    server, _ = limited(max_connections=3)
    connections = [RawClient(server.uri) for _ in range(3)]
    for connection in connections:
        assert is_answered(connection)
    assert Metrics(server.http)("connections_open") == 3
    host, port = server.uri.removeprefix("grpc://").split(":")
    with socket.create_connection((host, int(port)), PATIENCE_SEC) as fourth:
        assert is_closed(fourth)
    assert all(is_answered(connection) for connection in connections)
    connections.pop().close()
    eventually("there is room again", lambda: has_room(server))
    for connection in connections:
        connection.close()


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes it without a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def has_room(server: LongbowServer) -> bool:
    """Whether a new connection is served."""
    try:
        raw = RawClient(server.uri)
    except OSError:
        return False
    try:
        return is_answered(raw)
    finally:
        raw.close()


# Memory.


def numbers(mebibytes: int) -> pa.Table:
    """So much data."""
    return pa.table({"x": pa.array(range(mebibytes * MiB // 8), pa.int64())})


def code_of(call: Callable[[], Any]) -> int:
    """The error's code, or 0 where all went well."""
    try:
        call()
    except ERRORS as error:
        return parse_error(error).code
    return 0


def test_results_that_may_be_read_again(limited: MakeLimited) -> None:
    server, client = limited(task_repeatable_bytes=4 * MiB)
    assert Metrics(server.http)("results_repeatable_limit_bytes") == 4 * MiB
    held = held_result(client, 3 * MiB)
    assert 3 * MiB <= Metrics(server.http)("results_repeatable_bytes") <= 4 * MiB
    with expect_error(Code.RESOURCE_EXHAUSTED, message="repeatable results"):
        held_result(client, 2 * MiB)
    # The first one is as it was, and so is what is read once.
    assert read_away(client, held) == 3 * MiB // 8
    assert read_away(client, client.info(sql("SELECT range AS x FROM range(1000000)"))) == 1_000_000


def test_above_the_high_mark_of_memory_new_work_is_refused(limited: MakeLimited) -> None:
    high = 400 * MiB
    server, client = limited(memory_high_bytes=high, memory_critical_bytes=8 << 30)
    assert Metrics(server.http)("memory_high_bytes") == high
    assert Metrics(server.http)("memory_refusing") == 0
    table = numbers(32)
    stored = 0
    while code_of(partial(client.stored, ["t", str(stored)], table)) != Code.BACKPRESSURE:
        stored += 1
        assert stored * 32 * MiB < high, "it took all"
    eventually("it refuses", lambda: Metrics(server.http)("memory_refusing") == 1)
    # The node looks ten times a second, or later where the machine is busy, and puts go on meanwhile.
    assert Metrics(server.http)("memory_anonymous_bytes") < high + 4 * 32 * MiB
    with expect_error(Code.BACKPRESSURE, message="short of memory"):
        client.info(sql("SELECT 1 AS x"))
    with expect_error(Code.BACKPRESSURE, message="short of memory"):
        client.put(["u"], pa.table({"x": [1]}))
    # What is there can be looked at, read, and deleted.
    assert client.info(["t", "0"]).total_records == table.num_rows
    assert read_away(client, client.info(["t", "0"])) == table.num_rows
    assert client.action("HealthCheck")["status"] == "SERVING"
    client.action("DeleteFlights", {"prefix": ["t"]})
    eventually("it takes work again", lambda: Metrics(server.http)("memory_refusing") == 0)
    assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
    assert [line["level"] for line in server.log() if "no new work" in line["message"]] == [
        "warning"
    ]


def test_above_the_critical_mark_results_are_dropped_oldest_first(limited: MakeLimited) -> None:
    critical = 500 * MiB
    server, client = limited(memory_high_bytes=critical, memory_critical_bytes=critical)
    read = held_result(client, 64 * MiB)
    infos = [held_result(client, 64 * MiB) for _ in range(3)]
    # The oldest of all is being read when memory runs short.
    reading = client.flight.do_get(read.endpoints[0].ticket, client.options())
    some = reading.read_chunk().data.num_rows
    grow_until_dropped(server, client)

    with expect_error(Code.RESOURCE_EXHAUSTED, message="dropped before it was read") as error:
        client.get(infos[0])
    assert "the node ran out of memory" in error.message
    assert Metrics(server.http)("memory_results_dropped_total") == 1
    for info in infos[1:]:
        assert read_away(client, info) == 64 * MiB // 8
    assert some + sum(chunk.data.num_rows for chunk in reading) == 64 * MiB // 8
    assert "dropped for lack of memory" in server.stderr


def grow_until_dropped(server: LongbowServer, client: Client) -> None:
    """A put that has begun goes on above the mark, in small steps, and is given up at the end."""
    batch = numbers(4).to_batches()[0]
    writer, _ = client.flight.do_put(
        fl.FlightDescriptor.for_path("growing"), batch.schema, client.options()
    )
    for _ in range(200):
        writer.write_batch(batch)
        # So slowly that the node, which looks every 100 ms, sees each step.
        time.sleep(0.12)
        if Metrics(server.http)("memory_results_dropped_total") > 0:
            break
    else:
        raise AssertionError("nothing was dropped")
    writer.close()
    assert client.action("DeleteFlights", {"paths": [["growing"]]})["deleted"] == 1
