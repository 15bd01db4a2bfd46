"""Secrets stay secret: marked ones everywhere, every path exercised, and all output searched for them.

Every secret of these tests is in `Marks`, which knows in which forms it could show: as it is, in Base64,
and with percent signs. A test that finds one names the output where it is.
"""

from __future__ import annotations

import base64
import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.captured_server import CapturedServer, make_private
from tests.e2e.certificates import Authority, replace_file
from tests.e2e.client import Client, Json, command, connector, eventually, rows, sql, table_of
from tests.e2e.errors import ERRORS, Code, expect_error
from tests.e2e.polling import endless, start
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import PATIENCE_SEC, Settings, binary, clean_environment, write_settings
from tests.e2e.test_actions import ACTIONS

# A changed file is looked at every second, Vault as often as the settings below say.
SEEN_WITHIN_SEC = 30

HTTP_PATHS = ["/live", "/ready", "/health", "/metrics", "/status.json", "/", "/nothing"]
ALL_ALLOWED: dict[str, Json] = {
    "access.rule.all": {
        "principals": ["token:*", "claim:sub=*"],
        "services": ["*"],
        "actions": ["*"],
        "read": ["*"],
        "write": ["*"],
        "raw_methods": True,
    }
}


@dataclass
class Marks:
    """Secrets that can be told from everything else, by what they are."""

    of: dict[str, str] = field(default_factory=dict)

    def make(self, what: str) -> str:
        """A new one."""
        self.of[what] = f"mark-{what.replace(' ', '-')}-" + secrets.token_hex(16)
        return self.of[what]

    def add(self, what: str, secret: str) -> str:
        """One that has a form of its own."""
        self.of[what] = secret
        return secret

    def found_in(self, output: dict[str, bytes]) -> list[str]:
        """Which of them are where."""
        return [
            f"{what} in {where}"
            for where, content in output.items()
            for what, secret in self.of.items()
            if any(form in content for form in forms_of(secret))
        ]


