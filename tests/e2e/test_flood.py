"""Clients that send too much, too slowly, or nothing at all, in hundreds and thousands: the others are
served as ever, and nothing of it stays.

The loads are bounded, and done by one thread, so that a small machine has something left for the server.
"""

from __future__ import annotations

import http.client
import re
import resource
import socket
import statistics
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, eventually, rows, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import Code
from tests.e2e.every_call import Header, HeaderClient
from tests.e2e.raw_grpc import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    FLIGHT,
    GOAWAY,
    HEADERS,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    RawClient,
    _literal,
)
from tests.e2e.server import PATIENCE_SEC, LongbowServer

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
FRAME_BYTES = 16384
INITIAL_WINDOW = 4  # of HTTP/2's settings
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# Of the others' calls; generous, and of the one in the middle: the machine may have other things to do.
MAX_MEDIAN_SEC = 1.0

SLOW_CLIENTS = 200
IDLE_CLIENTS = 10_000
# For pytest, and for the server beyond its connections.
OTHER_FILES = 500
CLIENTS_PER_ADDRESS = 1000
AT_A_TIME = 250
# Descriptors of others' connections, which come and go.
SLACK = 20


@pytest.fixture(scope="module")
def flooded() -> Iterator[LongbowServer]:
    """A server with HTTP, room for all these connections, and little patience with slow requests."""
    server = LongbowServer(
        {
            "server": {
                "max_connections": IDLE_CLIENTS + 1000,
                "malloc_trim_interval_sec": 1,
                "shutdown_grace_sec": 1,
            },
            "http": {"port": 0, "request_timeout_sec": 3},
            "log": {"calls": "none"},
        }
    )
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


