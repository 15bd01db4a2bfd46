"""What callers may do: rules, at every level of a command, and that no refusal tells of what there is.

The server's callers are ann and bob, who share one folder; eve, for whom there is no rule; and root.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e import wire_format
from tests.e2e.client import Json, command, connector, descriptor_of, rows, sql, table_of
from tests.e2e.errors import Code, expect_error
from tests.e2e.every_call import (
    Call,
    HeaderClient,
    action_call,
    cancel_info_body,
    data_call,
    renew_body,
    ticket_call,
)
from tests.e2e.polling import LONG, LONG_RESULT, endless, start, wait_for_state
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import LongbowServer
from tests.e2e.test_actions import ACTIONS

TOKENS = {name: f"{name}-" + secrets.token_hex(16) for name in ("ann", "bob", "eve", "root")}
BOBS_ACTIONS = [name for name in ACTIONS if name not in ("HealthCheck", "ListNodes")]

EVERYTHING: Json = {
    "services": ["*"],
    "actions": ["*"],
    "read": ["*"],
    "write": ["*"],
    "raw_methods": True,
    "all_tasks": True,
}
RULES: dict[str, Json] = {
    "access.rule.ann": {
        "principals": ["token:ann"],
        "services": ["sql", "connector"],
        "actions": ["*"],
        "read": ["ann", "shared"],
        "write": ["ann", "shared"],
    },
    "access.rule.bob": {
        "principals": ["token:bob"],
        "services": ["sql"],
        "actions": BOBS_ACTIONS,
        "read": ["bob", "shared/read", "shared/both"],
        "write": ["bob", "shared/both", "shared/write"],
    },
    "access.rule.root": {"principals": ["token:root"], **EVERYTHING},
}


def token_settings(rules: dict[str, Json]) -> dict[str, Json]:
    """Settings of a server that knows the four."""
    tables = {f"auth.token.{name}": {"token": token} for name, token in TOKENS.items()}
    server: Json = {"shutdown_grace_sec": 1}
    return {"server": server, "auth": {"method": "token"}, **tables, **rules}


@pytest.fixture(scope="module")
def ruled(sources: dict[str, Json]) -> Iterator[LongbowServer]:
    """A server with rules, and with flights of both."""
    server = LongbowServer({**token_settings(RULES), **sources})
    try:
        server.start()
        root = SecureClient(server.uri, TOKENS["root"])
        for path in (["ann", "there"], ["bob", "own"], ["shared", "read", "x"], ["zed", "there"]):
            root.stored(path, table_of(x=[len(path), 42]))
        root.close()
        yield server
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def call_as(ruled: LongbowServer) -> Iterator[Callable[[str], SecureClient]]:
    """Connects as somebody."""
    made: list[SecureClient] = []

    def connect(name: str) -> SecureClient:
        made.append(SecureClient(ruled.uri, TOKENS[name]))
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def bob(call_as: Callable[[str], SecureClient]) -> SecureClient:
    """Who may do little."""
    return call_as("bob")


@pytest.fixture
def ann(call_as: Callable[[str], SecureClient]) -> SecureClient:
    """Who may do more."""
    return call_as("ann")


@pytest.fixture
def bobs_raw(ruled: LongbowServer) -> Iterator[HeaderClient]:
    """Bob's connection for calls whose bytes are looked at."""
    connection = HeaderClient(ruled.uri, ("authorization", f"Bearer {TOKENS['bob']}"))
    yield connection
    connection.close()


def answer_to(raw: HeaderClient, call: Call) -> tuple[int, str, Json]:
    """How a call is refused: gRPC's status and message, and the error JSON."""
    reply = raw.make(call)
    assert reply.status != 0, call.name
    assert reply.messages == [], call.name
    return reply.status, reply.message, reply.error


