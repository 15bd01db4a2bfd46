"""A table of wrong inputs, and the error that each gets."""

from __future__ import annotations

import json
import threading
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, Json, command, connector, eventually, refused, sql, table_of
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import ERRORS, Code, expect_error, parse_error
from tests.e2e.polling import endless, only_running, start

NOWHERE = ["e2e", "nowhere"]

# What is wrong, the code, and what the message names.
WRONG_COMMANDS: list[tuple[Json, Code, str]] = [
    (command("no-such"), Code.UNSUPPORTED_SERVICE, "no-such"),
    (command("sqll", {"query": "SELECT 1"}), Code.UNSUPPORTED_SERVICE, "sqll"),
    (sql("SELECT 1") | {"node": "another"}, Code.BAD_REQUEST, "another"),
    (command("storage"), Code.BAD_ARGUMENT, "by path"),
    ({}, Code.BAD_ARGUMENT, "service"),
    ({"service": "sql"}, Code.BAD_ARGUMENT, "payload.query"),
    ({"service": 7}, Code.BAD_ARGUMENT, "service"),
    ({"service": "SQL!"}, Code.BAD_ARGUMENT, "service"),
    ({"service": "sql", "payload": []}, Code.BAD_ARGUMENT, "payload"),
    (sql("SELECT 1") | {"serivce": "x"}, Code.BAD_ARGUMENT, "serivce"),
    (command("sql", {"quer": "SELECT 1"}), Code.BAD_ARGUMENT, "payload.quer"),
    (command("sql", {"query": 5}), Code.BAD_ARGUMENT, "payload.query"),
    (sql("SELECT 1", parameters="x"), Code.BAD_ARGUMENT, "payload.parameters"),
    (sql("SELECT 1", {"t": {}}), Code.BAD_ARGUMENT, "payload.inputs.t"),
    (sql("SELECT 1", {"t": {"path": []}}), Code.BAD_ARGUMENT, "payload.inputs.t.path"),
    (sql("SELECT 1", {"t": {"paths": ["a"]}}), Code.BAD_ARGUMENT, "payload.inputs.t.paths"),
    (sql("SELECT 1", {"": {"path": ["a"]}}), Code.BAD_ARGUMENT, "inputs"),
    (sql("SELECT 1", {"t": {"path": NOWHERE}}), Code.NOT_FOUND, "input 't'"),
    (
        sql("SELECT 1", {"t": {"path": ["a"], "command": command("sql")}}),
        Code.BAD_ARGUMENT,
        "payload.inputs.t",
    ),
    (
        sql("SELECT 1", {"t": {"command": {"service": "sql", "payload": {"query": 1}}}}),
        Code.BAD_ARGUMENT,
        "query",
    ),
    (
        sql("SELECT * FROM t", {"t": {"command": command("nowhere")}}),
        Code.UNSUPPORTED_SERVICE,
        "input 't'",
    ),
    (
        sql("SELECT * FROM t", {"t": {"command": sql("SELECT nonsense")}}),
        Code.BAD_ARGUMENT,
        "input 't'",
    ),
    (
        command("connector", {"source": "fx", "inputs": {"t": {"path": ["a"]}}}),
        Code.BAD_ARGUMENT,
        "inputs",
    ),
    (sql("SELECT 1", sink={"path": ["a"], "ifExist": "ERROR"}), Code.BAD_ARGUMENT, "ifExist"),
    (sql("SELECT 1", sink={"path": ["a"], "ifExists": "reuse"}), Code.BAD_ARGUMENT, "REUSE"),
    (sql("SELECT 1", sink={"path": ["a"], "cache": True}), Code.BAD_ARGUMENT, "cache"),
    (sql("SELECT 1", sink={"ifExists": "REUSE"}), Code.BAD_ARGUMENT, "payload.sink.path"),
    (sql("SELECT 1", sink={"path": ["a"], "ttlSec": 0}), Code.BAD_ARGUMENT, "ttlSec"),
    (sql("SELECT 1", sink={"path": ["a"], "ttlSec": "x"}), Code.BAD_ARGUMENT, "ttlSec"),
    (sql("SELECT 1", sink={"path": "a/b"}), Code.BAD_ARGUMENT, "payload.sink.path"),
    (sql("SELECT 1", sink={"repeatable": 1}), Code.BAD_ARGUMENT, "repeatable"),
    (
        sql("SELECT 1", resultMetadata={"schema": {"a": 1}}),
        Code.BAD_ARGUMENT,
        "payload.resultMetadata.schema.a",
    ),
    (
        sql("SELECT 1", resultMetadata={"columns": {}}),
        Code.BAD_ARGUMENT,
        "payload.resultMetadata.columns",
    ),
    ({"retry": {"task": "no-such-task"}}, Code.NOT_FOUND, "no-such-task"),
    ({"cancel": {"task": "no-such-task"}}, Code.NOT_FOUND, "no-such-task"),
    ({"retry": {}}, Code.BAD_ARGUMENT, "retry.task"),
    ({"retry": {"task": "a"}, "cancel": {"task": "a"}}, Code.BAD_ARGUMENT, "exactly one"),
    ({"retry": {"task": "a"}, "service": "sql"}, Code.BAD_ARGUMENT, "exactly one"),
]


