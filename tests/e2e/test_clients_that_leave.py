"""Whose client is gone, or whose time is over, has nothing running for it: for the calls that send data
or ask again, and wait for long. (What GetFlightInfo and DoGet leave is looked at with a process's life.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import wire_format
from tests.e2e.client import Client, Json, descriptor_of, eventually, rows, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.every_call import BATCH, HeaderClient
from tests.e2e.operations import Metrics, http_get, module_path, stubborn, with_modules
from tests.e2e.raw_grpc import FLIGHT
from tests.e2e.server import LongbowServer
from tests.e2e.test_hostile import flight_data, ipc_parts
from tests.e2e.test_lifecycle import ALIVE, Background, states

DEADLINE_EXCEEDED = 4
ENDLESS_OVER_INPUT = sql(
    "SELECT sum(hash(a.range + b.range + x) % 7) AS s FROM input, range(10000000) a, range(10000000) b"
)


@dataclass
class Leaver:
    """A call that does not end by itself."""

    method: str
    kind: str  # of the limits
    messages: tuple[bytes, ...]
    sends_all: bool  # or is in the middle of it
    has_task: bool

    def begin(self, server: LongbowServer, **headers: str) -> HeaderClient:
        """Sends it, over a connection of its own."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = HeaderClient(server.uri)
        raw.begin(FLIGHT + self.method, *self.messages, headers=fields, end=self.sends_all)
        return raw


def poll(never: Path) -> Leaver:
    """Asks for a command, and to be told when there is something to tell."""
    message = descriptor_of(stubborn(untilFile=str(never))).serialize()
    return Leaver("PollFlightInfo", "info", (message,), sends_all=True, has_task=True)


def exchange(_: Path) -> Leaver:
    """Has sent all, and waits for the result."""
    return Leaver("DoExchange", "exchange", data(ENDLESS_OVER_INPUT), True, has_task=True)


def unfinished_exchange(_: Path) -> Leaver:
    """Has more to send; the service waits for it."""
    command = sql("SELECT sum(x) AS s FROM input")
    return Leaver("DoExchange", "exchange", data(command), False, has_task=True)


def put(_: Path) -> Leaver:
    """Has more to send; what has come is kept for now."""
    return Leaver("DoPut", "put", data(["half", "of", "it"]), sends_all=False, has_task=False)


LEAVERS = [poll, exchange, unfinished_exchange, put]


def data(what: Json | list[str]) -> tuple[bytes, ...]:
    """The messages that bring a batch."""
    schema, header, body = ipc_parts(BATCH)
    descriptor = descriptor_of(what).serialize()
    return flight_data(schema, b"", descriptor), flight_data(header, body)


@pytest.fixture
def served(make_server: MakeServer) -> Iterator[tuple[LongbowServer, Client]]:
    """A server with the service that takes as long as it is told, and one who looks at it."""
    modules = with_modules("sql", "storage", module_path("stubborn"))
    limits = {"shutdown_grace_sec": 1, "task_result_ttl_sec": 600}
    server = make_server({"http": {"port": 0}, "server": limits}, arguments=modules)
    client = Client(server.uri)
    yield server, client
    client.close()


def at_work(server: LongbowServer, client: Client, leaver: Leaver) -> bool:
    """Whether all of the call that can run does."""
    runs = Metrics(server.http)("calls_running", kind=leaver.kind) == 1
    has_task = [task["state"] in ("STARTING", "STREAMING") for task in client.tasks()] == [True]
    return runs and (has_task if leaver.has_task else stored_bytes(server) > 0)


def at_rest(server: LongbowServer, client: Client, leaver: Leaver) -> bool:
    """Whether nothing is left of it."""
    runs = Metrics(server.http)("calls_running", kind=leaver.kind) > 0
    tasks = any(task["state"] in ALIVE for task in client.tasks())
    return not runs and not tasks and stored_bytes(server) == 0 and not client.list_flights()


