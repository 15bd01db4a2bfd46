"""SQL over the inputs of its command, and nothing else."""

from __future__ import annotations

import time

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import (
    Client,
    connector,
    eventually,
    metadata_of,
    refused,
    rows,
    sql,
    table_of,
)
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import Code, expect_error
from tests.e2e.polling import endless, start, wait_for_state

# Nothing of the machine, of other commands, or of the server can be reached.
FORBIDDEN = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_parquet('/x.parquet')",
    "SELECT * FROM read_json('/x.json')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'x.csv'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM parquet_schema('/x.parquet')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "FROM read_text('/proc/self/environ')",
    "SELECT getenv('PATH')",
    "SELECT current_setting('threads')",
    "COPY (SELECT 1) TO '/tmp/longbow-e2e-must-not-be.csv'",
    "COPY t FROM '/etc/passwd'",
    "EXPORT DATABASE '/tmp/longbow-e2e-must-not-be'",
    "IMPORT DATABASE '/tmp/x'",
    "ATTACH '/tmp/longbow-e2e-must-not-be.db'",
    "DETACH memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 1",
    "RESET threads",
    "PRAGMA database_list",
    "PRAGMA threads=1",
    "CREATE TABLE x AS SELECT 1",
    "CREATE VIEW x AS SELECT 1",
    "CREATE MACRO m() AS 1",
    "CREATE SECRET s (TYPE s3)",
    "DROP TABLE t",
    "INSERT INTO t VALUES (1)",
    "DELETE FROM t",
    "UPDATE t SET x = 1",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; SET threads = 1",
    "EXPLAIN COPY (SELECT 1) TO '/tmp/longbow-e2e-must-not-be.csv'",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM pragma_version()",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('t')",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM duckdb_logs",
    "SELECT * FROM another_table",
    "SELECT json_execute_serialized_sql('x')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SHOW TABLES",
    "SHOW ALL TABLES",
]


@pytest.mark.parametrize("query", FORBIDDEN)
def test_what_sql_cannot_reach(client: Client, path: list[str], query: str) -> None:
    client.stored(path, table_of(x=[1]))
    command = sql(query, {"t": {"path": path}})
    error = refused(client, command, Code.PERMISSION_DENIED, Code.BAD_ARGUMENT)
    assert "root:" not in error.message + error.detail
    assert rows(client.get({"path": path})) == [(1,)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM t",
        "FROM t",
        "WITH u AS (SELECT x FROM t) SELECT * FROM u",
        "VALUES (1)",
        "DESCRIBE t",
        "SUMMARIZE t",
        "EXPLAIN SELECT * FROM t",
        "SELECT * FROM range(3)",
        "SELECT unnest([1, 2])",
        "PIVOT t ON x IN (1) USING count(*)",
        "-- a comment\nSELECT 1;",
    ],
)
def test_what_sql_can_do(client: Client, path: list[str], query: str) -> None:
    client.stored(path, table_of(x=[1]))
    assert client.run(sql(query, {"t": {"path": path}})).num_columns > 0


@pytest.mark.parametrize(
    ("query", "message", "detail"),
    [
        ("SELEC 1", "SELEC", "line 1, position 1"),
        ("SELECT 1 +\n  FROM WHERE", "FROM", "line 2, position 3"),
        ("SELECT\n  nothing FROM t", "nothing", "line 2, position 3"),
        ("SELECT no_such_function(x) FROM t", "no_such_function", "line 1, position 8"),
        ("SELECT x + 'a'::DATE FROM t", "", ""),
        ("SELECT * FROM other", "other", ""),
        ("SELECT ?", "", ""),
        ("", "empty", ""),
        ("   -- nothing", "", ""),
    ],
)
def test_wrong_queries(
    client: Client, path: list[str], query: str, message: str, detail: str
) -> None:
    client.stored(path, table_of(x=[1]))
    command = sql(query, {"t": {"path": path}})
    refused(client, command, Code.BAD_ARGUMENT, message=message, detail=detail)


def test_a_missing_table_names_the_inputs(client: Client, path: list[str]) -> None:
    client.stored(path, table_of(x=[1]))
    with expect_error(Code.BAD_ARGUMENT, message="sales") as error:
        client.info(sql("SELECT * FROM sale", {"sales": {"path": path}}))
    assert "sale" in error.message


def test_names_of_inputs_that_need_quotes(client: Client, path: list[str]) -> None:
    client.stored(path, table_of(x=[1]))
    for name in ("select", "a b", "ü", "a.b", "Sales"):
        command = sql(f'SELECT x FROM "{name}"', {name: {"path": path}})
        assert rows(client.run(command)) == [(1,)]


def test_a_cancel_stops_a_query(client: Client, path: list[str]) -> None:
    waiting = start(client, endless(path))
    wait_for_state(client, waiting.task, "STARTING", "STREAMING")
    begin = time.monotonic()
    client.action("CancelTask", {"task": waiting.task})
    wait_for_state(client, waiting.task, "CANCELLED")
    assert time.monotonic() - begin < 10


def test_queries_at_a_time(make_server: MakeServer) -> None:
    server = make_server({"sql": {"max_queries": 1}})
    client = Client(server.uri)
    info = client.info(sql("SELECT range FROM range(1000000000)"))
    with expect_error(Code.BACKPRESSURE):
        client.run(sql("SELECT 1"))
    client.action("CancelTask", {"task": metadata_of(info)["task"]})
    answer = eventually("the cancelled query makes room", lambda: try_to_run(client))
    assert answer.num_rows == 1
    client.close()


def try_to_run(client: Client) -> pa.Table | None:
    """A small query's result; nothing where there is no room for it."""
    try:
        return client.run(sql("SELECT 1"))
    except fl.FlightUnavailableError:
        return None


def test_types_of_results(client: Client) -> None:
    query = (
        "SELECT 1::TINYINT AS a, 1::UBIGINT AS b, 1.5::DECIMAL(10,2) AS c, DATE '2026-01-02' AS d, "
        "TIMESTAMP '2026-01-02 03:04:05' AS e, 'x' AS f, [1, 2] AS g, {'k': 1} AS h, NULL AS i, "
        "true AS j, 'a'::BLOB AS k"
    )
    answer = client.run(sql(query))
    assert answer.num_rows == 1
    assert answer.schema.equals(client.schema(sql(query)))
    (row,) = answer.to_pylist()
    assert row["g"] == [1, 2]
    assert row["h"] == {"k": 1}
    assert row["i"] is None
    assert str(row["c"]) == "1.50"


def test_an_input_with_an_error_of_its_own(client: Client) -> None:
    broken = connector("files", path="broken.parquet")
    with expect_error(Code.COMMAND_FAILED, message="broken.parquet"):
        client.info(sql("SELECT * FROM t", {"t": {"command": broken}}))
