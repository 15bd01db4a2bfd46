"""How a node is: `/live`, `/ready`, `/health`, the action and gRPC's health service say the same."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import pyarrow.flight as fl
import pytest

from tests.e2e import wire_format
from tests.e2e.client import Client, Json, command, eventually, rows, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.exposition import Exposition
from tests.e2e.operations import health, http_get, module_path, with_modules
from tests.e2e.raw_grpc import ACK, DATA, PING, SETTINGS, RawClient
from tests.e2e.server import PATIENCE_SEC, LongbowServer
from tests.e2e.thread_steps import steps_of_new_thread, watch_threads

FLIGHT_SERVICE = b"arrow.flight.protocol.FlightService"
SERVING, NOT_SERVING = 1, 2
GRPC_NOT_FOUND = 5
TOKEN = "an operator's token, of 34 letters"
OPEN = {"live": 204, "ready": 204, "": 200}
GUARDED = ["health", "metrics", "status.json"]


@pytest.fixture(scope="module")
def moody() -> Iterator[LongbowServer]:
    """A server with a module that is as it is told to be."""
    modules = with_modules("storage", "sql", module_path("moody"))
    shared = LongbowServer({"http": {"port": 0}}, arguments=modules)
    try:
        yield shared.start()
        shared.stop()
    finally:
        shared.kill()


@pytest.fixture
def caller(moody: LongbowServer) -> Iterator[Client]:
    """A connection to it; whatever a test did to its mood is undone afterwards."""
    connection = Client(moody.uri)
    yield connection
    set_mood(connection, "ok")
    connection.close()


def set_mood(client: Client, status: str, reason: str = "") -> None:
    """Tells the module what to report; it has reported it afterwards."""
    mood = command("mood", {"status": status, "reason": reason})
    assert rows(client.run(mood)) == [(status,)]


def grpc_health(uri: str, service: bytes) -> wire_format.Field | None:
    """What gRPC's health service says; nothing where it knows no such service."""
    raw = RawClient(uri)
    request = wire_format.encode((1, service)) if service else b""
    reply = raw.call("/grpc.health.v1.Health/Check", request)
    raw.close()
    if reply.status == GRPC_NOT_FOUND:
        return None
    assert reply.status == 0, reply.headers
    return wire_format.fields_of(reply.messages[0])[1]