def same_answer(
    raw: HeaderClient, make: Callable[[str], Call], code: Code, *names: str
) -> dict[str, Any]:
    """Calls that differ in a name only get answers that differ in that name only."""
    answers = []
    for name in names:
        status, message, error = answer_to(raw, make(name))
        assert error["code"] == code, (make(name).name, error)
        told = json.dumps([status, message, error])
        answers.append(told.replace(name, "NAME"))
    assert len(set(answers)) == 1, answers
    parsed: dict[str, Any] = json.loads(answers[0])[2]
    return parsed


# Services and actions.


def test_services(ann: SecureClient, bob: SecureClient) -> None:
    assert ann.run(connector("fx")).num_rows == 2
    with expect_error(Code.PERMISSION_DENIED, message="connector"):
        bob.run(connector("fx"))
    assert rows(bob.run(sql("SELECT 1 AS x"))) == [(1,)]


def test_a_forbidden_service_is_as_one_that_is_not_there(bobs_raw: HeaderClient) -> None:
    names = ("connector", "storage", "nothing", "sqll")
    for method in ("GetFlightInfo", "PollFlightInfo", "GetSchema"):
        for fields in ({}, {"source": "fx"}, {"sorce": "absent"}):

            def ask(name: str, method: str = method, fields: Json = fields) -> Call:
                return Call(method, method, (descriptor_of(command(name, fields)).serialize(),))

            same_answer(bobs_raw, ask, Code.PERMISSION_DENIED, *names)
    for method in ("DoPut", "DoExchange"):

        def send(name: str, method: str = method) -> Call:
            return data_call(method, method, command(name))

        same_answer(bobs_raw, send, Code.PERMISSION_DENIED, *names)

    def locate(name: str) -> Call:
        return action_call("GetLocations", {"command": command(name)})

    same_answer(bobs_raw, locate, Code.PERMISSION_DENIED, *names)

    def list_of(name: str) -> Call:
        criteria = json.dumps({"service": name}).encode()
        return Call("ListFlights", "ListFlights", (wire_format.encode((1, criteria)),))

    same_answer(bobs_raw, list_of, Code.PERMISSION_DENIED, "connector", "nothing")


def test_actions(bob: SecureClient, bobs_raw: HeaderClient) -> None:
    listed = [action.type for action in bob.flight.list_actions(bob.options())]
    assert sorted(listed) == sorted(BOBS_ACTIONS)
    assert bob.action("ListServices")["services"]
    forbidden = [name for name in ACTIONS if name not in BOBS_ACTIONS]
    for body in (b"", b"\xff\xff", b"{}"):

        def ask(name: str, body: bytes = body) -> Call:
            return action_call(name, body)

        names = (*forbidden, "NoSuchAction", "listServices")
        same_answer(bobs_raw, ask, Code.PERMISSION_DENIED, *names)


# Paths.


def path_calls(name: str) -> dict[str, Call]:
    """Every call that reads or writes a path of ann's."""
    path = ["ann", name]
    told = descriptor_of(path).serialize()

    def ask(kind: str, method: str, what: Json) -> Call:
        return Call(f"{method} with {kind}", method, (descriptor_of(what).serialize(),))

    input_of_it: Json = {"t": {"path": path}}
    read = sql("SELECT * FROM t", input_of_it)
    calls = [
        Call("GetFlightInfo", "GetFlightInfo", (told,)),
        Call("PollFlightInfo", "PollFlightInfo", (told,)),
        Call("GetSchema", "GetSchema", (told,)),
        ticket_call("DoGet", {"path": path}),
        ticket_call("DoGet of a revision", {"path": path, "revision": 1}),
        data_call("DoPut", "DoPut", path),
        action_call("DescribeFlight", {"path": path}),
        action_call("DescribeFlight", {"path": path, "revision": 1}),
        action_call("DeleteFlights", {"paths": [path]}),
        action_call("DeleteFlights", {"paths": [["bob", "own"], path]}),
        action_call("DeleteFlights", {"prefix": path}),
        action_call("GetLocations", {"path": path}),
        data_call("DoExchange", "DoExchange", sql("SELECT * FROM input, t", input_of_it)),
    ]
    for method in ("GetFlightInfo", "PollFlightInfo", "GetSchema"):
        calls += [
            ask("an input", method, read),
            ask("an input's input", method, sql("SELECT 1", {"u": {"command": read}})),
            ask("a deep input", method, nested(read, 5)),
        ]
        for if_exists in ("ERROR", "REPLACE", "REUSE"):
            sink = sql("SELECT 1 AS x", sink={"path": path, "ifExists": if_exists})
            calls += [
                ask(f"a sink {if_exists}", method, sink),
                ask(f"an input's sink {if_exists}", method, nested(sink, 1)),
                ask(f"a deep sink {if_exists}", method, nested(sink, 5)),
            ]
    return {f"{n} {call.name}": call for n, call in enumerate(calls)}


