"""Who is nobody gets nowhere: every call with every kind of bad credentials.

Each call of `every_call` is made with each of them, against a server with tokens and one with JSON Web
Tokens. All must be refused alike, and nothing may come of them. Then the same calls are made with the
right ones, which shows that it was the credentials that were wrong.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pyarrow as pa
import pyarrow.flight as fl
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.e2e import wire_format
from tests.e2e.client import Client, Json, descriptor_of, sql, table_of
from tests.e2e.errors import Code, parse_error
from tests.e2e.every_call import (
    GRPC_UNAUTHENTICATED,
    OK,
    Header,
    HeaderClient,
    every_call,
)
from tests.e2e.guarded import ABSENT, DOOMED, STORED, Guarded, do_everything, guard_with_header
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import LongbowServer
from tests.e2e.test_actions import ACTIONS

ALL = {
    "access.rule.all": {
        "principals": ["*"],
        "services": ["*"],
        "actions": ["*"],
        "read": ["*"],
        "write": ["*"],
        "raw_methods": True,
    }
}

GRPC_UNIMPLEMENTED = 12
SERVING = wire_format.encode((1, 1))
NO_METHODS = [
    "/arrow.flight.protocol.FlightService/NoSuchMethod",
    "/arrow.flight.protocol.FlightService/",
    "/arrow.flight.protocol.FlightService/doget",
    "/arrow.flight.protocol.NoSuchService/DoGet",
    "/grpc.health.v1.Health/NoSuchMethod",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/",
]

TOKEN = "right-" + secrets.token_hex(16)
OTHER_TOKEN = "other-" + secrets.token_hex(16)


def check_refused(guarded: Guarded, *headers: Header) -> None:
    """Every call with these headers is refused, all in the same words, and without consequences."""
    sent = [part for _, value in headers for part in value.replace(".", " ").split()]
    errors: set[bytes] = set()
    for uri in guarded.uris:
        connection = HeaderClient(uri, *headers)
        for call in every_call(STORED, ABSENT, DOOMED, guarded.task):
            reply = connection.make(call)
            assert reply.status == GRPC_UNAUTHENTICATED, (call.name, reply)
            assert reply.error["code"] == Code.UNAUTHENTICATED, call.name
            assert reply.message.startswith(reply.error["msg"]), call.name
            assert reply.messages == [], call.name
            errors.add(reply.headers["grpc-status-details-bin"] + reply.message.encode())
        check_calls_of_nobody(connection)
        connection.close()
    # One error for all calls: it cannot tell of what was asked.
    assert len(errors) == 1, errors
    (told,) = errors
    for part in sent:
        if len(part) > len("bearer"):
            assert part.encode() not in told
            assert part not in guarded.server.stderr
    assert guarded.state() == guarded.before


def check_calls_of_nobody(connection: HeaderClient) -> None:
    """What is answered to anybody, whatever the credentials: whether the node is well, and no more."""
    for service in (b"", b"arrow.flight.protocol.FlightService"):
        question = wire_format.encode((1, service))
        reply = connection.call("/grpc.health.v1.Health/Check", question)
        assert (reply.status, reply.messages) == (OK, [SERVING])
    for path in NO_METHODS:
        reply = connection.call(path, b"")
        assert (reply.status, reply.messages) == (GRPC_UNIMPLEMENTED, []), path


def check_accepted(guarded: Guarded, value: str) -> None:
    """With these credentials the calls of `every_call` that change nothing go through."""
    for uri in guarded.uris:
        connection = HeaderClient(uri, ("authorization", value))
        for call in every_call(STORED, ABSENT, DOOMED, guarded.task):
            if call.method in ("ListFlights", "ListActions", "Handshake", "GetSchema"):
                assert connection.make(call).status == OK, call.name
        check_calls_of_nobody(connection)
        connection.close()
    guarded.before = guarded.state()  # with the tasks that told a schema


# Tokens.


@pytest.fixture(scope="module")
def with_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server that knows two tokens, and listens on a Unix socket, too."""
    unix = tmp_path_factory.mktemp("unix") / "flight"
    server = LongbowServer(
        {
            "server": {"listen_unix_socket": str(unix)},
            "auth": {"method": "token"},
            "auth.token.right": {"token": TOKEN},
            "auth.token.other": {"token": OTHER_TOKEN},
            **ALL,
        }
    )
    yield from guard_with_header(server, "authorization", f"Bearer {TOKEN}", f"grpc+unix://{unix}")


