"""A node whose secret is in Vault: by each way to log in, in a namespace, and with what operators get wrong.

The stand-in for Vault is strict: what its API's documentation does not allow is told of at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.captured_server import make_private
from tests.e2e.client import eventually
from tests.e2e.conftest import MakeServer
from tests.e2e.marked_secrets import ALL_ALLOWED, Marks, VaultProcess
from tests.e2e.secure_client import gets_in
from tests.e2e.server import LongbowServer

NAMESPACE = "team/a"


@dataclass
class Login:
    """One way to log in: what Vault knows of it, and what the settings say."""

    folder: Path
    marks: Marks
    vault: VaultProcess
    namespace: str = NAMESPACE
    settings: dict[str, Any] = field(default_factory=dict)

    def by_token(self) -> str:
        """With a token that somebody made; returns the request by which one sees it."""
        token = self.marks.make("token for Vault")
        self.vault.do("token", name=token, ttl=3600, namespace=self.namespace)
        self.settings = {"login": "token", "token": token}
        return ""

    def by_token_file(self) -> str:
        """As above, from a file."""
        self.by_token()
        self._to_file("token")
        return ""

    def by_approle(self) -> str:
        """With a role and its secret id."""
        role, secret = self.marks.make("role"), self.marks.make("secret id")
        self._role("approle", role, secret)
        self.settings = {"login": "approle", "role": role, "secret_id": secret}
        return "POST /v1/auth/approle/login"

    def by_approle_with_a_file(self) -> str:
        """With the secret id in a file."""
        request = self.by_approle()
        self._to_file("secret_id")
        return request

    def by_approle_at_another_mount(self) -> str:
        """Where the method is mounted elsewhere."""
        role, secret = self.marks.make("role"), self.marks.make("secret id")
        self._role("approle", role, secret, mount="ci/roles")
        self.settings = {"login": "approle", "role": role, "secret_id": secret}
        self.settings["auth_mount"] = "ci/roles"
        return "POST /v1/auth/ci/roles/login"

    def by_kubernetes(self) -> str:
        """With the token of a service account, which Kubernetes puts into a file."""
        jwt = self.marks.make("service account")
        self._role("kubernetes", "longbow", jwt)
        make_private(self.folder / "jwt", jwt + "\n")
        self.settings = {"login": "kubernetes", "role": "longbow"}
        self.settings["jwt_file"] = str(self.folder / "jwt")
        return "POST /v1/auth/kubernetes/login"

    def _role(self, method: str, name: str, credential: str, mount: str = "") -> None:
        where = {"mount": mount, "namespace": self.namespace}
        self.vault.do("role", method=method, name=name, credential=credential, **where)

    def _to_file(self, setting: str) -> None:
        file = self.folder / setting
        make_private(file, self.settings.pop(setting) + "\n")
        self.settings[f"{setting}_file"] = str(file)

    def settings_of_server(self) -> dict[str, dict[str, Any]]:
        """Settings of a server whose callers have a token that is in Vault."""
        vault = {"address": self.vault.address, "refresh_sec": 1, "timeout_sec": 5}
        if self.namespace:
            vault["namespace"] = self.namespace
        return {
            "auth": {"method": "token"},
            "auth.token.of_vault": {"token": "vault:kv/app#token"},
            "vault": {**vault, **self.settings},
            **ALL_ALLOWED,
        }

    def put(self, what: str, namespace: str | None = None) -> str:
        """Puts a new token for callers into Vault, and returns it."""
        token = self.marks.make(what)
        where = self.namespace if namespace is None else namespace
        self.vault.do("put", path="app", data={"token": token}, namespace=where)
        return token


@pytest.fixture
def login(tmp_path: Path, vault: VaultProcess) -> Iterator[Login]:
    """A Vault; at the end, all that it was asked was as its documentation wants it."""
    yield Login(tmp_path, Marks(), vault)
    assert vault.do("look")["violations"] == []


WAYS: list[Callable[[Login], str]] = [
    Login.by_token,
    Login.by_token_file,
    Login.by_approle,
    Login.by_approle_with_a_file,
    Login.by_approle_at_another_mount,
    Login.by_kubernetes,
]
LOGINS = [Login.by_approle, Login.by_approle_at_another_mount, Login.by_kubernetes]
PLACES = [(way, NAMESPACE) for way in WAYS] + [(way, "") for way in LOGINS]


@pytest.mark.parametrize(("way", "namespace"), PLACES)
def test_a_secret_in_vault(
    make_server: MakeServer, login: Login, way: Callable[[Login], str], namespace: str
) -> None:
    login.namespace = namespace
    request = way(login)
    # Elsewhere, the same path leads to another secret.
    elsewhere = login.put("token of others", namespace="team/b")
    first = login.put("first token")
    server = make_server(login.settings_of_server())
    assert gets_in(server.uri, first)
    assert not gets_in(server.uri, elsewhere)
    requests = login.vault.do("look")
    assert requests["violations"] == []
    assert requests["requests"].count(request) == (1 if request else 0)
    assert "GET /v1/kv/data/app" in requests["requests"]
    second = login.put("second token")
    eventually("the new one counts", lambda: gets_in(server.uri, second))
    assert not gets_in(server.uri, first)
    assert login.marks.found_in({"the log": server.stderr.encode()}) == []


@pytest.mark.parametrize("way", LOGINS)
def test_it_logs_in_again_when_its_token_is_revoked(
    make_server: MakeServer, login: Login, way: Callable[[Login], str]
) -> None:
    request = way(login)
    first = login.put("first token")
    server = make_server(login.settings_of_server())
    login.vault.do("look")
    login.vault.do("revoke_all")
    second = login.put("second token")
    eventually("the new one counts", lambda: gets_in(server.uri, second))
    assert not gets_in(server.uri, first)
    looked = login.vault.do("look")
    assert request in looked["requests"]
    assert looked["violations"] == []


def spoilt_secret(login: Login) -> None:
    """A secret id that is not that of the role, or a service account that has no role."""
    if "secret_id" in login.settings:
        login.settings["secret_id"] = login.marks.make("wrong secret id")
    else:
        make_private(login.folder / "jwt", login.marks.make("wrong service account"))


def spoilt_namespace(login: Login) -> None:
    """Another than that of the role."""
    login.namespace = "team/b"


def spoilt_mount(login: Login) -> None:
    """Where no login is."""
    login.settings["auth_mount"] = "nowhere"


@pytest.mark.parametrize("spoil", [spoilt_secret, spoilt_namespace, spoilt_mount])
@pytest.mark.parametrize("way", LOGINS)
def test_a_login_that_fails_stops_the_start(
    login: Login, way: Callable[[Login], str], spoil: Callable[[Login], None]
) -> None:
    way(login)
    token = login.put("token")
    spoil(login)
    server = LongbowServer(login.settings_of_server())
    try:
        server.launch()
        assert server.wait() != 0
        # It names what could not be had, and no secret.
        assert "vault:kv/app#token" in server.stderr
        assert "auth.token.of_vault" in server.stderr
        assert token not in server.stderr
        told = login.marks.found_in({"the log": server.stderr.encode()})
        assert set(told) <= {"role in the log"}, "a role's id is the only one that is no secret"
    finally:
        server.kill()