def stored_bytes(server: LongbowServer) -> int:
    """What stored flights take, those that are being put included."""
    told: dict[str, Any] = json.loads(http_get(server.http + "status.json")[1])
    return int(told["store"]["bytes"])


@pytest.mark.parametrize("make", LEAVERS)
def test_a_client_that_leaves(
    served: tuple[LongbowServer, Client], tmp_path: Path, make: Any
) -> None:
    server, client = served
    leaver = make(tmp_path / "never")
    raw = leaver.begin(server, x_longbow_wait_ms="600000")
    eventually("it is at work", lambda: at_work(server, client, leaver))
    raw.close()
    eventually("nothing is left", lambda: at_rest(server, client, leaver), patience=5)


@pytest.mark.parametrize("make", LEAVERS)
def test_a_deadline_that_passes(
    served: tuple[LongbowServer, Client], tmp_path: Path, make: Any
) -> None:
    server, client = served
    leaver = make(tmp_path / "never")
    raw = leaver.begin(server, x_longbow_wait_ms="600000", grpc_timeout="1500m")
    eventually("it is at work", lambda: at_work(server, client, leaver))
    # The client says nothing, and hears of it.
    assert raw.reply().status in (DEADLINE_EXCEEDED, -1)
    eventually("nothing is left", lambda: at_rest(server, client, leaver), patience=5)
    raw.close()


def test_who_has_been_told_of_a_task_may_leave(
    served: tuple[LongbowServer, Client], tmp_path: Path
) -> None:
    """Polling is for those who come back: from the first answer on, the task does not hang on a call."""
    server, client = served
    go = tmp_path / "go"
    leaver = poll(go)
    first = HeaderClient(server.uri)
    reply = first.call(
        FLIGHT + "PollFlightInfo", *leaver.messages, headers={"x-longbow-wait-ms": "0"}
    )
    told = wire_format.fields_of(reply.messages[0])
    retry = told[2]
    assert isinstance(retry, bytes)
    first.begin(FLIGHT + "PollFlightInfo", retry, headers={"x-longbow-wait-ms": "600000"})
    eventually("it waits", lambda: at_work(server, client, leaver))
    first.close()
    eventually(
        "its call has ended", lambda: Metrics(server.http)("calls_running", kind="info") == 0
    )
    second = HeaderClient(server.uri)
    second.begin(FLIGHT + "PollFlightInfo", retry, headers={"x-longbow-wait-ms": "600000"})
    go.touch()
    done = wire_format.fields_of(second.reply().messages[0])
    assert 2 not in done, "there is nothing more to ask for"
    (task,) = client.tasks()
    assert rows(client.get({"task": task["task"]})) == [(1,), (2,)]
    second.close()


@pytest.mark.parametrize("method", ["PollFlightInfo", "GetFlightInfo"])
def test_one_that_joined_and_leaves_takes_nothing_away(
    served: tuple[LongbowServer, Client], tmp_path: Path, method: str
) -> None:
    """What another's command waits for goes on, whoever has asked for the same and left."""
    server, client = served
    go = tmp_path / "go"
    inner = stubborn(untilFile=str(go), sink={"cache": True})
    asking = Background(
        lambda: client.info(sql("SELECT count(*) AS n FROM a", {"a": {"command": inner}}))
    )
    eventually("both tasks run", lambda: states(client) == ["STARTING", "STARTING"])
    message = descriptor_of(inner).serialize()
    joining = Leaver(method, "info", (message,), sends_all=True, has_task=True)
    raw = joining.begin(server, x_longbow_wait_ms="600000")
    eventually("it waits, too", lambda: Metrics(server.http)("calls_running", kind="info") == 2)
    raw.close()
    eventually("it has gone", lambda: Metrics(server.http)("calls_running", kind="info") == 1)
    assert states(client) == ["STARTING", "STARTING"]
    go.touch()
    assert rows(client.get(asking.result())) == [(2,)]
