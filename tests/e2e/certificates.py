"""Certificate authorities of the tests: made when they are needed, known to nobody else."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.e2e.server import PATIENCE_SEC

HOUR = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes
    serial: int
    expires: int  # in Unix time

    def write(self, folder: Path, name: str = "server") -> tuple[Path, Path]:
        """Writes both, each in one step; returns the paths of certificate and key."""
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        for path, content in zip(paths, (self.certificate, self.key), strict=True):
            replace_file(path, content)
        return paths


def replace_file(path: Path, content: bytes | str) -> None:
    """Puts a new file in the place of an old one, as careful programs do."""
    made = path.with_name(path.name + ".new")
    made.write_bytes(content.encode() if isinstance(content, str) else content)
    made.chmod(0o600)
    os.replace(made, path)


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Longbow's tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _name(name)
        certificate = (
            self._begin(self._subject, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)

    def _begin(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, hours: int = 1
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - HOUR)
            .not_valid_after(now + hours * HOUR)
        )

    def write(self, folder: Path, name: str = "authority") -> Path:
        """Writes its own certificate."""
        path = folder / f"{name}.pem"
        replace_file(path, self.certificate)
        return path

    def server(self, common_name: str = "server", hours: int = 1) -> Identity:
        """The identity of a server on this machine, good for so long."""
        names: list[x509.GeneralName] = [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        return self._issue(common_name, names, ExtendedKeyUsageOID.SERVER_AUTH, hours)

    def client(self, common_name: str, names: Sequence[str] = ()) -> Identity:
        """The identity of a client."""
        alternative: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        return self._issue(common_name, alternative, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self,
        common_name: str,
        names: list[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        hours: int = 1,
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._begin(_name(common_name), key.public_key(), hours).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Identity(
            certificate.public_bytes(serialization.Encoding.PEM),
            _pem_of(key),
            certificate.serial_number,
            int(certificate.not_valid_after_utc.timestamp()),
        )


def handshake(port: int, context: ssl.SSLContext) -> int:
    """A TLS handshake with a port of this machine; the serial number of what the server shows."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE_SEC) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def trusting(*authorities: Authority) -> ssl.SSLContext:
    """What a client of gRPC would use, which trusts these."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    for authority in authorities:
        context.load_verify_locations(cadata=authority.certificate.decode())
    return context
