"""TLS from end to end: who gets in, certificates that are replaced while a stream runs, and what is read
again without a restart."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.flight as fl
import pytest

from tests.e2e.certificates import Authority, Identity, handshake, replace_file, trusting
from tests.e2e.client import Client, eventually, rows, sql, table_of
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import Code, expect_error
from tests.e2e.exposition import Exposition
from tests.e2e.raw_grpc import FLIGHT, RawClient
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import LongbowServer, write_settings
from tests.e2e.test_server import run_longbow

# A new file must be seen within 5 s; this is for a machine that has other things to do as well.
SEEN_WITHIN_SEC = 20
# A call that cannot get through tries so long.
SHORT_SEC = 3.0

TOKENS = {name: f"{name}-0123456789abcdef" for name in ("first", "second", "third")}
ALL_OF_IT = {"services": ["*"], "actions": ["*"], "read": ["*"], "write": ["*"]}


def port_of(server: LongbowServer) -> int:
    """The port of its location."""
    port = urlsplit(server.uri).port
    assert port is not None
    return port


@dataclass
class TlsFiles:
    """The files of a server's identity, and who signed it."""

    folder: Path
    authority: Authority
    identity: Identity

    @classmethod
    def make(cls, folder: Path) -> TlsFiles:
        """An authority and a first identity."""
        authority = Authority()
        identity = authority.server()
        identity.write(folder)
        authority.write(folder)
        return cls(folder, authority, identity)

    def settings(self, **more: Any) -> dict[str, Any]:
        """Those of [server]."""
        return {
            "use_tls": True,
            "tls_certificate": f"@{self.folder / 'server.pem'}",
            "tls_private_key": f"@{self.folder / 'server.key'}",
            **more,
        }

    def mtls_settings(self) -> dict[str, Any]:
        """With certificates of clients."""
        return self.settings(
            use_mtls=True, tls_root_certificate=f"@{self.folder / 'authority.pem'}"
        )


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    """An identity on disk."""
    return TlsFiles.make(tmp_path)


@pytest.fixture(scope="module")
def shared_files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """The identity of the servers that tests share."""
    return TlsFiles.make(tmp_path_factory.mktemp("tls"))


def running(settings: dict[str, dict[str, Any]]) -> Iterator[LongbowServer]:
    """A server, stopped at the end."""
    server = LongbowServer(settings)
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def tls_server(shared_files: TlsFiles) -> Iterator[LongbowServer]:
    """A server with TLS."""
    yield from running({"server": shared_files.settings()})


@pytest.fixture(scope="module")
def mtls_server(shared_files: TlsFiles) -> Iterator[LongbowServer]:
    """A server that asks for a certificate."""
    yield from running({"server": shared_files.mtls_settings()})


def works(client: Client) -> None:
    """The connection serves; it is closed."""
    assert rows(client.run(sql("SELECT 42 AS x"))) == [(42,)]
    client.close()


def gets_nowhere(client: Client) -> None:
    """The connection cannot be made; it is closed."""
    with pytest.raises((fl.FlightUnavailableError, fl.FlightTimedOutError)):
        client.info(sql("SELECT 42 AS x"), timeout=SHORT_SEC)
    client.close()


def test_the_metric_of_the_expiry(make_server: MakeServer, files: TlsFiles) -> None:
    server = make_server({"server": files.settings(), "http": {"port": 0}})

    def told() -> Any:
        return Exposition(server.http)("longbow_tls_certificate_expiry_timestamp_seconds")

    assert told() == files.identity.expires
    later = files.authority.server(hours=48)
    later.write(files.folder)
    eventually("the new one is told of", lambda: told() == later.expires, patience=SEEN_WITHIN_SEC)


# Who gets in.


def test_tls(tls_server: LongbowServer, shared_files: TlsFiles) -> None:
    assert tls_server.uri.startswith("grpc+tls://127.0.0.1:")
    client = SecureClient(tls_server.uri, trusts=shared_files.authority)
    info = client.info(sql("SELECT 42 AS x"))
    assert info.endpoints[0].locations[0].uri.decode() == tls_server.uri
    works(client)


def test_a_client_that_trusts_somebody_else(
    tls_server: LongbowServer, shared_files: TlsFiles
) -> None:
    gets_nowhere(SecureClient(tls_server.uri, trusts=Authority()))
    works(SecureClient(tls_server.uri, trusts=shared_files.authority))


