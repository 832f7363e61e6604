"""Is a contract certificate good? Its chain is followed to a trusted root (OCPP 2.0.1 C07, ISO 15118-2 §7.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import verification
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from edge.certificates.ocsp import named
from protocols.charger.inquiries import HashedCertificate

MAX_CHAIN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """`status` is AuthorizeCertificateStatusEnumType. `to_ask` are those of a good chain that name a responder,
    `certificates` all of it, of which the issuers are trusted."""

    status: str
    to_ask: tuple[HashedCertificate, ...] = ()
    certificates: tuple[x509.Certificate, ...] = ()


def check_chain(pem: str, token_uid: str, roots: Sequence[x509.Certificate], now: datetime) -> Chain:
    """Follow a chain in PEM, the contract certificate first, to one of the roots."""
    try:
        given = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return Chain(status="CertChainError")
    if not given or len(given) > MAX_CHAIN or not roots:
        return Chain(status="CertChainError")
    leaf, *between = given
    if not _is_of(leaf, token_uid):
        return Chain(status="CertChainError")
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        return Chain(status="CertificateExpired")
    try:
        path = _verifier(roots, now).verify(leaf, between).chain
    except (verification.VerificationError, ValueError, UnsupportedAlgorithm):
        return Chain(status="SignatureError" if _is_forged(given) else "CertChainError")
    return Chain(status="Accepted", to_ask=_to_ask(path), certificates=tuple(path))


def _verifier(roots: Sequence[x509.Certificate], now: datetime) -> verification.ClientVerifier:
    """Contract certificates name their holder in the common name and are made for no TLS: the web's rules for the leaf
    would refuse them all."""
    above = verification.ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, verification.Criticality.AGNOSTIC, _expect_ca
    )
    return (
        verification.PolicyBuilder()
        .store(verification.Store(list(roots)))
        .time(now)
        .max_chain_depth(MAX_CHAIN)
        .extension_policies(ca_policy=above, ee_policy=verification.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )


def _expect_ca(_: verification.Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("not a CA's certificate")


def _is_of(leaf: x509.Certificate, token_uid: str) -> bool:
    """The common name is the contract's id, with or without its hyphens (ISO 15118-2 Annex H)."""
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return len(names) == 1 and _bare(str(names[0].value)) == _bare(token_uid)


def _bare(emaid: str) -> str:
    return emaid.replace("-", "").upper()


def _is_forged(chain: Sequence[x509.Certificate]) -> bool:
    """Whether one of them names the next as its issuer and is not signed by it."""
    for below, above in pairwise(chain):
        try:
            below.verify_directly_issued_by(above)
        except InvalidSignature:
            return True
        except (ValueError, TypeError):
            continue
    return False


def _to_ask(path: Sequence[x509.Certificate]) -> tuple[HashedCertificate, ...]:
    found: list[HashedCertificate] = []
    for certificate, issuer in pairwise(path):
        try:
            access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        except x509.ExtensionNotFound:
            continue
        urls = [
            each.access_location.value for each in access if each.access_method == AuthorityInformationAccessOID.OCSP
        ]
        found.extend(named(certificate, issuer, str(url)) for url in urls[:1])
    return tuple(found)
