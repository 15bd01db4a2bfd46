"""Loads of clients that mean harm, and what they must not change."""

from __future__ import annotations

import http.client
import re
import statistics
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.client import Client, rows, sql
from tests.e2e.raw_grpc import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    RawClient,
)
from tests.e2e.server import PATIENCE_SEC, LongbowServer

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
FRAME_BYTES = 16384
INITIAL_WINDOW = 4  # of HTTP/2's settings
HEALTH = "/grpc.health.v1.Health/"
IDLE_CLIENTS = 10_000
# Of the others' calls; generous, and of the one in the middle: the machine may have other things to do.
MAX_MEDIAN_SEC = 1.0


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


def peak_bytes(pid: int) -> int:
    """The most that it has had since `restart_peak`."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * KIB


def restart_peak(pid: int) -> int:
    """What the process has in memory, from where its peak is counted anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    return memory_bytes(pid)


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


class Pump(RawClient):
    """Sends a message of a GiB, or what it is given, as far as the server lets it."""

    def __init__(
        self,
        uri: str,
        path: str,
        limit: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(uri)
        self.begin(path, headers=headers, end=False)
        # What comes first is gRPC's: whether it is compressed, and its size.
        head = struct.pack(">BI", content is not None, GIB if content is None else len(content))
        self._send(DATA, 0, 1, head)
        self._left = {0: 65535 - 5, 1: 65535 - 5}  # windows of the connection and the stream
        self._content = content
        self.sent = 0
        self._limit = limit if content is None else len(content)

    def run(self) -> None:
        """Until it is enough; an OSError once the server gives the connection up."""
        while self.sent < self._limit:
            part = b"x" * FRAME_BYTES
            if self._content is not None:
                part = self._content[self.sent : self.sent + FRAME_BYTES]
            while min(self._left.values()) < len(part):
                self._take_frame()
            ends = self._content is not None and self.sent + len(part) == self._limit
            self._send(DATA, END_STREAM if ends else 0, 1, part)
            self.sent += len(part)
            for stream in self._left:
                self._left[stream] -= len(part)

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
