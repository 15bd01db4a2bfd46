"""A gRPC client of a hundred lines, for calls that pyarrow cannot make: PollFlightInfo, and bytes that
are no messages at all. One connection, one call at a time.

It asks for an empty header table, so that the server's headers come as plain literals.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.e2e.server import PATIENCE_SEC

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    0,
    1,
    3,
    4,
    6,
    7,
    8,
    9,
)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
BIG_WINDOW = 1 << 30

FLIGHT = "/arrow.flight.protocol.FlightService/"
METHODS = [
    "Handshake",
    "ListFlights",
    "GetFlightInfo",
    "PollFlightInfo",
    "GetSchema",
    "DoGet",
    "DoPut",
    "DoExchange",
    "DoAction",
    "ListActions",
]


@dataclass
class Reply:
    """How a call ended."""

    messages: list[bytes] = field(default_factory=list)
    headers: dict[str, bytes] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """gRPC's status; -1 where the stream was cut off."""
        return int(self.headers.get("grpc-status", b"-1"))

    @property
    def message(self) -> str:
        """gRPC's message."""
        return unquote(self.headers.get("grpc-message", b"").decode())

    @property
    def error(self) -> dict[str, Any]:
        """The error JSON."""
        parsed: dict[str, Any] = json.loads(self.headers["grpc-status-details-bin"][1:])
        return parsed


def _integer(value: int, bits: int, flags: int) -> bytes:
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([flags | value])
    out = bytearray([flags | limit])
    value -= limit
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + _integer(len(name), 7, 0) + name + _integer(len(value), 7, 0) + value


class _HeaderReader:
    """Reads a header block. Indexed fields are of HTTP/2's own table, and nothing here needs them."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._at = 0

    def read(self) -> dict[str, bytes]:
        """The literal fields."""
        fields = {}
        while self._at < len(self._block):
            first = self._block[self._at]
            if first & 0x80:
                self._integer(7)
            elif first & 0xE0 == 0x20:  # the table's size
                self._integer(5)
            else:
                index = self._integer(6 if first & 0x40 else 4)
                name = self._text() if index == 0 else str(index).encode()
                fields[name.decode()] = self._text()
        return fields

    def _integer(self, bits: int) -> int:
        limit = (1 << bits) - 1
        value = self._block[self._at] & limit
        self._at += 1
        if value < limit:
            return value
        shift = 0
        while True:
            byte = self._block[self._at]
            self._at += 1
            value += (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def _text(self) -> bytes:
        huffman = self._block[self._at] & 0x80
        size = self._integer(7)
        text = self._block[self._at : self._at + size]
        self._at += size
        return b"" if huffman else text


def _connect(uri: str) -> tuple[socket.socket, str]:
    """A connection, and the name of whom it is with."""
    if match := re.fullmatch(r"grpc\+unix://(/.*)", uri):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_SEC)
        connection.connect(match[1])
        return connection, "localhost"
    match = re.fullmatch(r"grpc(?:\+tcp|\+tls)?://([^:]+):(\d+)", uri)
    assert match is not None, uri
    host, port = match[1], int(match[2])
    return socket.create_connection((host, port), PATIENCE_SEC), f"{host}:{port}"


class RawClient:
    """A connection to `grpc://host:port` or `grpc+unix:///path`; with TLS only where there is a context
    for it, whatever the URI says."""

    def __init__(self, uri: str, context: ssl.SSLContext | None = None) -> None:
        self._socket, self._authority = _connect(uri)
        if context is not None:
            self._socket = context.wrap_socket(self._socket, server_hostname="localhost")
        self._stream = -1
        # An empty header table; a window for all that comes; gRPC's leave to send "-bin" fields as
        # they are, behind a zero, instead of in Base64 and Huffman's code.
        settings = struct.pack(">HIHIHI", 1, 0, 4, BIG_WINDOW, 0xFE03, 1)
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self._send(SETTINGS, 0, 0, settings)
        self._send(WINDOW_UPDATE, 0, 0, struct.pack(">I", BIG_WINDOW))

    def close(self) -> None:
        """Closes the connection, whatever is under way."""
        self._socket.close()

    def call(self, path: str, *messages: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Sends the messages, says that there are no more, and reads to the call's end."""
        self.begin(path, *messages, headers=headers)
        return self.reply()

    def begin(
        self,
        path: str,
        *messages: bytes,
        headers: Mapping[str, str] | None = None,
        end: bool = True,
    ) -> None:
        """Sends the messages of a new call, and reads nothing. `end`: there are no more."""
        self._stream += 2
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": self._authority,
            "te": "trailers",
            "content-type": "application/grpc",
            **(headers or {}),
        }
        block = b"".join(_literal(n.encode(), v.encode()) for n, v in fields.items())
        self._send(HEADERS, END_HEADERS, self._stream, block)
        body = b"".join(struct.pack(">BI", 0, len(each)) + each for each in messages)
        assert len(body) < 16384, "one frame is enough here"
        self._send(DATA, END_STREAM if end else 0, self._stream, body)

    def await_bytes(self, size: int) -> None:
        """Reads so many bytes of whatever the server sends."""
        self._receive(size)

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        header = struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
        self._socket.sendall(header + struct.pack(">I", stream) + payload)

    def _receive(self, size: int) -> bytes:
        out = b""
        while len(out) < size:
            part = self._socket.recv(size - len(out))
            if not part:
                raise ConnectionError("the server closed the connection")
            out += part
        return out

    def reply(self) -> Reply:
        """Reads to the end of the call that was begun last."""
        reply = Reply()
        body = block = b""
        while True:
            head = self._receive(9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big")
            payload = self._receive(size)
            if kind == GOAWAY:
                raise ConnectionError(f"the server gave the connection up: {payload[8:]!r}")
            if kind in (SETTINGS, PING) and not flags & ACK:
                self._send(kind, ACK, 0, payload if kind == PING else b"")
            if stream != self._stream:
                continue
            if kind == DATA:
                body += payload
            elif kind in (HEADERS, CONTINUATION):
                block += payload
                if flags & END_HEADERS:
                    reply.headers.update(_HeaderReader(block).read())
                    block = b""
            if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
                reply.messages = list(_messages(body))
                return reply


def _messages(body: bytes) -> list[bytes]:
    found = []
    while len(body) >= 5:
        size = struct.unpack(">I", body[1:5])[0]
        found.append(body[5 : 5 + size])
        body = body[5 + size :]
    return found
