"""What the program says of settings that hold or name secrets: never a value."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.captured_server import make_private
from tests.e2e.conftest import MakeServer
from tests.e2e.marked_secrets import Place, VaultProcess
from tests.e2e.server import (
    PATIENCE_SEC,
    LongbowServer,
    Settings,
    binary,
    clean_environment,
    write_settings,
)


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


# References to nothing, where nothing would mean "everybody".
EMPTY = ["env:E2E_EMPTY", "file:", "vault:kv/empty#token"]
OPENED_BY_NOTHING: list[tuple[str, str, bool]] = [
    ("http", "token", False),
    ("auth.token.of_file", "token", False),
    ("access.rule.all", "read", True),
    ("access.rule.all", "write", True),
    ("auth.jwt", "secret", False),
]


@pytest.mark.parametrize("reference", EMPTY)
@pytest.mark.parametrize(("section", "name", "is_list"), OPENED_BY_NOTHING)
def test_an_empty_secret_opens_nothing(
    place: Place, vault: VaultProcess, reference: str, section: str, name: str, is_list: bool
) -> None:
    place.environment["E2E_EMPTY"] = ""
    vault.do("put", path="empty", data={"token": ""})
    if reference == "file:":
        reference = make_private(place.folder / "empty", "\n")
    written = [reference] if is_list else reference
    changed = {**place.settings, section: {**place.settings[section], name: written}}
    check_wrong(place, changed, f"{section}.{name} cannot be used", f"{reference} ", "is empty")


@pytest.mark.parametrize(
    ("section", "name", "value", "told"),
    [
        ("http", "token", "", "http.token is shorter than 16 characters"),
        ("http", "token", "fifteen-letters", "http.token is shorter than 16 characters"),
        ("http", "token", "literal:", "http.token is shorter than 16 characters"),
        ("access.rule.all", "read", [""], "is empty: write a path, or '*' for all paths"),
        ("access.rule.all", "write", ["literal:"], "is empty: write a path, or '*' for all"),
        ("auth.jwt", "secret", "", "auth.jwt.secret"),
        ("auth.jwt", "jwks", "", "auth.jwt.jwks"),
    ],
)
def test_what_is_set_to_nothing_is_refused(
    place: Place, section: str, name: str, value: Any, told: str
) -> None:
    settings = {**place.settings, section: {**place.settings[section], name: value}}
    if section == "auth.jwt":
        settings["auth"] = {"method": "jwt"}
    check_wrong(place, settings, told)


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


def test_an_endpoint_in_the_open_without_a_token_is_told_of(make_server: MakeServer) -> None:
    http = {"port": 0, "host": "0.0.0.0"}
    told = "http.host is '0.0.0.0', which others can reach, and there is no http.token"
    server = make_server({"http": http})
    assert [told in line["message"] for line in server.log("warning")] == [True]
    server = make_server({"http": {**http, "token": "a-token-0123456789"}})
    assert server.log("warning") == []


# What a crash leaves behind.


@pytest.fixture
def dumps_allowed() -> Iterator[None]:
    """Processes that the test starts may leave dumps."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def dumps_of(pid: int | str) -> tuple[list[str], int]:
    """Soft and hard limit of a process's dumps, and what of its memory they may have."""
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    dumped = Path(f"/proc/{pid}/coredump_filter").read_text(encoding="ascii")
    return line.split()[4:6], int(dumped, 16)


def dump_of_crash(server: LongbowServer) -> list[Path]:
    """Has it crash; what it leaves in its folder."""
    os.kill(server.pid, signal.SIGABRT)
    assert server.wait() == -signal.SIGABRT
    return list(server.folder.glob("core*"))


@pytest.mark.usefixtures("dumps_allowed")
@pytest.mark.parametrize("wanted", [False, True])
def test_core_dumps(wanted: bool) -> None:
    server = LongbowServer({"server": {"core_dumps": True}} if wanted else {})
    try:
        limits, dumped = dumps_of(server.start().pid)
        if not wanted:
            # 1 is heeded where dumps are piped, too; 0 where it was 0 before.
            assert limits in (["1", "1"], ["0", "0"])
            assert dumped == 0
            assert dump_of_crash(server) == []
            return
        own_limits, own_dumped = dumps_of("self")
        assert dumped == own_dumped
        # The sanitizers forbid dumps by themselves.
        assert limits in (own_limits, ["0", "0"])
        pattern = Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii")
        if limits[0] == "unlimited" and pattern.startswith("core"):
            assert dump_of_crash(server) != [], "the test would see one"
    finally:
        server.kill()


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
