"""Is a certificate revoked? Asked of its responder by OCSP (RFC 6960), checked, and remembered until it is stale."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from protocols.charger.inquiries import HashedCertificate
from protocols.errors import BadText

MAX_RESPONSE_BYTES: Final = 4125
"""As Base64 it has to fit into the 5,500 characters of `ocspResult`."""
SKEW: Final = timedelta(minutes=5)
FRESH_WITHOUT_END: Final = timedelta(days=1)
MAX_CACHED: Final = 2_000

_ALGORITHMS: Final[Mapping[str, hashes.HashAlgorithm]] = MappingProxyType(
    {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A responder's word about one certificate. `response` is DER; `is_proven`: its signature was checked against the
    certificate's issuer."""

    response: bytes
    is_revoked: bool
    is_known: bool
    fresh_until: datetime | None
    is_proven: bool


def write_request(certificate: HashedCertificate) -> bytes:
    """The OCSPRequest, DER. Raises BadText for hashes that cannot be of the algorithm."""
    algorithm = _algorithm(certificate)
    try:
        name_hash, key_hash = bytes.fromhex(certificate.issuer_name_hash), bytes.fromhex(certificate.issuer_key_hash)
        serial_number = int(certificate.serial_number, 16)
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name_hash, key_hash, serial_number, algorithm)
        return builder.build().public_bytes(serialization.Encoding.DER)
    except ValueError as error:
        raise BadText(f"no certificate can have these hashes: {error}") from error


def read_response(
    certificate: HashedCertificate, body: bytes, now: datetime, issuers: Iterable[x509.Certificate] = ()
) -> Verdict:
    """What the responder says of this very certificate at this time.

    `issuers` are trusted certificates: where one of them is the issuer, the signature is checked. Raises BadText for an
    answer that is none, speaks of another certificate, is stale, or is not signed by whom it should be.
    """
    if len(body) > MAX_RESPONSE_BYTES:
        raise BadText(f"the response has {len(body)} bytes; OCPP carries {MAX_RESPONSE_BYTES}")
    try:
        response = ocsp.load_der_ocsp_response(body)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise BadText(f"the responder says {response.response_status.name}")
        single = _single(response, certificate)
        issuer = _issuer(certificate, issuers)
        if issuer is not None:
            _expect_signed(response, issuer, now)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadText(f"not an OCSP response: {error}") from error
    fresh_until = single.next_update_utc
    if single.this_update_utc > now + SKEW:
        raise BadText("the response is from the future")
    if (fresh_until or single.this_update_utc + FRESH_WITHOUT_END) <= now - SKEW:
        raise BadText("the response is stale")
    return Verdict(
        response=body,
        is_revoked=single.certificate_status is ocsp.OCSPCertStatus.REVOKED,
        is_known=single.certificate_status is not ocsp.OCSPCertStatus.UNKNOWN,
        fresh_until=fresh_until,
        is_proven=issuer is not None,
    )


def named(certificate: x509.Certificate, issuer: x509.Certificate, responder_url: str) -> HashedCertificate:
    """A certificate as OCSP names it."""
    return HashedCertificate(
        hash_algorithm="SHA256",
        issuer_name_hash=_digest(hashes.SHA256(), issuer.subject.public_bytes()).hex(),
        issuer_key_hash=_key_hash(hashes.SHA256(), issuer).hex(),
        serial_number=f"{certificate.serial_number:x}",
        responder_url=responder_url,
    )


class Verdicts:
    """The responders' words that are still fresh; bounded, the longest unused go first."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, ...], Verdict] = OrderedDict()

    def get(self, certificate: HashedCertificate, now: datetime) -> Verdict | None:
        key = _key(certificate)
        verdict = self._found.get(key)
        if verdict is None:
            return None
        if verdict.fresh_until is None or verdict.fresh_until <= now:
            del self._found[key]
            return None
        self._found.move_to_end(key)
        return verdict

    def put(self, certificate: HashedCertificate, verdict: Verdict) -> None:
        if verdict.fresh_until is None:
            return
        self._found[_key(certificate)] = verdict
        if len(self._found) > MAX_CACHED:
            self._found.popitem(last=False)


def _key(certificate: HashedCertificate) -> tuple[str, ...]:
    named = (certificate.issuer_name_hash, certificate.issuer_key_hash, certificate.serial_number)
    return (certificate.hash_algorithm, certificate.responder_url, *(text.lower() for text in named))


def _single(response: ocsp.OCSPResponse, certificate: HashedCertificate) -> ocsp.OCSPSingleResponse:
    """The part about this certificate. Raises BadText where there is none."""
    for single in response.responses:
        if (
            single.serial_number == int(certificate.serial_number, 16)
            and single.issuer_key_hash == bytes.fromhex(certificate.issuer_key_hash)
            and single.issuer_name_hash == bytes.fromhex(certificate.issuer_name_hash)
        ):
            return single
    raise BadText("the response is about another certificate")


def _issuer(certificate: HashedCertificate, issuers: Iterable[x509.Certificate]) -> x509.Certificate | None:
    algorithm, wanted = _algorithm(certificate), bytes.fromhex(certificate.issuer_key_hash)
    return next((issuer for issuer in issuers if _key_hash(algorithm, issuer) == wanted), None)


def _expect_signed(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> None:
    """RFC 6960 §4.2.2.2: by the issuer, or by whom the issuer has made a certificate for it. Raises BadText."""
    signer = issuer
    for candidate in response.certificates:
        if candidate.subject == response.responder_name or _sha1_of_key(candidate) == response.responder_key_hash:
            signer = candidate
    if signer != issuer:
        try:
            signer.verify_directly_issued_by(issuer)
            usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
            raise BadText("the responder has no certificate from the issuer") from error
        if ExtendedKeyUsageOID.OCSP_SIGNING not in usage or not (
            signer.not_valid_before_utc <= now <= signer.not_valid_after_utc
        ):
            raise BadText("the responder's certificate is not for this, or not any more")
    algorithm = response.signature_hash_algorithm
    if algorithm is None:
        raise BadText("the response is signed in an unknown way")
    try:
        match signer.public_key():
            case ec.EllipticCurvePublicKey() as key:
                key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
            case rsa.RSAPublicKey() as rsa_key:
                rsa_key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
            case other:
                raise BadText(f"the responder has a {type(other).__name__}")
    except InvalidSignature as error:
        raise BadText("the response's signature is wrong") from error


def _algorithm(certificate: HashedCertificate) -> hashes.HashAlgorithm:
    algorithm = _ALGORITHMS.get(certificate.hash_algorithm)
    if algorithm is None:
        raise BadText(f"hash algorithm {certificate.hash_algorithm}")
    return algorithm


def _key_hash(algorithm: hashes.HashAlgorithm, certificate: x509.Certificate) -> bytes:
    """RFC 6960 §4.1.1: over the key's bits alone, without tag and algorithm."""
    return _digest(algorithm, _key_bits(certificate))


def _sha1_of_key(certificate: x509.Certificate) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _key_bits(certificate: x509.Certificate) -> bytes:
    match certificate.public_key():
        case ec.EllipticCurvePublicKey() as key:
            return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        case rsa.RSAPublicKey() as rsa_key:
            return rsa_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        case _:
            return b""


def _digest(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()