def forms_of(secret: str) -> list[bytes]:
    """As a text may show it. In Base64 it can begin at any of three places."""
    raw = secret.encode()
    shifted = [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    return [raw, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(), *shifted]


def test_the_search_finds_what_there_is() -> None:
    """The tests below would pass with a search that finds nothing."""
    marks = Marks()
    secret = marks.make("thing")
    for content in (
        secret.encode(),
        base64.b64encode(b"user:" + secret.encode() + b"!"),
        quote(f"a b={secret}/").encode(),
        json.dumps({"x": f"y{secret}"}).encode(),
    ):
        assert marks.found_in({"here": b"before " + content + b" after"}) == ["thing in here"]
    assert marks.found_in({"here": b"nothing"}) == []


class VaultProcess:
    """The stand-in for Vault, in a process of its own."""

    def __init__(self) -> None:
        program = Path(__file__).resolve().parents[1] / "vault/vault_server.py"
        self._process = subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = f"http://127.0.0.1:{self._read()['port']}"

    def do(self, what: str, **arguments: Any) -> Json:
        """One of its commands."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def stop(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait(PATIENCE_SEC)

    def _read(self) -> Json:
        assert self._process.stdout is not None
        answer: Json = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture
def vault() -> Iterator[VaultProcess]:
    """A Vault without anything in it."""
    process = VaultProcess()
    yield process
    process.stop()


@dataclass
class Place:
    """A configuration full of secrets."""

    folder: Path
    marks: Marks
    authority: Authority
    environment: dict[str, str]
    settings: dict[str, dict[str, Any]]
    seen: dict[str, bytes] = field(default_factory=dict)  # all that was told, by where

    def note(self, where: str, told: object) -> None:
        """Keeps what was told, for the search."""
        content = told if isinstance(told, bytes) else str(told).encode()
        self.seen[where] = self.seen.get(where, b"") + content + b"\n"

    def attempt(self, where: str, call: Callable[[], object]) -> None:
        """Makes a call, and keeps what it tells, as an answer or as an error."""
        try:
            told = call()
        except ERRORS as error:
            self.note(where, error)
            self.note(where, getattr(error, "extra_info", b"") or b"")
        else:
            self.note(where, told)


def fill(folder: Path, vault: VaultProcess) -> Place:
    """Puts a marked secret wherever the settings can have one."""
    marks = Marks()
    authority = Authority()
    identity = authority.server()
    (folder / "server.pem").write_bytes(identity.certificate)
    lines = identity.key.decode().splitlines()
    for number, line in enumerate(lines[1:-1]):
        marks.add(f"line {number} of the TLS key", line)
    key = make_private(folder / "server.key", identity.key.decode())
    hidden = folder / marks.make("folder of a source")
    hidden.mkdir()
    (hidden / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (hidden / "broken.parquet").write_text("PAR1 no Parquet PAR1", encoding="utf-8")
    vault.do("token", name=marks.make("token for Vault"))
    vault.do("put", path="app", data={"token": marks.make("token in Vault")})
    environment = {
        "E2E_TOKEN": marks.make("token in the environment"),
        "E2E_HTTP_TOKEN": marks.make("token for HTTP"),
        "E2E_VAULT_TOKEN": marks.of["token for Vault"],
        "E2E_JWT_SECRET": marks.make("secret for JWTs"),
        "E2E_HEADERS": f"x-api-key={marks.make('header for traces')}",
        "E2E_SOURCE": str(hidden),
        "E2E_ABSENT": str(folder / marks.make("folder that is not there")),
        "E2E_DELIMITER": ",",
        # The standard variable for the same thing.
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": f"x-key={marks.make('header by OTEL variable')}",
    }
    marks.make("token in a file")
    settings: dict[str, dict[str, Any]] = {
        "server": {
            "use_tls": True,
            "tls_certificate": f"file:{folder / 'server.pem'}",
            "tls_private_key": key,
        },
        "auth": {"method": "token"},
        "auth.token.of_environment": {"token": "env:E2E_TOKEN"},
        "auth.token.of_file": {
            "token": make_private(folder / "token", marks.of["token in a file"] + "\n")
        },
        "auth.token.of_vault": {"token": "vault:kv/app#token"},
        "auth.token.written_out": {"token": marks.make("token in the settings")},
        "auth.jwt": {"secret": "env:E2E_JWT_SECRET"},
        "vault": {"address": vault.address, "token": "env:E2E_VAULT_TOKEN", "refresh_sec": 1},
        "http": {"port": 0, "token": "env:E2E_HTTP_TOKEN"},
        "trace": {"exporter": "console", "sampler": "always_on", "headers": "env:E2E_HEADERS"},
        "connector.source.hidden": {"path": "env:E2E_SOURCE", "delimiter": "env:E2E_DELIMITER"},
        "connector.source.absent": {"path": "env:E2E_ABSENT"},
        **ALL_ALLOWED,
    }
    return Place(folder, marks, authority, environment, settings)


@pytest.fixture
def place(tmp_path: Path, vault: VaultProcess) -> Place:
    """A folder of secrets."""
    return fill(tmp_path, vault)


def run(place: Place, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Runs the program to its end, and keeps what it says."""
    result = subprocess.run(
        [str(binary()), *arguments],
        capture_output=True,
        timeout=PATIENCE_SEC,
        cwd=place.folder,
        env=clean_environment() | place.environment | environment,
    )
    place.note(" ".join(arguments[:4]), result.stdout + result.stderr)
    return result


# What a server says while it runs.


def call_everything(place: Place, client: Client, who: str) -> None:
    """Good and bad calls of every kind."""
    table = table_of(x=[1, 2])

    def attempt(where: str, call: Callable[[], object]) -> None:
        place.attempt(f"{where} of {who}", call)

    commands: list[Json] = [
        sql("SELECT 1 AS x"),
        sql("SELEC nonsense"),
        sql("SELECT * FROM read_text('/proc/self/environ')"),
        sql("SELECT getenv('E2E_TOKEN')"),
        sql("SELECT current_setting('secret_directory')"),
        sql("SELECT * FROM duckdb_settings()"),
        sql("SELECT * FROM duckdb_secrets()"),
        connector("hidden", path="data.csv"),
        connector("hidden", path="broken.parquet"),
        connector("hidden", path="../token"),
        connector("hidden", path="nothing.csv"),
        connector("hidden", columns=["nothing"]),
        connector("absent"),
        connector("hiden"),
        command("nothing"),
    ]
    for what in commands:
        attempt(f"the command {what}", lambda what=what: client.run(what).to_pylist())  # type: ignore[misc]
        attempt(f"the schema of {what}", lambda what=what: client.schema(what))  # type: ignore[misc]
    for name in [*ACTIONS, "NoSuchAction"]:
        for body in (b"", b"{}", b"\xff", b'{"path": ["a"]}'):
            attempt(name, lambda n=name, b=body: client.action_bytes(n, b))  # type: ignore[misc]
    attempt("ListFlights", lambda: [info.serialize() for info in client.list_flights()])
    attempt("ListActions", lambda: client.flight.list_actions(client.options()))
    attempt("DoPut", lambda: client.put(["a"], table, {"ifExists": "REPLACE"}))
    attempt("DoPut with wrong options", lambda: client.put(["b"], table, b"\xff"))
    attempt("DoGet", lambda: client.get({"path": ["a"]}))
    attempt("DoGet of nonsense", lambda: client.get(b"nonsense"))
    attempt("DoExchange", lambda: client.exchange(sql("SELECT * FROM input"), table))
    attempt("nonsense", lambda: client.info(b"nonsense"))


def try_to_get_in(place: Place, server: CapturedServer, good: str) -> None:
    """Calls of nobody: with nothing, with what is nearly right, and with secrets of other places."""
    near = [good[:-1], good + "0", good.upper(), f"{good},{good}", good[::-1]]
    near = [place.marks.add(f"bad token {number}", token) for number, token in enumerate(near)]
    others = [secret for secret in place.marks.of.values() if secret != good]
    for token in (None, "", *near):
        client = SecureClient(server.uri, token, trusts=place.authority)
        with expect_error(Code.UNAUTHENTICATED) as error:
            client.action("HealthCheck")
        place.note("errors of bad tokens", error.exception)
        call_everything(place, client, "nobody")
        client.close()
    right = {place.marks.of[name] for name in place.marks.of if name.startswith("token in ")}
    for token in set(others) - right:
        client = SecureClient(server.uri, token, trusts=place.authority)
        place.attempt("a secret of another place", lambda c=client: c.action("HealthCheck"))  # type: ignore[misc]
        client.close()
    both = fl.FlightCallOptions(headers=[(b"authorization", f"Bearer {good}".encode())] * 2)
    client = SecureClient(server.uri, good, trusts=place.authority)
    place.attempt("two tokens", lambda: list(client.flight.list_flights(b"", both)))
    client.close()


def look_at_http(place: Place, server: CapturedServer) -> None:
    """Every page, with the token, with a wrong one, and without."""
    token = place.environment["E2E_HTTP_TOKEN"]
    wrong = place.marks.make("wrong token for HTTP")
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Bearer {wrong}"},
        {"Authorization": f"Basic {base64.b64encode(f'x:{token}'.encode()).decode()}"},
        {"Authorization": token},
        {},
    ):
        for path in (*HTTP_PATHS, f"/{wrong}", f"/health?token={wrong}"):
            status, content = server.get(path, headers)
            # A page that is not there does not repeat what was asked for, either.
            place.note(f"GET {path[:12]}", content)
            if headers.get("Authorization") == f"Bearer {token}" and path in HTTP_PATHS[:6]:
                assert status in (200, 204), path
            elif path in ("/health", "/metrics", "/status.json"):
                assert status == 401, path


