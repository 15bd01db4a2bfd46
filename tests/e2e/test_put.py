"""Puts: their options, that they are all or nothing, and the limit of the storage."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import (
    Client,
    Json,
    descriptor_of,
    eventually,
    metadata_of,
    rows,
    sql,
    table_of,
)
from tests.e2e.conftest import MakeServer
from tests.e2e.data_files import points, sales
from tests.e2e.errors import Code, expect_error
from tests.e2e.server import PATIENCE_SEC, LongbowServer

MIB = 1 << 20


def block(mib: float) -> pa.Table:
    """A table of so many MiB."""
    return pa.table({"x": pa.array(range(int(mib * MIB) // 8), pa.int64())})


# Options.


def test_if_exists(client: Client, path: list[str]) -> None:
    first = client.stored(path, table_of(x=[1]))
    for options in (None, {}, {"ifExists": "ERROR"}):
        with expect_error(Code.ALREADY_EXISTS, message="/".join(path), detail="REPLACE"):
            client.put(path, table_of(x=[2]), options)

    (receipt,) = client.put(path, table_of(x=[2]), {"ifExists": "REUSE"})
    assert receipt["reused"] is True
    assert receipt["revision"] == first["revision"]
    assert rows(client.get({"path": path})) == [(1,)]

    replaced = client.stored(path, table_of(y=["a", "b"]), ifExists="REPLACE")
    assert replaced["reused"] is False
    assert replaced["revision"] > first["revision"]
    assert client.get({"path": path}).to_pydict() == {"y": ["a", "b"]}


def test_a_put_that_is_answered_early_tells_its_client(client: Client, path: list[str]) -> None:
    batch = pa.record_batch({"x": pa.array(range(4000), pa.int64())})
    table = pa.Table.from_batches([batch] * 100)
    client.stored(path, table)
    for _ in range(20):  # each of them could lose its answer
        assert client.stored(path, table, ifExists="REUSE")["reused"] is True


def test_options_come_with_the_first_batch_as_well(client: Client, path: list[str]) -> None:
    client.stored(path, table_of(x=[1]))
    batch = pa.record_batch({"x": [2]})
    writer, reader = client.flight.do_put(descriptor_of(path), batch.schema, client.options())
    writer.write_with_metadata(batch, b'{"ifExists": "REPLACE"}')
    writer.done_writing()
    while reader.read() is not None:
        pass
    writer.close()
    assert rows(client.get({"path": path})) == [(2,)]


def test_what_is_known_of_a_path_is_what_is_there(client: Client, path: list[str]) -> None:
    """The same question again and again, while the flight behind it changes."""
    for round_ in range(3):
        stored = client.stored(path, table_of(x=list(range(round_ + 1))), ifExists="REPLACE")
        for _ in range(2):
            info = client.info(path)
            assert info.total_records == round_ + 1
            assert metadata_of(info)["revision"] == stored["revision"]
    client.action("DeleteFlights", {"paths": [path]})
    for _ in range(2):
        with expect_error(Code.NOT_FOUND):
            client.info(path)
    client.stored(path, table_of(y=["other"]))
    assert client.info(path).schema.names == ["y"]


def test_time_to_live(client: Client, path: list[str]) -> None:
    client.stored(path, table_of(x=[1]), ttlSec=1)
    eventually("the flight expires", lambda: client.paths(*path) == [])


def test_metadata(client: Client, path: list[str]) -> None:
    changes: Json = {
        "schema": {"origin": None, "checked": "yes"},
        "fields": {"x": {"axis": None, "scale": "log"}},
    }
    client.stored(path, points(), metadata=changes)
    for schema in (client.schema(path), client.get({"path": path}).schema):
        assert schema.metadata == {b"owner": b"lab", b"checked": b"yes"}
        assert schema.field("x").metadata == {b"unit": b"mm", b"scale": b"log"}
    assert client.get({"path": path}).equals(points())


WRONG_OPTIONS: list[Any] = [
    {"ttlSec": 0},
    {"ttlSec": "soon"},
    {"ifExists": "MERGE"},
    {"ifexists": "ERROR"},
    {"metadata": {"schema": {"a": 1}}},
    {"metadata": {"fields": {"no-such": {"a": "b"}}}},
    b"{",
    b"\xff\xff",
    b"{" + b'"a":{' * 5000,
]


@pytest.mark.parametrize("options", WRONG_OPTIONS, ids=[str(n) for n in range(len(WRONG_OPTIONS))])
def test_wrong_options(client: Client, path: list[str], options: Any) -> None:
    with expect_error(Code.BAD_ARGUMENT):
        client.put(path, points(), options)
    assert client.paths(*path) == []


# Commands.


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"service": "sql", "payload": {"query": "SELECT 1"}}, Code.NOT_IMPLEMENTED),
        ({"service": "connector", "payload": {"source": "fx"}}, Code.NOT_IMPLEMENTED),
        ({"service": "nothing"}, Code.UNSUPPORTED_SERVICE),
        ({"retry": {"task": "x"}}, Code.BAD_ARGUMENT),
        (b"not Longbow's", Code.UNSUPPORTED_SERVICE),
        (b"{", Code.BAD_ARGUMENT),
    ],
)
def test_puts_to_services_that_take_none(client: Client, what: Any, code: Code) -> None:
    with expect_error(code):
        writer, reader = client.flight.do_put(
            descriptor_of(what), pa.schema({"x": pa.int64()}), client.options()
        )
        writer.done_writing()
        while reader.read() is not None:
            pass
        writer.close()


# All or nothing.

PUT_SOME = """
import sys
import pyarrow as pa
import pyarrow.flight as fl
uri, path, batches = sys.argv[1:]
batch = pa.record_batch({"x": pa.array(range(1 << 17), pa.int64())})
descriptor = fl.FlightDescriptor.for_path(*path.split("/"))
writer, reader = fl.FlightClient(uri).do_put(descriptor, batch.schema)
assert b"ACCEPTED" in reader.read().to_pybytes()
for _ in range(int(batches)):
    writer.write_batch(batch)
