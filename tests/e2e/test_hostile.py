"""Random, truncated and changed bytes wherever bytes come in: an answer or an error, never harm.

All is made from fixed seeds, so that a failure comes again.
"""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

from tests.e2e import wire_format
from tests.e2e.client import Client, command, connector, descriptor_of, rows, sql, table_of
from tests.e2e.errors import ERRORS, Code, parse_error
from tests.e2e.raw_grpc import FLIGHT, METHODS, RawClient
from tests.e2e.server import LongbowServer
from tests.e2e.test_actions import ACTIONS

# Thousands of calls take their time on a busy machine.
pytestmark = pytest.mark.timeout(600)

# What a wrong input must never come to.
OUR_FAULT = (Code.INTERNAL_ERROR, Code.UNKNOWN)


def still_serves(client: Client) -> None:
    """The server answers as ever."""
    assert client.action("HealthCheck")["status"] == "SERVING"
    assert rows(client.run(sql("SELECT 42 AS x"))) == [(42,)]


def survives(call: Callable[..., object], *arguments: object) -> None:
    """The call succeeds, or fails with an error that is the caller's."""
    failed: Exception | None = None
    try:
        call(*arguments)
    except ERRORS as error:
        failed = error
    if failed is not None and call.__name__ != "schema":  # that comes without the error JSON
        assert parse_error(failed).code not in OUR_FAULT, failed


def random_bytes(seed: int, count: int) -> Iterator[bytes]:
    """Bytes of many lengths; half of them begin as JSON would."""
    chance = random.Random(seed)
    for n in range(count):
        data = chance.randbytes(chance.choice([1, 2, 3, 8, 40, 300, 5000]))
        yield b"{" + data if n % 2 else data


def mutations(seed: int, original: bytes, count: int) -> Iterator[bytes]:
    """Copies with a flipped bit, a cut end, a doubled, dropped or foreign part."""
    chance = random.Random(seed)
    for n in range(count):
        data = bytearray(original)
        at = chance.randrange(len(data))
        end = min(len(data), at + chance.randrange(1, 9))
        match n % 5:
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at:]
            case 2:
                data[at:at] = data[at:end]
            case 3:
                del data[at:end]
            case _:
                data[at:end] = chance.choice(
                    [b"null", b"-1", b'"', b"\0", b"1e999", b"[]", b"\xc0"]
                )
        yield bytes(data)


SEEDS: list[bytes] = [
    json.dumps(each).encode()
    for each in (
        sql(
            "SELECT * FROM t",
            {"t": {"command": connector("fx", limit=1)}},
            sink={"repeatable": True, "ttlSec": 5},
            resultMetadata={"schema": {"a": "b"}, "fields": {"rate": {"c": None}}},
        ),
        connector("sales", columns=["id"], filters=[{"column": "id", "op": "<", "value": 3}]),
        command("sql", {"query": "SELECT $a AS a", "parameters": {"a": [1, 2.5, None, "x"]}}),
        {"retry": {"task": "abc", "node": "e2e"}},
    )
]


@pytest.mark.parametrize("method", ["info", "schema"])
def test_random_commands(client: Client, method: str) -> None:
    call = getattr(client, method)
    for data in random_bytes(1, 150):
        survives(call, data)
    still_serves(client)


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_changed_commands(client: Client, seed: int) -> None:
    for data in mutations(seed, SEEDS[seed], 60):
        survives(client.run, data)
        survives(client.schema, data)
    still_serves(client)


def test_random_tickets(client: Client) -> None:
    for data in random_bytes(2, 200):
        survives(client.get, data)
    still_serves(client)


@pytest.mark.parametrize("action", ACTIONS)
def test_random_action_bodies(client: Client, action: str) -> None:
    for data in random_bytes(3, 40):
        survives(client.action_bytes, action, data)
    still_serves(client)


def list_with(client: Client, criteria: bytes) -> None:
    """ListFlights to its end."""
    list(client.flight.list_flights(criteria, client.options()))


def test_random_criteria(client: Client) -> None:
    for data in random_bytes(4, 100):
        survives(list_with, client, data)
    still_serves(client)


def test_random_put_options(client: Client, path: list[str]) -> None:
    for data in random_bytes(5, 30):
        survives(client.put, path, table_of(x=[1]), data)
        assert client.paths(*path) == []
    for data in mutations(5, b'{"ttlSec": 5, "ifExists": "REPLACE"}', 30):
        survives(client.put, path, table_of(x=[1]), data)
    still_serves(client)


