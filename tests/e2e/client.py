"""What a person with nothing but pyarrow and the protocol's page would write to talk to a node."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl

from tests.e2e.errors import ERRORS, Code, WireError, expect_error
from tests.e2e.server import PATIENCE_SEC

Json = dict[str, Any]
Path = Sequence[str]
Headers = Mapping[str, str]


class _HeaderRecorder(fl.ClientMiddlewareFactory):  # type: ignore[misc]
    """Keeps the headers and trailers of the last call that ended."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, str] = {}

    def start_call(self, info: object) -> fl.ClientMiddleware:
        self.last = {}
        return _HeaderReceiver(self.last)


class _HeaderReceiver(fl.ClientMiddleware):  # type: ignore[misc]
    def __init__(self, into: dict[str, str]) -> None:
        super().__init__()
        self._into = into

    def received_headers(self, headers: Mapping[str, Sequence[str | bytes]]) -> None:
        for name, values in headers.items():
            if isinstance(values[0], str):
                self._into[name] = values[0]


def command(service: str, payload: Json | None = None, **envelope: Any) -> Json:
    """A command's envelope."""
    return {"service": service, "payload": payload or {}, **envelope}


def sql(query: str, inputs: Json | None = None, **payload: Any) -> Json:
    """A command of the service sql."""
    return command("sql", {"query": query, "inputs": inputs or {}, **payload})


def connector(source: str, **payload: Any) -> Json:
    """A command of the service connector."""
    return command("connector", {"source": source, **payload})


def descriptor_of(what: Json | Path | bytes | fl.FlightDescriptor) -> fl.FlightDescriptor:
    """A command, a path, a command's bytes, or what is a descriptor already."""
    if isinstance(what, fl.FlightDescriptor):
        return what
    if isinstance(what, dict):
        return fl.FlightDescriptor.for_command(json.dumps(what))
    if isinstance(what, bytes):
        return fl.FlightDescriptor.for_command(what)
    return fl.FlightDescriptor.for_path(*what)


def metadata_of(info: fl.FlightInfo) -> Json:
    """The message in a FlightInfo's `app_metadata`."""
    parsed: Json = json.loads(info.app_metadata)
    return parsed


