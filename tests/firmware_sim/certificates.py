"""Certificates for the tests: an authority, and what it signs."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.firmware_sim.playbook import T0


@dataclass(frozen=True, slots=True)
class Authority:
    """A root with its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return _pem(self.certificate)

    def sign_request(self, csr: str) -> str:
        """The certificate for a request."""
        request = x509.load_pem_x509_csr(csr.encode())
        return _pem(_certificate(request.subject, request.public_key(), self.certificate.subject, self.key))

    def server_context(self, folder: Path) -> ssl.SSLContext:
        """A server on loopback that asks for certificates of this authority, and does without."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = _certificate(_name("127.0.0.1"), key.public_key(), self.certificate.subject, self.key)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "server.pem").write_text(_pem(own) + private.decode())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=self.pem)
        context.load_cert_chain(folder / "server.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def signer(self, *, days: int = 10) -> tuple[ec.EllipticCurvePrivateKey, str]:
        """A key that signs firmware, and its certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("firmware signer")
        return key, _pem(_certificate(name, key.public_key(), self.certificate.subject, self.key, days=days))


def authority(name: str = "root") -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(key, _certificate(_name(name), key.public_key(), _name(name), key, is_ca=True))


def signature(key: ec.EllipticCurvePrivateKey, content: bytes) -> str:
    return base64.b64encode(key.sign(content, ec.ECDSA(hashes.SHA256()))).decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    public_key: Any,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    days: int = 36_500,
    is_ca: bool = False,
) -> x509.Certificate:
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(T0 + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
