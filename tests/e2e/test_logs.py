"""Log lines: one for each finished call, levels and files that change while the server runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.client import Client, command, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.server import PATIENCE_SEC, LongbowServer, binary, clean_environment

RELAY = Path(os.environ["LONGBOW_BUILD_DIR"]) / "tests/modules/liblongbow_relay.so"
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
    server = make_server(arguments=["--module", str(RELAY)])
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
            server.settings_file.read_text().replace('level = "info"', 'levels = ["calls=error"]')
        )
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: file.exists() and "were read again" in file.read_text())
        client.action("HealthCheck", {})
        client.close()
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait() == 0
        # The component's level is above that of a finished call's line.
        assert '"component":"calls"' not in file.read_text()
    finally:
        server.kill()


def test_the_same_warning_again_and_again_is_counted(make_server: MakeServer) -> None:
    server = make_server({"log": {"slow_call_ms": 0, "max_repeats": 3}})
    client = Client(server.uri)
    for _ in range(20):
        client.action("HealthCheck", {})
    client.close()
    server.stop()
    assert len(calls(server, method="DoAction")) >= 3


def test_text_for_people() -> None:
    process = subprocess.Popen(
        [str(binary()), "start", "--dev-log"],
        env={**clean_environment(), "LONGBOW_SERVER__LISTEN_PORT": "0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        ready = next(line for line in process.stderr if "is ready on" in line)
        assert not ready.startswith("{")
        assert "[node]" in ready
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SEC)
