"""A configuration full of secrets that can be recognised, and the search for them."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.e2e.captured_server import make_private
from tests.e2e.certificates import Authority
from tests.e2e.client import Json
from tests.e2e.errors import ERRORS
from tests.e2e.server import PATIENCE_SEC

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