BAD_TOKENS: dict[str, list[Header]] = {
    "none": [],
    "wrong": [("authorization", "Bearer wrong-" + secrets.token_hex(16))],
    "a beginning": [("authorization", f"Bearer {TOKEN[:-1]}")],
    "more": [("authorization", f"Bearer {TOKEN}0")],
    "another case": [("authorization", f"Bearer {TOKEN.upper()}")],
    "two words": [("authorization", f"Bearer {TOKEN} {TOKEN}")],
    "two of them": [("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}")],
    "two different": [
        ("authorization", f"Bearer {TOKEN}"),
        ("authorization", f"Bearer {OTHER_TOKEN}"),
    ],
    "a right and a wrong one": [
        ("authorization", f"Bearer {TOKEN}"),
        ("authorization", "Bearer wrong-" + secrets.token_hex(16)),
    ],
    "joined by a comma": [("authorization", f"Bearer {TOKEN},Bearer {TOKEN}")],
    "another scheme": [("authorization", f"Basic {TOKEN}")],
    "base64": [("authorization", "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode())],
    "no scheme": [("authorization", TOKEN)],
    "only a scheme": [("authorization", "Bearer")],
    "only a scheme and a space": [("authorization", "Bearer ")],
    "empty": [("authorization", "")],
    "another header": [("proxy-authorization", f"Bearer {TOKEN}"), ("x-token", TOKEN)],
    "a name": [("authorization", "Bearer right")],
    "long": [("authorization", "Bearer " + "x" * 15000)],
    "garbage": [("authorization", "!\"';--$(){}[]" * 20)],
}


@pytest.mark.parametrize("headers", BAD_TOKENS.values(), ids=list(BAD_TOKENS))
def test_bad_tokens(with_tokens: Guarded, headers: list[Header]) -> None:
    check_refused(with_tokens, *headers)


def test_good_tokens(with_tokens: Guarded) -> None:
    for token in (TOKEN, OTHER_TOKEN):
        for scheme in ("Bearer", "bearer", "BEARER"):
            check_accepted(with_tokens, f"{scheme} {token}")


# JSON Web Tokens.

ISSUER, AUDIENCE = "https://issuer.example", "longbow"
SKEW_SEC = 10
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
SECRET = secrets.token_hex(32)
STRANGERS_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGERS_EC_KEY = ec.generate_private_key(ec.SECP256R1())

RSA_PUBLIC = RSA_KEY.public_key()
RSA_PUBLIC_PEM = RSA_PUBLIC.public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def claims(**changed: Any) -> Json:
    """Good claims but for these; None takes one out."""
    now = int(time.time())
    good: Json = {"sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600}
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(key: Any = RSA_KEY, algorithm: str = "RS256", **changed: Any) -> str:
    """A token as an issuer makes it."""
    return jwt.encode(claims(**changed), key, algorithm=algorithm)


def base64url(data: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: Json, sign: Callable[[bytes], bytes], body: bytes | None = None) -> str:
    """A token by hand, for what no library would make."""
    content = json.dumps(claims()).encode() if body is None else body
    text = base64url(json.dumps(header).encode()) + "." + base64url(content)
    return f"{text}.{base64url(sign(text.encode()))}"


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    """Signs with a secret."""
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def changed_body(token: str) -> str:
    """Other claims under the same signature."""
    header, _, signature = token.split(".")
    return f"{header}.{base64url(json.dumps(claims(sub='root')).encode())}.{signature}"


def other_algorithm(token: str, algorithm: str) -> str:
    """Another name of the algorithm before the same claims and signature."""
    _, body, signature = token.split(".")
    return f"{base64url(json.dumps({'alg': algorithm}).encode())}.{body}.{signature}"


def bad_jwts() -> dict[str, str]:
    """Tokens that must not get in, made shortly before they are used."""
    now = int(time.time())
    der = RSA_PUBLIC.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    none: Json = {"alg": "none", "typ": "JWT"}
    hmac_header: Json = {"alg": "HS256", "typ": "JWT"}
    right = signed()
    header, body, signature = right.split(".")
    strangers = STRANGERS_RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    numbers = STRANGERS_RSA_KEY.public_key().public_numbers()
    own_jwk = {
        "kty": "RSA",
        "n": base64url(numbers.n.to_bytes(256, "big")),
        "e": base64url(numbers.e.to_bytes(3, "big")),
    }
    return {
        "expired": signed(exp=now - SKEW_SEC - 5),
        "expired long ago": signed(exp=1),
        "no expiry": signed(exp=None),
        "expiry that is text": signed_as_is({**claims(), "exp": str(now + 600)}),
        "expiry twice": forged_rs256(f'{{"sub":"ann","exp":1,"exp":{now + 600}}}'.encode()),
        "not yet valid": signed(nbf=now + SKEW_SEC + 60),
        "issued in the future": signed(iat=now + SKEW_SEC + 60),
        "alg none": forged(none, lambda _: b""),
        "alg none, signed": forged(none, hs256(b"x" * 32)),
        "alg nOnE": forged({"alg": "nOnE"}, lambda _: b""),
        "no alg": forged({"typ": "JWT"}, hs256(SECRET.encode())),
        "alg none on a right token": other_algorithm(right, "none"),
        "alg HS256 on a right token": other_algorithm(right, "HS256"),
        "alg RS512 on a right token": other_algorithm(right, "RS512"),
        "right, but of another strength": signed(algorithm="RS512"),
        "another RSA key": signed(STRANGERS_RSA_KEY),
        "another EC key": signed(STRANGERS_EC_KEY, "ES256"),
        "another secret": signed(secrets.token_hex(32), "HS256"),
        "its key in its header": jwt.encode(
            claims(), STRANGERS_RSA_KEY, algorithm="RS256", headers={"jwk": own_jwk}
        ),
        "a URL of keys in its header": jwt.encode(
            claims(), STRANGERS_RSA_KEY, algorithm="RS256", headers={"jku": "http://127.0.0.1:1/"}
        ),
        "a path as key id": jwt.encode(
            claims(), STRANGERS_RSA_KEY, algorithm="RS256", headers={"kid": "../../../dev/null"}
        ),
        "HS256 with the public key": forged(hmac_header, hs256(RSA_PUBLIC_PEM)),
        "HS256 with the public key, stripped": forged(hmac_header, hs256(RSA_PUBLIC_PEM.strip())),
        "HS256 with the public key, DER": forged(hmac_header, hs256(der)),
        "HS256 with an empty secret": forged(hmac_header, hs256(b"")),
        "HS256 with a stranger's key": forged(hmac_header, hs256(strangers)),
        "wrong audience": signed(aud="another"),
        "wrong audiences": signed(aud=["another", "longbow2"]),
        "no audience": signed(aud=None),
        "wrong issuer": signed(iss="https://evil.example"),
        "no issuer": signed(iss=None),
        "nobody": signed(sub=None),
        "changed claims": changed_body(right),
        "signature cut": right[:-8],
        "no signature": f"{header}.{body}.",
        "two parts": f"{header}.{body}",
        "four parts": f"{right}.{signature}",
        "no JSON": forged_rs256(b"no json at all"),
        "a list": forged_rs256(b"[]"),
        "garbage": "garbage." * 3 + "garbage",
        "dots": "..",
        "long": "x" * 15000,
        "the secret": SECRET,
    }


def signed_as_is(payload: Json) -> str:
    """A token with claims that the library would not take."""
    return forged_rs256(json.dumps(payload).encode())


def forged_rs256(body: bytes) -> str:
    """Any bytes, rightly signed."""
    algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
    return forged({"alg": "RS256"}, lambda text: algorithm.sign(text, RSA_KEY), body)


def good_values() -> list[str]:
    """Headers that get in, one for each algorithm."""
    lasting = int(time.time()) + 36000
    tokens = [
        signed(exp=lasting),
        signed(EC_KEY, "ES256", exp=lasting),
        signed(SECRET, "HS256", exp=lasting),
    ]
    return [f"Bearer {token}" for token in tokens]


@pytest.fixture(scope="module")
def with_jwts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server that trusts an RSA key, a key of a JWKS, and a secret."""
    folder: Path = tmp_path_factory.mktemp("jwt")
    (folder / "public.pem").write_bytes(RSA_PUBLIC_PEM)
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True)
    (folder / "jwks.json").write_text(
        json.dumps({"keys": [{**jwk, "alg": "ES256"}, {**jwk, "use": "enc"}]})
    )
    server = LongbowServer(
        {
            "auth": {"method": "jwt"},
            "auth.jwt": {
                "public_key": f"@{folder / 'public.pem'}",
                "jwks": f"@{folder / 'jwks.json'}",
                "secret": SECRET,
                "issuers": [ISSUER],
                "audiences": [AUDIENCE],
                "clock_skew_sec": SKEW_SEC,
            },
            **ALL,
        }
    )
    yield from guard_with_header(server, "authorization", next(iter(good_values())))


@pytest.mark.parametrize("name", list(bad_jwts()))
def test_bad_jwts(with_jwts: Guarded, name: str) -> None:
    check_refused(with_jwts, ("authorization", f"Bearer {bad_jwts()[name]}"))


def test_a_key_for_something_else_is_told_of(with_jwts: Guarded) -> None:
    told = [line for line in with_jwts.server.log() if "is not used" in line["message"]]
    assert len(told) == 1
    assert "the JWT key 2 of" in told[0]["message"]


def test_no_or_two_jwts(with_jwts: Guarded) -> None:
    check_refused(with_jwts)
    right = [("authorization", value) for value in good_values()]
    check_refused(with_jwts, right[0], right[0])
    check_refused(with_jwts, right[0], right[1])
    check_refused(with_jwts, ("authorization", right[0][1].replace("Bearer", "Basic")))
    check_refused(with_jwts, ("authorization", right[0][1].replace("Bearer ", "")))


def test_good_jwts(with_jwts: Guarded) -> None:
    now = int(time.time())
    for value in good_values():
        check_accepted(with_jwts, value)
    for token in (
        # Within the skew of the clocks.
        signed(exp=now - 1),
        signed(nbf=now + 2),
        signed(aud=["another", AUDIENCE]),
    ):
        check_accepted(with_jwts, f"Bearer {token}")


# What a person with pyarrow sees; the raw calls above saw what is on the wire.


def pyarrow_calls(client: Client) -> dict[str, Callable[[], object]]:
    """Each method of the client."""
    table = table_of(x=[1])
    return {
        "authenticate": lambda: client.flight.authenticate(NoHandshake(), client.options()),
        "authenticate_basic_token": lambda: client.flight.authenticate_basic_token("a", "b"),
        "list_flights": client.list_flights,
        "get_flight_info": lambda: client.info(STORED),
        "get_flight_info of a command": lambda: client.info(sql("SELECT 1")),
        "do_get": lambda: client.get({"path": STORED}),
        "do_put": lambda: client.put(ABSENT, table),
        "do_exchange": lambda: client.exchange(sql("SELECT * FROM input"), table),
        "list_actions": lambda: client.flight.list_actions(client.options()),
        "do_action of another": lambda: client.action("NoSuchAction"),
        **{f"do_action {name}": lambda n=name: client.action(n) for name in ACTIONS},  # type: ignore[misc]
    }


class NoHandshake(fl.ClientAuthHandler):  # type: ignore[misc]
    """Sends something in Handshake."""

    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        outgoing.write(b"open sesame")
        incoming.read()

    def get_token(self) -> bytes:
        return b""


@pytest.mark.parametrize("token", [None, "wrong-" + secrets.token_hex(16)])
def test_what_pyarrow_sees(with_tokens: Guarded, token: str | None) -> None:
    client = SecureClient(with_tokens.server.uri, token)
    for name, call in pyarrow_calls(client).items():
        with pytest.raises(fl.FlightUnauthenticatedError) as raised:
            call()
        # Of a Handshake, the library keeps the words only.
        if not name.startswith("authenticate"):
            assert parse_error(raised.value).code == Code.UNAUTHENTICATED, name
    # pyarrow's GetSchema loses the kind of an error and its JSON.
    with pytest.raises((fl.FlightError, pa.ArrowException)) as told:
        client.flight.get_schema(descriptor_of(STORED), client.options())
    assert "token" in str(told.value)
    client.close()
    assert with_tokens.state() == with_tokens.before


# The last ones: they change what the others compare with.


def test_everything_with_the_right_token(with_tokens: Guarded) -> None:
    do_everything(with_tokens)


def test_everything_with_the_right_jwt(with_jwts: Guarded) -> None:
    do_everything(with_jwts)
