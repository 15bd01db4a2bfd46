"""A strict stand-in for the part of HashiCorp Vault's HTTP API that Longbow uses.

It knows KV version 2 (reading), the logins by AppRole and Kubernetes, tokens with a time to live, a
greatest age and a number of uses, namespaces, sealing and standby. It does what the documentation of the
API says, and refuses what the documentation does not allow: methods, bodies with other fields, requests
without the headers that Longbow promises. Time stands still until a test moves it.

usage: vault_server.py [--certificate FILE --key FILE [--client-ca FILE]]

It listens on a free port of 127.0.0.1 and prints `{"port": N}`. Then it takes one command a line on
standard input, a JSON object with `do` and arguments, and answers each with one line of JSON. It ends
with its standard input.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

MAX_BODY_BYTES = 1 << 20
JSON_TYPE = "application/json"


@dataclass
class Token:
    """A token of Vault's token store."""

    name: str
    namespace: str
    ttl: int  # 0: without end
    max_ttl: int  # 0: no greatest age
    created: float
    expires: float
    renewable: bool
    uses_left: int | None  # None: any number
    denied: tuple[str, ...]  # beginnings of paths that its policies do not allow
    path: str


@dataclass
class Role:
    """What a login method gives to one role."""

    namespace: str
    credential: str  # the secret id, or the JWT
    token_ttl: int
    token_max_ttl: int
    token_num_uses: int
    renewable: bool
    uses_left: int | None  # of the secret id
    denied: tuple[str, ...]


@dataclass
class Secret:
    """The newest version of a secret."""

    data: dict[str, Any]
    version: int
    created: float
    deleted: float | None = None
    destroyed: bool = False


class ApiError(Exception):
    """An answer of 400 or more."""

    def __init__(self, status: int, *messages: str) -> None:
        super().__init__(status)
        self.status = status
        self.body: dict[str, Any] = {"errors": list(messages)}


@dataclass
class Request:
    """A request as it came in."""

    method: str
    path: str  # below /v1/, decoded
    namespace: str
    token: str | None
    body: dict[str, Any] | None


