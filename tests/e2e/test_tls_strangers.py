"""Strangers at a port with TLS: every call in plain text, without a certificate, or with one that somebody
else has signed. Nothing is answered, nothing comes of it, and the same calls go through for a friend.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.certificates import Authority, Identity, trusting
from tests.e2e.client import Json, table_of
from tests.e2e.every_call import OK, HeaderClient, every_call
from tests.e2e.polling import endless, start, wait_for_state
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import LongbowServer
from tests.e2e.test_access import ABSENT, DOOMED, EXPECTED_FAILURES, STORED
from tests.e2e.test_rules import EVERYTHING

UNKNOWN, FRIENDS = Authority("somebody else"), Authority("authority")


@dataclass
class Secured:
    """A server that friends may call, with something behind it that is worth guarding."""

    server: LongbowServer
    client: SecureClient
    shows: Callable[[Identity | None], ssl.SSLContext]
    task: str

    def state(self) -> Json:
        """All that could have been changed."""
        flights = [(info.descriptor.path, info.app_metadata) for info in self.client.list_flights()]
        return {"flights": flights, "tasks": [(t["task"], t["state"]) for t in self.client.tasks()]}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """It asks for certificates, and for nothing else."""
    folder: Path = tmp_path_factory.mktemp("tls")
    certificate, key = FRIENDS.server().write(folder)
    settings: dict[str, dict[str, Any]] = {
        "server": {
            "use_tls": True,
            "use_mtls": True,
            "tls_certificate": f"@{certificate}",
            "tls_private_key": f"@{key}",
            "tls_root_certificate": f"@{FRIENDS.write(folder)}",
            "shutdown_grace_sec": 1,
        },
        "access.rule.all": {"principals": ["*"], **EVERYTHING},
    }

    def shows(identity: Identity | None) -> ssl.SSLContext:
        context = trusting(FRIENDS)
        if identity is not None:
            context.load_cert_chain(*identity.write(folder, "client"))
        return context

    server = LongbowServer(settings)
    try:
        server.start()
        client = SecureClient(server.uri, trusts=FRIENDS, shows=FRIENDS.client("friend"))
        client.stored(STORED, table_of(x=[1, 2, 3]))
        client.stored(DOOMED, table_of(x=[4]))
        task = start(client, endless(["kept", "made"])).task
        wait_for_state(client, task, "STREAMING")
        yield Secured(server, client, shows, task)
        client.close()
        server.stop()
    finally:
        server.kill()


def plain_text(_: Secured) -> ssl.SSLContext | None:
    """No TLS at all."""
    return None


def no_certificate(secured: Secured) -> ssl.SSLContext | None:
    """TLS, and nothing to show."""
    return secured.shows(None)


def another_authority(secured: Secured) -> ssl.SSLContext | None:
    """A certificate with a friend's name, by another authority."""
    return secured.shows(UNKNOWN.client("friend"))


def a_servers_own(secured: Secured) -> ssl.SSLContext | None:
    """A certificate of the right authority that is good for servers only."""
    return secured.shows(FRIENDS.server("friend"))


@pytest.mark.parametrize("stranger", [plain_text, no_certificate, another_authority, a_servers_own])
def test_strangers(secured: Secured, stranger: Callable[[Secured], ssl.SSLContext | None]) -> None:
    context = stranger(secured)
    before = secured.state()
    for call in every_call(STORED, ABSENT, DOOMED, secured.task):
        # Of TLS 1.3, a client hears only when it reads what the server thinks of its certificate.
        with pytest.raises((ssl.SSLError, ConnectionError)) as refused:
            HeaderClient(secured.server.uri, context=context).make(call)
        assert not isinstance(refused.value, ssl.SSLCertVerificationError), "the client's own doubt"
    assert secured.state() == before


# The last one: it changes what the others compare with.


def test_a_friend(secured: Secured) -> None:
    friend = HeaderClient(secured.server.uri, context=secured.shows(FRIENDS.client("friend")))
    for call in every_call(STORED, ABSENT, DOOMED, secured.task):
        reply = friend.make(call)
        if (code := EXPECTED_FAILURES.get(call.name)) is None:
            assert reply.status == OK, (call.name, reply)
        else:
            assert reply.error["code"] == code, (call.name, reply.error)
    friend.close()
    assert DOOMED not in secured.client.paths()
    assert [*ABSENT, "put"] in secured.client.paths()
