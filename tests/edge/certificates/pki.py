"""Keys, requests and chains for tests: real ones, made on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


def name_of(common_name: str, organization: str = "Test") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def csr_of(common_name: str = "CS-1", key: Any = None, name: x509.Name | None = None) -> str:
    """A request in PEM."""
    secret = key or ec.generate_private_key(ec.SECP256R1())
    algorithm = None if "Ed" in type(secret).__name__ else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder(name or name_of(common_name)).sign(secret, algorithm)
    return request.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def issue(
    common_name: str,
    issuer: Issued | None = None,
    *,
    is_ca: bool = False,
    now: datetime = NOW,
    life: timedelta = timedelta(days=30),
    responder: str | None = None,
    signs_responses: bool = False,
) -> Issued:
    """A certificate, self-signed without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder(
            issuer_name=issuer.certificate.subject if issuer else name_of(common_name),
            subject_name=name_of(common_name),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + life,
        )
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if responder is not None:
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder))
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    if signs_responses:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    signer = issuer.key if issuer else key
    return Issued(builder.sign(signer, hashes.SHA256()), key)


def respond(
    request: bytes,
    issuer: Issued,
    signer: Issued | None = None,
    *,
    revoked: bool = False,
    now: datetime = NOW,
    fresh_for: timedelta | None = timedelta(hours=12),
    about: x509.Certificate | None = None,
) -> bytes:
    """An OCSP responder's answer to a request about a certificate of `issuer`, DER."""
    asked = ocsp.load_der_ocsp_request(request)
    responder = signer or issuer
    builder = ocsp.OCSPResponseBuilder()
    facts: dict[str, Any] = {
        "cert_status": ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
        "this_update": now - timedelta(minutes=1),
        "next_update": now + fresh_for if fresh_for else None,
        "revocation_time": now - timedelta(days=1) if revoked else None,
        "revocation_reason": None,
    }
    if about is not None:
        builder = builder.add_response(cert=about, issuer=issuer.certificate, algorithm=hashes.SHA256(), **facts)
    else:
        builder = builder.add_response_by_hash(
            issuer_name_hash=asked.issuer_name_hash,
            issuer_key_hash=asked.issuer_key_hash,
            serial_number=asked.serial_number,
            algorithm=asked.hash_algorithm,
            **facts,
        )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
    if signer is not None:
        builder = builder.certificates([signer.certificate])
    return builder.sign(responder.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