def await_token(server: CapturedServer, place: Place, token: str, *, good: bool) -> None:
    """Waits until a token gets in, or does not any more."""

    def gets_in() -> bool:
        client = SecureClient(server.uri, token, trusts=place.authority)
        try:
            return bool(client.action("HealthCheck"))
        except fl.FlightUnauthenticatedError as error:
            place.note("errors of tokens that come and go", error)
            return False
        finally:
            client.close()

    told = "gets in" if good else "does not get in any more"
    eventually(f"the token {told}", lambda: gets_in() == good, SEEN_WITHIN_SEC)


def change_secrets(place: Place, server: CapturedServer, vault: VaultProcess) -> None:
    """New values in the file and in Vault take the places of the old ones, and bad ones do not."""
    marks = place.marks
    old_file, old_vault = marks.of["token in a file"], marks.of["token in Vault"]
    new_file = marks.make("token in the changed file")
    replace_file(place.folder / "token", new_file)
    await_token(server, place, new_file, good=True)
    await_token(server, place, old_file, good=False)
    new_vault = marks.make("token in changed Vault")
    vault.do("put", path="app", data={"token": new_vault, "other": marks.make("other in Vault")})
    await_token(server, place, new_vault, good=True)
    await_token(server, place, old_vault, good=False)
    # Values that are no tokens, and a Vault that refuses.
    failures = server.count("new value cannot be used")
    replace_file(place.folder / "token", marks.add("bad token in the file", "sp ace " + new_file))
    eventually(
        "the log says that the new value cannot be used",
        lambda: server.count("new value cannot be used") > failures,
        SEEN_WITHIN_SEC,
    )
    await_token(server, place, new_file, good=True)
    await_token(server, place, new_vault, good=True)
    replace_file(place.folder / "token", new_file)
    vault.do("fail", status=403, message="permission denied", times=3)
    vault.do("put", path="app", data={"token": marks.make("token in Vault at last")})
    await_token(server, place, marks.of["token in Vault at last"], good=True)
    replace_file(place.folder / "server.key", marks.make("key that is none"))
    failures = server.count("new value cannot be used")
    eventually(
        "the log says that the new key cannot be used",
        lambda: server.count("new value cannot be used") > failures,
        SEEN_WITHIN_SEC,
    )


