"""The connector: files of every format, what can be asked of them, and that none can be left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.client import Client, Json, connector, refused, rows, sql
from tests.e2e.data_files import RATES, SALES_ROWS, SECRET, points, sales
from tests.e2e.errors import Code, expect_error

FX_ROWS = sorted(RATES.items())


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"source": "sales"}, rows(sales())),
        ({"source": "files", "path": "sales.parquet"}, rows(sales())),
        ({"source": "fx"}, FX_ROWS),
        ({"source": "files", "path": "fx.csv"}, FX_ROWS),
        ({"source": "files", "path": "fx.csv.gz"}, FX_ROWS),
        ({"source": "files", "path": "items.jsonl"}, None),
        ({"source": "files", "path": "points.arrow"}, rows(points())),
        ({"source": "files", "path": "points.orc"}, rows(points())),
        ({"source": "files", "path": "./fx.csv"}, FX_ROWS),
        ({"source": "glob"}, sorted(FX_ROWS * 2)),
    ],
)
def test_formats(client: Client, payload: Json, expected: Any) -> None:
    if expected is None:
        expected = sorted(((n, f"t{n % 3}") for n in range(30)), key=repr)
    command = {"service": "connector", "payload": payload}
    answer = client.run(command)
    assert rows(answer) == expected
    assert client.schema(command).equals(answer.schema)


def test_partitioned_folders(client: Client) -> None:
    answer = client.run(connector("events"))
    assert answer.schema.names == ["event", "year", "month"]
    expected = [(y * 100 + m, y, m) for y in (2024, 2025) for m in (1, 2, 3) for _ in range(m)]
    assert rows(answer) == sorted(expected, key=repr)
    filters = [
        {"column": "year", "op": "=", "value": 2025},
        {"column": "month", "op": ">", "value": 1},
    ]
    answer = client.run(connector("events", filters=filters, columns=["event"]))
    assert sorted(answer["event"].to_pylist()) == [202502] * 2 + [202503] * 3
    assert client.run(connector("events", path="year=2024/month=3")).num_rows == 3
    assert client.run(connector("plain_events")).schema.names == ["event"]


def test_columns_come_in_the_order_asked(client: Client) -> None:
    answer = client.run(connector("sales", columns=["region", "id"], limit=2))
    assert answer.to_pydict() == {"region": ["north", "south"], "id": [0, 1]}
    assert client.run(connector("sales", columns=[])).num_columns == 0


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (301, 301), (10**12, SALES_ROWS)])
def test_limit(client: Client, limit: int, count: int) -> None:
    assert client.run(connector("sales", limit=limit)).num_rows == count


FILTERS: list[tuple[Json, Any]] = [
    ({"column": "id", "op": "=", "value": 7}, lambda r: r["id"] == 7),
    ({"column": "id", "op": "=", "value": "7"}, lambda r: r["id"] == 7),
    ({"column": "id", "op": "=", "value": 7.0}, lambda r: r["id"] == 7),
    ({"column": "id", "op": "!=", "value": 7}, lambda r: r["id"] != 7),
    ({"column": "id", "op": "<", "value": 10}, lambda r: r["id"] < 10),
    ({"column": "id", "op": "<=", "value": 10}, lambda r: r["id"] <= 10),
    ({"column": "amount", "op": ">", "value": 98.5}, lambda r: r["amount"] > 98.5),
    ({"column": "amount", "op": ">=", "value": 98}, lambda r: r["amount"] >= 98),
    ({"column": "region", "op": "=", "value": "east"}, lambda r: r["region"] == "east"),
    ({"column": "region", "op": "IN", "value": ["east", "x"]}, lambda r: r["region"] == "east"),
    ({"column": "id", "op": "IN", "value": []}, lambda r: False),
    ({"column": "note", "op": "IS_NULL"}, lambda r: r["note"] is None),
    ({"column": "note", "op": "IS_NOT_NULL"}, lambda r: r["note"] is not None),
    (
        {"column": "note", "op": "!=", "value": "note 1"},
        lambda r: r["note"] not in (None, "note 1"),
    ),
]


@pytest.mark.parametrize(("condition", "fits"), FILTERS, ids=[str(n) for n in range(len(FILTERS))])
def test_filters(client: Client, condition: Json, fits: Any) -> None:
    expected = [row["id"] for row in sales().to_pylist() if fits(row)]
    answer = client.run(connector("sales", columns=["id"], filters=[condition]))
    assert sorted(answer["id"].to_pylist()) == expected


def test_filters_must_all_hold(client: Client) -> None:
    both = [FILTERS[4][0], FILTERS[8][0]]
    answer = client.run(connector("sales", filters=both, limit=100))
    assert sorted(answer["id"].to_pylist()) == [2, 5, 8]


WRONG: list[tuple[Json, Code, str]] = [
    ({"source": "slaes"}, Code.NOT_FOUND, "did you mean 'sales'"),
    ({}, Code.BAD_ARGUMENT, "payload.source"),
    ({"source": "sales", "columns": ["nothing"]}, Code.BAD_ARGUMENT, "nothing"),
    ({"source": "sales", "columns": ["id", "id"]}, Code.BAD_ARGUMENT, "twice"),
    ({"source": "sales", "columns": [1]}, Code.BAD_ARGUMENT, "columns"),
    ({"source": "sales", "columns": "id"}, Code.BAD_ARGUMENT, "columns"),
    ({"source": "sales", "limit": -1}, Code.BAD_ARGUMENT, "limit"),
    ({"source": "sales", "limit": 1.5}, Code.BAD_ARGUMENT, "limit"),
    ({"source": "sales", "filters": [{}]}, Code.BAD_ARGUMENT, "column"),
    ({"source": "sales", "filters": [5]}, Code.BAD_ARGUMENT, "filters"),
    ({"source": "absent"}, Code.NOT_FOUND, "settings"),
    ({"source": "files", "path": "nothing.csv"}, Code.NOT_FOUND, "nothing.csv"),
    ({"source": "files", "path": ""}, Code.BAD_ARGUMENT, "path"),
    ({"source": "files", "path": "broken.parquet"}, Code.COMMAND_FAILED, "broken.parquet"),
]


@pytest.mark.parametrize(
    ("payload", "code", "named"), WRONG, ids=[str(n) for n in range(len(WRONG))]
)
def test_wrong_requests(client: Client, payload: Json, code: Code, named: str) -> None:
    command = {"service": "connector", "payload": payload}
    error = refused(client, command, code)
    assert named in error.message + error.detail


WRONG_FILTERS: list[Json] = [
    {"column": "id", "op": "==", "value": 1},
    {"column": "id", "op": "=", "value": "seven"},
    {"column": "id", "op": "=", "value": 7.5},
    {"column": "id", "op": "=", "value": True},
    {"column": "id", "op": "="},
    {"column": "id", "op": "=", "value": None},
    {"column": "id", "op": "IN", "value": 1},
    {"column": "id", "op": "IN", "value": [1, "x"]},
    {"column": "id", "op": "IS_NULL", "value": 1},
    {"column": "id", "op": "=", "value": {"a": 1}},
    {"column": "region", "op": "=", "value": 1},
    {"column": "nothing", "op": "=", "value": 1},
    {"column": "id", "op": "=", "value": 10**30},
    {"column": "id", "operator": "=", "value": 1},
]


@pytest.mark.parametrize("wrong", WRONG_FILTERS, ids=[str(n) for n in range(len(WRONG_FILTERS))])
def test_wrong_filters(client: Client, wrong: Json) -> None:
    refused(client, connector("sales", filters=[wrong]), Code.BAD_ARGUMENT)


@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret.csv",
        "..",
        "x/../../outside/secret.csv",
        "./../outside",
        "leads_out.csv",
        "folder_out",
        "folder_out/secret.csv",
        "/etc/passwd",
        "//etc/passwd",
        "file:///etc/passwd",
        "../outside/*",
        "*/secret.csv",
        "fx.csv\0.parquet",
        "%2e%2e/outside/secret.csv",
        "..\\outside\\secret.csv",
    ],
)
def test_no_path_leads_out(client: Client, path: str) -> None:
    command = connector("files", path=path)
    error = refused(client, command, Code.PERMISSION_DENIED, Code.NOT_FOUND, Code.BAD_ARGUMENT)
    for text in (error.message, error.detail):
        assert SECRET not in text
        assert "/tmp" not in text, "where the files lie is nobody's business"
    with expect_error(Code.PERMISSION_DENIED, Code.NOT_FOUND, Code.BAD_ARGUMENT):
        client.info(sql("SELECT * FROM t", {"t": {"command": command}}))


def test_only_the_columns_that_a_query_needs_are_read(client: Client) -> None:
    command = sql("SELECT sum(id) AS s FROM t", {"t": {"command": connector("sales")}})
    assert client.run(command)["s"].to_pylist() == [sum(range(SALES_ROWS))]
    task = next(task for task in client.tasks(service="connector") if task["state"] == "DONE")
    assert task["rows"] == SALES_ROWS
    assert task["bytes"] < 2 * 8 * SALES_ROWS
