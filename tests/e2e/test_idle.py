"""Clients that keep a connection or a call open and do nothing: each is given up after its limit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, descriptor_of, eventually, sql
from tests.e2e.conftest import MakeLimited, MakeServer
from tests.e2e.errors import Code, expect_error
from tests.e2e.operations import NOISE_SEC, Metrics, module_path, with_modules
from tests.e2e.raw_grpc import ACK, FLIGHT, GOAWAY, PING, SETTINGS, RawClient
from tests.e2e.server import PATIENCE_SEC, LongbowServer

BATCH = pa.record_batch({"x": [1]})


# Connections.


class Frames:
    """What the server sends on a connection, as it comes; a client that answers pings or does not."""

    def __init__(self, uri: str, *, answers: bool) -> None:
        self.raw = RawClient(uri)
        self._answers = answers
        self.seen: list[int] = []

    def take(self) -> None:
        """The next one; a ConnectionError where the server has closed the connection."""
        head = self.raw._receive(9)
        payload = self.raw._receive(int.from_bytes(head[:3], "big"))
        self.seen.append(head[3])
        if head[3] in (SETTINGS, PING) and not head[4] & ACK and self._answers:
            self.raw._send(head[3], ACK, 0, payload if head[3] == PING else b"")

    def seconds_to_end(self) -> float:
        """Reads until the server closes the connection."""
        begin = time.monotonic()
        with suppress(ConnectionError):
            while True:
                self.take()
        return time.monotonic() - begin


def test_a_connection_without_a_call(limited: MakeLimited) -> None:
    server, _ = limited(max_connection_idle_sec=1)
    frames = Frames(server.uri, answers=True)
    # gRPC looks now and then: it takes up to twice as long.
    assert 0.9 < frames.seconds_to_end() < 2 + NOISE_SEC
    assert GOAWAY in frames.seen


def test_a_connection_with_a_call_is_not_idle(limited: MakeLimited) -> None:
    server, _ = limited(max_connection_idle_sec=1)
    raw = RawClient(server.uri)
    raw.begin(FLIGHT + "DoPut", end=False)
    time.sleep(3)  # the time itself is what is tested
    assert Metrics(server.http)("calls_running", kind="put") == 1
    raw.close()


def test_an_old_connection(limited: MakeLimited) -> None:
    server, client = limited(max_connection_age_sec=1)
    frames = Frames(server.uri, answers=True)
    # gRPC spreads it by a tenth, so that not all clients come back at once.
    assert 0.8 < frames.seconds_to_end() < 1.2 + NOISE_SEC
    assert GOAWAY in frames.seen
    # A client that knows what that means does not see it.
    for _ in range(4):
        assert client.action("HealthCheck")["status"] == "SERVING"
        time.sleep(0.5)


@pytest.mark.parametrize("answers", [True, False])
def test_a_client_that_is_not_there_any_more(limited: MakeLimited, answers: bool) -> None:
    server, _ = limited(keepalive_time_sec=1, keepalive_timeout_sec=1, max_connection_idle_sec=6)
    frames = Frames(server.uri, answers=answers)
    frames.raw.begin(FLIGHT + "DoPut", end=False)
    eventually("it runs", lambda: Metrics(server.http)("calls_running", kind="put") == 1)
    if not answers:
        assert frames.seconds_to_end() < 2 + NOISE_SEC
        assert PING in frames.seen
        eventually("so is its call", lambda: Metrics(server.http)("calls_running", kind="put") == 0)
        return
    begin = time.monotonic()
    while frames.seen.count(PING) < 3:
        frames.take()
    assert time.monotonic() - begin > 1.8
    assert Metrics(server.http)("calls_running", kind="put") == 1
    frames.raw.close()


# Exchanges.


@pytest.fixture
def exchanging(make_server: MakeServer) -> Iterator[tuple[LongbowServer, Client]]:
    """A server with little patience, whose module `relay` takes exchanges itself."""
    server = make_server(
        {"server": {"exchange_idle_sec": 1, "shutdown_grace_sec": 0.5}, "http": {"port": 0}},
        arguments=with_modules("sql", module_path("relay")),
    )
    client = Client(server.uri)
    yield server, client
    client.close()


def ended(server: LongbowServer) -> bool:
    """Whether one exchange has ended for lack of a message, and left its place."""
    now = Metrics(server.http)
    timed_out = now("rpc_calls_total", method="DoExchange", code="TIMEOUT")
    return timed_out == 1 and now("calls_running", kind="exchange") == 0


@pytest.mark.parametrize("batches", [0, 1])
@pytest.mark.parametrize("what", [sql("SELECT sum(x) AS s FROM input"), b"raw"])
def test_an_exchange_whose_client_stalls(
    exchanging: tuple[LongbowServer, Client], what: bytes, batches: int
) -> None:
    server, client = exchanging
    begin = time.monotonic()
    writer, reader = client.flight.do_exchange(descriptor_of(what), client.options())
    writer.begin(BATCH.schema)
    for _ in range(batches):
        writer.write_batch(BATCH)
    with expect_error(Code.TIMEOUT, message="exchange_idle_sec of [server]"):
        reader.read_all()
    assert 0.9 < time.monotonic() - begin < 1 + NOISE_SEC
    eventually("its place is free", lambda: ended(server))


def test_an_exchange_that_a_module_keeps_going(exchanging: tuple[LongbowServer, Client]) -> None:
    """A client that takes what it is told need not say anything."""
    _, client = exchanging
    writer, reader = client.flight.do_exchange(
        fl.FlightDescriptor.for_command(b"raw"), client.options()
    )
    begin = time.monotonic()
    writer.write_metadata(pa.py_buffer(b"push"))
    for _ in range(5):
        assert reader.read_chunk().app_metadata.to_pybytes() == b"push"
    assert time.monotonic() - begin > 1.5, "longer than it may be silent"
    writer.done_writing()
    with pytest.raises(StopIteration):
        reader.read_chunk()
    writer.close()


def test_an_exchange_that_is_not_read(exchanging: tuple[LongbowServer, Client]) -> None:
    """A module's answers that nobody takes hold up its thread, which has better things to do."""
    server, client = exchanging
    writer, _ = client.flight.do_exchange(
        fl.FlightDescriptor.for_command(b"raw"), client.options(timeout=PATIENCE_SEC)
    )
    with suppress(fl.FlightError, pa.ArrowException):
        while True:
            writer.write_metadata(pa.py_buffer(bytes(1 << 20)))
    eventually("its place is free", lambda: ended(server))
