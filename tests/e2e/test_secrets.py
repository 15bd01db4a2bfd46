"""Secrets stay secret: marked ones everywhere, every path exercised, and all output searched for them.

Every secret of these tests is in `Marks`, which knows in which forms it could show: as it is, in Base64,
and with percent signs. A test that finds one names the output where it is.
"""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import Callable
from urllib.parse import quote

import jwt
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.captured_server import CapturedServer, make_private
from tests.e2e.certificates import replace_file
from tests.e2e.client import Client, Json, command, connector, eventually, rows, sql, table_of
from tests.e2e.errors import Code, expect_error
from tests.e2e.marked_secrets import Marks, Place, VaultProcess
from tests.e2e.otlp_receiver import GrpcOtlpReceiver, OtlpReceiver
from tests.e2e.polling import endless, start
from tests.e2e.secure_client import SecureClient
from tests.e2e.test_actions import ACTIONS

# A changed file is looked at every second, Vault as often as the settings below say.
SEEN_WITHIN_SEC = 30

HTTP_PATHS = ["/live", "/ready", "/health", "/metrics", "/status.json", "/", "/nothing"]


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


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_spans_that_a_collector_takes(place: Place, protocol: str) -> None:
    """A collector is told of everything, good calls and bad ones, and learns the secret meant for it."""
    receiver = GrpcOtlpReceiver() if protocol == "grpc" else OtlpReceiver()
    with receiver:
        trace = {
            "exporter": "otlp",
            "endpoint": receiver.endpoint,
            "protocol": protocol,
            "sampler": "always_on",
            "headers": "env:E2E_HEADERS",
        }
        server = CapturedServer(place.folder, {**place.settings, "trace": trace}, place.environment)
        try:
            good = place.environment["E2E_TOKEN"]
            client = SecureClient(server.uri, good, trusts=place.authority)
            assert client.run(connector("hidden", path="data.csv")).num_rows == 1
            call_everything(place, client, "somebody")
            client.close()
            try_to_get_in(place, server, good)
            look_at_http(place, server)
            server.stop()
        finally:
            server.kill()
        names = {span.name for span in receiver.spans}
        assert {"GetFlightInfo", "DoGet", "DoPut", "DoExchange", "DoAction", "task", "run"} <= names
        assert any(span.failed for span in receiver.spans)
        # There was something to find, and the search finds what is there.
        assert b"hidden" in receiver.bodies or b"connector" in receiver.bodies
        assert place.marks.of["header for traces"] in receiver.headers
        assert place.marks.found_in({"spans": receiver.bodies}) == []
    assert place.marks.found_in(server.output() | place.seen) == []


def collector_with_a_password(place: Place) -> str:
    """A URL that cannot be used."""
    return f"http://user:{place.marks.make('password of a collector')}@127.0.0.1:1"


def test_a_collector_that_is_set_wrong_is_not_shown(place: Place) -> None:
    """It keeps the server from starting."""
    url = collector_with_a_password(place)
    endpoint = make_private(place.folder / "endpoint", url)
    trace = {"exporter": "otlp", "endpoint": endpoint, "headers": "env:E2E_HEADERS"}
    with pytest.raises(AssertionError, match=r"trace\.endpoint cannot be used") as ended:
        CapturedServer(place.folder, {**place.settings, "trace": trace}, place.environment)
    place.note("the end", ended.value)
    assert place.marks.found_in(place.seen) == []


def test_a_wrong_variable_of_a_collector_is_not_shown(place: Place) -> None:
    """It keeps no server from starting; the log has a warning."""
    url = collector_with_a_password(place)
    environment = {**place.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": url}
    server = CapturedServer(place.folder, place.settings, environment)
    try:
        look_at_http(place, server)
        server.stop()
    finally:
        server.kill()
    assert [entry for entry in server.log() if entry["level"] == "warning" and "OTEL" in str(entry)]
    assert place.marks.found_in(server.output() | place.seen) == []


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
