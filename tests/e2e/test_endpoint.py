"""The HTTP endpoint's own address and token: where it listens, and a token that is replaced as it runs."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.captured_server import make_private
from tests.e2e.certificates import replace_file
from tests.e2e.client import Client, eventually
from tests.e2e.conftest import MakeServer
from tests.e2e.operations import http_get
from tests.e2e.server import LongbowServer
from tests.e2e.test_health import GUARDED, ask


def status_with(server: LongbowServer, token: str) -> set[int]:
    """What all guarded pages answer to that token."""
    headers = [("Authorization", f"Bearer {token}")]
    return {ask(server.http, path, headers)[0] for path in GUARDED}


def await_new_token(server: LongbowServer, old: str, new: str) -> None:
    """Waits until the new token counts; then the old one does not any more."""
    eventually("the new token counts", lambda: status_with(server, new) == {200})
    assert status_with(server, old) == {401}


def by_file(server: LongbowServer, file: Path, new: str) -> None:
    """A changed file is seen by itself."""
    replace_file(file, new + "\n")


def by_signal(server: LongbowServer, file: Path, new: str) -> None:
    """The settings name another token, and the operator says so."""
    text = server.settings_file.read_text(encoding="utf-8")
    server.settings_file.write_text(text.replace(f"file:{file}", new), encoding="utf-8")
    os.kill(server.pid, signal.SIGHUP)


@pytest.mark.parametrize("replace", [by_file, by_signal])
def test_a_token_that_is_replaced(
    make_server: MakeServer,
    tmp_path: Path,
    replace: Callable[[LongbowServer, Path, str], None],
) -> None:
    first, second = (f"token-{secrets.token_hex(16)}" for _ in range(2))
    reference = make_private(tmp_path / "token", first + "\n")
    server = make_server({"http": {"port": 0, "token": reference}})
    assert status_with(server, first) == {200}
    assert status_with(server, second) == {401}
    replace(server, tmp_path / "token", second)
    await_new_token(server, first, second)
    # What needs no token still needs none, and Flight never asked for it.
    assert http_get(server.http + "ready")[0] == 204
    client = Client(server.uri)
    assert client.action("HealthCheck")["status"] == "SERVING"
    client.close()
    assert first not in server.stderr
    assert second not in server.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [("", "its old value stays in use"), ("short", "the old one stays in use")],
)
def test_a_new_token_that_is_none_leaves_the_old_one(
    make_server: MakeServer, tmp_path: Path, content: str, told: str
) -> None:
    first, second = (f"token-{secrets.token_hex(16)}" for _ in range(2))
    reference = make_private(tmp_path / "token", first)
    server = make_server({"http": {"port": 0, "token": reference}})
    replace_file(tmp_path / "token", content)
    eventually("the log tells of it", lambda: told in server.stderr)
    assert status_with(server, first) == {200}
    assert status_with(server, content) == {401}
    replace_file(tmp_path / "token", second)
    await_new_token(server, first, second)


def test_it_listens_at_its_own_address_only(make_server: MakeServer) -> None:
    server = make_server({"http": {"port": 0, "host": "127.0.0.2"}})
    address = urlsplit(server.http)
    assert address.hostname == "127.0.0.2"
    assert http_get(server.http + "ready") == (204, "")
    assert ask(server.http, "health", [])[0] == 200
    # Neither Flight's address nor any other.
    for other in ("127.0.0.1", "127.0.0.3"):
        assert http_get(f"http://{other}:{address.port}/ready") == (0, "")


def test_it_is_off_unless_there_is_a_port(make_server: MakeServer) -> None:
    assert make_server().http == ""
