"""Flights by path and by command: what a client gets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import (
    Client,
    Json,
    connector,
    eventually,
    metadata_of,
    rows,
    sql,
    table_of,
)
from tests.e2e.data_files import SALES_ROWS, points, sales
from tests.e2e.errors import Code, expect_error
from tests.e2e.polling import LONG, start
from tests.e2e.server import LongbowServer

BY_REGION = "SELECT region, count(*) AS n, sum(amount) AS amount FROM t GROUP BY region"


def expected_by_region() -> list[tuple[str, int, float]]:
    table = sales()
    totals: dict[str, tuple[int, float]] = {}
    for region, amount in zip(
        table["region"].to_pylist(), table["amount"].to_pylist(), strict=True
    ):
        n, total = totals.get(region, (0, 0.0))
        totals[region] = (n + 1, total + amount)
    return sorted((region, n, total) for region, (n, total) in totals.items())


# By path.


def test_put_get_list_describe_delete(client: Client, path: list[str]) -> None:
    table = sales()
    receipts = client.put(path, table)
    assert [receipt["state"] for receipt in receipts] == ["ACCEPTED", "RECEIVED", "STORED"]
    stored = receipts[-1]
    assert stored["path"] == path
    assert stored["rows"] == SALES_ROWS
    assert stored["bytes"] > 0

    info = client.info(path)
    assert info.total_records == SALES_ROWS
    assert info.schema.equals(table.schema)
    assert metadata_of(info)["path"] == path
    assert metadata_of(info)["revision"] == stored["revision"]
    assert client.get(info).equals(table)
    assert client.get({"path": path}).equals(table)

    assert client.paths(*path) == [path]
    described = client.action("DescribeFlight", {"path": path})
    assert described["rows"] == SALES_ROWS
    assert described["columns"][0] == {"name": "id", "type": "int64", "nullable": True}
    assert "expires" not in described

    answer = client.action("DeleteFlights", {"paths": [path]})
    assert answer["deleted"] == 1
    assert answer["revision"] > stored["revision"]
    assert client.paths(*path) == []
    with expect_error(Code.NOT_FOUND):
        client.info(path)
    with expect_error(Code.NOT_FOUND):
        client.get({"path": path})


def test_an_empty_flight_keeps_its_schema(client: Client, path: list[str]) -> None:
    table = sales().slice(0, 0)
    assert client.stored(path, table)["rows"] == 0
    answer = client.get({"path": path})
    assert answer.num_rows == 0
    assert answer.schema.equals(table.schema)


def test_all_kinds_of_columns_come_back_as_they_were(client: Client, path: list[str]) -> None:
    dictionary = pa.array(["a", "b", None, "a"]).dictionary_encode()
    nested = pa.array([{"x": 1, "y": [1, 2]}, None, {"x": None, "y": []}, {"x": 4, "y": [None]}])
    table = pa.table(
        {
            "bool": [True, None, False, True],
            "binary": pa.array([b"\x00", b"", None, b"\xff" * 9]),
            "large": pa.array(["a", "ü", None, ""], pa.large_string()),
            "decimal": pa.array([1, None, 2, 3], pa.decimal128(20, 3)),
            "time": pa.array([0, 1, None, 2], pa.timestamp("us", "UTC")),
            "dictionary": dictionary,
            "nested": nested,
            "null": pa.nulls(4),
        }
    )
    client.stored(path, table)
    assert client.get({"path": path}).equals(table)


def test_listing_with_criteria(client: Client, path: list[str]) -> None:
    for name in ("a", "b", "c"):
        client.stored([*path, name], table_of(x=[1]))
    assert client.paths(*path) == [[*path, "a"], [*path, "b"], [*path, "c"]]
    assert len(client.list_flights({"prefix": path, "limit": 2})) == 2
    listed = client.list_flights({"service": "connector"})
    commands = [json.loads(info.descriptor.command) for info in listed]
    assert {"service": "connector", "payload": {"source": "sales"}} in commands
    # A listed command can be run as it is.
    of_sales = commands.index({"service": "connector", "payload": {"source": "sales"}})
    assert client.get(client.info(listed[of_sales].descriptor)).num_rows == SALES_ROWS
    assert client.action("DeleteFlights", {"prefix": path})["deleted"] == 3


def test_get_schema_of_a_path(client: Client, path: list[str]) -> None:
    client.stored(path, points())
    schema = client.schema(path)
    assert schema.equals(points().schema, check_metadata=True)


# By command.


def test_sql_over_a_stored_and_a_connector_input(client: Client, path: list[str]) -> None:
    client.stored(path, sales())
    query = "SELECT region, sum(amount * rate) AS eur FROM sales JOIN fx USING (currency) GROUP BY region"
    inputs: Json = {"sales": {"path": path}, "fx": {"command": connector("fx")}}
    info = client.info(sql(query, inputs))
    assert info.schema.names == ["region", "eur"]
    assert metadata_of(info)["node"] == "e2e"
    assert metadata_of(info)["task"]
    answer = client.get(info)
    total = sum(
        amount * (1.0 if n % 2 == 0 else 0.5)
        for n, amount in enumerate(sales()["amount"].to_pylist())
    )
    assert sum(answer["eur"].to_pylist()) == pytest.approx(total)


def test_nested_inputs_three_levels(client: Client) -> None:
    innermost = connector("sales", columns=["region", "amount"])
    middle = sql("SELECT region, amount FROM raw", {"raw": {"command": innermost}})
    outer = sql(BY_REGION, {"t": {"command": middle}})
    top = sql("SELECT * FROM u ORDER BY region", {"u": {"command": outer}})
    assert rows(client.run(top)) == expected_by_region()


def test_an_input_used_twice_in_a_query(client: Client) -> None:
    query = "SELECT (SELECT count(*) FROM t) AS a, (SELECT max(id) FROM t) AS b"
    answer = client.run(sql(query, {"t": {"command": connector("sales")}}))
    assert rows(answer) == [(SALES_ROWS, SALES_ROWS - 1)]


@pytest.mark.parametrize(
    ("parameters", "query"),
    [([2, "x"], "SELECT ? + 1 AS a, ? AS b"), ({"n": 2, "s": "x"}, "SELECT $n + 1 AS a, $s AS b")],
)
def test_sql_parameters(client: Client, parameters: object, query: str) -> None:
    assert rows(client.run(sql(query, parameters=parameters))) == [(3, "x")]


def test_get_schema_of_commands(client: Client) -> None:
    inputs: Json = {"t": {"command": connector("sales")}}
    schema = client.schema(sql(BY_REGION, inputs))
    assert schema.names == ["region", "n", "amount"]
    assert client.schema(connector("sales")).equals(sales().schema)
    assert client.schema(connector("sales", columns=["amount"])).names == ["amount"]
    # The query is not run: the task that tells its schema has no rows to make, and ends at once.
    known = {task["task"] for task in client.tasks()}
    assert client.schema(sql(LONG)).names == ["n"]
    (told,) = [task for task in client.tasks() if task["task"] not in known]
    eventually("it is done", lambda: (client.task(told["task"]) or {})["state"] == "DONE")
    assert told["rows"] == 0


# Sinks.


def test_a_sink_stores_the_result(client: Client, path: list[str]) -> None:
    command = sql(BY_REGION, {"t": {"command": connector("sales")}}, sink={"path": path})
    info = client.info(command)
    metadata = metadata_of(info)
    assert metadata["path"] == path
    assert "reused" not in metadata
    assert info.total_records == 3
    assert int(client.headers["x-longbow-sync-rev"]) == metadata["revision"]
    assert rows(client.get(info)) == expected_by_region()
    assert rows(client.get({"path": path})) == expected_by_region()


def test_sink_error_reuse_replace(client: Client, path: list[str]) -> None:
    def command(value: int, **sink: object) -> Json:
        return sql(f"SELECT {value} AS x", sink={"path": path, **sink})

    first = metadata_of(client.info(command(1)))
    with expect_error(Code.ALREADY_EXISTS, message="/".join(path)):
        client.info(command(2))

    reused = metadata_of(client.info(command(2, ifExists="REUSE")))
    assert "task" not in reused
    assert reused["reused"]["path"] == path
    assert reused["reused"]["revision"] == first["revision"]
    assert reused["reused"]["node"] == "e2e"
    assert reused["reused"]["since"].startswith("20")
    assert rows(client.get({"path": path})) == [(1,)]

    replaced = metadata_of(client.info(command(3, ifExists="REPLACE")))
    assert replaced["revision"] > first["revision"]
    assert rows(client.get({"path": path})) == [(3,)]


def test_a_reader_keeps_the_revision_that_it_began_with(client: Client, path: list[str]) -> None:
    client.stored(path, table_of(x=range(1000)))
    reader = client.flight.do_get(client.info(path).endpoints[0].ticket, client.options())
    client.stored(path, table_of(x=[1]), ifExists="REPLACE")
    client.action("DeleteFlights", {"paths": [path]})
    assert reader.read_all()["x"].to_pylist() == list(range(1000))


def test_a_sink_with_time_to_live(client: Client, path: list[str]) -> None:
    client.info(sql("SELECT 1 AS x", sink={"path": path, "ttlSec": 1}))
    eventually("the flight expires", lambda: client.paths(*path) == [])
    with expect_error(Code.NOT_FOUND):
        client.info(path)
    # The path is free again.
    described = metadata_of(client.info(sql("SELECT 2 AS x", sink={"path": path, "ttlSec": 900})))
    assert described["path"] == path
    assert client.action("DescribeFlight", {"path": path})["expires"].startswith("20")
    assert client.info(path).endpoints[0].expiration_time is not None


def test_cache_derives_the_path(client: Client) -> None:
    command = sql("SELECT 41 + 1 AS answer", sink={"cache": True})
    first = metadata_of(client.info(command))
    assert first["path"][:2] == ["cache", "result"]
    assert "reused" not in first
    # Another way to write the same.
    other = {"payload": dict(reversed(command["payload"].items())), "service": "sql"}
    info = client.info(other)
    assert metadata_of(info)["path"] == first["path"]
    assert metadata_of(info)["reused"]["revision"] == first["revision"]
    assert rows(client.get(info)) == [(42,)]
    # Another command has another path.
    another = metadata_of(client.info(sql("SELECT 42 + 1 AS answer", sink={"cache": True})))
    assert another["path"] != first["path"]


@pytest.mark.parametrize("if_exists", ["ERROR", "REUSE"])
def test_identical_commands_run_once(
    server: LongbowServer, client: Client, path: list[str], if_exists: str
) -> None:
    command = sql(LONG, sink={"path": path, "ifExists": if_exists})
    known = {task["task"] for task in client.tasks(service="sql")}
    started = start(client, command).task
    everybody = threading.Barrier(8)

    def ask(_: int) -> Json:
        own = Client(server.uri)
        try:
            everybody.wait()
            return metadata_of(own.info(command))
        finally:
            own.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert {answer["revision"] for answer in answers} == {answers[0]["revision"]}
    assert {answer.get("task", started) for answer in answers} == {started}
    new = {task["task"] for task in client.tasks(service="sql")} - known
    assert new == {started}


# Results that stay with their task.


def test_a_result_is_read_once(client: Client) -> None:
    info = client.info(sql("SELECT 1 AS x"))
    assert info.endpoints[0].expiration_time is None
    assert rows(client.get(info)) == [(1,)]
    with expect_error(Code.COMMAND_RESULT_CONSUMED):
        client.get(info)


def test_a_repeatable_result_is_read_again(client: Client) -> None:
    info = client.info(sql("SELECT range AS x FROM range(5000)", sink={"repeatable": True}))
    assert info.endpoints[0].expiration_time is not None
    for _ in range(3):
        assert client.get(info).num_rows == 5000


def test_a_repeatable_result_is_read_by_many_at_once(server: LongbowServer, client: Client) -> None:
    info = client.info(sql("SELECT range AS x FROM range(200000)", sink={"repeatable": True}))

    def read(_: int) -> int:
        own = Client(server.uri)
        try:
            total: int = sum(own.get(info)["x"].to_pylist())
            return total
        finally:
            own.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(read, range(4))) == {sum(range(200000))}


# Metadata of results.


def test_result_metadata_sets_and_removes(client: Client) -> None:
    changes: Json = {
        "schema": {"origin": None, "checked": "yes", "owner": "finance"},
        "fields": {"x": {"axis": None, "scale": "log"}},
    }
    command = connector("files", path="points.arrow", resultMetadata=changes)
    expected = points().schema
    for schema in (
        client.schema(command),
        client.info(command).schema,
        client.run(command).schema,
    ):
        assert schema.metadata == {b"owner": b"finance", b"checked": b"yes"}
        assert schema.field("x").metadata == {b"unit": b"mm", b"scale": b"log"}
        assert schema.equals(expected, check_metadata=False)


def test_result_metadata_of_a_stored_result(client: Client, path: list[str]) -> None:
    command = sql(
        "SELECT 1 AS amount",
        sink={"path": path},
        resultMetadata={"schema": {"owner": "f"}, "fields": {"amount": {"unit": "EUR"}}},
    )
    client.info(command)
    for schema in (client.schema(path), client.get({"path": path}).schema):
        assert schema.metadata[b"owner"] == b"f"
        assert schema.field("amount").metadata[b"unit"] == b"EUR"


def test_result_metadata_of_a_column_that_there_is_not(client: Client) -> None:
    command = sql("SELECT 1 AS x", resultMetadata={"fields": {"y": {"unit": "EUR"}}})
    with expect_error(Code.BAD_ARGUMENT, message="y"):
        client.info(command)


# A stream of data is an input, too.


def test_exchange(client: Client) -> None:
    table = sales()
    answer = client.exchange(sql(BY_REGION.replace("FROM t", "FROM input")), table)
    assert rows(answer) == expected_by_region()


def test_exchange_with_other_inputs(client: Client, path: list[str]) -> None:
    client.stored(path, table_of(region=["north", "south"], factor=[10, 100]))
    command = sql(
        "SELECT region, count(*) * max(factor) AS n FROM input JOIN f USING (region) GROUP BY region",
        {"f": {"path": path}},
    )
    assert rows(client.exchange(command, sales())) == [("north", 4000), ("south", 40000)]


def test_an_exchange_streams_both_ways(client: Client) -> None:
    batch = pa.record_batch({"x": pa.array(range(20_000), pa.int64())})
    writer, reader = client.flight.do_exchange(
        fl.FlightDescriptor.for_command(json.dumps(sql("SELECT x + 1 AS y FROM input"))),
        client.options(),
    )
    sent = 40

    def send() -> None:
        for _ in range(sent):
            writer.write_batch(batch)
        writer.done_writing()

    writer.begin(batch.schema)
    sender = threading.Thread(target=send)
    sender.start()
    total = sum(chunk.data.num_rows for chunk in reader)
    sender.join()
    writer.close()
    assert total == sent * batch.num_rows


def test_an_exchange_that_needs_a_part_of_its_input(client: Client) -> None:
    batch = pa.record_batch({"x": pa.array(range(4000), pa.int64())})
    table = pa.Table.from_batches([batch] * 100)
    for _ in range(20):  # each of them could lose its end
        answer = client.exchange(sql("SELECT x FROM input LIMIT 3000"), table)
        assert answer.num_rows == 3000


@pytest.mark.parametrize(
    "more",
    [
        {"inputs": {"input": {"command": connector("fx")}}},
        {"sink": {"path": ["x"]}},
        {"sink": {"cache": True}},
        {"sink": {"repeatable": True}},
    ],
)
def test_what_an_exchange_does_not_take(client: Client, more: Json) -> None:
    command = sql("SELECT * FROM input")
    command["payload"].update(more)
    with expect_error(Code.BAD_ARGUMENT):
        client.exchange(command, table_of(x=[1]))


def test_an_exchange_with_a_wrong_query(client: Client) -> None:
    with expect_error(Code.BAD_ARGUMENT, message="nonsense"):
        client.exchange(sql("SELECT nonsense FROM input"), table_of(x=[1]))


def test_results_larger_than_the_buffer_stream(client: Client) -> None:
    count = 3_000_000  # 24 MB; a streaming result's buffer is 8 MiB
    reader = client.flight.do_get(
        client.info(sql(f"SELECT range AS x FROM range({count})")).endpoints[0].ticket,
        client.options(),
    )
    total = 0
    read_next: Callable[[], fl.FlightStreamChunk] = reader.read_chunk
    while True:
        try:
            total += read_next().data.num_rows
        except StopIteration:
            break
    assert total == count