@pytest.mark.timeout(300)
def test_a_server_with_secrets_everywhere(place: Place, vault: VaultProcess) -> None:
    marks = place.marks
    server = CapturedServer(place.folder, place.settings, place.environment)
    try:
        good = [
            place.environment["E2E_TOKEN"],
            marks.of["token in a file"],
            marks.of["token in Vault"],
            marks.of["token in the settings"],
        ]
        for token in good:
            client = SecureClient(server.uri, token, trusts=place.authority)
            assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
            client.close()
        client = SecureClient(server.uri, good[0], trusts=place.authority)
        assert client.run(connector("hidden", path="data.csv")).num_rows == 1
        start(client, endless(["endless"]))
        call_everything(place, client, "somebody")
        look_at_http(place, server)
        try_to_get_in(place, server, good[0])
        # Settings that are read again: new ones, and wrong ones.
        added = marks.make("token that was added")
        server.write({**place.settings, "auth.token.added": {"token": added}})
        server.reload()
        await_token(server, place, added, good=True)
        server.write(
            {**place.settings, "auth.token.added": {"token": marks.add("short", "sh0rt!x")}}
        )
        server.signal(signal.SIGHUP)
        eventually("wrong settings are refused", lambda: server.count("cannot be used") > 0)
        await_token(server, place, added, good=True)
        change_secrets(place, server, vault)
        look_at_http(place, server)
        client.close()
        server.stop()
    finally:
        server.kill()
    output = server.output()
    # There was something to search, at the finest level.
    assert b'"level":"debug"' in output["longbow.log"]
    assert b"traceId" in output["stdout"], "spans on standard output"
    assert b"bad tokens" not in output["longbow.log"]
    assert len(place.seen) > 50
    assert marks.found_in(output | place.seen) == []


