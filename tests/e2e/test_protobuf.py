"""The other encoding: generated messages where the other tests send JSON, and answers in kind."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, connector, descriptor_of, rows, sql, table_of
from tests.e2e.errors import Code, expect_error
from tests.e2e.polling import ENDLESS

PROTOS = ["actions", "command", "error", "flight_info", "ticket"]


@pytest.fixture(scope="module")
def v1(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All messages of the package longbow.v1, generated from the project's .proto files."""
    protoc = shutil.which("protoc")
    assert protoc is not None
    source = Path(__file__).resolve().parents[2] / "proto"
    out = tmp_path_factory.mktemp("generated")
    files = [f"longbow/v1/{name}.proto" for name in PROTOS]
    subprocess.run([protoc, f"-I{source}", f"--python_out={out}", *files], check=True)
    sys.path.insert(0, str(out))
    try:
        modules: list[ModuleType] = [
            importlib.import_module(f"longbow.v1.{name}_pb2") for name in PROTOS
        ]
    finally:
        sys.path.remove(str(out))
    names: dict[str, Any] = {}
    for module in modules:
        names.update({k: v for k, v in vars(module).items() if not k.startswith("_")})
    return SimpleNamespace(**names)


def sql_message(v1: Any, query: str, **inputs: Any) -> Any:
    """A command of the service sql."""
    message = v1.Command(service="sql")
    message.payload.fields.update({"query": query})
    for name, source in inputs.items():
        if isinstance(source, list):
            message.payload.inputs[name].path.extend(source)
        else:
            message.payload.inputs[name].command.CopyFrom(source)
    return message


def parsed(kind: Any, data: bytes) -> Any:
    """Bytes as a message without anything that it does not know."""
    message = kind.FromString(data)
    assert message.SerializeToString(deterministic=True), "it is not empty"
    return message


def test_a_command_and_its_answers(client: Client, path: list[str], v1: Any) -> None:
    client.stored(path, table_of(x=[1, 2, 3]))
    inner = v1.Command(service="connector")
    inner.payload.fields.update({"source": "fx", "columns": ["currency"]})
    message = sql_message(v1, "SELECT sum(x) AS s, max(currency) AS c FROM t, fx", t=path, fx=inner)
    info = client.info(message.SerializeToString())
    metadata = parsed(v1.FlightInfoMetadata, info.app_metadata)
    assert metadata.node == "e2e"
    assert metadata.task
    ticket = parsed(v1.Ticket, info.endpoints[0].ticket.ticket)
    assert ticket.task == metadata.task
    assert rows(client.get(info)) == [(12, "USD")]


def test_sink_and_metadata(client: Client, path: list[str], v1: Any) -> None:
    message = sql_message(v1, "SELECT 1 AS amount")
    message.payload.sink.path.extend(path)
    message.payload.sink.if_exists = v1.IfExists.REUSE
    message.payload.sink.ttl_sec = 900
    message.payload.result_metadata.fields["amount"].update({"unit": "EUR"})
    for is_first in (True, False):
        info = client.info(message.SerializeToString())
        metadata = parsed(v1.FlightInfoMetadata, info.app_metadata)
        assert list(metadata.path) == path
        assert metadata.HasField("reused") is not is_first
        ticket = parsed(v1.Ticket, info.endpoints[0].ticket.ticket)
        assert list(ticket.path) == path
        assert ticket.revision == metadata.revision
    assert info.schema.field("amount").metadata[b"unit"] == b"EUR"


def test_both_encodings_have_one_cache(client: Client, v1: Any) -> None:
    query = "SELECT 'both encodings' AS s"
    message = sql_message(v1, query)
    message.payload.sink.cache = True
    first = parsed(v1.FlightInfoMetadata, client.info(message.SerializeToString()).app_metadata)
    info = client.info(sql(query, sink={"cache": True}))
    assert f'"revision":{first.revision}' in info.app_metadata.decode().replace(" ", "")
    assert b"reused" in info.app_metadata


def test_exact_numbers(client: Client, v1: Any) -> None:
    message = v1.Command(service="sql")
    message.payload.fields_json = (
        '{"query": "SELECT ? AS a, typeof(?) AS b", "parameters": [9007199254740993, 5.0]}'
    )
    assert rows(client.run(message.SerializeToString())) == [(9007199254740993, "DOUBLE")]