class Watcher(RawClient):
    """A raw client of gRPC's call that tells of each change."""

    def watch(self) -> Iterator[bytes]:
        """The messages as they come."""
        self.begin("/grpc.health.v1.Health/Watch", b"")
        body = b""
        while True:
            head = self._receive(9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = self._receive(size)
            if kind in (SETTINGS, PING) and not flags & ACK:
                self._send(kind, ACK, 0, payload if kind == PING else b"")
            elif kind == DATA:
                body += payload
            while len(body) >= 5 and len(body) >= 5 + int.from_bytes(body[1:5], "big"):
                end = 5 + int.from_bytes(body[1:5], "big")
                yield body[5:end]
                body = body[end:]


def module_of(told: Json, name: str) -> Json:
    """What `/health` says of one module."""
    (found,) = [module for module in told["modules"] if module["name"] == name]
    assert set(found) == {"name", "version", "status", "reason", "since"}
    assert isinstance(found, dict)
    return found


def check(server: LongbowServer, client: Client, status: str, *words: str) -> Json:
    """All that tell of the node's health say `status`, and these words of what is wrong."""
    ready = status != "DOWN"
    base = server.http
    assert http_get(base + "live") == (204, "")
    assert http_get(base + "ready") == (204 if ready else 500, "")
    code, body = http_get(base + "health")
    assert code == (200 if ready else 500)
    told: Json = json.loads(body)
    assert set(told) == {"status", "state", "reason", "node", "version", "problems", "modules"}
    assert (told["status"], told["state"], told["node"]) == (status, "SERVING", "e2e")
    assert [module["name"] for module in told["modules"]] == ["storage", "sql", "moody"]
    serving = SERVING if ready else NOT_SERVING
    assert grpc_health(server.uri, b"") == serving
    assert grpc_health(server.uri, FLIGHT_SERVICE) == serving
    assert Exposition(base)("longbow_ready") == (1 if ready else 0)
    answer = client.action("HealthCheck")
    assert (answer["status"], answer["node"]) == ("SERVING", "e2e")
    assert answer["version"] == told["version"]
    assert len(answer["problems"]) == (0 if status == "OK" else 1)
    page = json.loads(http_get(base + "status.json")[1])
    (mood,) = [module for module in page["modules"] if module["name"] == "moody"]
    assert mood["status"] == status
    for text in (json.dumps(told), "".join(answer["problems"]), json.dumps(mood)):
        assert all(word in text for word in words), (words, text)
    return told


def test_all_is_well(moody: LongbowServer, caller: Client) -> None:
    told = check(moody, caller, "OK")
    assert told["reason"] == ""
    assert told["problems"] == []
    for module in told["modules"]:
        assert (module["status"], module["reason"]) == ("OK", "")
        assert module["version"]
        assert module["since"].startswith("20")
        assert module["since"].endswith("Z")


def test_a_module_that_is_degraded_leaves_the_node_ready(
    moody: LongbowServer, caller: Client
) -> None:
    set_mood(caller, "degraded", "the index is being rebuilt")
    told = check(moody, caller, "DEGRADED", "the index is being rebuilt", "moody")
    assert module_of(told, "moody")["status"] == "DEGRADED"
    assert module_of(told, "sql")["status"] == "OK"


def test_a_module_that_is_down_and_recovers(moody: LongbowServer, caller: Client) -> None:
    before = module_of(health(moody.http), "moody")
    set_mood(caller, "down", "its disk is gone")
    told = check(moody, caller, "DOWN", "its disk is gone", "moody")
    assert "moody" in told["reason"]
    assert "its disk is gone" in told["reason"]
    mood = module_of(told, "moody")
    assert (mood["status"], mood["reason"]) == ("DOWN", "its disk is gone")
    assert mood["since"] > before["since"]
    assert module_of(told, "sql")["status"] == "OK"
    # Not ready is advice to those who send calls; those that come are served.
    assert rows(caller.run(sql("SELECT 1 AS x"))) == [(1,)]

    # The newest report counts.
    set_mood(caller, "down", "its disk is still gone")
    check(moody, caller, "DOWN", "its disk is still gone")
    set_mood(caller, "degraded", "one disk of two")
    check(moody, caller, "DEGRADED", "one disk of two")
    set_mood(caller, "ok")
    again = check(moody, caller, "OK")
    assert again["reason"] == ""
    assert module_of(again, "moody")["since"] > mood["since"]
    words = json.dumps(moody.log())
    assert "its disk is gone" in words, "the log tells, too"


def test_whatever_a_reason_holds(moody: LongbowServer, caller: Client) -> None:
    reason = 'a "quoted" \\ reason,\n{"status": "OK"}\t<script>alert(1)</script> \x01 ' + "ä" * 500
    set_mood(caller, "degraded", reason)
    told = health(moody.http)
    assert told["status"] == "DEGRADED"
    shown = module_of(told, "moody")["reason"]
    assert shown[:20] == reason[:20]
    json.loads(http_get(moody.http + "status.json")[1])
    caller.action("HealthCheck")
    moody.log()  # each line is JSON


def test_grpc_knows_no_other_service(moody: LongbowServer) -> None:
    assert grpc_health(moody.uri, b"no.such.Service") is None
    assert grpc_health(moody.uri, b"x" * 120) is None


def test_watching_by_grpc(moody: LongbowServer, caller: Client) -> None:
    raw = Watcher(moody.uri)
    seen = raw.watch()
    assert wire_format.fields_of(next(seen))[1] == SERVING
    set_mood(caller, "down")
    assert wire_format.fields_of(next(seen))[1] == NOT_SERVING
    set_mood(caller, "ok")
    assert wire_format.fields_of(next(seen))[1] == SERVING
    raw.close()


# The endpoint's token.


@pytest.fixture(scope="module")
def guarded() -> Iterator[LongbowServer]:
    """A server whose endpoint has a token."""
    shared = LongbowServer({"http": {"port": 0, "token": TOKEN}})
    try:
        yield shared.start()
        shared.stop()
        # The token is in no line, even where somebody came near it.
        assert TOKEN[:-1] not in shared.stderr
    finally:
        shared.kill()


Headers = Sequence[tuple[str, str]]


def ask(base: str, path: str, headers: Headers, method: str = "GET") -> tuple[int, Json, str]:
    """Status, headers and body of one request; headers may come twice. Its `Host` is the base's
    unless there is one."""
    address = urlsplit(base)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE_SEC)
    try:
        own_host = any(name.lower() == "host" for name, _ in headers)
        connection.putrequest(method, "/" + path, skip_host=own_host)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, fields, answer.read().decode()
    finally:
        connection.close()