@pytest.mark.parametrize(
    ("wrong", "code", "named"), WRONG_COMMANDS, ids=[str(n) for n in range(len(WRONG_COMMANDS))]
)
def test_wrong_commands(client: Client, wrong: Json, code: Code, named: str) -> None:
    with expect_error(code) as error:
        client.info(wrong)
    assert named in error.message + error.detail


WRONG_BYTES: list[tuple[bytes, Code]] = [
    (b"", Code.UNSUPPORTED_SERVICE),
    (b"hello", Code.UNSUPPORTED_SERVICE),
    (b"\xff" * 40, Code.UNSUPPORTED_SERVICE),
    (b"{", Code.BAD_ARGUMENT),
    (b"{]", Code.BAD_ARGUMENT),
    (b'{"service": "sql"', Code.BAD_ARGUMENT),
    (b'{"service": "sql"} x', Code.BAD_ARGUMENT),
    (b'{"service": "sql", "service": "sql"}', Code.BAD_ARGUMENT),
    (b'{"service": "\xff\xfe"}', Code.BAD_ARGUMENT),
    (b'{"service": NaN}', Code.BAD_ARGUMENT),
    (b'{"a":' * 100_000, Code.BAD_ARGUMENT),
    (b'{"a":' + b"[" * 500_000, Code.BAD_ARGUMENT),
]


@pytest.mark.parametrize(
    ("wrong", "code"), WRONG_BYTES, ids=[str(n) for n in range(len(WRONG_BYTES))]
)
def test_wrong_bytes(client: Client, wrong: bytes, code: Code) -> None:
    # The name of the call is in some of the messages.
    with expect_error(code):
        client.info(wrong)
    with pytest.raises(ERRORS):
        client.schema(wrong)


WRONG_PATHS: list[tuple[list[str | bytes], str]] = [
    ([], "no parts"),
    ([""], "empty"),
    (["a", ""], "Part 2"),
    (["a/b"], "/"),
    (["a\nb"], "control"),
    (["a\u0085b"], "control"),
    (["x" * 256], "255"),
    (["x"] * 33, "32"),
]


@pytest.mark.parametrize(
    ("wrong", "named"), WRONG_PATHS, ids=[str(n) for n in range(len(WRONG_PATHS))]
)
def test_wrong_paths(client: Client, wrong: list[str], named: str) -> None:
    table = table_of(x=[1])
    refused(client, wrong, Code.BAD_ARGUMENT, message=named)
    with expect_error(Code.BAD_ARGUMENT, message=named):
        client.put(wrong, table)
    with expect_error(Code.INVALID_TICKET):
        client.get({"path": wrong})
    with expect_error(Code.BAD_ARGUMENT):
        client.action("DescribeFlight", {"path": wrong})