def nested(inner: Json, levels: int) -> Json:
    """A query over a query over ... over it."""
    for _ in range(levels):
        inner = sql("SELECT * FROM t", {"t": {"command": inner}})
    return inner


def test_a_forbidden_path_is_as_one_that_is_not_there(
    ann: SecureClient, bobs_raw: HeaderClient
) -> None:
    assert ann.paths("ann") == [["ann", "there"]]
    for number in path_calls("there"):

        def make(name: str, number: str = number) -> Call:
            return path_calls(name)[number]

        error = same_answer(bobs_raw, make, Code.PERMISSION_DENIED, "there", "absent")
        assert "ann/NAME" in error["msg"], number
    # Nothing has come of all this.
    assert ann.paths("ann") == [["ann", "there"]]
    assert ann.action("DescribeFlight", {"path": ["ann", "there"]})["rows"] == 2


def test_the_same_calls_are_allowed_to_their_owner(ann: SecureClient, ruled: LongbowServer) -> None:
    """So that it is the rules that refuse bob's."""
    connection = HeaderClient(ruled.uri, ("authorization", f"Bearer {TOKENS['ann']}"))
    for name in ("there", "absent"):
        for call in path_calls(name).values():
            if call.method == "DoAction" and b"DeleteFlights" in call.messages[0]:
                continue
            reply = connection.make(call)
            if reply.status != 0:
                assert reply.error["code"] != Code.PERMISSION_DENIED, (call.name, reply.error)
            if name == "absent" and ["ann", "absent"] in ann.paths("ann"):
                ann.action("DeleteFlights", {"paths": [["ann", "absent"]]})
    connection.close()
    ann.put(["ann", "there"], table_of(x=[1, 2]), {"ifExists": "REPLACE"})


def test_paths_of_one_and_of_both(ann: SecureClient, bob: SecureClient) -> None:
    for path in (["bob", "a"], ["bob", "deep", "er"], ["shared", "both", "a"]):
        bob.stored(path, table_of(x=[1]))
        assert bob.get({"path": path}).num_rows == 1
    # Writing does not imply reading, nor the other way round.
    bob.stored(["shared", "write", "a"], table_of(x=[1]))
    assert bob.get({"path": ["shared", "read", "x"]}).num_rows == 2
    denied: list[Callable[[], object]] = [
        lambda: bob.get({"path": ["shared", "write", "a"]}),
        lambda: bob.put(["shared", "read", "a"], table_of(x=[1])),
        lambda: bob.put(["shared"], table_of(x=[1])),
        lambda: bob.put(["shared", "bothx"], table_of(x=[1])),
        lambda: bob.put(["bobx"], table_of(x=[1])),
        lambda: bob.action("DeleteFlights", {"prefix": ["shared"]}),
    ]
    for call in denied:
        with expect_error(Code.PERMISSION_DENIED):
            call()
    assert ann.get({"path": ["shared", "both", "a"]}).num_rows == 1
    with expect_error(Code.PERMISSION_DENIED):
        ann.get({"path": ["bob", "a"]})
    bob.action("DeleteFlights", {"prefix": ["shared", "both"]})
    bob.action("DeleteFlights", {"prefix": ["shared", "write"]})
    bob.action("DeleteFlights", {"paths": [["bob", "a"], ["bob", "deep", "er"]]})


