"""Whom rules can be for: everybody and nobody, claims of tokens, and certificates of clients."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.e2e.certificates import Authority
from tests.e2e.client import Client, Json, connector, rows, sql, table_of
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import Code, expect_error
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import LongbowServer
from tests.e2e.test_actions import ACTIONS
from tests.e2e.test_rules import EVERYTHING, TOKENS, token_settings


def refuses_all(client: Client) -> None:
    """Nothing is allowed, and nothing is seen."""
    assert client.list_flights() == []
    assert client.flight.list_actions(client.options()) == []
    calls: list[Callable[[], object]] = [
        lambda: client.info(sql("SELECT 1 AS x")),
        lambda: client.info(["a"]),
        lambda: client.get({"path": ["a"]}),
        lambda: client.put(["a"], table_of(x=[1])),
        lambda: client.exchange(sql("SELECT * FROM input"), table_of(x=[1])),
        *(functools.partial(client.action, name) for name in ACTIONS),
    ]
    for call in calls:
        with expect_error(Code.PERMISSION_DENIED):
            call()


def test_without_a_rule_nothing_is_allowed(make_server: MakeServer) -> None:
    server = make_server(
        token_settings({"access.rule.x": {"principals": ["token:ann"], **EVERYTHING}})
    )
    client = SecureClient(server.uri, TOKENS["eve"])
    refuses_all(client)
    client.close()


def test_without_any_rule_nothing_is_allowed(make_server: MakeServer) -> None:
    server = make_server(token_settings({}))
    client = SecureClient(server.uri, TOKENS["root"])
    refuses_all(client)
    client.close()


def test_without_authentication_and_rules_all_is_allowed(server: LongbowServer) -> None:
    client = Client(server.uri)
    assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
    client.close()


@pytest.mark.parametrize("principal", ["anonymous", "*"])
def test_a_rule_for_everybody(make_server: MakeServer, principal: str) -> None:
    rule = {"principals": [principal], "services": ["sql"], "read": ["open"], "write": ["open"]}
    server = make_server({"access.rule.all": rule})
    client = Client(server.uri)
    client.stored(["open", "a"], table_of(x=[1]))
    assert rows(client.run(sql("SELECT * FROM t", {"t": {"path": ["open", "a"]}}))) == [(1,)]
    for call in (
        lambda: client.put(["a"], table_of(x=[1])),
        lambda: client.info(connector("fx")),
        lambda: client.action("ListTasks"),
    ):
        with expect_error(Code.PERMISSION_DENIED):
            call()
    client.close()


def test_a_rule_for_somebody_else_leaves_the_anonymous_nothing(make_server: MakeServer) -> None:
    server = make_server({"access.rule.x": {"principals": ["token:ann"], **EVERYTHING}})
    client = Client(server.uri)
    refuses_all(client)
    client.close()


def test_rules_by_claims(make_server: MakeServer) -> None:
    secret = secrets.token_hex(32)
    server = make_server(
        {
            "auth": {"method": "jwt"},
            "auth.jwt": {
                "secret": secret,
                "claims": ["sub", "scope", "groups", "realm_access.roles"],
            },
            "access.rule.by_sub": {"principals": ["claim:sub=ann"], "read": ["by_sub"]},
            "access.rule.by_group": {"principals": ["claim:groups=north*"], "read": ["by_group"]},
            "access.rule.by_scope": {"principals": ["claim:scope=run"], "services": ["sql"]},
            "access.rule.by_role": {
                "principals": ["claim:realm_access.roles=writer"],
                "write": ["*"],
            },
        }
    )

    def connect(**claims: Any) -> SecureClient:
        token = jwt.encode({"exp": int(time.time()) + 600, **claims}, secret, algorithm="HS256")
        return SecureClient(server.uri, token)

    writer = connect(sub="w", realm_access={"roles": ["reader", "writer"]})
    for path in ("by_sub", "by_group"):
        writer.stored([path], table_of(x=[1]))
    # What each may do, in this order: read by_sub, read by_group, run, write.
    callers: list[tuple[Json, list[bool]]] = [
        ({"sub": "ann"}, [True, False, False, False]),
        ({"sub": "anna"}, [False, False, False, False]),
        ({"sub": "x", "groups": ["south", "north-1"]}, [False, True, False, False]),
        ({"sub": "x", "groups": "north"}, [False, True, False, False]),
        ({"sub": "x", "groups": ["the north"]}, [False, False, False, False]),
        ({"sub": "x", "scope": "read run"}, [False, False, True, False]),
        ({"sub": "x", "scope": "running"}, [False, False, False, False]),
        ({"sub": "x", "realm_access": {"roles": ["writer"]}}, [False, False, False, True]),
        ({"sub": "x", "realm_access": ["writer"]}, [False, False, False, False]),
        ({"sub": "x", "roles": ["writer"]}, [False, False, False, False]),
        # Rules add up.
        ({"sub": "ann", "groups": ["north"], "scope": "run"}, [True, True, True, False]),
        # A claim cannot pass for another.
        ({"sub": "x claim:sub=ann", "email": "claim:sub=ann"}, [False, False, False, False]),
        ({"sub": "token:ann", "groups": ["*"]}, [False, False, False, False]),
    ]
    for claims, allowed in callers:
        client = connect(**claims)
        calls: list[Callable[[], object]] = [
            functools.partial(client.info, ["by_sub"]),
            functools.partial(client.info, ["by_group"]),
            functools.partial(client.info, sql("SELECT 1 AS x")),
            functools.partial(client.put, ["w"], table_of(x=[1]), {"ifExists": "REPLACE"}),
        ]
        assert [is_allowed(call) for call in calls] == allowed, claims
        client.close()
    writer.close()


def is_allowed(call: Callable[[], object]) -> bool:
    """Whether it goes through; else it must be for want of a rule."""
    try:
        call()
    except Exception:
        with expect_error(Code.PERMISSION_DENIED):
            call()
        return False
    return True


@pytest.mark.parametrize("method", ["certificate", "token", "none"])
def test_rules_by_certificates(make_server: MakeServer, tmp_path: Path, method: str) -> None:
    authority = Authority()
    certificate, key = authority.server().write(tmp_path)
    subject = "CN=carl,O=Longbow's tests"
    server = make_server(
        {
            "server": {
                "use_tls": True,
                "use_mtls": True,
                "tls_certificate": f"@{certificate}",
                "tls_private_key": f"@{key}",
                "tls_root_certificate": f"@{authority.write(tmp_path)}",
            },
            "auth": {"method": method},
            "auth.token.any": {"token": TOKENS["ann"]},
            "access.rule.by_cn": {"principals": ["cert:cn=ann"], "write": ["by_cn"]},
            "access.rule.by_san": {"principals": ["cert:san=*"], "services": ["connector"]},
            "access.rule.by_one_san": {
                "principals": ["cert:san=b.example"],
                "services": ["sql"],
            },
            "access.rule.by_subject": {
                "principals": [f"cert:subject={subject}"],
                "actions": ["HealthCheck"],
            },
        }
    )
    token = TOKENS["ann"] if method == "token" else None
    # Whether each may write, run, and ask for the health.
    callers: list[tuple[str, list[str], list[bool]]] = [
        ("ann", [], [True, False, False]),
        ("anna", [], [False, False, False]),
        ("bob", ["a.example", "b.example"], [False, True, False]),
        ("b.example", ["c.example"], [False, False, False]),
        ("carl", [], [False, False, True]),
        ("dora", ["carl", "ann"], [False, False, False]),
    ]
    for name, names, allowed in callers:
        shown = authority.client(name, names)
        client = SecureClient(server.uri, token, trusts=authority, shows=shown)
        calls: list[Callable[[], object]] = [
            functools.partial(client.put, ["by_cn"], table_of(x=[1]), {"ifExists": "REPLACE"}),
            functools.partial(client.info, sql("SELECT 1 AS x")),
            functools.partial(client.action, "HealthCheck"),
        ]
        assert [is_allowed(call) for call in calls] == allowed, name
        client.close()
    if method == "certificate":
        asked = {entry["principal"] for entry in server.log() if "principal" in entry}
        assert {name for name, _, _ in callers} <= asked
