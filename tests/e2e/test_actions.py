"""Every action, in JSON; and what wrong bodies get."""

from __future__ import annotations

from typing import Any

import pyarrow.flight as fl
import pytest

from tests.e2e import wire_format
from tests.e2e.client import Client, Json, connector, metadata_of, sql, table_of
from tests.e2e.errors import Code, expect_error
from tests.e2e.polling import endless, start, wait_for_state
from tests.e2e.server import LongbowServer

ACTIONS = [
    "HealthCheck",
    "GetLocations",
    "ListNodes",
    "ListServices",
    "DescribeFlight",
    "DeleteFlights",
    "CancelTask",
    "ListTasks",
    "CancelFlightInfo",
    "RenewFlightEndpoint",
]


def test_list_actions_describes_each(client: Client) -> None:
    listed = {action.type: action.description for action in client.flight.list_actions()}
    assert set(listed) == set(ACTIONS)
    for description in listed.values():
        assert description.endswith(".")
        assert len(description) > 20


def test_health_check(client: Client) -> None:
    answer = client.action("HealthCheck")
    assert answer["status"] == "SERVING"
    assert answer["node"] == "e2e"
    assert answer["version"]
    assert answer["problems"] == []
    assert client.action("HealthCheck", {}) == answer


def test_list_nodes(server: LongbowServer, client: Client) -> None:
    (node,) = client.action("ListNodes")["nodes"]
    assert node["node"] == "e2e"
    assert node["uris"] == [server.uri]
    assert node["status"] == "SERVING"
    assert node["started"].startswith("20")
    assert node["started"].endswith("Z")
    assert {"sql", "connector", "storage"} <= set(node["services"])


def test_list_services(client: Client) -> None:
    services = {each["name"]: each for each in client.action("ListServices")["services"]}
    assert {"sql", "connector", "storage"} <= set(services)
    query = next(field for field in services["sql"]["fields"] if field["name"] == "query")
    assert query["type"] == "string"
    assert query["required"] is True
    assert services["sql"]["takesInputs"] is True
    assert services["connector"]["takesInputs"] is False
    assert services["sql"]["nodes"] == ["e2e"]


@pytest.mark.parametrize(
    ("request_body", "is_here"),
    [
        ({"command": sql("SELECT 1")}, True),
        ({"command": {"service": "nothing"}}, False),
        ({"path": ["any", "path"]}, True),
    ],
)
def test_get_locations(
    server: LongbowServer, client: Client, request_body: Json, is_here: bool
) -> None:
    answer = client.action("GetLocations", request_body)
    here = {"node": "e2e", "uris": [server.uri]}
    assert answer["locations"] == ([here] if is_here else [])


def test_describe_flight_of_revisions(client: Client, path: list[str]) -> None:
    revision = client.stored(path, table_of(x=[1, 2]))["revision"]
    body: Json = {"path": path, "revision": revision}
    described = client.action("DescribeFlight", body)
    assert described["path"] == path
    assert described["rows"] == 2
    assert described["revision"] == revision
    with expect_error(Code.NOT_FOUND):
        client.action("DescribeFlight", {"path": path, "revision": revision + 1000})


def test_delete_flights(client: Client, path: list[str]) -> None:
    for name in ("a", "b", "c"):
        client.stored([*path, name], table_of(x=[1]))
    request: Json = {"paths": [[*path, "a"], [*path, "b"], [*path, "nothing"]]}
    answer = client.action("DeleteFlights", request)
    assert answer["deleted"] == 2
    assert int(client.headers["x-longbow-sync-rev"]) == answer["revision"]
    assert client.paths(*path) == [[*path, "c"]]
    # Nothing to delete is no mistake, and no change.
    again = client.action("DeleteFlights", {"paths": [[*path, "a"]]})
    assert again == {"deleted": 0, "revision": answer["revision"]} or again["deleted"] == 0
    assert "x-longbow-sync-rev" not in client.headers


def test_a_prefix_is_of_whole_parts(client: Client, path: list[str]) -> None:
    client.stored([*path, "ab"], table_of(x=[1]))
    assert client.action("DeleteFlights", {"prefix": [*path, "a"]})["deleted"] == 0
    assert client.paths(*path, "a") == []
    assert client.action("DeleteFlights", {"prefix": path})["deleted"] == 1