def test_reuse_needs_reading(ann: SecureClient, bob: SecureClient) -> None:
    path = ["shared", "write", "reused"]
    ann.stored(path, table_of(x=[7]))
    reuse = sql("SELECT 1 AS x", sink={"path": path, "ifExists": "REUSE"})
    for what in (reuse, nested(reuse, 1), nested(reuse, 3)):
        with expect_error(Code.PERMISSION_DENIED, message="read 'shared/write/reused'"):
            bob.info(what)
    # A put's receipt would tell of what is there.
    with expect_error(Code.PERMISSION_DENIED):
        bob.put(path, table_of(x=[1]), {"ifExists": "REUSE"})
    ann.action("DeleteFlights", {"paths": [path]})


def test_an_inner_command_is_checked_as_its_caller(bob: SecureClient) -> None:
    fine = sql("SELECT * FROM t", {"t": {"path": ["bob", "own"]}})
    assert rows(bob.run(nested(fine, 3))) == [(2,), (42,)]
    for levels in (1, 2, 6):
        with expect_error(Code.PERMISSION_DENIED, message="connector") as error:
            bob.info(nested(connector("fx"), levels))
        assert error.message.startswith("input 't': " * levels)
    # One of several is enough.
    with expect_error(Code.PERMISSION_DENIED, message="ann/there"):
        both: Json = {"a": {"path": ["bob", "own"]}, "b": {"path": ["ann", "there"]}}
        bob.info(sql("SELECT * FROM a, b", both))


def cached_sum(*path: str) -> Json:
    """A command whose result is kept in the cache."""
    return sql("SELECT sum(x) AS s FROM t", {"t": {"path": list(path)}}, sink={"cache": True})


def test_who_may_run_a_command_may_have_its_result_from_the_cache(
    ann: SecureClient, bob: SecureClient
) -> None:
    for client in (ann, bob, ann):
        assert client.run(cached_sum("shared", "read", "x"))["s"].to_pylist() == [45]


def test_the_cache_is_no_way_around_a_rule(ann: SecureClient, bob: SecureClient) -> None:
    of_ann = cached_sum("ann", "there")
    ticket = ann.info(of_ann).endpoints[0].ticket
    with expect_error(Code.PERMISSION_DENIED):
        bob.info(of_ann)
    with expect_error(Code.PERMISSION_DENIED, Code.INVALID_TICKET):
        bob.get(ticket)


# Lists.


def test_lists_tell_only_what_is_allowed(
    call_as: Callable[[str], SecureClient], bob: SecureClient
) -> None:
    root = call_as("root")
    assert root.paths("ann") == [["ann", "there"]]
    assert root.paths("zed") == [["zed", "there"]]
    assert sorted(bob.paths()) == [["bob", "own"], ["shared", "read", "x"]]
    assert bob.paths("ann") == bob.paths("absent") == []
    # What is hidden does not count towards the limit: ann's come first.
    found = bob.list_flights({"limit": 1})
    assert [part.decode() for part in found[0].descriptor.path] == ["bob", "own"]
    assert len(bob.list_flights({"limit": 2})) == 2
    commands = [info for info in root.list_flights() if info.descriptor.command]
    assert commands, "the connector lists its sources"
    assert [info for info in bob.list_flights() if info.descriptor.command] == []
    assert [service["name"] for service in bob.action("ListServices")["services"]] == ["sql"]
    names = {service["name"] for service in root.action("ListServices")["services"]}
    assert {"sql", "connector", "storage"} <= names
    ann = call_as("ann")
    (node,) = ann.action("ListNodes")["nodes"]
    assert sorted(node["services"]) == ["connector", "sql"]


def test_errors_name_no_forbidden_service(bob: SecureClient) -> None:
    with expect_error(Code.PERMISSION_DENIED) as error:
        bob.info(command("sq"))
    assert "sql" not in error.message + error.detail
    with expect_error(Code.PERMISSION_DENIED, Code.UNSUPPORTED_SERVICE, Code.BAD_ARGUMENT) as error:
        bob.info(b"no envelope")
    assert "connector" not in error.message + error.detail