AUTHORIZATION = "Authorization"
GOOD: dict[str, Headers] = {
    "right": [(AUTHORIZATION, f"Bearer {TOKEN}")],
    "lower case": [(AUTHORIZATION.lower(), f"bearer {TOKEN}")],
    "upper case": [(AUTHORIZATION.upper(), f"BEARER {TOKEN}")],
}
BAD: dict[str, Headers] = {
    "nothing": [],
    "empty": [(AUTHORIZATION, "")],
    "no token": [(AUTHORIZATION, "Bearer")],
    "blank token": [(AUTHORIZATION, "Bearer  ")],
    "no scheme": [(AUTHORIZATION, TOKEN)],
    "another scheme": [(AUTHORIZATION, f"Basic {TOKEN}")],
    "scheme twice": [(AUTHORIZATION, f"Bearer Bearer {TOKEN}")],
    "wrong": [(AUTHORIZATION, "Bearer " + "x" * len(TOKEN))],
    "shorter": [(AUTHORIZATION, f"Bearer {TOKEN[:-1]}")],
    "longer": [(AUTHORIZATION, f"Bearer {TOKEN}x")],
    "another case": [(AUTHORIZATION, f"Bearer {TOKEN.upper()}")],
    "twice": [(AUTHORIZATION, f"Bearer {TOKEN}")] * 2,
    "right and wrong": [(AUTHORIZATION, f"Bearer {TOKEN}"), (AUTHORIZATION, "Bearer x")],
    "another header": [("X-Token", TOKEN)],
    "cookie": [("Cookie", f"token={TOKEN}")],
}


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_who_may_look(guarded: LongbowServer, name: str) -> None:
    headers = {**GOOD, **BAD}[name]
    for path, status in OPEN.items():
        assert ask(guarded.http, path, headers)[0] == status, path
    for path in GUARDED:
        status, fields, body = ask(guarded.http, path, headers)
        if name in GOOD:
            assert status == 200, path
            assert len(body) > 20
            continue
        assert status == 401, path
        assert fields["www-authenticate"] == "Bearer"
        assert TOKEN not in body + json.dumps(fields)
        assert "modules" not in body
        assert "longbow_" not in body


def test_the_token_in_the_address_is_none(guarded: LongbowServer) -> None:
    quoted = TOKEN.replace(" ", "%20")
    for path in GUARDED:
        assert ask(guarded.http, f"{path}?token={quoted}", [])[0] == 401
        assert ask(guarded.http, f"{path}?access_token={quoted}", [])[0] == 401


def test_the_page_itself_has_no_data(guarded: LongbowServer) -> None:
    body = ask(guarded.http, "", [])[2]
    assert "<html" in body
    assert '"e2e"' not in body
    assert TOKEN not in body


def test_other_methods_and_paths(guarded: LongbowServer) -> None:
    for path in (*OPEN, *GUARDED):
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            status, fields, _ = ask(guarded.http, path, GOOD["right"], method)
            assert status == 405, (method, path)
            assert "GET" in fields["allow"]
        status, _, body = ask(guarded.http, path, GOOD["right"], "HEAD")
        assert status in (200, 204), path
        assert body == ""
    for path in ("healthz", "metrics/", "live/x", "..", "status"):
        assert ask(guarded.http, path, GOOD["right"])[0] == 404, path


@pytest.fixture(scope="module")
def named() -> Iterator[LongbowServer]:
    """A server with names of its own."""
    settings: dict[str, dict[str, Any]] = {
        "server": {"advertise_host": "node.example"},
        "http": {"port": 0, "allowed_hosts": ["Ops.example"]},
        "log": {"max_repeats": 0},
    }
    shared = LongbowServer(settings)
    try:
        yield shared.start()
        shared.stop()
    finally:
        shared.kill()