def test_jwts_and_a_collector_out_of_reach(place: Place) -> None:
    """The secrets that the first server did not use: that of JWTs, and headers for a collector."""
    marks = place.marks
    settings = {
        **place.settings,
        "auth": {"method": "jwt"},
        "trace": {
            "exporter": "otlp",
            "endpoint": "http://127.0.0.1:1",
            "sampler": "always_on",
            "headers": "env:E2E_HEADERS",
        },
    }
    server = CapturedServer(place.folder, settings, place.environment)
    try:
        secret = place.environment["E2E_JWT_SECRET"]
        expiry = int(time.time()) + 600
        right = jwt.encode({"sub": "ann", "exp": expiry}, secret, algorithm="HS256")
        wrong = jwt.encode({"sub": "ann", "exp": expiry}, "x" * 64, algorithm="HS256")
        expired = jwt.encode({"sub": "ann", "exp": 1}, secret, algorithm="HS256")
        for what, token in (("right", right), ("wrong", wrong), ("expired", expired)):
            # Of a JWT, the signature is the secret: the rest can be made by anybody.
            marks.add(f"signature of the {what} JWT", token.split(".")[2])
        for token in (right, wrong, expired, secret):
            client = SecureClient(server.uri, token, trusts=place.authority)
            if token == right:
                assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
            call_everything(place, client, token[:4])
            client.close()
        look_at_http(place, server)
        server.stop()
    finally:
        server.kill()
    assert marks.found_in(server.output() | place.seen) == []


# What the program says of settings.


def test_check_config_shows_no_secret(place: Place) -> None:
    file = place.folder / "longbow.toml"
    write_settings(file, place.settings)
    for option in ([], ["--explain"], ["--sample"], ["--reference"]):
        result = run(place, "check-config", *option, "--config", str(file))
        assert result.returncode == 0, result.stderr
    explained = place.seen["check-config --explain --config " + str(file)]
    # A reference is shown, and not what it refers to; of settings that are secret, neither is.
    assert b"env:E2E_SOURCE" in explained
    assert b"[auth.token.written_out]" in explained
    assert b"is set, and not shown" in explained
    assert place.marks.found_in(place.seen) == []


def test_secrets_by_variables_are_not_shown(place: Place) -> None:
    file = place.folder / "longbow.toml"
    write_settings(file, place.settings)
    name = "LONGBOW_AUTH__TOKEN__OF_FILE__TOKEN"
    token = place.marks.make("token in a variable")
    result = run(place, "check-config", "--explain", "--config", str(file), **{name: token})
    assert result.returncode == 0, result.stderr
    assert name.encode() in result.stdout
    assert place.marks.found_in(place.seen) == []


MISSING = [
    ("auth.token.of_file", "token", "env:E2E_NOT_SET"),
    ("auth.token.of_file", "token", "file:/nonexistent/longbow/token"),
    ("auth.token.of_file", "token", "vault:kv/nothing#token"),
    ("auth.token.of_file", "token", "vault:kv/app#nothing"),
    ("auth.token.of_file", "token", "vault:other/app#token"),
    ("server", "tls_private_key", "file:/nonexistent/longbow/key"),
    ("http", "token", "env:E2E_NOT_SET"),
    ("trace", "headers", "env:E2E_NOT_SET"),
    ("vault", "token", "env:E2E_NOT_SET"),
    ("auth.jwt", "secret", "env:E2E_NOT_SET"),
    ("connector.source.hidden", "path", "env:E2E_NOT_SET"),
]


@pytest.mark.parametrize(("section", "name", "reference"), MISSING)
def test_a_missing_reference_is_named(
    place: Place, section: str, name: str, reference: str
) -> None:
    changed = {**place.settings, section: {**place.settings[section], name: reference}}
    check_wrong(place, changed, f"{section}.{name}", reference)


def check_wrong(place: Place, settings: Settings, *named: str) -> None:
    """Both commands refuse the settings, name these, and show no secret."""
    file = place.folder / "wrong.toml"
    write_settings(file, settings)
    for action in ("check-config", "start"):
        result = run(place, action, "--config", str(file))
        assert result.returncode == 2, result.stderr
        for text in named:
            assert text.encode() in result.stderr, (text, result.stderr)
    result = run(place, "check-config", "--explain", "--config", str(file))
    assert result.returncode == 2
    assert place.marks.found_in(place.seen) == []


