"""What one caller sends keeps no other one waiting, and what nobody waits for any more does not go on."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, Json, descriptor_of, eventually, sql
from tests.e2e.conftest import MakeLimited, MakeServer
from tests.e2e.errors import ERRORS, Code, expect_error
from tests.e2e.operations import NOISE_SEC, Metrics, module_path, stubborn, with_modules
from tests.e2e.raw_grpc import FLIGHT, RawClient
from tests.e2e.server import LongbowServer

ALICE, BOB = ({"authorization": f"Bearer {name}-has-this-token"} for name in ("alice", "bob"))
TWO_CALLERS: dict[str, dict[str, Any]] = {
    "auth": {"method": "token"},
    "auth.token.alice": {"token": "alice-has-this-token"},
    "auth.token.bob": {"token": "bob-has-this-token"},
    "access.rule.both": {"principals": ["*"], "services": ["*"], "actions": ["*"], "read": ["*"]},
}
# More than the node has threads.
MANY = 40


def states(client: Client, headers: dict[str, str] | None = None) -> list[str]:
    """Of all tasks that the caller may see."""
    tasks = client.action("ListTasks", {}, headers).get("tasks", [])
    return sorted(str(task["state"]) for task in tasks)


def seconds_of(call: Callable[[], object]) -> float:
    """How long it takes."""
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


def never(tmp_path: Path) -> Json:
    """A command whose service cannot tell its schema, and does not begin."""
    return stubborn(untilFile=str(tmp_path / "never"))


def nested(inner: Json) -> Json:
    """One whose service asks the other for its schema, and waits for it."""
    return sql("SELECT * FROM t", {"t": {"command": inner}})


# GetSchema of a command.


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_schema_that_does_not_come_in_time_is_given_up(
    limited: MakeLimited, tmp_path: Path, depth: int
) -> None:
    _, client = limited()
    command = never(tmp_path)
    for _ in range(depth):
        command = nested(command)
    begin = time.monotonic()
    with pytest.raises((*ERRORS, OSError)):
        client.flight.get_schema(descriptor_of(command), client.options(timeout=1.5))
    assert 1.4 < time.monotonic() - begin < 1.5 + NOISE_SEC
    eventually("nothing goes on", lambda: set(states(client)) == {"CANCELLED"})


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_schema_whose_client_leaves_is_given_up(
    limited: MakeLimited, tmp_path: Path, depth: int
) -> None:
    server, client = limited()
    command = never(tmp_path)
    for _ in range(depth):
        command = nested(command)
    raw = RawClient(server.uri)
    raw.begin(FLIGHT + "GetSchema", descriptor_of(command).serialize())
    eventually("it is at work", lambda: "STARTING" in states(client))
    raw.close()
    eventually("nothing goes on", lambda: set(states(client)) == {"CANCELLED"})


@pytest.mark.parametrize("wrapped", [False, True])
def test_schemas_that_do_not_come_leave_room_for_others(
    limited: MakeLimited, tmp_path: Path, wrapped: bool
) -> None:
    server, client = limited(TWO_CALLERS)
    command = nested(never(tmp_path)) if wrapped else never(tmp_path)
    raw = RawClient(server.uri)
    for _ in range(MANY):
        raw.begin(FLIGHT + "GetSchema", descriptor_of(command).serialize(), headers=ALICE)
    eventually(
        "all are at work",
        lambda: Metrics(server.http)("rpc_running", method="GetSchema") == MANY,
    )
    for headers in (BOB, ALICE):
        assert seconds_of(partial(client.action, "HealthCheck", {}, headers)) < 1
        assert seconds_of(partial(list_flights, client, headers)) < 1
    # His own gets a thread.
    assert client.schema(stubborn(), BOB).names == ["n"]
    assert client.schema(sql("SELECT 1 AS x"), BOB).names == ["x"]
    raw.close()
    eventually("nothing goes on", lambda: set(states(client, ALICE)) == {"CANCELLED"})


def list_flights(client: Client, headers: dict[str, str]) -> list[fl.FlightInfo]:
    """ListFlights."""
    return list(client.flight.list_flights(json.dumps({}).encode(), client.options(headers)))


def test_a_schema_is_a_task_that_ends_well(limited: MakeLimited) -> None:
    _, client = limited()
    assert client.schema(stubborn()) == pa.schema([("n", pa.int64())])
    assert client.schema(sql("SELECT 1 AS x")).names == ["x"]
    eventually("both are done", lambda: states(client) == ["DONE", "DONE"])


# Puts.


@pytest.mark.parametrize("batches", [0, 1])
def test_a_put_whose_client_stalls_loses_its_place(limited: MakeLimited, batches: int) -> None:
    server, client = limited(put_idle_sec=1)
    batch = pa.record_batch({"x": [1]})
    begin = time.monotonic()
    writer, reader = client.flight.do_put(
        fl.FlightDescriptor.for_path("stalled"), batch.schema, client.options()
    )
    assert json.loads(reader.read().to_pybytes())["state"] == "ACCEPTED"
    for _ in range(batches):
        writer.write_batch(batch)
    with expect_error(Code.TIMEOUT, message="put_idle_sec of [server]"):
        reader.read()
        writer.close()
    assert 0.9 < time.monotonic() - begin < 1 + NOISE_SEC
    eventually(
        "it has ended",
        lambda: Metrics(server.http)("rpc_calls_total", method="DoPut", code="TIMEOUT") == 1,
    )
    eventually("its place is free", lambda: Metrics(server.http)("calls_running", kind="put") == 0)
    assert client.paths() == []


def test_what_a_node_takes_to_store_is_not_the_clients(limited: MakeLimited) -> None:
    _, client = limited(put_idle_sec=1)
    batch = pa.record_batch({"x": [1]})
    writer, reader = client.flight.do_put(
        descriptor_of(stubborn(seconds=1.5)), batch.schema, client.options()
    )
    for _ in range(2):
        writer.write_batch(batch)
    writer.done_writing()
    receipts = []
    while (receipt := reader.read()) is not None:
        receipts.append(json.loads(receipt.to_pybytes()))
    writer.close()
    assert [receipt["state"] for receipt in receipts] == ["ACCEPTED", "RECEIVED", "STORED"]
    assert receipts[-1]["rows"] == 2


@pytest.mark.parametrize("reads", [True, False])
def test_a_put_that_a_module_takes_has_the_same_limit(make_server: MakeServer, reads: bool) -> None:
    settings = {"server": {"put_idle_sec": 1, "shutdown_grace_sec": 0.5}, "http": {"port": 0}}
    server = make_server(settings, arguments=with_modules("conformance"))
    client = Client(server.uri)
    writer, reader = client.flight.do_put(
        fl.FlightDescriptor.for_path("stalled"), pa.schema([("x", pa.int64())]), client.options()
    )
    if reads:
        with expect_error(Code.TIMEOUT, message="put_idle_sec of [server]"):
            reader.read()
            writer.close()
    else:
        # The module answers each with the same, nobody takes that, and no error gets through either.
        with contextlib.suppress(fl.FlightError, pa.ArrowException):
            while True:
                writer.write_metadata(pa.py_buffer(bytes(1 << 20)))
        with pytest.raises(fl.FlightCancelledError):
            writer.close()
    eventually(
        "it has ended",
        lambda: Metrics(server.http)("rpc_calls_total", method="DoPut", code="TIMEOUT") == 1,
    )
    eventually("it has ended", lambda: Metrics(server.http)("calls_running", kind="put") == 0)
    client.close()


# Callers who are not known yet.


def test_a_verifier_that_hangs_leaves_threads_for_tasks(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server(
        {
            "auth": {"method": "module"},
            "access.rule.all": {"principals": ["*"], "services": ["*"]},
            "server": {
                "task_threads": 2,
                "task_threads_per_principal": 2,
                "shutdown_grace_sec": 0.5,
            },
            "http": {"port": 0},
        },
        arguments=with_modules("storage", module_path("stubborn"), module_path("bouncer")),
    )
    client = Client(server.uri)
    go, door = tmp_path / "go", tmp_path / "door"
    for until in (go, tmp_path / "never", go):
        with expect_error(Code.POLL):
            client.info(
                stubborn(untilFile=str(until)), {"x-badge": "ann", "x-longbow-wait-ms": "0"}
            )
    eventually("one waits for a thread", lambda: queued(server) == 1)
    raw = RawClient(server.uri)
    for _ in range(MANY):
        raw.begin(FLIGHT + "ListActions", headers={"x-badge": f"waits:{door}"})
    eventually(
        "all are at the door",
        lambda: Metrics(server.http)("rpc_running", method="ListActions") == MANY,
    )
    go.touch()
    eventually("it has got one", lambda: queued(server) == 0, patience=5)
    door.touch()
    raw.close()
    client.close()


def queued(server: LongbowServer) -> float:
    """Tasks that wait for a thread."""
    return Metrics(server.http)("tasks_queued", service="stubborn")