@pytest.mark.parametrize(
    "parts", [["x" * 255] * 32, ["ü", "日本", "a b", "."], ["..", "etc"], ["%2F", "'", '"', "\\"]]
)
def test_unusual_paths_that_keep_the_rules(
    client: Client, path: list[str], parts: list[str]
) -> None:
    whole = (path + parts)[:32]
    client.stored(whole, table_of(x=[1]))
    assert client.paths(*path) == [whole]
    assert client.get({"path": whole}).num_rows == 1


def nested(levels: int) -> Json:
    """A command of so many levels."""
    innermost = sql("SELECT 1 AS x")
    for _ in range(levels - 1):
        innermost = sql("SELECT x + 1 AS x FROM t", {"t": {"command": innermost}})
    return innermost


def test_nesting(client: Client) -> None:
    assert client.run(nested(6))["x"].to_pylist() == [6]
    assert client.schema(nested(32)).names == ["x"]
    for levels in (33, 60, 2000):
        with expect_error(Code.BAD_ARGUMENT):
            client.info(nested_bytes(levels))


def nested_bytes(levels: int) -> bytes:
    """The same as text, since Python's own JSON writer does not go that deep."""
    opening = '{"service":"sql","payload":{"query":"FROM t","inputs":{"t":{"command":'
    innermost = '{"service":"sql","payload":{"query":"SELECT 1"}}'
    return (opening * (levels - 1) + innermost + "}}}}" * (levels - 1)).encode()


def test_more_inputs_than_allowed(client: Client) -> None:
    many: Json = {f"t{n}": {"path": NOWHERE} for n in range(1025)}
    with expect_error(Code.BAD_ARGUMENT, message="inputs"):
        client.info(sql("SELECT 1", many))


@pytest.mark.parametrize("size", [9 << 20, 64 << 20])
def test_a_command_that_is_too_large(client: Client, size: int) -> None:
    with expect_error(Code.BAD_ARGUMENT, message="bytes"):
        client.info(sql("SELECT '" + "x" * size + "'"))
    assert client.run(sql("SELECT 1 AS x")).num_rows == 1


def test_a_large_command_that_is_allowed(client: Client) -> None:
    text = "x" * (7 << 20)
    command = sql("SELECT length(?) AS n", parameters=[text])
    assert client.run(command)["n"].to_pylist() == [7 << 20]


def test_a_long_message_is_cut(client: Client) -> None:
    name = "n" * 100_000
    with expect_error(Code.BAD_ARGUMENT):
        client.info(command("sql", {name: 1, "query": "SELECT 1"}))
    with expect_error(Code.BAD_ARGUMENT):
        client.info(sql(f"SELECT {name}"))
    with expect_error(Code.NOT_FOUND):
        client.info(connector("ü" * 5000))


def test_errors_of_a_running_command(client: Client, path: list[str]) -> None:
    client.stored(path, pa.table({"s": ["1", "2", "x"]}))
    query = "SELECT CAST(s AS INTEGER) AS n FROM t"
    with expect_error(Code.COMMAND_FAILED, message="x"):
        client.run(sql(query, {"t": {"path": path}}))
    with expect_error(Code.COMMAND_FAILED, message="x"):
        client.info(sql(query, {"t": {"path": path}}, sink={"path": [*path, "sink"]}))
    assert client.paths(*path, "sink") == []
    # It may be an input's.
    with expect_error(Code.COMMAND_FAILED, message="input 'u'"):
        client.run(
            sql("SELECT sum(n) FROM u", {"u": {"command": sql(query, {"t": {"path": path}})}})
        )


def test_cancelling_what_has_ended(client: Client, path: list[str]) -> None:
    info = client.info(sql("SELECT 1 AS x", sink={"path": path}))
    task = json.loads(info.app_metadata)["task"]
    with expect_error(Code.COMMAND_CANCEL_NOT_POSSIBLE):
        client.action("CancelTask", {"task": task})
    with expect_error(Code.COMMAND_CANCEL_NOT_POSSIBLE):
        client.info({"cancel": {"task": task}})
    assert client.paths(*path) == [path]