# A setting, and what is wrong behind its reference.
WRONG_VALUES = {
    "a short token": ("auth.token.of_file", "token", "sh0rt!x"),
    "a token with spaces": ("auth.token.of_file", "token", "this token has spaces in it"),
    "a token of two lines": ("auth.token.of_file", "token", "a-long-line-0123\na-long-line-4567"),
    "no key": ("server", "tls_private_key", "this is no key but a secret"),
    "half a key": ("server", "tls_private_key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n"),
    "no certificate": ("server", "tls_certificate", "this is a secret certificate"),
    "a short secret": ("auth.jwt", "secret", "too-short-0123"),
    "no choice": ("auth", "method", "a-secret-method"),
    "no header": ("auth", "header", "no header but a secret"),
    "no level": ("log", "level", "a-secret-level"),
    "no URL": ("vault", "address", "no-url-but-a-secret"),
    "no collector": ("trace", "endpoint", "no-collector-but-a-secret"),
    "no format": ("connector.source.hidden", "format", "a-secret-format"),
    "no delimiter": ("connector.source.hidden", "delimiter", "a-secret-delimiter"),
    "no rule": ("access.rule.all", "principals", ["a-secret-principal"]),
    "no levels": ("log", "levels", ["a-secret-component"]),
}


@pytest.mark.parametrize("kind", WRONG_VALUES)
def test_a_wrong_value_behind_a_reference_is_not_shown(place: Place, kind: str) -> None:
    section, name, value = WRONG_VALUES[kind]
    text = value if isinstance(value, str) else value[0]
    reference = make_private(place.folder / "wrong-value", text)
    place.marks.add(kind, text.split("\n")[-1] if kind != "half a key" else "c2VjcmV0c2VjcmV0")
    written = reference if isinstance(value, str) else [reference]
    settings = {**place.settings, section: {**place.settings.get(section, {}), name: written}}
    if section == "auth.jwt":
        settings["auth"] = {"method": "jwt"}
    check_wrong(place, settings, section.split(".")[-1])


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("auth.token.of_file", "token", "sh0rt!x"),
        ("auth.token.of_file", "token", "this token has spaces in it"),
        ("http", "token", 123456789),
        ("auth.token.of_file", "tokn", "a-mark-of-a-misspelt-token"),
        ("auth.tokens.x", "token", "a-mark-of-a-misspelt-token"),
        ("server", "tls_private_key", "this is no key but a secret"),
        ("auth.jwt", "secret", "too-short-0123"),
        ("trace", "headers", ["a-mark-of-a-list"]),
    ],
)
def test_a_wrong_value_that_is_written_out_is_not_shown(
    place: Place, section: str, name: str, value: Any
) -> None:
    text = value[0] if isinstance(value, list) else str(value)
    place.marks.add("wrong value", text)
    settings = {**place.settings, section: {**place.settings.get(section, {}), name: value}}
    if section == "auth.jwt":
        settings["auth"] = {"method": "jwt"}
    check_wrong(place, settings)


def test_a_line_that_is_no_toml_is_not_shown(place: Place) -> None:
    file = place.folder / "wrong.toml"
    secret = place.marks.make("token in broken TOML")
    for line in (f'token = "{secret}', f"token = {secret}", f'token = "{secret}" x', secret):
        file.write_text(f"[auth.token.x]\n{line}\n", encoding="utf-8")
        assert run(place, "check-config", "--config", str(file)).returncode == 2
    assert place.marks.found_in(place.seen) == []


def test_reading_tables_of_secrets(place: Place) -> None:
    """SQL that could look at the server's files and variables gets none of them."""
    server = CapturedServer(place.folder, place.settings, place.environment)
    try:
        client = SecureClient(server.uri, place.environment["E2E_TOKEN"], trusts=place.authority)
        for query in (
            f"SELECT * FROM read_text('{place.folder / 'token'}')",
            f"SELECT * FROM '{place.folder / 'longbow.toml'}'",
            f"SELECT * FROM read_csv('{place.folder / 'token'}')",
            f"COPY (SELECT 1) TO '{place.folder / 'made'}'",
            "SELECT getenv('E2E_TOKEN')",
            "ATTACH '/tmp/x.db'",
        ):
            with pytest.raises((fl.FlightError, pa.ArrowException)) as raised:
                client.run(sql(query))
            place.note(query[:12], raised.value)
        client.close()
        server.stop()
    finally:
        server.kill()
    assert not (place.folder / "made").exists()
    assert place.marks.found_in(server.output() | {"errors": place.seen["SELECT geten"]}) == []
