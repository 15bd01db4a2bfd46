"""Every call that a node answers, as raw messages: for tests of what is checked at each of them."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.flight as fl

from tests.e2e import wire_format
from tests.e2e.client import Json, Path, descriptor_of, sql
from tests.e2e.raw_grpc import FLIGHT, HEADERS, RawClient, Reply, _literal
from tests.e2e.test_actions import ACTIONS
from tests.e2e.test_hostile import flight_data, ipc_parts

Header = tuple[str, str]

# gRPC's own numbers.
OK, GRPC_UNAUTHENTICATED = 0, 16

BATCH = pa.record_batch({"x": pa.array([1, 2, 3])})


@dataclass(frozen=True)
class Call:
    """One call: a method and the messages that the client sends."""

    name: str
    method: str
    messages: tuple[bytes, ...]


class HeaderClient(RawClient):
    """A raw client whose calls carry the same header fields, any number of them and repeated ones."""

    def __init__(self, uri: str, *headers: Header, context: ssl.SSLContext | None = None) -> None:
        self._more = b"".join(_literal(n.encode(), v.encode()) for n, v in headers)
        super().__init__(uri, context)
        if self._socket.family != socket.AF_UNIX:
            # Each call is two small packets; the second must not wait for the first one's receipt.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def make(self, call: Call) -> Reply:
        """One call to its end."""
        return self.call(FLIGHT + call.method, *call.messages)

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        more = self._more if kind == HEADERS else b""
        super()._send(kind, flags, stream, payload + more)


def action_call(name: str, body: Json | bytes) -> Call:
    """DoAction."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    message = wire_format.encode((1, name.encode()), (2, raw))
    return Call(f"DoAction {name}", "DoAction", (message,))


def ticket_call(name: str, ticket: Json) -> Call:
    """DoGet."""
    return Call(name, "DoGet", (wire_format.encode((1, json.dumps(ticket).encode())),))


def data_call(name: str, method: str, target: Json | Path) -> Call:
    """DoPut or DoExchange of one batch."""
    schema, header, body = ipc_parts(BATCH)
    descriptor = descriptor_of(target).serialize()
    return Call(name, method, (flight_data(schema, b"", descriptor), flight_data(header, body)))


def cancel_info_body(task: str) -> bytes:
    """The body of CancelFlightInfo for a task."""
    endpoint = fl.FlightEndpoint(json.dumps({"task": task}), [])
    descriptor = descriptor_of(sql("SELECT 1"))
    info = fl.FlightInfo(pa.schema([]), descriptor, [endpoint], -1, -1)
    return wire_format.encode((1, info.serialize()))


def renew_body(task: str) -> bytes:
    """The body of RenewFlightEndpoint for a task."""
    endpoint = fl.FlightEndpoint(json.dumps({"task": task}), [])
    return wire_format.encode((1, endpoint.serialize()))


def action_calls(stored: Path, doomed: Path, task: str) -> list[Call]:
    """Each action, with a body that it takes."""
    bodies: dict[str, Json | bytes] = {
        "HealthCheck": {},
        "GetLocations": {"path": list(stored)},
        "ListNodes": {},
        "ListServices": {},
        "DescribeFlight": {"path": list(stored)},
        "DeleteFlights": {"paths": [list(doomed)]},
        "CancelTask": {"task": task},
        "ListTasks": {},
        "CancelFlightInfo": cancel_info_body(task),
        "RenewFlightEndpoint": renew_body(task),
    }
    assert set(bodies) == set(ACTIONS)
    return [action_call(name, body) for name, body in bodies.items()]


def every_call(stored: Path, absent: Path, doomed: Path, task: str) -> Sequence[Call]:
    """Every RPC, in every form.

    `stored` and `doomed` are flights that are there; `doomed` is deleted if this goes through,
    `absent` put, and `task` cancelled.
    """
    path = descriptor_of(stored).serialize()
    command = descriptor_of(sql("SELECT 1 AS x", sink={"path": [*absent, "sink"]})).serialize()
    question = descriptor_of(sql("SELECT 1 AS x")).serialize()
    retry = descriptor_of({"retry": {"task": task}}).serialize()
    return [
        Call("Handshake", "Handshake", (b"",)),
        Call("Handshake with a payload", "Handshake", (wire_format.encode((2, b"open sesame")),)),
        Call("ListFlights", "ListFlights", (b"",)),
        Call("GetFlightInfo by path", "GetFlightInfo", (path,)),
        Call("GetFlightInfo by command", "GetFlightInfo", (command,)),
        Call("GetFlightInfo again", "GetFlightInfo", (path,)),
        Call("PollFlightInfo by path", "PollFlightInfo", (path,)),
        Call("PollFlightInfo by command", "PollFlightInfo", (question,)),
        Call("GetSchema by path", "GetSchema", (path,)),
        Call("GetSchema by command", "GetSchema", (question,)),
        ticket_call("DoGet of a stored flight", {"path": list(stored)}),
        data_call("DoPut by path", "DoPut", [*absent, "put"]),
        data_call("DoPut by command", "DoPut", sql("SELECT 1 AS x")),
        data_call("DoExchange", "DoExchange", sql("SELECT sum(x) AS s FROM input")),
        Call("ListActions", "ListActions", (b"",)),
        action_call("NoSuchAction", {"path": list(stored)}),
        action_call("", b""),
        *action_calls(stored, doomed, task),
        # These would wait for the task; it is cancelled by now.
        Call("GetFlightInfo of a task", "GetFlightInfo", (retry,)),
        ticket_call("DoGet of a task", {"task": task}),
    ]
