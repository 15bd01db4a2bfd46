"""Log lines: one for each finished call, levels and files that change while the server runs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.client import Client, command, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import Code, expect_error
from tests.e2e.operations import module_path, with_modules
from tests.e2e.server import PATIENCE_SEC, LongbowServer, binary, clean_environment

TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {
    "x-longbow-request-id": "request-of-the-test",
    "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
}


def eventually(condition: Callable[[], object]) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + PATIENCE_SEC
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def calls(server: LongbowServer, **fields: str) -> list[dict[str, str]]:
    """The lines of finished calls that have these fields."""
    return [
        line
        for line in server.log()
        if line.get("component") == "calls" and fields.items() <= line.items()
    ]


@pytest.fixture
def one_client(make_server: MakeServer) -> Iterator[tuple[LongbowServer, Client]]:
    """A server that takes every call for slow, and a connection to it."""
    server = make_server({"log": {"slow_call_ms": 0}})
    client = Client(server.uri)
    yield server, client
    client.close()


def test_a_line_for_each_call(one_client: tuple[LongbowServer, Client]) -> None:
    server, client = one_client
    client.run(sql("SELECT range FROM range(7)"), HEADERS)
    eventually(lambda: len(calls(server, request_id="request-of-the-test")) == 2)
    info, get = calls(server, request_id="request-of-the-test")
    assert info["method"] == "GetFlightInfo"
    assert info["code"] == "OK"
    assert info["service"] == "sql"
    assert info["principal"] == "anonymous"
    assert info["trace_id"] == TRACE
    assert info["level"] == "warning"  # it was slow: where the time went
    assert float(info["run_ms"]) <= float(info["ms"])
    assert get["method"] == "DoGet"
    assert get["sent_rows"] == "7"


def test_a_failed_call_says_why(one_client: tuple[LongbowServer, Client]) -> None:
    server, client = one_client
    with pytest.raises(Exception, match="nowhere"):
        client.info(["nowhere"], HEADERS)
    eventually(lambda: calls(server, code="NOT_FOUND"))
    assert "nowhere" in calls(server, code="NOT_FOUND")[0]["error"]


def test_hostile_values_stay_in_their_line(one_client: tuple[LongbowServer, Client]) -> None:
    server, client = one_client
    forged = '"}\n{"level":"error","message":"forged"}'
    with pytest.raises(Exception, match=r"."):
        client.info(command("connector", {"source": forged}))
    eventually(lambda: [line for line in server.log() if "forged" in str(line.values())])
    assert not [line for line in server.log() if line["message"] == "forged"]


def test_what_a_module_logs_belongs_to_the_task(make_server: MakeServer) -> None:
    server = make_server(arguments=with_modules(module_path("relay")))
    client = Client(server.uri)
    payload = {"uri": "grpc://127.0.0.1:1", "command": "{}"}
    with pytest.raises(Exception, match=r"."):
        client.info(command("relay", payload), HEADERS)
    [line] = [each for each in server.log() if each["message"] == "relaying a command"]
    assert line["request_id"] == "request-of-the-test"
    assert line["trace_id"] == TRACE
    assert line["service"] == "relay"
    assert line["task"]
    client.close()


def test_levels_and_the_file_change_while_it_runs(tmp_path: Path) -> None:
    file = tmp_path / "longbow.log"
    settings = {"log": {"file": str(file), "level": "info", "message_key": "msg"}}
    server = LongbowServer(settings)
    try:
        server.launch()
        eventually(lambda: file.exists() and "is ready on" in file.read_text())
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        uri = next(line["location"] for line in lines if "location" in line)
        assert all("msg" in line and "message" not in line for line in lines)
        client = Client(uri)

        file.rename(tmp_path / "longbow.log.1")
        server.settings_file.write_text(
            server.settings_file.read_text().replace(
                'level = "info"', 'levels = ["calls=error", "cals=debug"]'
            )
        )
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: file.exists() and "were read again" in file.read_text())
        client.action("HealthCheck", {})
        client.close()
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait() == 0
        unknown = [json.loads(line) for line in file.read_text().splitlines() if "cals" in line]
        assert [(line["level"], line["name"]) for line in unknown] == [("warning", "cals")]
        # The component's level is above that of a finished call's line.
        assert '"component":"calls"' not in file.read_text()
    finally:
        server.kill()


def test_the_names_of_the_keys_are_settings(make_server: MakeServer) -> None:
    keys = {
        "time_key": "@at",
        "level_key": "severity",
        "message_key": "msg",
        "trace_key": "trace.id",
    }
    server = make_server({"log": {**keys, "slow_call_ms": 0}})
    client = Client(server.uri)
    client.action("HealthCheck", headers=HEADERS)
    client.close()
    server.stop()
    lines = [json.loads(line) for line in server.stderr.splitlines() if line.startswith("{")]
    assert len(lines) > 2
    for line in lines:
        assert {"@at", "severity", "msg"} <= set(line)
        assert not {"time", "level", "message", "trace_id"} & set(line)
        assert datetime.fromisoformat(line["@at"]).utcoffset() == timedelta(0)
    [call] = [line for line in lines if line.get("component") == "calls"]
    assert call["trace.id"] == TRACE
    assert (call["severity"], call["msg"]) == ("warning", "A slow call has ended")


def test_each_line_of_a_call_tells_whose_it_is(make_server: MakeServer) -> None:
    """At the finest level, and from all that work on it: the transport, the task, a module, the journal."""
    modules = with_modules("sql", module_path("relay"))
    server = make_server({"log": {"level": "debug", "slow_call_ms": 0}}, arguments=modules)
    client = Client(server.uri)

    def lines_of(call: Callable[[], object]) -> list[dict[str, str]]:
        before = len(server.log())
        call()
        eventually(lambda: any(line.get("component") == "calls" for line in server.log()[before:]))
        return server.log()[before:]

    def relayed() -> None:
        with pytest.raises(Exception, match=r"."):
            client.info(command("relay", {"uri": "grpc://127.0.0.1:1", "command": "{}"}), HEADERS)

    seen: list[str] = []
    for call in (
        lambda: client.info(sql("SELECT 1 AS x"), HEADERS),
        relayed,
        lambda: client.action("HealthCheck", headers=HEADERS),
    ):
        for line in lines_of(call):
            assert line.get("request_id") == "request-of-the-test", line
            assert line.get("trace_id") == TRACE, line
            seen.append(line["message"])
    assert seen.count("relaying a command") == 1
    assert seen.count("A slow call has ended") == 3
    client.close()


def test_what_a_raw_method_throws_is_told_of_its_call(make_server: MakeServer) -> None:
    server = make_server(arguments=with_modules(module_path("relay")))
    client = Client(server.uri)
    with expect_error(Code.INTERNAL_ERROR) as error:
        client.action("Fall", headers=HEADERS)
    assert "has fallen" not in error.message + error.detail
    client.close()
    server.stop()
    for message in ("about to fall", "an exception was thrown where a status was due"):
        [line] = [each for each in server.log() if each["message"] == message]
        assert line.get("request_id") == "request-of-the-test"
        assert line.get("trace_id") == TRACE


@contextlib.contextmanager
def started(stderr: int, *arguments: str) -> Iterator[None]:
    """A server that writes to that descriptor."""
    process = subprocess.Popen(
        [str(binary()), "start", *arguments],
        env={**clean_environment(), "LONGBOW_SERVER__LISTEN_PORT": "0"},
        stderr=stderr,
    )
    os.close(stderr)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SEC)


def ready_line(reads: int) -> str:
    """The line that says so, of all that comes."""
    with os.fdopen(reads, encoding="utf-8") as log:
        return next(line for line in log if "is ready on" in line)


def test_text_for_people() -> None:
    reads, writes = os.pipe()
    with started(writes, "--dev-log"):
        line = ready_line(reads)
    assert not line.startswith("{")
    assert "[node]" in line
    assert "\033" not in line, "a pipe is no terminal"


def test_text_for_people_has_colours_on_a_terminal() -> None:
    reads, writes = os.openpty()
    with started(writes, "--dev-log"):
        line = ready_line(reads)
    assert "[node]" in line
    assert "\033[32minfo\033[0m" in line
    assert re.sub(r"\033\[[0-9;]*m", "", line).split()[1:3] == ["info", "[node]"]


def test_json_has_no_colours_on_a_terminal() -> None:
    reads, writes = os.openpty()
    with started(writes):
        line = ready_line(reads)
    assert json.loads(line)["level"] == "info"