def hosts(*values: str) -> Headers:
    """A `Host` header of each value."""
    return [("Host", value) for value in values]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]:17002", "localhost", "a.LOCALHOST.:80", "ops.EXAMPLE:1", "node.example"],
)
def test_names_of_the_node(named: LongbowServer, host: str) -> None:
    for path in (*OPEN, *GUARDED):
        assert ask(named.http, path, hosts(host))[0] in (200, 204), path


def test_the_name_of_the_machine(named: LongbowServer) -> None:
    assert ask(named.http, "health", hosts(socket.gethostname().upper() + ":80"))[0] == 200


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        (["evil.example"], 421),
        (["EVIL.example.:17002"], 421),
        (["localhost.evil.example"], 421),
        (["127.0.0.1.evil.example"], 421),
        (["a.node.example"], 421),
        (["localhost", "localhost"], 400),
        (["localhost", "evil.example"], 400),
        (["localhost:evil.example"], 400),
        (["evil.example/localhost"], 400),
        ([""], 400),
    ],
)
def test_another_name_is_told_nothing(
    named: LongbowServer, values: list[str], refusal: int
) -> None:
    """As a browser asks for a page whose name leads to this machine, but is not the node's."""
    for path in ("", *GUARDED, "none"):
        status, fields, body = ask(named.http, path, hosts(*values))
        assert status == refusal, path
        assert ("allowed_hosts of [http]" in body) == (refusal == 421)
        assert "evil" not in body.lower() + json.dumps(fields)
        assert fields["content-type"] == "text/plain; charset=utf-8"
        assert fields["x-content-type-options"] == "nosniff"
        assert fields["cache-control"] == "no-store"
    if refusal == 421:
        expected = values[0].split(":")[0].rstrip(".").lower()
        assert expected in [line.get("host") for line in named.log("warning")]
    # What balances the load asks under its own name.
    for path in ("live", "ready"):
        assert ask(named.http, path, hosts(*values))[0] == 204


def test_requests_without_a_name(named: LongbowServer) -> None:
    address = urlsplit(named.http)

    def status_of(version: str) -> int:
        with socket.create_connection((address.hostname, address.port), PATIENCE_SEC) as connection:
            connection.sendall(f"GET /health HTTP/{version}\r\n\r\n".encode())
            return int(connection.makefile().readline().split()[1])

    assert status_of("1.0") == 200
    assert status_of("1.1") == 400


def test_any_name(make_server: MakeServer) -> None:
    server = make_server({"http": {"port": 0, "allowed_hosts": ["*"]}})
    assert ask(server.http, "health", hosts("service.data.svc"))[0] == 200
    assert ask(server.http, "health", hosts("a", "b"))[0] == 400


def test_health_asks_flight_clients_for_nothing_more(guarded: LongbowServer) -> None:
    """The endpoint's token is not Flight's."""
    client = Client(guarded.uri)
    assert client.action("HealthCheck")["status"] == "SERVING"
    assert grpc_health(guarded.uri, b"") == SERVING
    client.close()
    eventually("it still answers", lambda: ask(guarded.http, "ready", [])[0] == 204)


# The end: who balances load hears of it before anybody is refused.


def test_ready_turns_before_calls_are_refused(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A thread that is held while it makes room of its own to allocate would hold up all others.
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    server = make_server({"http": {"port": 0}, "log": {"calls": "none"}})
    client = Client(server.uri)
    watching = RawClient(server.uri)
    # Telling a watcher is a step between the one and the other.
    watching.begin("/grpc.health.v1.Health/Watch", b"")
    watching.await_bytes(9)
    seen: list[tuple[int, bool]] = []

    def served() -> bool:
        # A thread that is held may hold up others, in the wrong order only.
        options = fl.FlightCallOptions(timeout=5)
        try:
            return bool(list(client.flight.do_action(fl.Action("HealthCheck", b""), options)))
        except fl.FlightError:
            return False

    assert served()
    watch_threads(server.pid)
    os.kill(server.pid, signal.SIGTERM)
    stepping = steps_of_new_thread(server.pid)
    for _ in stepping:
        seen.append((http_get(server.http + "ready")[0], served()))
        if seen[-1] != (204, True):
            break
    stepping.close()
    assert seen[0] == (204, True), "it was held before it did anything"
    assert seen[-1] == (500, True)
    eventually("calls are refused", lambda: not served())
    watching.close()
    client.close()
    assert server.wait() == 0