def address_of(uri: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(uri)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def memory_bytes(pid: int) -> int:
    """What the process has in memory."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * KIB


def open_files(pid: int) -> int:
    """How many descriptors the process has."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def serve_others(server: LongbowServer, times: int = 15) -> None:
    """Others come, each over a connection of its own, and get their answers soon."""
    durations = []
    for _ in range(times):
        begun = time.monotonic()
        client = Client(server.uri)
        assert rows(client.run(sql("SELECT 42 AS x"))) == [(42,)]
        client.close()
        durations.append(time.monotonic() - begun)
        host, port = address_of(server.http)
        connection = http.client.HTTPConnection(host, port, PATIENCE_SEC)
        connection.request("GET", "/ready")
        assert connection.getresponse().status == 204
        connection.close()
    assert statistics.median(durations) < MAX_MEDIAN_SEC, durations


# Too much.


class FrameClient(HeaderClient):
    """Sends header blocks of any size: each in one frame, or in as many as HTTP/2 asks for."""

    def __init__(self, uri: str, *headers: Header, frame_bytes: int = 16384) -> None:
        self._frame_bytes = frame_bytes
        super().__init__(uri, *headers)

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind != HEADERS:
            return RawClient._send(self, kind, flags, stream, payload)
        block = payload + self._more
        size = self._frame_bytes
        parts = [block[at : at + size] for at in range(0, len(block), size)]
        for number, part in enumerate(parts):
            last = END_HEADERS if number + 1 == len(parts) else 0
            RawClient._send(self, CONTINUATION if number else HEADERS, last, stream, part)
        return None

    def send_without_end(self, stream: int, block: bytes, frames: int) -> None:
        """A block of headers that does not end."""
        RawClient._send(self, HEADERS, 0, stream, block)
        for _ in range(frames):
            RawClient._send(self, CONTINUATION, 0, stream, block)


def check_oversized_headers(server: LongbowServer, size: int, count: int, frame_bytes: int) -> None:
    """Header fields of so many bytes in all are refused, or end the connection."""
    before = memory_bytes(server.pid)
    headers = [(f"x-big-{number}", "x" * (size // count)) for number in range(count)]
    for _ in range(3):
        client = FrameClient(server.uri, *headers, frame_bytes=frame_bytes)
        try:
            reply = client.call(FLIGHT + "ListActions", b"")
            assert reply.status != 0, "64 KiB are the limit"
            assert reply.messages == []
        except OSError:
            pass  # it may also give the whole connection up
        client.close()
    serve_others(server, 3)
    assert memory_bytes(server.pid) - before < 64 * MIB


@pytest.mark.parametrize("size_kib", [70, 300, 2000])
@pytest.mark.parametrize("count", [1, 100])
def test_oversized_headers(flooded: LongbowServer, size_kib: int, count: int) -> None:
    check_oversized_headers(flooded, size_kib * KIB, count, 16 * MIB - 1)


# gRPC 1.51 measures each frame of a header block by itself (CVE-2023-33953).
@pytest.mark.parametrize("size_kib", [70, 2000])
def test_oversized_headers_in_many_frames(flooded: LongbowServer, size_kib: int) -> None:
    check_oversized_headers(flooded, size_kib * KIB, 10, 16384)


def test_headers_within_the_limit(flooded: LongbowServer) -> None:
    client = FrameClient(flooded.uri, *[(f"x-big-{number}", "x" * KIB) for number in range(40)])
    assert client.call(FLIGHT + "ListActions", b"").status == 0
    client.close()


def test_headers_without_end(flooded: LongbowServer) -> None:
    before = memory_bytes(flooded.pid)
    value = b"x" * 8000
    block = b"".join(_literal(name, value) for name in (b"x-a", b"x-b"))
    client = FrameClient(flooded.uri)
    with suppress(OSError):
        client.send_without_end(1, block, 64 * MIB // len(block))
    serve_others(flooded, 3)
    taken = memory_bytes(flooded.pid) - before
    client.close()
    assert taken < 32 * MIB


def test_pyarrow_with_oversized_headers(flooded: LongbowServer) -> None:
    client = Client(flooded.uri)
    with pytest.raises(pa.ArrowException, match="metadata size exceeds limit"):
        client.info(sql("SELECT 1 AS x"), {"x-big": "x" * 70 * KIB})

    def works() -> bool:
        try:
            return rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
        except fl.FlightUnavailableError:
            # gRPC 1.51 gives up the connection behind such a call; a next one may be on it by then.
            return False

    eventually("the next call goes through, over a new connection", works)
    client.close()


HEALTH = "/grpc.health.v1.Health/"


class Pump(RawClient):
    """Sends a message of a GiB, as far as the server lets it."""

    def __init__(self, uri: str, path: str, limit: int) -> None:
        super().__init__(uri)
        self.begin(path, end=False)
        self._send(DATA, 0, 1, struct.pack(">BI", 0, GIB))
        self._left = {0: 65535 - 5, 1: 65535 - 5}  # windows of the connection and the stream
        self.sent = 0
        self._limit = limit

    def run(self) -> None:
        """Until it is enough; an OSError once the server gives the connection up."""
        while self.sent < self._limit:
            while min(self._left.values()) < FRAME_BYTES:
                self._take_frame()
            self._send(DATA, 0, 1, b"x" * FRAME_BYTES)
            self.sent += FRAME_BYTES
            for stream in self._left:
                self._left[stream] -= FRAME_BYTES

    def _take_frame(self) -> None:
        head = self._receive(9)
        kind, stream = head[3], int.from_bytes(head[5:], "big")
        payload = self._receive(int.from_bytes(head[:3], "big"))
        if kind == WINDOW_UPDATE:
            self._left[stream] += int.from_bytes(payload, "big")
        elif kind == SETTINGS and not head[4] & ACK:
            for number, value in struct.iter_unpack(">HI", payload):
                self._left[1] += value - 65535 if number == INITIAL_WINDOW else 0
            self._send(SETTINGS, ACK, 0, b"")
        elif kind in (RST_STREAM, GOAWAY, HEADERS):
            raise ConnectionError(f"the server has ended it: frame {kind}, {payload!r}")


@pytest.mark.parametrize("method", ["Check", "Watch"])
def test_a_stranger_with_a_large_message(flooded: LongbowServer, method: str) -> None:
    before = memory_bytes(flooded.pid)
    pumps = [Pump(flooded.uri, HEALTH + method, 128 * MIB) for _ in range(3)]
    for pump in pumps:
        with pytest.raises(OSError):
            pump.run()
    assert memory_bytes(flooded.pid) - before < 64 * MIB
    assert all(pump.sent < 32 * MIB for pump in pumps)
    for pump in pumps:
        pump.close()
    serve_others(flooded, 3)


def test_large_messages_that_do_not_end(make_server: MakeServer) -> None:
    """Of clients that were let in: gRPC's memory for all of them is bounded."""
    server = make_server({"server": {"grpc_memory_bytes": 64 * MIB}, "http": {"port": 0}})
    before = memory_bytes(server.pid)
    pumps = [Pump(server.uri, FLIGHT + "DoPut", 128 * MIB) for _ in range(3)]
    threads = [threading.Thread(target=run_until_refused, args=[pump]) for pump in pumps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SEC)
    assert not any(thread.is_alive() for thread in threads)
    assert memory_bytes(server.pid) - before < 160 * MIB
    assert max(pump.sent for pump in pumps) > 8 * MIB, "a large message is none too soon"
    for pump in pumps:
        pump.close()
    serve_others(server, 3)


def run_until_refused(pump: Pump) -> None:
    """To the end of its call."""
    with suppress(OSError):
        pump.run()


def test_open_calls_of_the_health_service(flooded: LongbowServer) -> None:
    raw = RawClient(flooded.uri)
    for _ in range(1000):
        raw.begin(HEALTH + "Watch", b"")
    answered = 0
    while answered < 1000:
        head = raw._receive(9)
        raw._receive(int.from_bytes(head[:3], "big"))
        answered += head[3] == DATA
    reply = raw.call(HEALTH + "Watch", b"")
    assert reply.error["code"] == Code.BACKPRESSURE
    raw.close()
    serve_others(flooded, 3)

    def answers() -> bool:
        again = RawClient(flooded.uri)
        status = again.call(HEALTH + "Check", b"").status
        again.close()
        return status == 0

    eventually("there is room again", answers)


# Too slow.


class SlowClients:
    """Many connections, on each of which one byte is sent each second, by one thread."""

    def __init__(self, address: tuple[str, int], count: int, content: bytes) -> None:
        self._address = address
        self._content = content
        self._sockets = [socket.create_connection(address, PATIENCE_SEC) for _ in range(count)]
        self._stop = threading.Event()
        self._sent = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def rounds(self) -> int:
        """How many bytes each has sent."""
        return self._sent

    def closed(self) -> int:
        """How many of them the server has closed."""
        count = 0
        for each in self._sockets:
            each.setblocking(False)
            try:
                count += not each.recv(4096)
            except BlockingIOError:
                pass
            except OSError:
                count += 1
        return count

    def close(self) -> None:
        """Ends the thread and closes what is open."""
        self._stop.set()
        self._thread.join(PATIENCE_SEC)
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        while not self._stop.is_set() and self._sent < len(self._content):
            byte = self._content[self._sent : self._sent + 1]
            for each in self._sockets:
                with suppress(OSError):
                    each.send(byte)
            self._sent += 1
            self._stop.wait(1)


@contextmanager
def slow_clients(address: tuple[str, int], content: bytes) -> Iterator[SlowClients]:
    """Two hundred of them, which are at work."""
    clients = SlowClients(address, SLOW_CLIENTS, content)
    try:
        eventually("each has sent a byte", lambda: clients.rounds > 0)
        yield clients
    finally:
        clients.close()


def test_slow_flight_clients(flooded: LongbowServer) -> None:
    files = open_files(flooded.pid)
    with slow_clients(address_of(flooded.uri), PREFACE[:-1]):
        eventually("all are there", lambda: open_files(flooded.pid) >= files + SLOW_CLIENTS - SLACK)
        serve_others(flooded)
    eventually("they are forgotten", lambda: open_files(flooded.pid) <= files + SLACK)


def test_clients_that_stop_behind_the_preface(flooded: LongbowServer) -> None:
    """A slow frame of settings: a byte of its header each second."""
    files = open_files(flooded.pid)
    sockets = []
    for _ in range(SLOW_CLIENTS):
        sockets.append(socket.create_connection(address_of(flooded.uri), PATIENCE_SEC))
        sockets[-1].sendall(PREFACE + b"\x00\x00\x06\x04")
    serve_others(flooded)
    for each in sockets:
        each.close()
    eventually("they are forgotten", lambda: open_files(flooded.pid) <= files + SLACK)


@pytest.mark.parametrize(
    "content",
    [b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 60, b"\r\n" * 60],
    ids=["headers", "nothing"],
)
def test_slow_http_clients(flooded: LongbowServer, content: bytes) -> None:
    with slow_clients(address_of(flooded.http), content) as clients:
        serve_others(flooded)
        # A byte a second keeps no connection: a request has to be there within its time.
        eventually("the server has closed them", lambda: clients.closed() == SLOW_CLIENTS)
    serve_others(flooded, 1)


# Nothing at all.


def idle_count(server: LongbowServer) -> int:
    """How many connections the limits of both processes allow; raises this one's limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    match = re.search(r"Max open files\s+(\d+|unlimited)", limits)
    assert match is not None
    of_server = IDLE_CLIENTS * 2 if match[1] == "unlimited" else int(match[1])
    ours = IDLE_CLIENTS * 2 if hard == resource.RLIM_INFINITY else hard
    count = min(IDLE_CLIENTS, of_server - OTHER_FILES, ours - OTHER_FILES)
    if count < IDLE_CLIENTS:
        print(f"the limits of open files allow {count} connections only")
    return count


def connect_many(
    server: LongbowServer, count: int, *, greet: bool, most: int = IDLE_CLIENTS
) -> list[socket.socket]:
    """Connections from many addresses of this machine, since one has not enough ports."""
    address = address_of(server.uri)
    files = open_files(server.pid)
    # Their settings, and nothing more.
    greeting = PREFACE + struct.pack(">I", 0)[1:] + bytes([4, 0]) + struct.pack(">I", 0)
    made: list[socket.socket] = []
    for number in range(count):
        each = socket.socket()
        made.append(each)
        each.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        each.bind((f"127.0.0.{2 + number // CLIENTS_PER_ADDRESS}", 0))
        each.settimeout(PATIENCE_SEC)
        each.connect(address)
        if greet:
            each.sendall(greeting)
        if number % AT_A_TIME == AT_A_TIME - 1:
            # What does not fit into the queue of the system is not of the server's making.
            least = min(number + 1, most) - AT_A_TIME
            eventually("the server takes them", lambda n=least: open_files(server.pid) >= files + n)  # type: ignore[misc]
    return made


@pytest.mark.parametrize("greet", [False, True], ids=["silent", "greeted"])
def test_ten_thousand_idle_connections(
    flooded: LongbowServer, greet: bool, record_property: Callable[[str, object], None]
) -> None:
    count = idle_count(flooded) // (2 if greet else 1)
    serve_others(flooded, 3)
    files, memory = open_files(flooded.pid), memory_bytes(flooded.pid)
    connections: list[socket.socket] = []
    try:
        connections = connect_many(flooded, count, greet=greet)
        eventually("all are there", lambda: open_files(flooded.pid) >= files + count - SLACK)
        most = memory_bytes(flooded.pid) - memory
        serve_others(flooded)
    finally:
        for each in connections:
            each.close()
    record_property("connections", count)
    record_property("bytes_per_connection", most // count)
    assert most < count * 128 * KIB
    eventually("their descriptors are closed", lambda: open_files(flooded.pid) <= files + SLACK)
    allowed = max(32 * MIB, most // 4)
    eventually(
        "their memory is given back", lambda: memory_bytes(flooded.pid) - memory < allowed, 30
    )
    serve_others(flooded, 3)


def test_more_connections_than_allowed(make_server: MakeServer) -> None:
    server = make_server({"server": {"max_connections": 50}})
    connections = connect_many(server, 200, greet=False, most=50)

    def closed() -> int:
        count = 0
        for each in connections:
            each.setblocking(False)
            try:
                count += not each.recv(1)
            except BlockingIOError:
                pass
            except OSError:
                count += 1
        return count

    eventually("those beyond the limit are closed", lambda: closed() >= 150)
    for each in connections:
        each.close()

    def serves() -> bool:
        client = Client(server.uri)
        try:
            return rows(client.run(sql("SELECT 42 AS x"))) == [(42,)]
        except fl.FlightUnavailableError:
            return False
        finally:
            client.close()

    eventually("there is room again", serves)
