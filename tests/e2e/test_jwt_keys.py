"""The keys of JSON Web Tokens change while a node runs: an issuer's new one counts, the old one does not."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pyarrow.flight as fl
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.captured_server import make_private
from tests.e2e.certificates import replace_file
from tests.e2e.client import Json, eventually
from tests.e2e.conftest import MakeServer
from tests.e2e.marked_secrets import ALL_ALLOWED
from tests.e2e.secure_client import SecureClient, gets_in
from tests.e2e.server import LongbowServer


@dataclass
class Issuer:
    """Signs with a key of its own."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    secret: str = field(default_factory=lambda: secrets.token_hex(32))
    name: str = field(default_factory=lambda: secrets.token_hex(4))

    def jwk(self) -> Json:
        """Its public key, as one of a set."""
        found: Json = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**found, "alg": "ES256", "use": "sig", "kid": self.name}

    def pem(self) -> bytes:
        """Its public key alone."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def token(self) -> str:
        """A good one, but for whom it is by."""
        claims = {"sub": "ann", "exp": int(time.time()) + 600}
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self.name})

    def token_by_secret(self) -> str:
        """As above, with the secret."""
        claims = {"sub": "ann", "exp": int(time.time()) + 600}
        return jwt.encode(claims, self.secret, algorithm="HS256")


def key_set(*issuers: Issuer) -> str:
    """A JWKS."""
    return json.dumps({"keys": [issuer.jwk() for issuer in issuers]})


def serve(make_server: MakeServer, **keys: Any) -> LongbowServer:
    """A server that trusts these keys."""
    return make_server({"auth": {"method": "jwt"}, "auth.jwt": keys, **ALL_ALLOWED})


def test_an_issuer_rotates_the_keys_of_its_set(make_server: MakeServer, tmp_path: Path) -> None:
    """As issuers do it: the new key is published, then used, and then the old one is withdrawn."""
    file = tmp_path / "jwks.json"
    old, new = Issuer(), Issuer()
    replace_file(file, key_set(old))
    server = serve(make_server, jwks=f"@{file}")
    # A connection that stays open: keys count for each call.
    with_old = SecureClient(server.uri, old.token())
    assert with_old.action("HealthCheck")["status"] == "SERVING"
    assert not gets_in(server.uri, new.token())

    replace_file(file, key_set(old, new))
    eventually("the new key counts", lambda: gets_in(server.uri, new.token()))
    assert with_old.action("HealthCheck")["status"] == "SERVING"

    replace_file(file, key_set(new))
    eventually("the old key does not count", lambda: not gets_in(server.uri, old.token()))
    with pytest.raises(fl.FlightUnauthenticatedError):
        with_old.action("HealthCheck")
    assert gets_in(server.uri, new.token())
    with_old.close()


def has_complained(server: LongbowServer, times: int) -> bool:
    """Whether the log says so often that a new value is no good."""
    return server.stderr.count("new value cannot be used") >= times


def test_a_set_that_is_broken_changes_nothing(make_server: MakeServer, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    old, new = Issuer(), Issuer()
    replace_file(file, key_set(old))
    server = serve(make_server, jwks=f"@{file}")
    for number, content in enumerate(("{", "{}", key_set(), key_set(new)[:-9]), start=1):
        replace_file(file, content)
        eventually("the log tells of it", partial(has_complained, server, number))
        assert gets_in(server.uri, old.token())
        assert not gets_in(server.uri, new.token())
    replace_file(file, key_set(new))
    eventually("the new key counts", lambda: gets_in(server.uri, new.token()))
    assert not gets_in(server.uri, old.token())


def by_pem(file: Path, issuer: Issuer) -> None:
    """The file holds a public key."""
    replace_file(file, issuer.pem())


def by_secret(file: Path, issuer: Issuer) -> None:
    """The file holds the secret."""
    replace_file(file, issuer.secret + "\n")


@pytest.mark.parametrize(
    ("setting", "reference", "write", "token"),
    [
        ("public_key", "@", by_pem, Issuer.token),
        ("public_key", "file:", by_pem, Issuer.token),
        ("secret", "file:", by_secret, Issuer.token_by_secret),
    ],
)
def test_a_single_key_is_replaced(
    make_server: MakeServer,
    tmp_path: Path,
    setting: str,
    reference: str,
    write: Callable[[Path, Issuer], None],
    token: Callable[[Issuer], str],
) -> None:
    file = tmp_path / "key"
    make_private(file, "")
    old, new = Issuer(), Issuer()
    write(file, old)
    server = serve(make_server, **{setting: f"{reference}{file}"})
    assert gets_in(server.uri, token(old))
    assert not gets_in(server.uri, token(new))
    write(file, new)
    eventually("the new key counts", lambda: gets_in(server.uri, token(new)))
    assert not gets_in(server.uri, token(old))