def test_list_tasks_and_cancel_task(client: Client, path: list[str]) -> None:
    waiting = start(client, endless(path))
    task = wait_for_state(client, waiting.task, "STARTING", "STREAMING")
    assert task["service"] == "sql"
    assert task["node"] == "e2e"
    assert 0 <= task["progress"] <= 1
    assert task["created"].startswith("20")
    assert waiting.task in [each["task"] for each in client.tasks(service="sql")]
    assert waiting.task not in [each["task"] for each in client.tasks(service="connector")]
    assert len(client.tasks(limit=1)) == 1
    assert client.tasks(limit=0) == []
    assert client.action("CancelTask", {"task": waiting.task}) == {"state": "CANCELLED"}
    wait_for_state(client, waiting.task, "CANCELLED")
    with expect_error(Code.COMMAND_CANCEL_NOT_POSSIBLE):
        client.action("CancelTask", {"task": waiting.task, "node": "e2e"})


def test_list_tasks_counts_what_was_produced(client: Client) -> None:
    info = client.info(connector("sales"))
    client.get(info)
    task = client.task(metadata_of(info)["task"])
    assert task is not None
    assert task["state"] == "DONE"
    assert task["rows"] == 1200
    assert task["bytes"] > 0


def test_cancel_flight_info(client: Client) -> None:
    info = client.info(sql("SELECT range FROM range(1000000000)"))
    body = wire_format.encode((1, info.serialize()))
    (answer,) = client.action_bytes("CancelFlightInfo", body)
    assert wire_format.fields_of(answer) == {1: 1}
    with expect_error(Code.COMMAND_CANCELLED):
        client.get(info)


WRONG_BODIES: list[tuple[str, Any, Code]] = [
    ("HealthCheck", {"x": 1}, Code.BAD_ARGUMENT),
    ("ListNodes", {"x": 1}, Code.BAD_ARGUMENT),
    ("ListServices", b"{", Code.BAD_ARGUMENT),
    ("GetLocations", {}, Code.BAD_ARGUMENT),
    ("GetLocations", {"path": ["a"], "command": {"service": "sql"}}, Code.BAD_ARGUMENT),
    ("GetLocations", {"command": {}}, Code.BAD_ARGUMENT),
    ("DescribeFlight", {}, Code.BAD_ARGUMENT),
    ("DescribeFlight", {"pat": ["a"]}, Code.BAD_ARGUMENT),
    ("DescribeFlight", {"path": ["a"], "revision": -1}, Code.BAD_ARGUMENT),
    ("DescribeFlight", {"path": ["e2e", "nothing"]}, Code.NOT_FOUND),
    ("DeleteFlights", {}, Code.BAD_ARGUMENT),
    ("DeleteFlights", {"prefix": []}, Code.BAD_ARGUMENT),
    ("DeleteFlights", {"paths": []}, Code.BAD_ARGUMENT),
    ("DeleteFlights", {"paths": [["a"]], "prefix": ["a"]}, Code.BAD_ARGUMENT),
    ("DeleteFlights", {"paths": ["a"]}, Code.BAD_ARGUMENT),
    ("DeleteFlights", {"paths": [["a/b"]]}, Code.BAD_ARGUMENT),
    ("CancelTask", {}, Code.BAD_ARGUMENT),
    ("CancelTask", {"task": "nothing"}, Code.NOT_FOUND),
    ("CancelTask", {"task": "x", "node": "another"}, Code.BAD_REQUEST),
    ("ListTasks", {"limit": -1}, Code.BAD_ARGUMENT),
    ("ListTasks", {"limit": "many"}, Code.BAD_ARGUMENT),
    ("ListTasks", {"servce": "sql"}, Code.BAD_ARGUMENT),
    ("CancelFlightInfo", b"\xff\xff", Code.BAD_ARGUMENT),
    ("RenewFlightEndpoint", b"\xff\xff", Code.BAD_ARGUMENT),
    ("NoSuchAction", {}, Code.NOT_IMPLEMENTED),
    ("", b"", Code.NOT_IMPLEMENTED),
    ("healthcheck", {}, Code.NOT_IMPLEMENTED),
]


@pytest.mark.parametrize(
    ("name", "body", "code"), WRONG_BODIES, ids=[f"{n}-{b[0]}" for n, b in enumerate(WRONG_BODIES)]
)
def test_wrong_bodies(client: Client, name: str, body: Any, code: Code) -> None:
    with expect_error(code):
        if isinstance(body, bytes):
            client.action_bytes(name, body)
        else:
            client.action(name, body)


def test_renewing_what_is_gone(client: Client) -> None:
    endpoint = fl.FlightEndpoint(b'{"task": "nothing"}', [])
    with expect_error(Code.NOT_FOUND, Code.INVALID_TICKET):
        client.action_bytes("RenewFlightEndpoint", wire_format.encode((1, endpoint.serialize())))
