"""Strangers at a port with TLS: every call in plain text, without a certificate, or with one that somebody
else has signed. Nothing is answered, nothing comes of it, and the same calls go through for a friend.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.certificates import Authority, Identity, trusting
from tests.e2e.every_call import HeaderClient, every_call
from tests.e2e.guarded import ABSENT, DOOMED, STORED, Guarded, do_everything, guard
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import LongbowServer
from tests.e2e.test_rules import EVERYTHING

UNKNOWN, FRIENDS = Authority("somebody else"), Authority("authority")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the certificates are."""
    made: Path = tmp_path_factory.mktemp("tls")
    return made


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[Guarded]:
    """A server that friends may call: it asks for certificates, and for nothing else."""
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

    server = LongbowServer(settings)
    friend = FRIENDS.client("friend")
    yield from guard(
        server,
        lambda: SecureClient(server.uri, trusts=FRIENDS, shows=friend),
        lambda: HeaderClient(server.uri, context=showing(folder, friend)),
    )


def showing(folder: Path, identity: Identity | None) -> ssl.SSLContext:
    """Of a client that trusts the server, and has this certificate."""
    context = trusting(FRIENDS)
    if identity is not None:
        context.load_cert_chain(*identity.write(folder, "client"))
    return context


def plain_text(_: Path) -> ssl.SSLContext | None:
    """No TLS at all."""
    return None


def no_certificate(folder: Path) -> ssl.SSLContext | None:
    """TLS, and nothing to show."""
    return showing(folder, None)


def another_authority(folder: Path) -> ssl.SSLContext | None:
    """A certificate with a friend's name, by another authority."""
    return showing(folder, UNKNOWN.client("friend"))


def a_servers_own(folder: Path) -> ssl.SSLContext | None:
    """A certificate of the right authority that is good for servers only."""
    return showing(folder, FRIENDS.server("friend"))


@pytest.mark.parametrize("stranger", [plain_text, no_certificate, another_authority, a_servers_own])
def test_strangers(
    guarded: Guarded, folder: Path, stranger: Callable[[Path], ssl.SSLContext | None]
) -> None:
    context = stranger(folder)
    for call in every_call(STORED, ABSENT, DOOMED, guarded.task):
        # Of TLS 1.3, a client hears only when it reads what the server thinks of its certificate.
        with pytest.raises((ssl.SSLError, ConnectionError)) as refused:
            HeaderClient(guarded.server.uri, context=context).make(call)
        assert not isinstance(refused.value, ssl.SSLCertVerificationError), "the client's own doubt"
    assert guarded.state() == guarded.before


# The last one: it changes what the others compare with.


def test_a_friend(guarded: Guarded) -> None:
    do_everything(guarded)