print("sent", flush=True)
sys.stdin.read()
"""


def put_some(server: LongbowServer, path: list[str], mib: int) -> subprocess.Popen[str]:
    """A client that has sent so much of its put, has not ended it, and is there to be killed."""
    arguments = [sys.executable, "-c", PUT_SOME, server.uri, "/".join(path), str(mib)]
    client = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    assert client.stdout.readline() == "sent\n"
    return client


def test_a_client_that_dies_in_its_put_leaves_nothing(
    make_server: MakeServer, path: list[str]
) -> None:
    server = make_server({"storage": {"memory_limit": "32MiB"}})
    client = Client(server.uri)
    putting = put_some(server, path, 16)
    try:
        # Nobody sees what is not there yet.
        assert client.paths() == []
        with expect_error(Code.NOT_FOUND):
            client.info(path)
        # A put of another client under the same path does not mind.
        client.stored(path, table_of(x=[1]))
    finally:
        putting.kill()
        putting.wait(PATIENCE_SEC)
        putting.communicate()

    # Its memory comes back: else this would not fit.
    def fits() -> bool:
        try:
            client.stored(["large"], block(24))
        except fl.FlightUnavailableError:
            return False
        return True

    eventually("the memory of the broken put is free", fits)
    assert client.paths() == [path, ["large"]]
    assert rows(client.get({"path": path})) == [(1,)]
    client.close()


def test_a_put_that_fails_leaves_nothing(client: Client, path: list[str]) -> None:
    batch = pa.record_batch({"x": pa.array(range(1 << 17), pa.int64())})
    writer, reader = client.flight.do_put(descriptor_of(path), batch.schema, client.options())
    assert b"ACCEPTED" in reader.read().to_pybytes()
    for _ in range(3):
        writer.write_batch(batch)
    # Somebody else is faster.
    client.stored(path, table_of(y=[1]))
    with expect_error(Code.ALREADY_EXISTS):
        writer.done_writing()
        while reader.read() is not None:
            pass
        writer.close()
    assert client.get({"path": path}).to_pydict() == {"y": [1]}


# The limit.


def test_the_limit_of_the_storage(make_server: MakeServer) -> None:
    server = make_server({"storage": {"memory_limit": "32MiB"}})
    client = Client(server.uri)
    client.stored(["a"], block(10))
    client.stored(["b"], block(10))
    with expect_error(Code.BACKPRESSURE, message="memory_limit") as error:
        client.put(["c"], block(14))
    assert isinstance(error.exception, fl.FlightUnavailableError)
    assert client.paths() == [["a"], ["b"]]
    # A sink is held to it, too.
    large = sql("SELECT range AS x FROM range(2000000)", sink={"path": ["c"]})
    with expect_error(Code.BACKPRESSURE):
        client.info(large)
    # What is there is still read, and what fits is still taken.
    assert client.get({"path": ["a"]}).num_rows == 10 * MIB // 8
    client.stored(["small"], block(1))

    client.action("DeleteFlights", {"paths": [["a"]]})
    client.stored(["c"], block(14))
    assert client.paths() == [["b"], ["c"], ["small"]]

    with expect_error(Code.RESOURCE_EXHAUSTED, message="alone"):
        client.put(["too-large"], block(40))
    client.close()


def test_what_expires_makes_room(make_server: MakeServer) -> None:
    server = make_server({"storage": {"memory_limit": "32MiB"}})
    client = Client(server.uri)
    client.stored(["a"], block(20), ttlSec=1)

    def fits() -> bool:
        try:
            client.stored(["b"], block(20))
        except fl.FlightUnavailableError:
            return False
        return True

    eventually("the expired flight makes room", fits)
    assert client.paths() == [["b"]]
    client.close()


def test_replacing_needs_room_for_both(make_server: MakeServer) -> None:
    server = make_server({"storage": {"memory_limit": "32MiB"}})
    client = Client(server.uri)
    client.stored(["a"], block(20))
    with expect_error(Code.BACKPRESSURE):
        client.put(["a"], block(20), {"ifExists": "REPLACE"})
    assert client.get({"path": ["a"]}).num_rows == 20 * MIB // 8
    client.stored(["a"], block(5), ifExists="REPLACE")
    assert client.get({"path": ["a"]}).num_rows == 5 * MIB // 8
    client.close()


def test_many_small_batches_are_stored_as_they_are(client: Client, path: list[str]) -> None:
    table = sales()
    writer, reader = client.flight.do_put(descriptor_of(path), table.schema, client.options())
    for batch in table.to_batches(max_chunksize=7):
        writer.write_batch(batch)
    writer.done_writing()
    while reader.read() is not None:
        pass
    writer.close()
    stored = client.get({"path": path})
    assert stored.combine_chunks().equals(table.combine_chunks())
    assert stored["id"].num_chunks < 10, "small batches are joined"
