"""A module's own verifier: every call is let in or refused as the module says, whatever it does.

The module `bouncer` knows everybody by the header `x-badge`, which must be a name in small letters; some
badges make it misbehave. It may block, or says that it does not: each test is for both.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import Json, eventually, rows, sql
from tests.e2e.errors import Code, expect_error
from tests.e2e.every_call import OK, Header, HeaderClient, every_call
from tests.e2e.guarded import ABSENT, DOOMED, STORED, Guarded, do_everything, guard_with_header
from tests.e2e.operations import module_path, with_modules
from tests.e2e.raw_grpc import FLIGHT
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import LongbowServer
from tests.e2e.test_rules import EVERYTHING

BADGE = "x-badge"
MODULES = with_modules("storage", "connector", "sql", module_path("bouncer"))
# Those who misbehave at the door, and whoever has no good badge.
BAD_BADGES: dict[str, tuple[list[Header], Code, str]] = {
    "none": ([], Code.UNAUTHENTICATED, "show one badge"),
    "two": ([(BADGE, "root")] * 2, Code.UNAUTHENTICATED, "show one badge"),
    "forged": ([(BADGE, "r00t")], Code.UNAUTHENTICATED, "the badge is forged"),
    "empty": ([(BADGE, "ROOT")], Code.UNAUTHENTICATED, "the badge is forged"),
    "a token": ([("authorization", "Bearer root")], Code.UNAUTHENTICATED, "show one badge"),
    "the verifier is busy": ([(BADGE, "busy")], Code.BACKPRESSURE, "the bouncer is busy"),
    "the verifier throws": ([(BADGE, "throws")], Code.INTERNAL_ERROR, "the node failed"),
    "the verifier names nobody": (
        [(BADGE, "null")],
        Code.INTERNAL_ERROR,
        "neither a principal nor an error",
    ),
}


def settings_of(**bouncer: Any) -> dict[str, dict[str, Any]]:
    """Settings of a server where root may do everything, and ann little."""
    return {
        "server": {"grpc_threads": 2, "shutdown_grace_sec": 1},
        "log": {"max_repeats": 0},
        "auth": {"method": "module"},
        "bouncer": bouncer,
        "access.rule.root": {"principals": ["x-badge:root"], **EVERYTHING},
        "access.rule.ann": {"principals": ["x-badge:ann"], "actions": ["HealthCheck"]},
    }


def connect(server: LongbowServer, name: str) -> SecureClient:
    """A client with that badge."""
    return SecureClient(server.uri, name, header=BADGE)


@pytest.fixture(scope="module", params=[True, False], ids=["may block", "never blocks"])
def guarded(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    """A server with a verifier of a module, and something behind it that is worth guarding."""
    server = LongbowServer(settings_of(blocks=request.param), arguments=MODULES)
    yield from guard_with_header(server, BADGE, "root")


@pytest.mark.parametrize("badge", BAD_BADGES)
def test_bad_badges(guarded: Guarded, badge: str) -> None:
    headers, code, words = BAD_BADGES[badge]
    connection = HeaderClient(guarded.server.uri, *headers)
    told: set[bytes] = set()
    for call in every_call(STORED, ABSENT, DOOMED, guarded.task):
        reply = connection.make(call)
        assert reply.status != OK, call.name
        assert reply.error["code"] == code, (call.name, reply.error)
        assert words in reply.error["msg"], (call.name, reply.error)
        assert reply.messages == [], call.name
        told.add(reply.headers["grpc-status-details-bin"])
    connection.close()
    # One error for all calls: it cannot tell of what was asked, nor of how the verifier fell over.
    assert len(told) == 1
    assert b"fallen over" not in told.pop()
    assert guarded.state() == guarded.before


def test_what_a_verifier_throws_is_in_the_log(guarded: Guarded) -> None:
    client = connect(guarded.server, "throws")
    with expect_error(Code.INTERNAL_ERROR):
        client.action("HealthCheck", headers={"x-longbow-request-id": "the-thrower"})
    client.close()

    def told() -> bool:
        lines = [line for line in guarded.server.log("error") if "fallen over" in str(line)]
        return any(line.get("request_id") == "the-thrower" for line in lines)

    eventually("the log tells of it", told)


def test_rules_for_those_whom_a_verifier_names(guarded: Guarded) -> None:
    for name, allowed in (("ann", True), ("anna", False), ("token", False), ("anonymous", False)):
        client = connect(guarded.server, name)
        if allowed:
            assert client.action("HealthCheck")["status"] == "SERVING"
        else:
            with expect_error(Code.PERMISSION_DENIED):
                client.action("HealthCheck")
        with expect_error(Code.PERMISSION_DENIED):
            client.info(sql("SELECT 1 AS x"))
        client.close()
    asked = {line.get("principal") for line in guarded.server.log()}
    assert {"root", "ann", "anna"} <= asked


def test_it_stays_when_the_settings_are_read_again(guarded: Guarded) -> None:
    says = "were read again"
    before = guarded.server.stderr.count(says)
    os.kill(guarded.server.pid, signal.SIGHUP)
    eventually("they are read again", lambda: guarded.server.stderr.count(says) > before)
    guarded.client.action("HealthCheck")
    stranger = connect(guarded.server, "B4D")
    with expect_error(Code.UNAUTHENTICATED):
        stranger.action("HealthCheck")
    stranger.close()


def test_those_who_wait_for_a_verifier_hold_up_nobody(tmp_path: Path) -> None:
    server = LongbowServer(settings_of(blocks=True), arguments=MODULES)
    go = tmp_path / "go"
    try:
        server.start()
        # More than there are threads for calls.
        waiting = [HeaderClient(server.uri, (BADGE, f"waits:{go}")) for _ in range(4)]
        for each in waiting:
            each.begin(FLIGHT + "ListActions", b"")
        says = "somebody waits at the door"
        eventually("they are there", lambda: server.stderr.count(says) == len(waiting))
        client = connect(server, "root")
        assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
        go.touch()
        assert [each.reply().status for each in waiting] == [OK] * len(waiting)
        for each in waiting:
            each.close()
        client.close()
        server.stop()
    finally:
        go.touch()
        server.kill()


def test_without_such_a_module_nothing_starts() -> None:
    server = LongbowServer({"auth": {"method": "module"}})
    try:
        server.launch()
        assert server.wait() == 2
        assert "no loaded module brings a verifier" in server.stderr
        assert " is ready on " not in server.stderr
    finally:
        server.kill()


def test_a_verifier_that_is_not_asked_for_is_not_asked() -> None:
    """The module alone turns nothing on; the operator does."""
    settings: dict[str, Json] = {
        "auth.token.any": {"token": "a token of 16 letters".replace(" ", "-")}
    }
    settings["auth"] = {"method": "token"}
    settings["access.rule.all"] = {"principals": ["*"], **EVERYTHING}
    server = LongbowServer(settings, arguments=MODULES)
    try:
        server.start()
        client = connect(server, "root")
        with expect_error(Code.UNAUTHENTICATED):
            client.action("HealthCheck")
        client.close()
        server.stop()
    finally:
        server.kill()


# The last one: it changes what the others compare with.


def test_everything_with_a_good_badge(guarded: Guarded) -> None:
    do_everything(guarded)