@pytest.fixture
def raw(server: LongbowServer) -> Iterator[RawClient]:
    """A connection that can send anything."""
    connection = RawClient(server.uri)
    yield connection
    connection.close()


def check_reply(raw: RawClient, method: str, *messages: bytes) -> None:
    """The call ends with an answer, or an error that is the caller's."""
    reply = raw.call(FLIGHT + method, *messages)
    assert reply.status >= 0, "the stream was cut off"
    if reply.status != 0:
        assert reply.error["code"] not in OUR_FAULT, reply.error


@pytest.mark.parametrize("method", METHODS)
def test_random_messages(raw: RawClient, client: Client, method: str) -> None:
    chance = random.Random(METHODS.index(method))
    for _ in range(60):
        check_reply(raw, method, chance.randbytes(chance.choice([0, 1, 4, 30, 400])))
    check_reply(raw, method)  # no message at all
    check_reply(raw, method, b"", b"", b"")
    still_serves(client)


def flight_data(header: bytes, body: bytes, descriptor: bytes = b"") -> bytes:
    """A FlightData message."""
    fields: list[tuple[int, wire_format.Field]] = [(2, header), (1000, body)]
    return wire_format.encode(*([(1, descriptor)] if descriptor else []), *fields)


def ipc_parts(batch: pa.RecordBatch) -> tuple[bytes, bytes, bytes]:
    """The schema's message, and a batch's message and body."""

    def split(message: bytes) -> tuple[bytes, bytes]:
        size = int.from_bytes(message[4:8], "little")
        return message[8 : 8 + size], message[8 + size :]

    header, body = split(batch.serialize().to_pybytes())
    return split(batch.schema.serialize().to_pybytes())[0], header, body


@pytest.mark.parametrize("method", ["DoPut", "DoExchange"])
def test_changed_streams(raw: RawClient, client: Client, path: list[str], method: str) -> None:
    batch = pa.record_batch(
        {
            "n": pa.array([1, None, 3]),
            "s": pa.array(["a", None, "ccc"]),
            "l": pa.array([[1], [], None]),
        }
    )
    schema, header, body = ipc_parts(batch)
    count_all = "SELECT count(*), sum(n), max(s), max(length(s)), sum(len(l)) FROM input"
    target = descriptor_of(path if method == "DoPut" else sql(count_all)).serialize()

    def send(schema: bytes, header: bytes, body: bytes) -> None:
        first = flight_data(schema, b"", target)
        check_reply(raw, method, first, flight_data(header, body))
        if method == "DoPut" and client.paths(*path):
            # What was taken can be read whole, and be worked on.
            client.get({"path": path}).validate(full=True)
            survives(client.run, sql(count_all.replace("input", "t"), {"t": {"path": path}}))
            client.action("DeleteFlights", {"paths": [path]})

    send(schema, header, body)
    for changed in mutations(7, schema, 40):
        send(changed, header, body)
    for changed in mutations(8, header, 80):
        send(schema, changed, body)
    for changed in mutations(9, body, 30):
        send(schema, header, changed)
    still_serves(client)


@pytest.mark.parametrize(
    "headers",
    [
        {"grpc-timeout": "1n"},
        {"grpc-timeout": "99999999H"},
        {"grpc-timeout": "nonsense"},
        {"grpc-encoding": "nonsense"},
        {"content-type": "text/plain"},
        {"x-longbow-request-id": "\x01"},
    ],
)
def test_unusual_transport_headers(
    server: LongbowServer, client: Client, headers: dict[str, str]
) -> None:
    connection = RawClient(server.uri)
    try:
        connection.call(FLIGHT + "ListActions", b"", headers=headers)
    except ConnectionError:
        pass  # gRPC may refuse the whole connection
    finally:
        connection.close()
    still_serves(client)


def test_what_is_no_http(server: LongbowServer, client: Client) -> None:
    match = re.fullmatch(r"grpc(?:\+tcp)?://([^:]+):(\d+)", server.uri)
    assert match is not None
    chance = random.Random(12)
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02", chance.randbytes(5000), b""):
        with socket.create_connection((match[1], int(match[2])), 60) as connection:
            connection.sendall(data)
    still_serves(client)