def list_actions(uri: str) -> None:
    """ListActions without a library that would try again."""
    raw = RawClient(uri)
    try:
        raw.call(FLIGHT + "ListActions", b"")
    finally:
        raw.close()


def test_plain_text_to_a_tls_port(tls_server: LongbowServer, shared_files: TlsFiles) -> None:
    plain_uri = tls_server.uri.replace("grpc+tls", "grpc")
    gets_nowhere(Client(plain_uri))
    with pytest.raises(OSError):
        list_actions(plain_uri)
    # Neither does a web browser learn anything.
    with socket.create_connection(("127.0.0.1", port_of(tls_server)), 60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while part := connection.recv(4096):
            answer += part
    assert b"HTTP" not in answer
    works(SecureClient(tls_server.uri, trusts=shared_files.authority))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_versions_of_tls(tls_server: LongbowServer, shared_files: TlsFiles) -> None:
    def connect(version: ssl.TLSVersion) -> int:
        context = trusting(shared_files.authority)
        # As weak as this machine can be, so that it is the server that refuses.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        return handshake(port_of(tls_server), context)

    for good in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert connect(good) == shared_files.identity.serial
    for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises(OSError) as refused:
            connect(old)
        assert "NO_PROTOCOLS_AVAILABLE" not in str(refused.value), "the client refused"


def test_mutual_tls(mtls_server: LongbowServer, shared_files: TlsFiles) -> None:
    authority = shared_files.authority
    works(SecureClient(mtls_server.uri, trusts=authority, shows=authority.client("ann")))


def test_mutual_tls_without_a_certificate(
    mtls_server: LongbowServer, shared_files: TlsFiles
) -> None:
    authority = shared_files.authority
    gets_nowhere(SecureClient(mtls_server.uri, trusts=authority))
    works(SecureClient(mtls_server.uri, trusts=authority, shows=authority.client("ann")))


def test_mutual_tls_with_wrong_certificates(
    mtls_server: LongbowServer, shared_files: TlsFiles
) -> None:
    authority = shared_files.authority
    # Another authority of the same name, and a certificate for servers.
    for shown in (Authority().client("ann"), authority.server("ann")):
        gets_nowhere(SecureClient(mtls_server.uri, trusts=authority, shows=shown))
    works(SecureClient(mtls_server.uri, trusts=authority, shows=authority.client("ann")))


# Certificates that change.


def shown_serial(server: LongbowServer, files: TlsFiles) -> int:
    """The serial number of what a new connection is shown."""
    return handshake(port_of(server), trusting(files.authority))


def await_serial(server: LongbowServer, files: TlsFiles, identity: Identity) -> None:
    """Waits until new connections are shown this certificate."""
    eventually(
        "new connections get the new certificate",
        lambda: shown_serial(server, files) == identity.serial,
        SEEN_WITHIN_SEC,
    )


def test_a_certificate_that_is_replaced(make_server: MakeServer, files: TlsFiles) -> None:
    server = make_server({"server": files.settings()})
    client = SecureClient(server.uri, trusts=files.authority)
    info = client.info(sql("SELECT range AS x FROM range(1000000000)"))
    stream = client.flight.do_get(info.endpoints[0].ticket, client.options())
    count = stream.read_chunk().data.num_rows
    assert shown_serial(server, files) == files.identity.serial

    new = files.authority.server("renewed")
    new.write(files.folder)
    await_serial(server, files, new)
    # The stream goes on, and so does its connection.
    for _ in range(20):
        chunk = stream.read_chunk().data
        assert chunk["x"][0].as_py() == count
        count += chunk.num_rows
    assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
    stream.cancel()
    works(SecureClient(server.uri, trusts=files.authority))
    client.close()
    assert sum(" is ready on " in entry["message"] for entry in server.log()) == 1


def test_a_new_authority(make_server: MakeServer, files: TlsFiles) -> None:
    server = make_server({"server": files.mtls_settings()})
    other = Authority("other")
    before = SecureClient(
        server.uri, trusts=files.authority, shows=files.authority.client("before")
    )
    before.action("HealthCheck")
    other.write(files.folder)

    def other_gets_in() -> bool:
        client = SecureClient(server.uri, trusts=files.authority, shows=other.client("after"))
        try:
            return bool(client.info(sql("SELECT 1 AS x"), timeout=SHORT_SEC))
        except (fl.FlightUnavailableError, fl.FlightTimedOutError):
            return False
        finally:
            client.close()

    eventually("clients of the new authority get in", other_gets_in, SEEN_WITHIN_SEC)
    gets_nowhere(
        SecureClient(server.uri, trusts=files.authority, shows=files.authority.client("late"))
    )
    # Who was in stays in.
    works(before)


BROKEN = {
    "garbage": (b"no certificate at all", "tls_certificate"),
    "empty": (b"", "server.pem"),
    "damaged": (
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "certificate",
    ),
}


@pytest.mark.parametrize("kind", [*BROKEN, "of another key", "gone"])
def test_a_new_certificate_that_is_broken(
    make_server: MakeServer, files: TlsFiles, kind: str
) -> None:
    server = make_server({"server": files.settings()})
    certificate = files.folder / "server.pem"
    named = "server.pem"
    if kind == "gone":
        certificate.unlink()
    elif kind == "of another key":
        replace_file(certificate, files.authority.server("another").certificate)
        named = "private key"
    else:
        content, named = BROKEN[kind]
        replace_file(certificate, content)

    def complaints() -> list[str]:
        entries = [*server.log("error"), *server.log("warning")]
        told = [" ".join(str(value) for value in entry.values()) for entry in entries]
        return [line for line in told if named in line]

    eventually("the log says what is wrong with the new file", complaints, SEEN_WITHIN_SEC)
    assert shown_serial(server, files) == files.identity.serial
    works(SecureClient(server.uri, trusts=files.authority))
    # And the next good one is taken.
    new = files.authority.server("good again")
    new.write(files.folder)
    await_serial(server, files, new)
    assert "PRIVATE KEY" not in server.stderr


# What SIGHUP brings.


def reload(server: LongbowServer, says: str = "The settings were read again") -> None:
    """Has it read its settings again, and waits until the log says so."""

    def told() -> int:
        return sum(says in entry["message"] for entry in server.log())

    before = told()
    os.kill(server.pid, signal.SIGHUP)
    eventually(f"the log says '{says}'", lambda: told() > before)


def settings_with(rules: dict[str, Any], *tokens: str) -> dict[str, dict[str, Any]]:
    """Of a server that knows these tokens; on a port that does not matter to one that runs."""
    return {
        "server": {"listen_host": "127.0.0.1", "listen_port": 0, "node_id": "e2e"},
        "auth": {"method": "token"},
        **{f"auth.token.{name}": {"token": TOKENS[name]} for name in tokens},
        **rules,
    }


def rule(*principals: str, **more: Any) -> dict[str, Any]:
    """A rule that allows everything but for `more`."""
    return {"access.rule.r": {"principals": list(principals), **ALL_OF_IT, **more}}


def test_tokens_and_rules_are_read_again(make_server: MakeServer) -> None:
    server = make_server(settings_with(rule("token:*"), "first", "second"))
    clients = {name: SecureClient(server.uri, token) for name, token in TOKENS.items()}
    clients["first"].stored(["a"], table_of(x=[1]))

    def expect(allowed: str, *codes: tuple[str, Code]) -> None:
        assert clients[allowed].get({"path": ["a"]}).num_rows == 1
        for name, code in codes:
            with expect_error(code):
                clients[name].get({"path": ["a"]})

    expect("first", ("third", Code.UNAUTHENTICATED))
    expect("second")
    # One token goes, another comes.
    write_settings(server.settings_file, settings_with(rule("token:*"), "first", "third"))
    reload(server)
    expect("first", ("second", Code.UNAUTHENTICATED))
    expect("third")
    # A rule changes.
    write_settings(
        server.settings_file,
        settings_with(rule("token:first", read=["b"]), "first", "second", "third"),
    )
    reload(server)
    for name in TOKENS:
        with expect_error(Code.PERMISSION_DENIED):
            clients[name].get({"path": ["a"]})
    # A rule comes back.
    write_settings(server.settings_file, settings_with(rule("token:third"), "first", "third"))
    reload(server)
    expect("third", ("first", Code.PERMISSION_DENIED), ("second", Code.UNAUTHENTICATED))
    for client in clients.values():
        client.close()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("this is no TOML", "longbow.toml"),
        ('[auth.token.first]\ntoken = "short"\n', "first"),
        (
            '[auth.token.first]\ntoken = "first-0123456789abcdef"\n'
            '[access.rule.r]\nprincipals = ["tokn:x"]\n',
            "tokn:x",
        ),
        ("[nonsense]\nx = 1\n", "nonsense"),
        ('[auth.token.first]\ntoken = "env:LONGBOW_TEST_NOT_SET"\n', "LONGBOW_TEST_NOT_SET"),
        ("[auth]\n", "no [auth.token.NAME]"),
    ],
)
def test_wrong_settings_on_reload_change_nothing(
    make_server: MakeServer, wrong: str, named: str
) -> None:
    server = make_server(settings_with(rule("token:first"), "first"))
    client = SecureClient(server.uri, TOKENS["first"])
    good = server.settings_file.read_text(encoding="utf-8")
    if not wrong.startswith("this"):
        wrong = '[auth]\nmethod = "token"\n' + wrong.removeprefix("[auth]\n")
    server.settings_file.write_text(wrong, encoding="utf-8")
    os.kill(server.pid, signal.SIGHUP)
    eventually("the log says why", lambda: [e for e in server.log("error") if named in str(e)])
    assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
    server.settings_file.write_text(good, encoding="utf-8")
    reload(server)
    assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
    client.close()


