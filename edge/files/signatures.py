"""Is a firmware signed by its manufacturer? OCPP 2.0.1 L01, 1.6 security white paper §4.3.

BadText   the signature is not good; the message says why
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from protocols.errors import BadText

MAX_CHAIN: Final = 6
MAX_SIGNATURE_CHARS: Final = 800
"""OCPP 2.0.1 FirmwareType."""
MIN_RSA_BITS: Final = 2048


def read_roots(paths: Sequence[Path]) -> list[x509.Certificate]:
    """The manufacturers' root certificates. Raises BadText."""
    return [root for path in paths for root in _certificates(path)]


def verify(
    digest: bytes, signature_file: Path, certificate_file: Path, roots: Sequence[x509.Certificate], now: datetime
) -> tuple[str, str]:
    """The signature in base64 and its certificate as PEM, once both are good for a file of this SHA-256.

    The certificate's file may have the certificates between it and the root behind it. Raises BadText.
    """
    if not roots:
        raise BadText("no manufacturer is trusted: name root certificates in files.firmware_roots")
    chain = _certificates(certificate_file)
    leaf = chain[0]
    _verify_chain(leaf, chain[1:], roots, now)
    signature = _signature(signature_file)
    _verify_signature(leaf, signature, digest)
    text = base64.b64encode(signature).decode()
    if len(text) > MAX_SIGNATURE_CHARS:
        raise BadText(f"the signature has {len(text)} characters in base64; OCPP takes {MAX_SIGNATURE_CHARS}")
    return text, leaf.public_bytes(Encoding.PEM).decode()


def _verify_chain(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime
) -> None:
    """From the leaf up to a root, each valid now and signed by the next, which may sign certificates."""
    current = leaf
    for _ in range(MAX_CHAIN):
        _verify_time(current, now)
        if current in roots:
            return
        issuer = next((each for each in (*roots, *between) if _is_issued_by(current, each)), None)
        if issuer is None:
            raise BadText(f"the certificate of {_name(current)} leads to no trusted root")
        _verify_is_authority(issuer)
        current = issuer
    raise BadText(f"the chain has more than {MAX_CHAIN} certificates")


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate == issuer:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _verify_time(certificate: x509.Certificate, now: datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= now <= ends:
        raise BadText(f"the certificate of {_name(certificate)} is good from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}")


def _verify_is_authority(certificate: x509.Certificate) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = None
    if constraints is None or not constraints.ca:
        raise BadText(f"the certificate of {_name(certificate)} may not sign others")


def _verify_signature(certificate: x509.Certificate, signature: bytes, digest: bytes) -> None:
    key, hashed = certificate.public_key(), Prehashed(SHA256())
    match key:
        case rsa.RSAPublicKey():
            if key.key_size < MIN_RSA_BITS:
                raise BadText(f"the key has {key.key_size} bits; RSA takes {MIN_RSA_BITS} at least")
            schemes = (padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO), padding.PKCS1v15())
            if not any(_is_good_rsa(key, signature, digest, scheme) for scheme in schemes):
                raise BadText("the signature is not one of this file by this certificate")
        case ec.EllipticCurvePublicKey():
            try:
                key.verify(signature, digest, ec.ECDSA(hashed))
            except InvalidSignature as error:
                raise BadText("the signature is not one of this file by this certificate") from error
        case _:
            raise BadText(f"the certificate's key is neither RSA nor ECDSA, but {type(key).__name__}")


def _is_good_rsa(
    key: rsa.RSAPublicKey, signature: bytes, digest: bytes, scheme: padding.PSS | padding.PKCS1v15
) -> bool:
    try:
        key.verify(signature, digest, scheme, Prehashed(SHA256()))
    except InvalidSignature:
        return False
    return True


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise BadText(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise BadText(f"{path} holds no certificate in PEM: {error}") from error


def _signature(path: Path) -> bytes:
    """From a file that holds it as it is, or in base64."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadText(f"{path}: {error.strerror}") from error
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error:
        return raw


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "no name"
