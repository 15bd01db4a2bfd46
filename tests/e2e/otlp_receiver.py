"""A collector of traces for the tests: takes OTLP over HTTP, and reads it with OpenTelemetry's own
message types."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # type: ignore[import-untyped]
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.e2e.server import PATIENCE_SEC


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


class OtlpReceiver:
    """Listens on a free port from `with` on."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
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

    def take(self, body: bytes) -> None:
        """One request's spans."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._changed:
            for resource in request.resource_spans:
                names = {a.key: _value(a.value) for a in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self._spans += [Span(s, str(names.get("service.name"))) for s in scope.spans]
            self._changed.notify_all()

    def wait_for(self, trace: str, names: set[str]) -> list[Span]:
        """The spans of a trace, once those of all the names are there."""

        def of_trace() -> list[Span]:
            return [span for span in self._spans if span.trace == trace]

        with self._changed:
            self._changed.wait_for(
                lambda: names <= {span.name for span in of_trace()}, PATIENCE_SEC
            )
            spans = of_trace()
        missing = names - {span.name for span in spans}
        assert not missing, f"no span {missing}; there are {[s.name for s in self._spans]}"
        return spans

    @property
    def spans(self) -> list[Span]:
        """All so far."""
        with self._changed:
            return list(self._spans)