# What must not start, and what may.


def refused_settings(tmp_path: Path, settings: dict[str, dict[str, Any]]) -> str:
    """Neither `start` nor `check-config` takes them; what they say."""
    file = tmp_path / "wrong.toml"
    write_settings(file, settings)
    told = ""
    for command in ("check-config", "start"):
        result = run_longbow(command, "--config", str(file))
        assert result.returncode == 2, (result.stdout, result.stderr)
        assert " is ready on " not in result.stderr
        told = result.stderr
    return told


def test_mutual_tls_without_tls_is_refused(tmp_path: Path, files: TlsFiles) -> None:
    told = refused_settings(tmp_path, {"server": {**files.mtls_settings(), "use_tls": False}})
    assert "server.use_mtls needs server.use_tls = true" in told


def test_tls_without_its_files_is_refused(tmp_path: Path, files: TlsFiles) -> None:
    told = refused_settings(tmp_path, {"server": {"use_tls": True}})
    assert "tls_certificate" in told
    assert "tls_private_key" in told
    told = refused_settings(tmp_path, {"server": files.settings(use_mtls=True)})
    assert "server.use_mtls needs server.tls_root_certificate" in told


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_plain_text_for_all_is_refused(tmp_path: Path, host: str) -> None:
    told = refused_settings(tmp_path, {"server": {"listen_host": host, "listen_port": 0}})
    assert "there is no TLS" in told
    assert "allow_plaintext = true" in told


