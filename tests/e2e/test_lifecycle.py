"""The life of a process: what it answers while it starts and stops, and that it always ends."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.flight as fl
import pytest

from tests.e2e import wire_format
from tests.e2e.client import Client, Json, descriptor_of, eventually, metadata_of, rows, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import Code, expect_error
from tests.e2e.operations import (
    NOISE_SEC,
    Metrics,
    free_ports,
    health,
    held_result,
    http_get,
    module_path,
    stubborn,
    with_modules,
)
from tests.e2e.raw_grpc import FLIGHT, RawClient
from tests.e2e.server import PATIENCE_SEC, LongbowServer

ALIVE = ("QUEUED", "STARTING", "STREAMING")
MILLION_MILLIONS = sql("SELECT range AS x FROM range(1000000000000)")


@pytest.fixture
def launch() -> Iterator[Callable[..., LongbowServer]]:
    """Begins processes that need not become ready, and ends what is left of them."""
    made: list[LongbowServer] = []

    def begin(settings: dict[str, dict[str, Any]], *modules: str) -> LongbowServer:
        made.append(LongbowServer(settings, arguments=with_modules(*modules)))
        made[-1].launch()
        return made[-1]

    yield begin
    for each in made:
        each.kill()


def on_fixed_ports(**server: Any) -> tuple[dict[str, dict[str, Any]], str, str]:
    """Settings of a server that can be asked before it is ready, its URI and its HTTP address."""
    port, http_port = free_ports(2)
    settings = {"server": {"listen_port": port, **server}, "http": {"port": http_port}}
    return settings, f"grpc://127.0.0.1:{port}", f"http://127.0.0.1:{http_port}/"


class Background:
    """A call on a thread of its own: its answer, or the error that it ended with."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.answer: Any = None
        self.error: Exception | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.answer = self._call()
        except Exception as error:
            self.error = error

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def result(self) -> Any:
        """Waits for its end."""
        self._thread.join(PATIENCE_SEC)
        assert self.over, "the call has not ended"
        if self.error is not None:
            raise self.error
        return self.answer


def states(client: Client) -> list[str]:
    """Of all tasks, in a fixed order."""
    return sorted(task["state"] for task in client.tasks())


def seconds_to_end(server: LongbowServer, code: int) -> float:
    """Waits for the process to end with that code."""
    begin = time.monotonic()
    assert server.wait() == code, server.stderr
    return time.monotonic() - begin


def signalled(server: LongbowServer, how: signal.Signals = signal.SIGTERM) -> None:
    """Sends a signal."""
    os.kill(server.pid, how)


# The start.


