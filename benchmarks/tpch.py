"""TPC-H: 22 queries over stored inputs, against DuckDB in this process over the same Arrow tables."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet as pq

from benchmarks.report import Comparison

QUERIES = Path(__file__).with_name("tpch")
TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
THREADS = 2


def small_table() -> pa.Table:
    """100 rows."""
    return pa.table(
        {
            "id": pa.array(range(100), pa.int64()),
            "grp": pa.array([i % 7 for i in range(100)], pa.int64()),
            "value": pa.array([i * 1.5 for i in range(100)], pa.float64()),
        }
    )


def put_table(uri: str, path: list[str], table: pa.Table) -> None:
    with flight.connect(uri) as client:
        writer, _ = client.do_put(flight.FlightDescriptor.for_path(*path), table.schema)
        with writer:
            writer.write_table(table)


def plain_strings(table: pa.Table) -> pa.Table:
    """`string_view` as `string`: DuckDB's filter pushdown into pyarrow has no kernel for views."""
    fields = [
        pa.field(f.name, pa.string() if f.type == pa.string_view() else f.type)
        for f in table.schema
    ]
    return table.cast(pa.schema(fields))


def generate(scale: float) -> dict[str, pa.Table]:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(sys.executable).with_name("tpchgen-cli")
        subprocess.run(
            [str(program), "parquet", "-s", str(scale), "--output-dir", folder],
            check=True,
            capture_output=True,
        )
        return {
            name: plain_strings(pq.read_table(Path(folder) / f"{name}.parquet")) for name in TABLES
        }


def same(a: object, b: object) -> bool:
    if isinstance(a, float | Decimal) and isinstance(b, float | Decimal):
        return math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def check_equal(query: str, ours: pa.Table, theirs: pa.Table) -> None:
    left, right = ours.to_pylist(), theirs.to_pylist()
    equal = len(left) == len(right) and all(
        len(x) == len(y) and all(same(x[k], y[k]) for k in y)
        for x, y in zip(left, right, strict=True)
    )
    if not equal:
        raise SystemExit(f"{query}: the rows differ\nlongbow: {left[:3]}\nduckdb:  {right[:3]}")


def longbow_query(client: flight.FlightClient, sql: str, names: list[str]) -> pa.Table:
    inputs = {name: {"path": ["tpch", name]} for name in names}
    command = json.dumps({"service": "sql", "payload": {"query": sql, "inputs": inputs}})
    info = client.get_flight_info(flight.FlightDescriptor.for_command(command))
    return client.do_get(info.endpoints[0].ticket).read_all()


def total_seconds(queries: dict[str, str], run: Callable[[str], pa.Table]) -> float:
    total = 0.0
    for sql in queries.values():
        begin = time.perf_counter()
        run(sql)
        total += time.perf_counter() - begin
    return total


def compare(uri: str, scale: float, rounds: int) -> Comparison:
    tables = generate(scale)
    for name, table in tables.items():
        put_table(uri, ["tpch", name], table)
    queries = {f.stem: f.read_text() for f in sorted(QUERIES.glob("q*.sql"))}
    connection = duckdb.connect(config={"threads": THREADS})
    for name, table in tables.items():
        connection.register(name, table)
    client = flight.connect(uri)

    def ours(sql: str) -> pa.Table:
        return longbow_query(client, sql, [n for n in TABLES if n in sql])

    def theirs(sql: str) -> pa.Table:
        return connection.execute(sql).fetch_arrow_table()

    for name, sql in queries.items():
        check_equal(name, ours(sql), theirs(sql))
    comparison = Comparison(
        f"TPC-H scale {scale:g}, {len(queries)} queries, sum", "duckdb in Python", "s", "0.5", True
    )
    for number in range(rounds):
        first, second = (ours, theirs) if number % 2 == 0 else (theirs, ours)
        times = {first: total_seconds(queries, first), second: total_seconds(queries, second)}
        comparison.values.append(times[ours])
        comparison.others.append(times[theirs])
    return comparison