def test_plain_text_for_all_if_it_is_meant(make_server: MakeServer) -> None:
    server = make_server({"server": {"listen_host": "0.0.0.0", "allow_plaintext": True}})
    works(Client(f"grpc://127.0.0.1:{port_of(server)}"))


def test_tls_for_all_needs_no_leave(make_server: MakeServer, files: TlsFiles) -> None:
    server = make_server({"server": files.settings(listen_host="0.0.0.0")})
    works(SecureClient(f"grpc+tls://127.0.0.1:{port_of(server)}", trusts=files.authority))


def test_a_certificate_as_text(make_server: MakeServer, files: TlsFiles) -> None:
    """The other form of the settings: the PEM text itself."""
    server = make_server(
        {
            "server": {
                "use_tls": True,
                "tls_certificate": files.identity.certificate.decode(),
                "tls_private_key": files.identity.key.decode(),
            }
        }
    )
    works(SecureClient(server.uri, trusts=files.authority))


def test_a_header_of_the_operators_choice(make_server: MakeServer) -> None:
    settings = settings_with(rule("token:*"), "first")
    settings["auth"]["header"] = "x-api-key"
    server = make_server(settings)
    works(SecureClient(server.uri, TOKENS["first"], header="x-api-key"))
    for client in (
        SecureClient(server.uri, TOKENS["first"]),
        SecureClient(server.uri, "Bearer " + TOKENS["first"], header="x-api-key"),
        SecureClient(server.uri, TOKENS["first"], header="x-api-keys"),
    ):
        with expect_error(Code.UNAUTHENTICATED):
            client.info(["a"])
        client.close()
