"""Collectors of traces for the tests: take OTLP over HTTP or gRPC, and read it with OpenTelemetry's own
message types."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # type: ignore[import-untyped]
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.e2e.raw_grpc import (
    ACK,
    BIG_WINDOW,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    SETTINGS,
    WINDOW_UPDATE,
    _literal,
)
from tests.e2e.server import PATIENCE_SEC

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Span:
    """What the tests look at of a span."""

    def __init__(self, span: Any, service: str) -> None:
        self.name: str = span.name
        self.trace: str = span.trace_id.hex()
        self.id: str = span.span_id.hex()
        self.parent: str = span.parent_span_id.hex()
        self.kind: int = span.kind
        self.service = service
        self.failed: bool = span.status.code == 2
        self.start_ns: int = span.start_time_unix_nano
        self.end_ns: int = span.end_time_unix_nano
        self.attributes = {each.key: _value(each.value) for each in span.attributes}


def _value(value: Any) -> object:
    field = value.WhichOneof("value")
    return getattr(value, field) if field else None


class SpanReceiver:
    """What has arrived, whatever way it came."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._bodies: list[bytes] = []
        self.headers = ""  # of all requests, as they came
        self._changed = threading.Condition()

    def take(self, body: bytes) -> None:
        """One request's spans."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._changed:
            self._bodies.append(body)
            for resource in request.resource_spans:
                names = {a.key: _value(a.value) for a in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self._spans += [Span(s, str(names.get("service.name"))) for s in scope.spans]
            self._changed.notify_all()

    def wait_for(self, trace: str, names: Iterable[str]) -> list[Span]:
        """The spans of a trace, once those of all the names are there, as often as they are named."""
        wanted = Counter(names)

        def of_trace() -> list[Span]:
            return [span for span in self._spans if span.trace == trace]

        def missing() -> Counter[str]:
            return wanted - Counter(span.name for span in of_trace())

        with self._changed:
            self._changed.wait_for(lambda: not missing(), PATIENCE_SEC)
            assert not missing(), f"no {missing()}; there are {[s.name for s in self._spans]}"
            return of_trace()

    @property
    def spans(self) -> list[Span]:
        """All so far."""
        with self._changed:
            return list(self._spans)

    @property
    def bodies(self) -> bytes:
        """The bytes of all requests so far."""
        with self._changed:
            return b"".join(self._bodies)


class OtlpReceiver(SpanReceiver):
    """OTLP over HTTP. Listens on a free port from `with` on."""

    def __init__(self) -> None:
        super().__init__()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.headers += str(self.headers)
                receiver.take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def endpoint(self) -> str:
        """For `[trace] endpoint`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> OtlpReceiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Listener:
    """Hands over every connection. Listens on a free port from `with` on."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def accepted(self, connection: socket.socket) -> None:
        """Called for one connection after the other, on one thread: must not wait for them."""
        raise NotImplementedError

    @property
    def endpoint(self) -> str:
        """For `[trace] endpoint`."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Only this wakes a thread that accepts.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(PATIENCE_SEC)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.accepted(self._socket.accept()[0])


class SilentCollector(Listener):
    """Takes connections, reads nothing from them, and says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._taken: list[socket.socket] = []

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._taken)

    def accepted(self, connection: socket.socket) -> None:
        """Keeps it open."""
        self._taken.append(connection)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for each in self._taken:
            each.close()


INITIAL_WINDOW = 4  # of HTTP/2's settings


class GrpcOtlpReceiver(SpanReceiver, Listener):
    """OTLP over gRPC: as much of a server of it as the one call needs."""

    METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

    def __init__(self) -> None:
        SpanReceiver.__init__(self)
        Listener.__init__(self)

    def accepted(self, connection: socket.socket) -> None:
        """Serves it on a thread of its own."""
        threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # The client closes its connection when it has sent its last spans.
        with connection, connection.makefile("rb") as stream:
            stream.read(len(PREFACE))
            # Room for all that comes, in each stream and in all of them.
            _send_frame(connection, SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW, BIG_WINDOW))
            _send_frame(connection, WINDOW_UPDATE, 0, 0, struct.pack(">I", BIG_WINDOW))
            bodies: dict[int, bytes] = {}
            while head := stream.read(9):
                kind, flags = head[3], head[4]
                on = int.from_bytes(head[5:], "big")
                payload = stream.read(int.from_bytes(head[:3], "big"))
                if kind in (SETTINGS, PING) and not flags & ACK:
                    _send_frame(connection, kind, ACK, 0, payload if kind == PING else b"")
                elif kind == HEADERS:
                    self.headers += payload.decode("latin-1")
                    bodies[on] = b""
                elif kind == DATA:
                    bodies[on] += payload
                    if flags & END_STREAM:
                        self._end(connection, on, bodies.pop(on))

    def _end(self, connection: socket.socket, on: int, body: bytes) -> None:
        compressed, size = struct.unpack(">BI", body[:5])
        assert (compressed, size) == (0, len(body) - 5)
        self.take(body[5:])
        # `:status: 200` of HTTP/2's own table, and two literals.
        begin = b"\x88" + _literal(b"content-type", b"application/grpc")
        answer = ExportTraceServiceResponse().SerializeToString()
        _send_frame(connection, HEADERS, END_HEADERS, on, begin)
        _send_frame(connection, DATA, 0, on, struct.pack(">BI", 0, len(answer)) + answer)
        ends = _literal(b"grpc-status", b"0")
        _send_frame(connection, HEADERS, END_HEADERS | END_STREAM, on, ends)


def _send_frame(connection: socket.socket, kind: int, flags: int, on: int, payload: bytes) -> None:
    head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
    connection.sendall(head + struct.pack(">I", on) + payload)