def test_polling(client: Client, path: list[str], v1: Any) -> None:
    message = sql_message(v1, ENDLESS)
    message.payload.sink.path.extend(path)
    with expect_error(Code.POLL) as error:
        client.info(message.SerializeToString(), {"x-longbow-wait-ms": "0"})
    body = parsed(v1.PollBody, error.body)
    known = fl.FlightInfo.deserialize(body.flight_info)
    task = parsed(v1.FlightInfoMetadata, known.app_metadata).task
    cancel = fl.FlightDescriptor.deserialize(body.cancel_descriptor)
    assert parsed(v1.Command, cancel.command).cancel.task == task
    retry = fl.FlightDescriptor.deserialize(body.retry_descriptor)
    with expect_error(Code.POLL):
        client.info(retry, {"x-longbow-wait-ms": "0"})
    with expect_error(Code.COMMAND_CANCELLED):
        client.info(cancel)


def test_tickets(client: Client, path: list[str], v1: Any) -> None:
    revision = client.stored(path, table_of(x=[1]))["revision"]
    ticket = v1.Ticket(path=path)
    assert rows(client.get(ticket.SerializeToString())) == [(1,)]
    ticket.revision = revision
    assert rows(client.get(ticket.SerializeToString())) == [(1,)]
    ticket.revision = revision + 1
    with expect_error(Code.INVALID_TICKET):
        client.get(ticket.SerializeToString())
    for wrong in (v1.Ticket(), v1.Ticket(path=path, task="x"), v1.Ticket(task="nothing")):
        with expect_error(Code.INVALID_TICKET):
            client.get(wrong.SerializeToString())


def test_put_options_and_receipts(client: Client, path: list[str], v1: Any) -> None:
    client.stored(path, table_of(x=[1]))
    table = table_of(x=[2])
    options = v1.PutOptions(if_exists=v1.IfExists.REPLACE)
    options.metadata.schema.update({"owner": "finance"})
    writer, reader = client.flight.do_put(descriptor_of(path), table.schema, client.options())
    writer.write_metadata(pa.py_buffer(options.SerializeToString()))
    writer.write_table(table)
    writer.done_writing()
    receipts = []
    while (receipt := reader.read()) is not None:
        receipts.append(parsed(v1.PutReceipt, receipt.to_pybytes()))
    writer.close()
    assert [receipt.state for receipt in receipts] == ["ACCEPTED", "RECEIVED", "STORED"]
    assert list(receipts[-1].path) == path
    assert receipts[-1].rows == 1
    assert client.schema(path).metadata[b"owner"] == b"finance"


def test_criteria(client: Client, path: list[str], v1: Any) -> None:
    client.stored(path, table_of(x=[1]))
    criteria = v1.ListCriteria(prefix=path).SerializeToString()
    (info,) = client.flight.list_flights(criteria, client.options())
    assert list(parsed(v1.FlightInfoMetadata, info.app_metadata).path) == path


def test_actions(client: Client, path: list[str], v1: Any) -> None:
    client.stored(path, table_of(x=[1]))

    def ask(name: str, request: Any, answer: Any) -> Any:
        (data,) = client.action_bytes(name, request.SerializeToString())
        return parsed(answer, data)

    describe = v1.DescribeFlightRequest(path=path)
    described = ask("DescribeFlight", describe, v1.StoredFlight)
    assert described.rows == 1
    assert described.columns[0].name == "x"
    assert pa.ipc.read_schema(pa.py_buffer(described.schema)).names == ["x"]

    message = sql_message(v1, "SELECT 1")
    locations = ask("GetLocations", v1.GetLocationsRequest(command=message), v1.LocationsAnswer)
    assert locations.locations[0].node == "e2e"

    client.run(connector("fx"))
    tasks = ask("ListTasks", v1.ListTasksRequest(service="connector"), v1.ListTasksAnswer)
    assert {task.service for task in tasks.tasks} == {"connector"}

    delete = v1.DeleteFlightsRequest()
    delete.paths.add().extend(path)
    deleted = ask("DeleteFlights", delete, v1.DeleteFlightsAnswer)
    assert deleted.deleted == 1
    assert deleted.revision > 0


def test_an_unknown_field_is_somebody_elses_message(client: Client, v1: Any) -> None:
    data = sql_message(v1, "SELECT 1").SerializeToString() + b"\xa0\x06\x01"
    with expect_error(Code.UNSUPPORTED_SERVICE):
        client.info(data)


def test_a_wrong_field_is_named(client: Client, v1: Any) -> None:
    message = v1.Command(service="sql")
    message.payload.fields.update({"quer": "SELECT 1"})
    with expect_error(Code.BAD_ARGUMENT, message="payload.quer"):
        client.info(message.SerializeToString())