# Tasks.


def task_calls(task: str) -> dict[str, tuple[Call, Code]]:
    """Every call about a task."""
    reference: Json = {"task": task, "node": "e2e"}
    retry = descriptor_of({"retry": reference}).serialize()
    cancel = descriptor_of({"cancel": reference}).serialize()
    calls = [
        (Call("retry", "GetFlightInfo", (retry,)), Code.NOT_FOUND),
        (Call("poll", "PollFlightInfo", (retry,)), Code.NOT_FOUND),
        (Call("schema", "GetSchema", (retry,)), Code.NOT_FOUND),
        (Call("cancel", "GetFlightInfo", (cancel,)), Code.NOT_FOUND),
        (Call("cancel by poll", "PollFlightInfo", (cancel,)), Code.NOT_FOUND),
        (ticket_call("read", reference), Code.INVALID_TICKET),
        (action_call("CancelTask", reference), Code.NOT_FOUND),
        (action_call("CancelFlightInfo", cancel_info_body(task)), Code.NOT_FOUND),
        (action_call("RenewFlightEndpoint", renew_body(task)), Code.NOT_FOUND),
    ]
    return {call.name: (call, code) for call, code in calls}


def test_tasks_of_others(
    call_as: Callable[[str], SecureClient],
    ann: SecureClient,
    bob: SecureClient,
    bobs_raw: HeaderClient,
) -> None:
    running = start(ann, endless(["ann", "endless"])).task
    wait_for_state(ann, running, "STARTING", "STREAMING")
    waiting = ann.info(sql("SELECT 7 AS x"))
    done = json.loads(waiting.app_metadata)["task"]
    mine = json.loads(bob.info(sql("SELECT 1 AS x")).app_metadata)["task"]
    absent = "0" * len(running)
    for name, (_, code) in task_calls(absent).items():

        def make(task: str, name: str = name) -> Call:
            return task_calls(task)[name][0]

        same_answer(bobs_raw, make, code, running, done, absent)
    listed = {task["task"] for task in bob.tasks()}
    assert mine in listed
    assert not listed & {running, done}
    assert {task["principal"] for task in bob.tasks()} == {"bob"}
    # The task goes on, the result is still there for its owner, and root sees both.
    assert ann.task(running)["state"] in ("STARTING", "STREAMING")  # type: ignore[index]
    assert rows(ann.get(waiting)) == [(7,)]
    root = call_as("root")
    assert {running, done, mine} <= {task["task"] for task in root.tasks()}
    assert root.action("CancelTask", {"task": running}) == {"state": "CANCELLED"}
    wait_for_state(ann, running, "CANCELLED")


def test_a_task_that_both_have_asked_for(ann: SecureClient, bob: SecureClient) -> None:
    path = ["shared", "both", "long"]
    wanted = sql(LONG, sink={"path": path, "ifExists": "REUSE"})
    task = start(ann, wanted).task
    joined = start(bob, wanted)
    assert joined.task == task, "the same command with the same sink runs once"
    # It is listed to both, and tells bob nothing of who began it.
    assert ann.task(task)["principal"] == "ann"  # type: ignore[index]
    assert bob.task(task).get("principal", "") == ""  # type: ignore[union-attr]
    # It is not bob's to cancel: ann waits for it, too.
    with expect_error(Code.PERMISSION_DENIED, message="begun by somebody else"):
        bob.action("CancelTask", {"task": task})
    with expect_error(Code.PERMISSION_DENIED, message="begun by somebody else"):
        bob.info(joined.cancel)
    for client in (bob, ann):
        info = client.info(wanted)
        assert rows(client.get(info)) == LONG_RESULT
    assert rows(bob.get(bob.info(joined.retry))) == LONG_RESULT
    assert ann.action("DeleteFlights", {"paths": [path]})["deleted"] == 1