def test_a_full_queue_is_backpressure(make_server: MakeServer, path: list[str]) -> None:
    server = make_server({"server": {"task_threads": 1, "task_queue_length": 1}})
    client = Client(server.uri)
    first = start(client, endless([*path, "1"]))
    only_running(client)
    second = start(client, endless([*path, "2"]))
    with expect_error(Code.BACKPRESSURE) as error:
        client.info(endless([*path, "3"]))
    assert isinstance(error.exception, fl.FlightUnavailableError)
    for waiting in (first, second):
        with expect_error(Code.COMMAND_CANCELLED):
            client.info(waiting.cancel)
    client.close()


def test_too_many_tasks_are_backpressure(make_server: MakeServer) -> None:
    server = make_server({"server": {"task_max_count": 2}})
    client = Client(server.uri)
    waiting = [client.info(sql("SELECT 1")) for _ in range(2)]
    with expect_error(Code.BACKPRESSURE):
        client.info(sql("SELECT 1"))
    # What has been read makes room.
    client.get(waiting[0])
    client.run(sql("SELECT 1"))
    client.close()


def test_a_query_that_needs_more_than_it_may_use(make_server: MakeServer) -> None:
    server = make_server({"sql": {"query_memory_limit": "32MiB", "query_spill_limit": 0}})
    client = Client(server.uri)
    with expect_error(Code.RESOURCE_EXHAUSTED, message="query_memory_limit"):
        client.run(sql("SELECT range AS x, hash(range) AS h FROM range(20000000) ORDER BY h"))
    assert client.run(sql("SELECT 1")).num_rows == 1
    client.close()


def test_a_query_that_spills(make_server: MakeServer) -> None:
    server = make_server({"sql": {"query_memory_limit": "64MiB"}})
    client = Client(server.uri)
    answer = client.run(
        sql(
            "SELECT count(*) AS n, max(h) > 0 AS p FROM (SELECT hash(range) AS h, range FROM "
            "range(6000000) ORDER BY h OFFSET 1)"
        )
    )
    assert answer.to_pylist() == [{"n": 5_999_999, "p": True}]

    def spilled() -> int:
        return sum(file.stat().st_size for file in server.spill_folder.glob("*/*"))

    eventually("what was spilled is gone", lambda: spilled() == 0)
    client.close()


def test_a_message_that_is_too_large(make_server: MakeServer) -> None:
    server = make_server({"server": {"max_message_bytes": "1MiB"}})
    client = Client(server.uri)
    with expect_error(Code.RESOURCE_EXHAUSTED):
        client.put(["large"], pa.table({"x": pa.array(range(1 << 20), pa.int64())}))
    assert client.paths() == []
    client.stored(["small"], pa.table({"x": [1]}))
    client.close()


def test_a_server_that_stops_tells_so(make_server: MakeServer, path: list[str]) -> None:
    server = make_server()
    client = Client(server.uri)
    seen: list[Exception] = []

    def ask() -> None:
        try:
            client.info(endless(path))
        except fl.FlightError as error:
            seen.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    only_running(client)
    server.stop()
    asking.join()
    (error,) = seen
    # On a machine that is too busy the connection may be cut before the answer is through.
    if getattr(error, "extra_info", None):
        assert parse_error(error).code == Code.SHUTTING_DOWN
    assert isinstance(error, fl.FlightUnavailableError)
    client.close()


WRONG_CRITERIA: list[tuple[Any, Code]] = [
    ({"prefx": ["a"]}, Code.BAD_ARGUMENT),
    ({"prefix": "a"}, Code.BAD_ARGUMENT),
    ({"prefix": ["a/b"]}, Code.BAD_ARGUMENT),
    ({"prefix": ["a"], "service": "sql"}, Code.BAD_ARGUMENT),
    ({"limit": -1}, Code.BAD_ARGUMENT),
    ({"service": "nothing"}, Code.UNSUPPORTED_SERVICE),
]


@pytest.mark.parametrize(("criteria", "code"), WRONG_CRITERIA)
def test_wrong_criteria(client: Client, criteria: Json, code: Code) -> None:
    with expect_error(code):
        client.list_flights(criteria)