def test_it_answers_not_ready_until_all_modules_serve(
    launch: Callable[..., LongbowServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "go"
    monkeypatch.setenv("LONGBOW_TEST_START_FILE", str(go))
    settings, uri, http = on_fixed_ports()
    launch(settings, module_path("alpha"), module_path("start_slow"), "sql")
    eventually("HTTP is there", lambda: http_get(http + "live")[0] == 204)
    eventually("the first module is started", lambda: states_of_modules(http)["alpha"] == "OK")
    client = Client(uri)
    calls: list[Callable[[], Any]] = [
        lambda: client.info(sql("SELECT 1 AS x")),
        lambda: client.info(["a"]),
        lambda: client.get({"path": ["a"]}),
        lambda: client.action("HealthCheck"),
        lambda: client.list_flights(),
    ]
    for call in calls:
        with expect_error(Code.NOT_READY, message="starting"):
            call()
    assert http_get(http + "ready")[0] == 500
    told = health(http)
    assert (told["status"], told["state"]) == ("DOWN", "STARTING")
    assert states_of_modules(http) == {"alpha": "OK", "start_slow": "STARTING", "sql": "STARTING"}
    assert grpc_health(uri) == NOT_SERVING

    go.touch()
    eventually("it is ready", lambda: http_get(http + "ready")[0] == 204)
    assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
    assert set(states_of_modules(http).values()) == {"OK"}
    assert grpc_health(uri) == SERVING
    client.close()


SERVING, NOT_SERVING = 1, 2


def grpc_health(uri: str) -> wire_format.Field:
    """The status that gRPC's health service gives."""
    raw = RawClient(uri)
    reply = raw.call("/grpc.health.v1.Health/Check", b"")
    raw.close()
    assert reply.status == 0, reply.headers
    return wire_format.fields_of(reply.messages[0])[1]


def states_of_modules(http: str) -> dict[str, str]:
    """As `/health` tells them."""
    return {module["name"]: module["status"] for module in health(http)["modules"]}


def test_a_module_that_does_not_start_in_time_ends_the_start(
    launch: Callable[..., LongbowServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGBOW_TEST_START_FILE", str(tmp_path / "never"))
    server = launch({"server": {"module_start_timeout_sec": 1}}, module_path("start_slow"))
    assert 1 <= seconds_to_end(server, 1) < 1 + NOISE_SEC
    assert "The module start_slow has not started within 1000 ms" in server.stderr
    assert "module_start_timeout_sec" in server.stderr
    assert " is ready on " not in server.stderr


def test_a_module_that_fails_ends_the_start_in_reverse_order(
    launch: Callable[..., LongbowServer],
) -> None:
    names = ("alpha", "beta", "start_fails")
    server = launch({}, *map(module_path, names))
    assert server.wait() == 1
    assert "The module start_fails cannot start: the disk is full" in server.stderr
    said = [
        line["message"] for line in server.log("info") if line["message"][:4] in ("star", "stop")
    ]
    assert said == ["start alpha", "start beta", "stop beta", "stop alpha"]
    assert " is ready on " not in server.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_start_that_hangs(
    launch: Callable[..., LongbowServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: signal.Signals,
) -> None:
    monkeypatch.setenv("LONGBOW_TEST_START_FILE", str(tmp_path / "never"))
    settings, _, http = on_fixed_ports()
    server = launch(settings, module_path("start_slow"))
    eventually("it starts", lambda: http_get(http + "live")[0] == 204)
    signalled(server, how)
    assert seconds_to_end(server, 1) < 1 + NOISE_SEC
    assert "stopping while it starts" in server.stderr
    assert "a module is still starting" in server.stderr


def test_a_reload_is_no_second_signal_to_a_start_that_hangs(
    launch: Callable[..., LongbowServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGBOW_TEST_START_FILE", str(tmp_path / "never"))
    settings, _, http = on_fixed_ports()
    server = launch(settings, module_path("start_slow"))
    eventually("it starts", lambda: http_get(http + "live")[0] == 204)
    signalled(server)
    eventually("it is stopping", lambda: "stopping while it starts" in server.stderr)
    signalled(server, signal.SIGHUP)
    assert seconds_to_end(server, 1) < 1 + NOISE_SEC
    assert "longbow ends at once: a module is still starting" in server.stderr


# The end, where all goes well.


def server_with_stubborn(make_server: MakeServer, **settings: Any) -> tuple[LongbowServer, Client]:
    """A server with the service that takes as long as it is told, and HTTP."""
    modules = with_modules("sql", "storage", module_path("stubborn"))
    server = make_server({"server": settings, "http": {"port": 0}}, arguments=modules)
    return server, Client(server.uri)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_may_end_and_all_else_is_refused(
    make_server: MakeServer, tmp_path: Path, how: signal.Signals
) -> None:
    go = tmp_path / "go"
    server, client = server_with_stubborn(make_server, task_threads=2)
    # One call whose task runs, one whose stream is under way, and one whose task waits for a thread.
    stream = client.flight.do_get(
        client.info(stubborn(untilFile=str(go), inStream=True)).endpoints[0].ticket,
        client.options(),
    )
    asking = Background(lambda: client.info(stubborn(untilFile=str(go))))
    eventually("both run", lambda: states(client) == ["STARTING", "STREAMING"])
    queued = Background(lambda: client.info(stubborn(untilFile=str(go))))
    eventually("one waits", lambda: states(client) == ["QUEUED", "STARTING", "STREAMING"])

    signalled(server, how)
    # The queued one ends at once, while the others go on.
    with expect_error(Code.SHUTTING_DOWN):
        queued.result()
    assert http_get(server.http + "ready")[0] == 500
    assert http_get(server.http + "live")[0] == 204
    assert health(server.http)["state"] == "STOPPING"
    calls: list[Callable[[], Any]] = [
        lambda: client.info(sql("SELECT 1 AS x")),
        lambda: client.action("HealthCheck"),
        lambda: client.list_flights(),
    ]
    for call in calls:
        with expect_error(Code.SHUTTING_DOWN):
            call()
    # Not a second signal, and no reason to hurry.
    signalled(server, signal.SIGHUP)
    assert not asking.over
    go.touch()
    assert len(asking.result().endpoints) == 1
    assert rows(stream.read_all()) == [(1,), (2,)]
    client.close()
    assert server.wait() == 0, server.stderr
    assert "has stopped" in server.stderr
    server.stop()  # looks at what is left


def test_a_reload_does_not_end_it(make_server: MakeServer) -> None:
    server, client = server_with_stubborn(make_server)
    for _ in range(3):
        before = reloads(server)
        signalled(server, signal.SIGHUP)
        eventually("it has read them again", partial(has_reloaded, server, before + 1))
        assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
    assert http_get(server.http + "ready")[0] == 204
    client.close()


def has_reloaded(server: LongbowServer, times: int) -> bool:
    """Whether its log says so that often."""
    return reloads(server) >= times


def reloads(server: LongbowServer) -> int:
    """How often its log says that settings were read again."""
    return sum("read again" in line["message"] for line in server.log())


@pytest.fixture
def slow_reload(
    launch: Callable[..., LongbowServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[LongbowServer, Path]]:
    """Servers with a module that is in the middle of a reload until there is a file; and the file."""
    go = tmp_path / "go"
    monkeypatch.setenv("LONGBOW_TEST_SETTINGS_FILE", str(go))

    def begin(**settings: Any) -> tuple[LongbowServer, Path]:
        fixed, _, http = on_fixed_ports(**settings)
        server = launch(fixed, module_path("settings_slow"))
        eventually("it is ready", lambda: http_get(http + "ready")[0] == 204)
        signalled(server, signal.SIGHUP)
        eventually("it reloads", lambda: said(server, "apply settings_slow") == 1)
        return server, go

    return begin


def said(server: LongbowServer, message: str) -> int:
    """How often its log has that message."""
    return sum(line["message"] == message for line in server.log())


def is_taken(server: LongbowServer, how: signal.Signals) -> bool:
    """Whether no such signal waits for the process to look at it."""
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
    (pending,) = [line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd")]
    return not int(pending, 16) >> (how - 1) & 1


READ_AGAIN = "The settings were read again"


def test_reloads_come_one_at_a_time_and_none_is_lost(
    slow_reload: Callable[..., tuple[LongbowServer, Path]],
) -> None:
    server, go = slow_reload()
    for _ in range(3):
        signalled(server, signal.SIGHUP)
        eventually("it has seen it", lambda: is_taken(server, signal.SIGHUP))
    assert said(server, "apply settings_slow") == 1
    go.touch()
    eventually("once more is enough", lambda: said(server, READ_AGAIN) == 2)
    signalled(server, signal.SIGHUP)
    eventually("it goes on to do so", lambda: said(server, READ_AGAIN) == 3)
    signalled(server)
    assert server.wait() == 0, server.stderr
    assert said(server, READ_AGAIN) == 3


def test_a_reload_that_takes_too_long_is_a_problem(
    slow_reload: Callable[..., tuple[LongbowServer, Path]],
) -> None:
    server, go = slow_reload(module_start_timeout_sec=1)
    eventually("health tells", lambda: health(server.http)["problems"])
    told = health(server.http)
    assert told["status"] == "DEGRADED"
    (problem,) = told["problems"]
    assert "later ones wait" in problem
    assert "the module settings_slow to take over settings" in problem
    (line,) = server.log("warning")
    assert line["message"].startswith(problem)
    go.touch()
    eventually("it has ended", lambda: health(server.http)["status"] == "OK")
    signalled(server)
    assert server.wait() == 0, server.stderr


def test_it_stops_in_order_once_a_reload_has_ended(
    slow_reload: Callable[..., tuple[LongbowServer, Path]],
) -> None:
    server, go = slow_reload(shutdown_grace_sec=60)
    signalled(server)
    eventually("it is stopping", lambda: "longbow is stopping" in server.stderr)
    go.touch()
    assert server.wait() == 0, server.stderr
    told = [line["message"] for line in server.log() if "settings_slow" in line["message"]]
    assert told[-2:] == ["applied settings_slow", "stop settings_slow"]
    assert server.log("error") == []


def test_a_vault_that_does_not_answer_holds_up_no_stop(make_server: MakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_SEC)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings: dict[str, dict[str, Any]] = {
            "auth": {"method": "token"},
            "auth.token.a": {"token": "a-token-0123456789"},
            "vault": {"address": address, "token": "any", "timeout_sec": 600},
        }
        server = make_server(settings)
        with server.settings_file.open("a", encoding="utf-8") as file:
            file.write('[auth.token.b]\ntoken = "vault:kv/b#token"\n')
        signalled(server, signal.SIGHUP)
        connection, _ = silent.accept()
        signalled(server)
        assert seconds_to_end(server, 0) < 1 + NOISE_SEC
        connection.close()


# The end, where something hangs.


def check_cut_off(server: LongbowServer, grace: float, code: int) -> None:
    """It ends a second after the grace time, and not before that."""
    took = seconds_to_end(server, code)
    assert took < grace + 1 + NOISE_SEC, took


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_clients_that_stopped_reading_are_cut_off(
    make_server: MakeServer, how: signal.Signals
) -> None:
    server, client = server_with_stubborn(make_server, shutdown_grace_sec=1)
    ticket = client.info(MILLION_MILLIONS).endpoints[0].ticket
    reader = client.flight.do_get(ticket, client.options())
    assert reader.read_chunk().data.num_rows > 0
    signalled(server, how)
    check_cut_off(server, 1, code=0)
    with pytest.raises(fl.FlightError):
        reader.read_all()
    client.close()


def test_tasks_that_heed_it_are_cancelled_after_the_grace_time(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server, client = server_with_stubborn(make_server, shutdown_grace_sec=1)
    asking = Background(lambda: client.info(stubborn(untilFile=str(tmp_path / "never"))))
    eventually("it runs", lambda: states(client) == ["STARTING"])
    signalled(server)
    check_cut_off(server, 1, code=0)
    with expect_error(Code.SHUTTING_DOWN):
        asking.result()
    client.close()


def test_a_task_that_ignores_being_cancelled(
    launch: Callable[..., LongbowServer], tmp_path: Path
) -> None:
    server, client, asking = run_something_deaf(launch, tmp_path, shutdown_grace_sec=1)
    signalled(server)
    check_cut_off(server, 1, code=1)
    assert "the grace time is over; it was waiting for a task that" in server.stderr
    with expect_error(Code.SHUTTING_DOWN):
        asking.result()
    client.close()


def run_something_deaf(
    launch: Callable[..., LongbowServer], tmp_path: Path, **settings: Any
) -> tuple[LongbowServer, Client, Background]:
    """A server that runs a task which heeds nothing, and the call that waits for it."""
    fixed, uri, http = on_fixed_ports(**settings)
    server = launch(fixed, module_path("stubborn"))
    eventually("it is ready", lambda: http_get(http + "ready")[0] == 204)
    client = Client(uri)
    deaf = stubborn(untilFile=str(tmp_path / "never"), heedsCancel=False)
    asking = Background(lambda: client.info(deaf))
    eventually("it runs", lambda: states(client) == ["STARTING"])
    return server, client, asking


def test_a_module_that_never_returns_from_stop(launch: Callable[..., LongbowServer]) -> None:
    settings, _, http = on_fixed_ports(shutdown_grace_sec=1)
    server = launch(settings, module_path("alpha"), module_path("stop_hangs"))
    eventually("it is ready", lambda: http_get(http + "ready")[0] == 204)
    signalled(server)
    check_cut_off(server, 1, code=1)
    (why,) = [line["message"] for line in server.log("error")]
    assert "the grace time is over; it was waiting for the module stop_hangs to stop" in why


TAKES_OVER = "it was waiting for the module settings_slow to take over settings"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_module_that_never_returns_from_a_reload(
    slow_reload: Callable[..., tuple[LongbowServer, Path]], how: signal.Signals
) -> None:
    server, _ = slow_reload(shutdown_grace_sec=1)
    signalled(server, how)
    check_cut_off(server, 1, code=1)
    assert "the grace time is over; " + TAKES_OVER in server.stderr


def test_a_second_signal_ends_a_reload_that_hangs(
    slow_reload: Callable[..., tuple[LongbowServer, Path]],
) -> None:
    server, _ = slow_reload(shutdown_grace_sec=600)
    signalled(server)
    eventually("it is stopping", lambda: "longbow is stopping" in server.stderr)
    # That is none.
    signalled(server, signal.SIGHUP)
    signalled(server)
    assert seconds_to_end(server, 1) < 1 + NOISE_SEC
    assert "longbow ends at once: a second signal; " + TAKES_OVER in server.stderr


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(
    launch: Callable[..., LongbowServer], tmp_path: Path, second: signal.Signals
) -> None:
    server, client, _ = run_something_deaf(launch, tmp_path, shutdown_grace_sec=600)
    signalled(server)
    eventually("it is stopping", lambda: "longbow is stopping" in server.stderr)
    signalled(server, second)
    assert seconds_to_end(server, 1) < 1 + NOISE_SEC
    assert "longbow ends at once: a second signal" in server.stderr
    client.close()


# Nothing is left running for nobody.


def running(client: Client) -> list[Json]:
    """Tasks that have not ended."""
    return [task for task in client.tasks() if task["state"] in ALIVE]


def test_a_call_whose_deadline_is_over_leaves_no_task(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server, client = server_with_stubborn(make_server, task_threads=1)
    never = stubborn(untilFile=str(tmp_path / "never"))
    # Of the second, the task has not even begun.
    calls = [Background(lambda: client.info(never, timeout=1.5)) for _ in range(2)]
    eventually("both are there", lambda: states(client) == ["QUEUED", "STARTING"])
    for call in calls:
        with pytest.raises(fl.FlightTimedOutError):
            call.result()
    eventually("no task runs", lambda: states(client) == ["CANCELLED", "CANCELLED"])
    assert Metrics(server.http)("tasks_running", service="stubborn") == 0
    client.close()


def test_a_call_whose_client_is_gone_leaves_no_task(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server, client = server_with_stubborn(make_server)
    never = str(tmp_path / "never")
    asking, reading = RawClient(server.uri), RawClient(server.uri)
    info = client.info(stubborn(untilFile=never, inStream=True))
    reading.begin(FLIGHT + "DoGet", info.endpoints[0].ticket.serialize())
    asking.begin(FLIGHT + "GetFlightInfo", descriptor_of(stubborn(untilFile=never)).serialize())
    eventually("both run", lambda: states(client) == ["STARTING", "STREAMING"])
    eventually("it is being read", lambda: not waits_for_reader(client, info))
    asking.close()
    reading.close()
    eventually("no task runs", lambda: states(client) == ["CANCELLED", "CANCELLED"])
    client.close()


def waits_for_reader(client: Client, info: fl.FlightInfo) -> bool:
    """Whether nobody has begun to read."""
    task = client.task(metadata_of(info)["task"])
    assert task is not None
    return "nobody reads" in task.get("waitsFor", "")


def test_a_cancelled_call_leaves_no_task(make_server: MakeServer) -> None:
    _, client = server_with_stubborn(make_server)
    reader = client.flight.do_get(
        client.info(MILLION_MILLIONS).endpoints[0].ticket, client.options()
    )
    assert reader.read_chunk().data.num_rows > 0
    reader.cancel()
    eventually("no task runs", lambda: not running(client))
    client.close()


# Memory.

BIG_BYTES = 256 << 20


def test_freed_memory_goes_back_to_the_system(make_server: MakeServer) -> None:
    server, client = server_with_stubborn(
        make_server, malloc_trim_interval_sec=1, task_result_ttl_sec=2
    )
    before = Metrics(server.http)
    held_result(client, BIG_BYTES)
    held = Metrics(server.http)("memory_anonymous_bytes")
    assert held > BIG_BYTES
    # From here on nobody calls, and the result's time to live ends.
    eventually(
        "the memory is given back",
        lambda: Metrics(server.http)("memory_anonymous_bytes") < held - 0.8 * BIG_BYTES,
    )
    eventually(
        "it is counted",
        lambda: Metrics(server.http)("memory_trims_total") > before("memory_trims_total"),
    )
    client.close()