def timestamp(seconds: float) -> str:
    """RFC 3339, as Vault writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime(seconds))


def answer(data: Any = None, auth: Any = None, lease_duration: int = 0) -> dict[str, Any]:
    """The frame of all answers."""
    return {
        "request_id": "f00341c1-fad5-f6e6-13fd-235617f858a1",
        "lease_id": "",
        "renewable": False,
        "lease_duration": lease_duration,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": auth,
    }


@dataclass
class Vault:
    """The state behind the API. Used with `lock` held."""

    now: float = 1767225600.0
    sealed: bool = False
    redirect: str = ""  # where a standby sends its clients
    redirect_status: int = 307
    lease_duration: int = 0  # of readings; the KV engine itself has none
    failures: list[tuple[int, str]] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)
    approles: dict[tuple[str, str, str], Role] = field(default_factory=dict)
    kubernetes: dict[tuple[str, str, str], Role] = field(default_factory=dict)
    mounts: dict[tuple[str, str], dict[str, Secret]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    made_tokens: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, request: Request) -> dict[str, Any]:
        """The answer to a request that is well-formed HTTP."""
        if self.failures:
            status, message = self.failures.pop(0)
            raise ApiError(status, *([message] if message else []))
        if self.sealed:
            raise ApiError(503, "Vault is sealed")
        parts = request.path.split("/")
        if parts[0] == "auth" and parts[-1] == "login" and len(parts) >= 3:
            return self.login("/".join(parts[1:-1]), request)
        token = self.check_token(request)
        if request.path == "auth/token/lookup-self":
            return self.lookup_self(token, request)
        if request.path == "auth/token/renew-self":
            return self.renew_self(token, request)
        return self.read(request)

    def check_token(self, request: Request) -> Token:
        """The request's token, one use of which is taken. Whatever is wrong with it is a 403."""
        if request.token is None:
            raise ApiError(403, "permission denied")
        token = self.tokens.get(request.token)
        if token is None or (token.expires and self.now >= token.expires):
            self.tokens.pop(request.token, None)
            raise ApiError(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
        inside = request.namespace + "/" if request.namespace else ""
        if token.namespace and not inside.startswith(token.namespace + "/"):
            raise ApiError(403, "permission denied")
        if token.uses_left is not None:
            token.uses_left -= 1
            if token.uses_left == 0:
                del self.tokens[request.token]
        if any(request.path.startswith(denied) for denied in token.denied):
            raise ApiError(403, "1 error occurred:\n\t* permission denied\n\n")
        return token

    def login(self, mount: str, request: Request) -> dict[str, Any]:
        """POST auth/MOUNT/login, for both methods."""
        if request.token is not None:
            self.violations.append("a login was sent with a token")
        self.required_method(request, "POST", "PUT")
        body = request.body or {}
        for kind, roles, name_field, credential_field in (
            ("approle", self.approles, "role_id", "secret_id"),
            ("kubernetes", self.kubernetes, "role", "jwt"),
        ):
            if not any(key[:2] == (request.namespace, mount) for key in roles):
                continue
            unknown = set(body) - {name_field, credential_field}
            if unknown:
                self.violations.append(f"fields that {kind} has not: {sorted(unknown)}")
            name = body.get(name_field)
            if not isinstance(name, str) or not name:
                raise ApiError(400, f"missing {name_field}")
            role = roles.get((request.namespace, mount, name))
            credential = body.get(credential_field, "")
            if role is None:
                raise ApiError(400, "invalid role or secret ID")
            if credential != role.credential:
                if kind == "kubernetes":
                    raise ApiError(403, "permission denied")
                raise ApiError(400, "invalid role or secret ID")
            if role.uses_left is not None:
                if role.uses_left == 0:
                    raise ApiError(400, "invalid role or secret ID")
                role.uses_left -= 1
            return answer(auth=self.make_token(role, f"auth/{mount}/login"))
        # Vault does not tell a path that is not there from one that may not be seen.
        raise ApiError(403, "permission denied")

    def make_token(self, role: Role, path: str) -> dict[str, Any]:
        """A new token, as a login's `auth`."""
        self.made_tokens += 1
        name = f"hvs.standin{self.made_tokens:06d}"
        ttl = min(role.token_ttl, role.token_max_ttl or role.token_ttl)
        self.tokens[name] = Token(
            name=name,
            namespace=role.namespace,
            ttl=ttl,
            max_ttl=role.token_max_ttl,
            created=self.now,
            expires=self.now + ttl if ttl else 0,
            renewable=role.renewable,
            uses_left=role.token_num_uses or None,
            denied=role.denied,
            path=path,
        )
        return self.auth_of(self.tokens[name], ttl)

    @staticmethod
    def auth_of(token: Token, lease_duration: int) -> dict[str, Any]:
        """A token as logins and renewals show it."""
        return {
            "client_token": token.name,
            "accessor": "fd6c9a00-d2dc-3b11-0be5-af7ae0e1d374",
            "policies": ["default"],
            "token_policies": ["default"],
            "metadata": None,
            "lease_duration": lease_duration,
            "renewable": token.renewable,
            "entity_id": "",
            "token_type": "service",
            "orphan": True,
        }

    def lookup_self(self, token: Token, request: Request) -> dict[str, Any]:
        """GET auth/token/lookup-self."""
        self.required_method(request, "GET")
        expires = timestamp(token.expires) if token.expires else None
        return answer(
            data={
                "accessor": "8609694a-cdbc-db9b-d345-e782dbb562ed",
                "creation_time": int(token.created),
                "creation_ttl": token.ttl,
                "display_name": "token",
                "entity_id": "",
                "expire_time": expires,
                "explicit_max_ttl": token.max_ttl,
                "id": token.name,
                "issue_time": timestamp(token.created),
                "meta": None,
                "num_uses": token.uses_left or 0,
                "orphan": True,
                "path": token.path,
                "policies": ["default"],
                "renewable": token.renewable,
                "ttl": int(token.expires - self.now) if token.expires else 0,
                "type": "service",
            }
        )

    def renew_self(self, token: Token, request: Request) -> dict[str, Any]:
        """POST auth/token/renew-self: the whole time again, up to the greatest age."""
        self.required_method(request, "POST", "PUT")
        unknown = set(request.body or {}) - {"increment"}
        if unknown:
            self.violations.append(f"fields that a renewal has not: {sorted(unknown)}")
        if not token.renewable or not token.expires:
            raise ApiError(400, "lease is not renewable")
        expires = self.now + token.ttl
        if token.max_ttl:
            expires = min(expires, token.created + token.max_ttl)
        token.expires = expires
        return answer(auth=self.auth_of(token, int(expires - self.now)))

    def read(self, request: Request) -> dict[str, Any]:
        """GET MOUNT/data/PATH."""
        for (namespace, mount), secrets in self.mounts.items():
            prefix = mount + "/"
            if namespace != request.namespace or not request.path.startswith(prefix):
                continue
            rest = request.path.removeprefix(prefix)
            if not rest.startswith("data/"):
                raise ApiError(404)
            self.required_method(request, "GET")
            secret = secrets.get(rest.removeprefix("data/"))
            if secret is None:
                raise ApiError(404)
            gone = secret.destroyed or secret.deleted is not None
            body = answer(
                data={
                    "data": None if gone else secret.data,
                    "metadata": {
                        "created_time": timestamp(secret.created),
                        "custom_metadata": None,
                        "deletion_time": timestamp(secret.deleted) if secret.deleted else "",
                        "destroyed": secret.destroyed,
                        "version": secret.version,
                    },
                },
                lease_duration=self.lease_duration,
            )
            if gone:
                error = ApiError(404)
                error.body = body
                raise error
            return body
        raise ApiError(404, f'no handler for route "{request.path}". route entry not found.')

    @staticmethod
    def required_method(request: Request, *methods: str) -> None:
        """405 for others."""
        if request.method not in methods:
            raise ApiError(405, "unsupported operation")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    vault: Vault

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: standard error is for what is wrong."""

    def do_GET(self) -> None:
        self.respond()

    def do_POST(self) -> None:
        self.respond()

    def do_PUT(self) -> None:
        self.respond()

    def respond(self) -> None:
        """Answers one request."""
        with self.vault.lock:
            self.vault.requests.append(f"{self.command} {self.path}")
            if self.vault.redirect:
                self.send_response(self.vault.redirect_status)
                self.send_header("Location", self.vault.redirect + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            try:
                status, body = 200, self.vault.handle(self.parse())
            except ApiError as error:
                status, body = error.status, error.body
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Type", JSON_TYPE)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def parse(self) -> Request:
        """The request, after a look at what Longbow promises to send."""
        url = urlsplit(self.path)
        if not url.path.startswith("/v1/"):
            raise ApiError(404)
        if url.query:
            self.vault.violations.append("a query string")
        if ".." in url.path or "//" in url.path:
            self.vault.violations.append(f"a path that a proxy would change: {url.path}")
        if self.headers.get("X-Vault-Request") != "true":
            self.vault.violations.append("no X-Vault-Request: true")
        for name in ("X-Vault-Token", "X-Vault-Namespace", "X-Vault-Request"):
            if len(self.headers.get_all(name, [])) > 1:
                self.vault.violations.append(f"more than one {name}")
        return Request(
            method=self.command,
            path=unquote(url.path.removeprefix("/v1/")),
            namespace=self.headers.get("X-Vault-Namespace", "").strip("/"),
            token=self.headers.get("X-Vault-Token"),
            body=self.parse_body(),
        )

    def parse_body(self) -> dict[str, Any] | None:
        """The JSON object of a request that has a body."""
        length = int(self.headers.get("Content-Length", "0"))
        if length == 0:
            return None
        if length > MAX_BODY_BYTES:
            raise ApiError(413, "http: request body too large")
        content = self.rfile.read(length)
        if self.command == "GET":
            self.vault.violations.append("a GET with a body")
        if self.headers.get("Content-Type", "").split(";")[0] != JSON_TYPE:
            self.vault.violations.append("a body that is not declared as JSON")
        try:
            body = json.loads(content)
        except ValueError:
            raise ApiError(400, "failed to parse JSON input") from None
        if not isinstance(body, dict):
            raise ApiError(400, "failed to parse JSON input")
        return body


class Commands:
    """What a test may ask for. Each method is one `do`; its arguments are the command's other members."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    def put(self, path: str, data: dict[str, Any], mount: str = "kv", namespace: str = "") -> None:
        """A new version of a secret."""
        secrets = self.vault.mounts.setdefault((namespace, mount), {})
        version = secrets[path].version + 1 if path in secrets else 1
        secrets[path] = Secret(data, version, self.vault.now)

    def delete(self, path: str, mount: str = "kv", namespace: str = "") -> None:
        """Soft deletion of the newest version."""
        self.vault.mounts[(namespace, mount)][path].deleted = self.vault.now

    def destroy(self, path: str, mount: str = "kv", namespace: str = "") -> None:
        """The newest version's end."""
        self.vault.mounts[(namespace, mount)][path].destroyed = True

    def role(
        self,
        method: str,
        name: str,
        credential: str,
        mount: str = "",
        namespace: str = "",
        token_ttl: int = 3600,
        token_max_ttl: int = 0,
        token_num_uses: int = 0,
        renewable: bool = True,
        credential_num_uses: int = 0,
        denied: list[str] | None = None,
    ) -> None:
        """A role of `approle` or `kubernetes`."""
        roles = {"approle": self.vault.approles, "kubernetes": self.vault.kubernetes}[method]
        roles[(namespace, mount or method, name)] = Role(
            namespace=namespace,
            credential=credential,
            token_ttl=token_ttl,
            token_max_ttl=token_max_ttl,
            token_num_uses=token_num_uses,
            renewable=renewable,
            uses_left=credential_num_uses or None,
            denied=tuple(denied or ()),
        )

    def token(
        self,
        name: str,
        ttl: int = 0,
        max_ttl: int = 0,
        renewable: bool = True,
        num_uses: int = 0,
        namespace: str = "",
        denied: list[str] | None = None,
    ) -> None:
        """A token that somebody made with `vault token create`."""
        self.vault.tokens[name] = Token(
            name=name,
            namespace=namespace,
            ttl=ttl,
            max_ttl=max_ttl,
            created=self.vault.now,
            expires=self.vault.now + ttl if ttl else 0,
            renewable=renewable and ttl > 0,
            uses_left=num_uses or None,
            denied=tuple(denied or ()),
            path="auth/token/create",
        )

    def revoke_all(self) -> None:
        """Every token."""
        self.vault.tokens.clear()

    def advance(self, seconds: float) -> None:
        """Moves time."""
        self.vault.now += seconds

    def seal(self, sealed: bool) -> None:
        """Seals or unseals."""
        self.vault.sealed = sealed

    def standby(self, redirect: str, status: int = 307) -> None:
        """Makes it a standby node of the server at that address; an active one again with none."""
        self.vault.redirect, self.vault.redirect_status = redirect, status

    def lease(self, seconds: int) -> None:
        """What readings say of their lease."""
        self.vault.lease_duration = seconds

    def fail(self, status: int, message: str = "", times: int = 1) -> None:
        """Answers the next requests with that."""
        self.vault.failures += [(status, message)] * times

    def look(self) -> dict[str, Any]:
        """The requests since the last look, and what was wrong with them."""
        seen = {"requests": self.vault.requests, "violations": self.vault.violations}
        self.vault.requests, self.vault.violations = [], []
        return seen


class Server(ThreadingHTTPServer):
    """Does not wait for connections at its end, nor tell of clients that went away."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust the certificate hangs up: that is a test's business."""


def start(options: argparse.Namespace, vault: Vault) -> Server:
    """Listens and serves in a thread."""
    handler = type("BoundHandler", (Handler,), {"vault": vault})
    server = Server(("127.0.0.1", 0), handler)
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(options.certificate, options.key)
        if options.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(options.client_ca)
        # The handshake is the connection's thread's: a client that stalls in it holds up nobody.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def run_commands(vault: Vault) -> None:
    """One command a line, until there are no more."""
    commands = Commands(vault)
    for line in sys.stdin:
        arguments: Mapping[str, Any] = json.loads(line)
        action: Callable[..., Any] = getattr(commands, arguments["do"])
        with vault.lock:
            result = action(**{name: arguments[name] for name in arguments if name != "do"})
        print(json.dumps({} if result is None else result), flush=True)


def main() -> None:
    """Starts, and serves until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--client-ca")
    vault = Vault()
    server = start(parser.parse_args(), vault)
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    run_commands(vault)
    server.shutdown()


if __name__ == "__main__":
    main()
