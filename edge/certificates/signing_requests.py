"""What a station's certificate signing request says, for the site to judge it."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from protocols.charger.events import CertificateRequest
from protocols.errors import BadText
from protocols.ocpp.reading import read_text

MAX_CSR_CHARACTERS: Final = 5500
MAX_KEY_BITS: Final = 8192
"""A larger one only costs time to check."""


def read_csr(text: str) -> x509.CertificateSigningRequest:
    """The request in PEM. Raises BadText."""
    if len(text) > MAX_CSR_CHARACTERS:
        raise BadText(f"the request has more than {MAX_CSR_CHARACTERS} characters")
    try:
        return x509.load_pem_x509_csr(text.strip().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadText("not a certificate signing request in PEM") from error


def examine(text: str) -> CertificateRequest:
    """The facts of a request; `problem` names what makes it unusable whatever the site thinks of its subject."""
    try:
        csr = read_csr(text)
        key, bits = _key_of(csr)
        if bits > MAX_KEY_BITS:
            raise BadText(f"a key of {bits} bits")
        if not csr.is_signature_valid:
            return CertificateRequest(problem="the request is not signed with its own key")
        return CertificateRequest(
            common_name=_only(csr, NameOID.COMMON_NAME),
            organization=_only(csr, NameOID.ORGANIZATION_NAME),
            key=key,
            key_bits=bits,
        )
    except BadText as error:
        return CertificateRequest(problem=str(error))
    # What a foreign parser raises over bytes of a station is no fault of ours.
    except Exception as error:
        return CertificateRequest(problem=f"the request cannot be read: {type(error).__name__}")


def _key_of(csr: x509.CertificateSigningRequest) -> tuple[str, int]:
    match csr.public_key():
        case ec.EllipticCurvePublicKey() as key:
            return key.curve.name, key.curve.key_size
        case rsa.RSAPublicKey() as key:
            return "RSA", key.key_size
        case other:
            raise BadText(f"{type(other).__name__}: only EC and RSA keys are signed")


def _only(csr: x509.CertificateSigningRequest, oid: x509.ObjectIdentifier) -> str:
    """The one value of an attribute of the subject; two of them could be understood differently by whoever reads it."""
    values = [attribute.value for attribute in csr.subject.get_attributes_for_oid(oid)]
    if len(values) > 1:
        raise BadText(f"the subject has {len(values)} values of {oid._name}")
    return (read_text(values[0]) if values else None) or ""
