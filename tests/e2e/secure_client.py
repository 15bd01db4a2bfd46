"""Clients that show who they are: with a token at each call, with TLS, with a certificate."""

from __future__ import annotations

from typing import Any

import pyarrow.flight as fl

from tests.e2e.certificates import Authority, Identity
from tests.e2e.client import Client


class _TokenSender(fl.ClientMiddlewareFactory):  # type: ignore[misc]
    def __init__(self, header: str, value: str) -> None:
        super().__init__()
        self._fields = {header: value}

    def start_call(self, info: object) -> fl.ClientMiddleware:
        return _TokenHeader(self._fields)


class _TokenHeader(fl.ClientMiddleware):  # type: ignore[misc]
    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__()
        self._fields = fields

    def sending_headers(self) -> dict[str, str]:
        return self._fields


class SecureClient(Client):
    """A client with a token, in `header`; over TLS if it trusts an authority."""

    def __init__(
        self,
        uri: str,
        token: str | None = None,
        *,
        header: str = "authorization",
        trusts: Authority | None = None,
        shows: Identity | None = None,
    ) -> None:
        super().__init__(uri)
        middleware: list[fl.ClientMiddlewareFactory] = [self._recorder]
        if token is not None:
            value = f"Bearer {token}" if header == "authorization" else token
            middleware.append(_TokenSender(header, value))
        more: dict[str, Any] = {}
        if trusts is not None:
            more["tls_root_certs"] = trusts.certificate.decode()
        if shows is not None:
            more["cert_chain"] = shows.certificate.decode()
            more["private_key"] = shows.key.decode()
        self.flight.close()
        self.flight = fl.FlightClient(uri, middleware=middleware, **more)


def gets_in(uri: str, token: str, trusts: Authority | None = None) -> bool:
    """Whether a new client with that token is let in."""
    client = SecureClient(uri, token, trusts=trusts)
    try:
        return bool(client.action("HealthCheck"))
    except fl.FlightUnauthenticatedError:
        return False
    finally:
        client.close()
