"""Slow calls in the log: which ones are, where their time went, and what operators change while it runs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import Client, eventually, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.operations import Metrics, module_path, stubborn, with_modules
from tests.e2e.server import LongbowServer, write_settings
from tests.e2e.test_lifecycle import Background, states

TIMES = ("admission_ms", "queue_ms", "run_ms", "stream_ms")
SLOW, FAST = "A slow call has ended", "A call has ended"


def serve(
    make_server: MakeServer, log: dict[str, Any], **server: Any
) -> tuple[LongbowServer, Client]:
    """A server with the service that takes as long as it is told."""
    settings = {"log": log, "server": server, "http": {"port": 0}}
    made = make_server(settings, arguments=with_modules("sql", module_path("stubborn")))
    return made, Client(made.uri)


def line_of(server: LongbowServer, request: str) -> dict[str, str]:
    """The line of the finished call with that request id, once it is there."""

    def find() -> dict[str, str] | None:
        lines = [line for line in server.log() if line.get("component") == "calls"]
        return next((line for line in lines if line["request_id"] == request), None)

    found: dict[str, str] = eventually(f"the call {request} has a line", find)
    return found


def named(request: str) -> dict[str, str]:
    """The header of a request id."""
    return {"x-longbow-request-id": request}


class Hold:
    """Keeps all those up that wait for a file, and knows for how long it did so at least."""

    def __init__(self, file: Path, client: Client) -> None:
        self.file = str(file)
        self.ms = 0.0
        self._client = client

    def release(self) -> None:
        """Lets them go, when they have been there long enough to be told from noise."""
        begin = time.monotonic()
        while self.ms < 200:
            self._client.action("HealthCheck")
            self.ms = (time.monotonic() - begin) * 1000
        Path(self.file).touch()


def check_where(line: dict[str, str], where: str, held_ms: float) -> None:
    """It was held up there, and nowhere else; the times add up to that of the whole."""
    assert (line["message"], line["level"]) == (SLOW, "warning")
    times = {name: float(line.get(name, "0")) for name in TIMES}
    assert times[where] >= held_ms, line
    elsewhere = sum(times.values()) - times[where]
    assert elsewhere < held_ms / 2, line
    assert sum(times.values()) == pytest.approx(float(line["ms"]), abs=1), line


def test_a_wait_for_a_thread_and_a_long_run(make_server: MakeServer, tmp_path: Path) -> None:
    server, client = serve(make_server, {"slow_call_ms": 0, "max_repeats": 0}, task_threads=1)
    hold = Hold(tmp_path / "go", client)
    runs = Background(lambda: client.info(stubborn(untilFile=hold.file), named("runs")))
    eventually("it runs", lambda: states(client) == ["STARTING"])
    waits = Background(lambda: client.info(stubborn(), named("waits")))
    eventually("one waits", lambda: states(client) == ["QUEUED", "STARTING"])
    hold.release()
    runs.result()
    waits.result()
    check_where(line_of(server, "runs"), "run_ms", hold.ms)
    check_where(line_of(server, "waits"), "queue_ms", hold.ms)
    client.close()


def test_a_wait_for_a_place(make_server: MakeServer, tmp_path: Path) -> None:
    log = {"slow_call_ms": 0, "max_repeats": 0}
    server, client = serve(make_server, log, max_running_info=1, max_call_wait_ms=60000)
    hold = Hold(tmp_path / "go", client)
    runs = Background(lambda: client.info(stubborn(untilFile=hold.file), named("runs")))
    eventually("it runs", lambda: states(client) == ["STARTING"])
    waits = Background(lambda: client.info(stubborn(), named("waits")))
    eventually("it waits", lambda: Metrics(server.http)("calls_waiting", kind="info") == 1)
    hold.release()
    runs.result()
    waits.result()
    check_where(line_of(server, "waits"), "admission_ms", hold.ms)
    client.close()


def test_a_long_stream(make_server: MakeServer, tmp_path: Path) -> None:
    server, client = serve(make_server, {"slow_call_ms": 0, "max_repeats": 0})
    hold = Hold(tmp_path / "go", client)
    info = client.info(stubborn(untilFile=hold.file, inStream=True))
    stream = client.flight.do_get(info.endpoints[0].ticket, client.options(named("reads")))
    assert stream.read_chunk().data.num_rows == 1
    hold.release()
    assert stream.read_all().num_rows == 1
    check_where(line_of(server, "reads"), "stream_ms", hold.ms)
    client.close()


def test_a_fast_call_is_not_called_slow(make_server: MakeServer, tmp_path: Path) -> None:
    server, client = serve(make_server, {"slow_call_ms": 100})
    hold = Hold(tmp_path / "go", client)
    runs = Background(lambda: client.info(stubborn(untilFile=hold.file), named("runs")))
    eventually("it runs", lambda: states(client) == ["STARTING"])
    hold.release()
    runs.result()
    assert line_of(server, "runs")["message"] == SLOW
    lines = [line for line in server.log() if line.get("component") == "calls"]
    fast = [line for line in lines if float(line["ms"]) < 100]
    assert len(fast) > 2
    for line in fast:
        assert (line["message"], line["level"]) == (FAST, "info")
        assert not set(TIMES) & set(line)
    client.close()


def test_which_calls_have_lines_changes_while_it_runs(make_server: MakeServer) -> None:
    def settings_of(**log: Any) -> dict[str, dict[str, Any]]:
        return {
            "server": {"listen_host": "127.0.0.1", "listen_port": 0, "node_id": "e2e"},
            "http": {"port": 0},
            "log": log,
        }

    server, client = serve(make_server, {"calls": "all", "slow_call_ms": 3600000})

    def change(**log: Any) -> None:
        before = server.stderr.count("settings were read again")
        write_settings(server.settings_file, settings_of(**log))
        os.kill(server.pid, signal.SIGHUP)
        eventually(
            "it has read them", lambda: server.stderr.count("settings were read again") > before
        )

    def call(request: str) -> None:
        client.action("HealthCheck", headers=named(request))
        with pytest.raises(Exception, match="nonsense"):
            client.info(sql("SELECT nonsense"), named(request + ", failed"))
        # A call's line comes a moment after its answer.
        eventually(
            "both have ended",
            lambda: all(
                Metrics(server.http)("rpc_running", method=method) == 0
                for method in ("DoAction", "GetFlightInfo")
            ),
        )

    call("all")
    change(calls="none", slow_call_ms=3600000)
    call("none")
    change(calls="failed", slow_call_ms=0)
    call("failed")
    change(calls="slow", slow_call_ms=3600000)
    call("none is slow")
    change(calls="slow", slow_call_ms=0)
    call("slow")
    client.close()
    server.stop()
    lines = [line for line in server.log() if line.get("component") == "calls"]
    told = {line["request_id"]: line["message"] for line in lines}
    assert told == {
        "all": FAST,
        "all, failed": FAST,
        "failed, failed": SLOW,
        "none is slow, failed": FAST,
        "slow": SLOW,
        "slow, failed": SLOW,
    }


def count_repeats(make_server: MakeServer, calls: int, **log: Any) -> list[dict[str, str]]:
    """The lines of so many slow calls."""
    server, client = serve(make_server, {"slow_call_ms": 0, **log})
    for _ in range(calls):
        client.action("HealthCheck")
    client.close()
    server.stop()
    return [line for line in server.log() if line.get("component") == "calls"]


@pytest.mark.parametrize("limit", [3, 10])
def test_the_same_warning_again_and_again_is_counted(make_server: MakeServer, limit: int) -> None:
    lines = count_repeats(make_server, 20, max_repeats=limit)
    assert {line["message"] for line in lines} == {SLOW}
    assert [line.get("method") for line in lines] == ["DoAction"] * limit + [None]
    assert lines[-1]["repeated"] == str(20 - limit)
    assert lines[-1]["level"] == "warning"


def test_without_a_limit_all_are_written(make_server: MakeServer) -> None:
    lines = count_repeats(make_server, 20, max_repeats=0)
    assert [line.get("method") for line in lines] == ["DoAction"] * 20


def test_what_is_no_warning_is_not_counted(make_server: MakeServer) -> None:
    lines = count_repeats(make_server, 20, max_repeats=3, slow_call_ms=3600000)
    assert [line.get("method") for line in lines] == ["DoAction"] * 20
