"""X.509 as far as a charger needs it: keys and requests, chains, OCPP's certificate hashes, firmware signatures."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from datetime import datetime
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID


def new_key_and_csr(common_name: str, organization: str) -> tuple[str, str]:
    """A P-256 key and a request for its certificate, both PEM (OCPP 1.6 whitepaper §2.3, 2.0.1 A02)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        name.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(name)).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), request.public_bytes(serialization.Encoding.PEM).decode()


def chain_of(pem: str) -> list[x509.Certificate]:
    """The certificates of a PEM text, leaf first; empty when it is none."""
    try:
        return x509.load_pem_x509_certificates(pem.replace("\\n", "\n").encode())
    except ValueError:
        return []


def is_valid_chain(pem: str, roots: list[str], now: datetime) -> bool:
    """Whether each certificate holds now and is signed by the next, the last by one of the roots when there are any."""
    chain = chain_of(pem)
    if not chain or not all(each.not_valid_before_utc <= now <= each.not_valid_after_utc for each in chain):
        return False
    if not all(_is_issued_by(child, parent) for child, parent in pairwise(chain)):
        return False
    known = [certificate for root in roots for certificate in chain_of(root)]
    return not known or any(chain[-1] == root or _is_issued_by(chain[-1], root) for root in known)


def belongs_to(pem: str, key_pem: str) -> bool:
    """Whether the chain's first certificate is for that private key."""
    chain = chain_of(pem)
    key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    return bool(chain) and _public_bytes(chain[0].public_key()) == _public_bytes(key.public_key())


def hash_data(pem: str) -> dict[str, Any] | None:
    """OCPP's CertificateHashDataType of the first certificate, a root's of itself; None for what is none."""
    chain = chain_of(pem)
    if not chain:
        return None
    certificate = chain[0]
    issuer = chain[1] if len(chain) > 1 else certificate
    return {
        "hash_algorithm": "SHA256",
        "issuer_name_hash": hashlib.sha256(certificate.issuer.public_bytes()).hexdigest(),
        "issuer_key_hash": hashlib.sha256(_key_bits(issuer.public_key())).hexdigest(),
        "serial_number": f"{certificate.serial_number:x}",
    }


def is_signed(content: bytes, signature: str, certificate: str) -> bool:
    """Whether `signature` (base64) over the content's SHA-256 is by the certificate's key (2.0.1 L01.FR.12)."""
    chain = chain_of(certificate)
    if not chain:
        return False
    key = chain[0].public_key()
    try:
        raw = b64decode(signature, validate=True)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, content, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            _verify_rsa(key, raw, content)
        else:
            return False
    except (ValueError, InvalidSignature):
        return False
    return True


def _verify_rsa(key: rsa.RSAPublicKey, raw: bytes, content: bytes) -> None:
    """RSA-PSS as OCPP wants it, or PKCS#1 v1.5 as many do it. Raises InvalidSignature."""
    try:
        key.verify(raw, content, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), hashes.SHA256())
    except InvalidSignature:
        key.verify(raw, content, padding.PKCS1v15(), hashes.SHA256())


def _is_issued_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _public_bytes(key: Any) -> bytes:
    told: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return told


def _key_bits(key: Any) -> bytes:
    """The bits of the public key alone, without their header: what OCSP and OCPP hash."""
    der = _public_bytes(key)
    at = _skip_header(der, 0)  # into the SEQUENCE
    at = _end_of(der, at)  # past the algorithm
    return der[_skip_header(der, at) + 1 :]


def _skip_header(der: bytes, at: int) -> int:
    length = der[at + 1]
    return at + 2 + (length & 0x7F if length & 0x80 else 0)


def _end_of(der: bytes, at: int) -> int:
    length = der[at + 1]
    if not length & 0x80:
        return at + 2 + length
    count = length & 0x7F
    return at + 2 + count + int.from_bytes(der[at + 2 : at + 2 + count], "big")
