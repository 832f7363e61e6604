"""Certificates for the tests: an authority, and what it signs."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
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
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(T0 - timedelta(days=1))
        .not_valid_after(T0 + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
