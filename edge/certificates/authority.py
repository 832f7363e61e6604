"""The site CA: a root and an issuing certificate on the disk, and the certificates that it signs for stations.

The root is only needed to make another issuing certificate: its key can be taken off the machine. Keys are P-256, which
every station with TLS can check and which makes chains short enough for CertificateSigned (10,000 characters). OCPP
2.0.1 Part 2, A00.FR.501 to 512; 1.6 security whitepaper §4.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.certificates.authority_files import ISSUER, ISSUER_KEY, ROOT, ROOT_KEY
from protocols.errors import BadText

ROOT_LIFE: Final = timedelta(days=20 * 365)
ISSUER_LIFE: Final = timedelta(days=10 * 365)
BACKDATED: Final = timedelta(hours=1)
"""A station whose clock is a little behind takes its new certificate all the same."""
MAX_CHAIN_CHARACTERS: Final = 10_000

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Purpose(StrEnum):
    """Whom a certificate is shown to: us, by a station that is a TLS client (OCPP), or vehicles, by one that is their
    TLS server (ISO 15118-2 Annex F: a SECC of a CPO, for digital signatures and key agreement)."""

    STATION = "ChargingStationCertificate"
    SECC = "V2GCertificate"


_SIDES: Final = {Purpose.STATION: ExtendedKeyUsageOID.CLIENT_AUTH, Purpose.SECC: ExtendedKeyUsageOID.SERVER_AUTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A certificate that was made for a station. `chain` is PEM, the leaf first and without the root."""

    chain: str
    certificate: str
    serial_number: str
    common_name: str
    fingerprint: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Signs. `above` are the certificates over the issuing one, its own issuer first, the root last."""

    certificate: x509.Certificate
    key: SigningKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def root(self) -> x509.Certificate:
        return self.above[-1] if self.above else self.certificate

    def trusted_pem(self) -> str:
        """What a server that checks stations has to trust, and a station that checks us: the root, then the rest."""
        return "".join(_pem(certificate) for certificate in (*reversed(self.above), self.certificate))

    def sign(
        self,
        csr: x509.CertificateSigningRequest,
        common_name: str,
        now: datetime,
        life: timedelta,
        purpose: Purpose = Purpose.STATION,
    ) -> Signed:
        """A certificate for the key of `csr`; of its subject only what is given here is taken over.

        Never valid beyond the issuing certificate. Raises BadText when that one is at its end or the chain is too long.
        """
        not_after = min(now + life, self.certificate.not_valid_after_utc)
        if not_after <= now:
            raise BadText(f"the issuing certificate ended on {self.certificate.not_valid_after_utc:%Y-%m-%d}")
        organization = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        subject = x509.Name(
            [
                *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, attribute.value) for attribute in organization[:1]),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
                *([x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "CPO")] if purpose is Purpose.SECC else []),
            ]
        )
        public_key = csr.public_key()
        is_rsa = isinstance(public_key, rsa.RSAPublicKey)
        certificate = (
            x509.CertificateBuilder(
                issuer_name=self.certificate.subject,
                subject_name=subject,
                public_key=public_key,
                serial_number=x509.random_serial_number(),
                not_valid_before=now - BACKDATED,
                not_valid_after=not_after,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                _usage(digital_signature=True, key_encipherment=is_rsa, key_agreement=purpose is Purpose.SECC),
                critical=True,
            )
            .add_extension(x509.ExtendedKeyUsage([_SIDES[purpose]]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(_authority_of(self.certificate), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        chain = "".join(_pem(each) for each in (certificate, self.certificate, *self.above) if each is not self.root)
        if len(chain) > MAX_CHAIN_CHARACTERS:
            raise BadText(f"the chain has {len(chain)} characters; CertificateSigned takes {MAX_CHAIN_CHARACTERS}")
        return Signed(
            chain=chain,
            certificate=_pem(certificate),
            serial_number=serial_of(certificate),
            common_name=common_name,
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )


def serial_of(certificate: x509.Certificate) -> str:
    """As nginx and openssl write it: hexadecimal, upper case, whole bytes."""
    digits = f"{certificate.serial_number:X}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def create(folder: Path, organization: str, now: datetime) -> Authority:
    """Make a root and an issuing certificate in `folder`; the keys are readable by their owner alone.

    Raises BadText where there is a CA already: another one would leave every station's certificate untrusted.
    """
    if (folder / ISSUER).exists() or (folder / ROOT).exists():
        raise BadText(f"there is a CA in {folder} already; its certificates are in use until they end")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = _name(organization, "Charging Root CA")
    root = _ca(root_name, root_name, root_key, root_key, now, ROOT_LIFE, path_length=1, issuer=None)
    name = _name(organization, "Charging Issuing CA")
    issuing = _ca(name, root_name, key, root_key, now, ISSUER_LIFE, path_length=0, issuer=root)
    for path, secret in ((folder / ROOT_KEY, root_key), (folder / ISSUER_KEY, key)):
        _write(path, _key_pem(secret), 0o600)
    _write(folder / ROOT, _pem(root).encode(), 0o644)
    _write(folder / ISSUER, (_pem(issuing) + _pem(root)).encode(), 0o644)
    return Authority(certificate=issuing, key=key, above=(root,))


def load(certificate_file: Path, key_file: Path) -> Authority:
    """The CA of two files: PEM of the issuing certificate followed by those above it, and its key without a password.

    Raises BadText with what is wrong with them.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except OSError as error:
        raise BadText(f"the CA cannot be read: {error.filename}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise BadText(f"{certificate_file} or {key_file} is not PEM without a password: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise BadText(f"{key_file}: an EC or RSA key is expected")
    if key.public_key() != chain[0].public_key():
        raise BadText(f"the key in {key_file} is not that of the first certificate in {certificate_file}")
    _expect_ca(chain, certificate_file)
    if key_file.stat().st_mode & 0o077:
        raise BadText(f"{key_file} may be read by others: chmod 600 it")
    return Authority(certificate=chain[0], key=key, above=tuple(chain[1:]))


def _expect_ca(chain: Sequence[x509.Certificate], path: Path) -> None:
    for certificate in chain:
        try:
            is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            is_ca = False
        if not is_ca:
            raise BadText(f"{path}: {certificate.subject.rfc4514_string()} is no CA's certificate")
    for below, above in pairwise(chain):
        try:
            below.verify_directly_issued_by(above)
        except Exception as error:
            named = (below.subject.rfc4514_string(), above.subject.rfc4514_string())
            raise BadText(f"{path}: {named[0]} was not issued by {named[1]}, which stands behind it") from error


def _ca(
    subject: x509.Name,
    issuer_name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
    *,
    path_length: int,
    issuer: x509.Certificate | None,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder(
            issuer_name=issuer_name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - BACKDATED,
            not_valid_after=now + life,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is not None:
        builder = builder.add_extension(_authority_of(issuer), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(organization: str, role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{organization} {role}"[:64]),
        ]
    )


def _authority_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        own = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _usage(**wanted: bool) -> x509.KeyUsage:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in names})


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: SigningKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Made with its mode: a key is at no time readable by others."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