class Client:
    """A connection to one node. Every call has a deadline, so that no test can hang."""

    def __init__(self, uri: str) -> None:
        self._recorder = _HeaderRecorder()
        self.flight = fl.FlightClient(uri, middleware=[self._recorder])

    @property
    def headers(self) -> dict[str, str]:
        """What came back with the last call."""
        return self._recorder.last

    def close(self) -> None:
        """Closes the connection."""
        self.flight.close()

    def options(
        self, headers: Headers | None = None, timeout: float = PATIENCE_SEC
    ) -> fl.FlightCallOptions:
        """Options of a call."""
        fields = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        return fl.FlightCallOptions(timeout=timeout, headers=fields)

    def info(
        self,
        what: Json | Path | bytes | fl.FlightDescriptor,
        headers: Headers | None = None,
        timeout: float = PATIENCE_SEC,
    ) -> fl.FlightInfo:
        """GetFlightInfo."""
        return self.flight.get_flight_info(descriptor_of(what), self.options(headers, timeout))

    def schema(self, what: Json | Path | bytes, headers: Headers | None = None) -> pa.Schema:
        """GetSchema."""
        return self.flight.get_schema(descriptor_of(what), self.options(headers)).schema

    def get(
        self, ticket: fl.FlightInfo | fl.Ticket | Json | bytes, headers: Headers | None = None
    ) -> pa.Table:
        """DoGet of a ticket, of its JSON or bytes, or of the only endpoint of an info."""
        if isinstance(ticket, fl.FlightInfo):
            assert len(ticket.endpoints) == 1
            ticket = ticket.endpoints[0].ticket
        elif isinstance(ticket, dict):
            ticket = fl.Ticket(json.dumps(ticket))
        elif isinstance(ticket, bytes):
            ticket = fl.Ticket(ticket)
        return self.flight.do_get(ticket, self.options(headers)).read_all()

    def run(self, what: Json | bytes, headers: Headers | None = None) -> pa.Table:
        """A command's result."""
        return self.get(self.info(what, headers), headers)

    def put(
        self,
        path: Path,
        table: pa.Table,
        options: Json | bytes | None = None,
        headers: Headers | None = None,
    ) -> list[Json]:
        """DoPut of a path, with put options in the first message behind the schema."""
        writer, reader = self.flight.do_put(
            descriptor_of(path), table.schema, self.options(headers)
        )
        receipts = []
        failed: Exception | None = None
        try:
            if options is not None:
                raw = options if isinstance(options, bytes) else json.dumps(options).encode()
                writer.write_metadata(pa.py_buffer(raw))
            writer.write_table(table)
            writer.done_writing()
            while (receipt := reader.read()) is not None:
                receipts.append(json.loads(receipt.to_pybytes()))
        except (fl.FlightError, pa.ArrowException) as error:
            failed = error
        # The end of the call tells what went wrong; a write only tells that something did.
        writer.close()
        if failed is not None:
            raise failed
        return receipts

    def stored(self, path: Path, table: pa.Table, **options: Any) -> Json:
        """Puts, and returns the last receipt."""
        receipt = self.put(path, table, options or None)[-1]
        assert receipt["state"] == "STORED"
        return receipt

    def exchange(self, what: Json, table: pa.Table, headers: Headers | None = None) -> pa.Table:
        """DoExchange: sends a table, reads what comes back."""
        writer, reader = self.flight.do_exchange(descriptor_of(what), self.options(headers))
        with writer:
            writer.begin(table.schema)
            writer.write_table(table)
            writer.done_writing()
            return reader.read_all()

    def action_bytes(self, name: str, body: bytes, headers: Headers | None = None) -> list[bytes]:
        """DoAction."""
        results = self.flight.do_action(fl.Action(name, body), self.options(headers))
        return [result.body.to_pybytes() for result in results]

    def action(self, name: str, body: Json | None = None, headers: Headers | None = None) -> Json:
        """DoAction of a Longbow action in JSON."""
        raw = b"" if body is None else json.dumps(body).encode()
        (answer,) = self.action_bytes(name, raw, headers)
        parsed: Json = json.loads(answer)
        return parsed

    def list_flights(self, criteria: Json | None = None) -> list[fl.FlightInfo]:
        """ListFlights."""
        raw = b"" if criteria is None else json.dumps(criteria).encode()
        return list(self.flight.list_flights(raw, self.options()))

    def paths(self, *prefix: str) -> list[list[str]]:
        """Paths of the stored flights below a prefix."""
        return [
            [part.decode() for part in info.descriptor.path]
            for info in self.list_flights({"prefix": list(prefix)})
        ]

    def tasks(self, **request: Any) -> list[Json]:
        """ListTasks."""
        tasks: list[Json] = self.action("ListTasks", request).get("tasks", [])
        return tasks

    def task(self, task_id: str) -> Json | None:
        """What ListTasks says of one task."""
        return next((task for task in self.tasks() if task["task"] == task_id), None)


def refused(
    client: Client,
    what: Json | Path | bytes,
    *codes: Code,
    message: str = "",
    detail: str = "",
) -> WireError:
    """GetFlightInfo and GetSchema must refuse it with the same error."""
    with expect_error(*codes, message=message, detail=detail) as seen:
        client.info(what)
    told = ""
    try:
        client.schema(what)
    except ERRORS as error:
        told = str(error)
    # Arrow puts the kind of error before it, and Python escapes the quotes in a KeyError.
    assert seen.message[:100].strip("'\"").split("'")[0] in told, (told, seen.message)
    return seen


def eventually(what: str, check: Callable[[], Any], patience: float = PATIENCE_SEC) -> Any:
    """Asks until the answer is true, and returns it. For what another process does in its own time."""
    deadline = time.monotonic() + patience
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"it never came true that {what}"
        time.sleep(0.02)


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table in a fixed order."""
    columns = [column.to_pylist() for column in table.columns]
    return sorted(zip(*columns, strict=True), key=repr)


def table_of(**columns: Iterable[Any]) -> pa.Table:
    """A table of Python values."""
    return pa.table({name: list(values) for name, values in columns.items()})
