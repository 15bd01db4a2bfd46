"""Clients that send too slowly, or nothing at all, in hundreds and thousands: the others are
served as ever, and nothing of it stays.

The loads are bounded, and done by one thread, so that a small machine has something left for the server.
"""

from __future__ import annotations

import re
import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, eventually, rows, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.flooding import (
    IDLE_CLIENTS,
    KIB,
    MIB,
    address_of,
    memory_bytes,
    open_files,
    serve_others,
)
from tests.e2e.server import PATIENCE_SEC, LongbowServer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

SLOW_CLIENTS = 200
# For pytest, and for the server beyond its connections.
OTHER_FILES = 500
CLIENTS_PER_ADDRESS = 1000
AT_A_TIME = 250
# Descriptors of others' connections, which come and go.
SLACK = 20


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
