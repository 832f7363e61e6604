"""The site CA: made once, with secret keys; what it signs is good for a TLS server that trusts its root."""

from __future__ import annotations

import base64
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.certificates.authority import (
    MAX_CHAIN_CHARACTERS,
    Authority,
    Purpose,
    create,
    load,
)
from edge.certificates.authority_files import ISSUER, ISSUER_KEY, ROOT, ROOT_KEY
from edge.certificates.signing_requests import MAX_CSR_CHARACTERS, examine, read_csr
from protocols.errors import BadText
from tests.edge.certificates.pki import NOW, csr_of, issue, name_of

YEAR = timedelta(days=365)


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return create(tmp_path / "ca", "Stadtwerke Musterstadt", NOW)


def test_its_keys_are_readable_by_their_owner_alone(ca: Authority, tmp_path: Path) -> None:
    for name in (ROOT_KEY, ISSUER_KEY):
        assert stat.S_IMODE((tmp_path / "ca" / name).stat().st_mode) == 0o600
    again = load(tmp_path / "ca" / ISSUER, tmp_path / "ca" / ISSUER_KEY)
    assert again.certificate == ca.certificate
    assert again.root.subject == ca.root.subject
    assert "PRIVATE" not in (tmp_path / "ca" / ISSUER).read_text()
    assert "PRIVATE" not in ca.trusted_pem()


def test_it_is_made_once(ca: Authority, tmp_path: Path) -> None:
    with pytest.raises(BadText, match="already"):
        create(tmp_path / "ca", "Other", NOW)


def test_a_key_that_others_may_read_is_not_used(ca: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca" / ISSUER_KEY).chmod(0o644)
    with pytest.raises(BadText, match="chmod 600"):
        load(tmp_path / "ca" / ISSUER, tmp_path / "ca" / ISSUER_KEY)


def test_files_that_do_not_belong_together_are_refused(ca: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    with pytest.raises(BadText, match="is not that of"):
        load(folder / ISSUER, folder / ROOT_KEY)
    with pytest.raises(BadText, match="cannot be read"):
        load(folder / "none.pem", folder / ISSUER_KEY)
    with pytest.raises(BadText, match="not PEM"):
        load(folder / ISSUER_KEY, folder / ISSUER)
    leaf = issue("leaf")
    (folder / "leaf.pem").write_text(leaf.pem)
    key = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "leaf.key").write_bytes(key)
    (folder / "leaf.key").chmod(0o600)
    with pytest.raises(BadText, match="no CA's"):
        load(folder / "leaf.pem", folder / "leaf.key")


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)])
def test_what_it_signs_openssl_verifies_as_a_tls_client(ca: Authority, tmp_path: Path, key: object) -> None:
    signed = ca.sign(read_csr(csr_of("CS-1", key)), "CS-1", NOW, YEAR)
    (tmp_path / "chain.pem").write_text(signed.chain)
    (tmp_path / "leaf.pem").write_text(signed.certificate)
    done = subprocess.run(
        ["openssl", "verify", "-purpose", "sslclient", "-x509_strict", "-attime", str(int(NOW.timestamp())),
         "-CAfile", str(tmp_path / "ca" / ROOT), "-untrusted", str(tmp_path / "chain.pem"), str(tmp_path / "leaf.pem")],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    leaf, *above = x509.load_pem_x509_certificates(signed.chain.encode())
    assert above == [ca.certificate]
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "CS-1"
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert f"{leaf.serial_number:X}".rjust(len(signed.serial_number), "0") == signed.serial_number
    assert len(signed.chain) < MAX_CHAIN_CHARACTERS
    assert signed.not_after == NOW + YEAR


def test_what_is_shown_to_vehicles_is_that_of_a_server(ca: Authority) -> None:
    """ISO 15118-2 Annex F: the domain component says that it is a charge point operator's."""
    signed = ca.sign(read_csr(csr_of("DEOHM1")), "DEOHM1", NOW, YEAR, Purpose.SECC)
    leaf = x509.load_pem_x509_certificate(signed.certificate.encode())
    assert leaf.subject.rfc4514_string() == "DC=CPO,CN=DEOHM1,O=Stadtwerke Musterstadt"
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_agreement) == (True, True)
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH
    ]


def test_of_a_request_only_the_key_is_taken_over(ca: Authority) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CS-2"), x509.NameAttribute(NameOID.LOCALITY_NAME, "X")])
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder(name).add_extension(x509.BasicConstraints(True, None), True)
    signed = ca.sign(builder.sign(key, hashes.SHA256()), "CS-1", NOW, YEAR)
    leaf = x509.load_pem_x509_certificate(signed.certificate.encode())
    assert leaf.subject.rfc4514_string() == "CN=CS-1,O=Stadtwerke Musterstadt"
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_nothing_outlives_the_issuing_certificate(ca: Authority) -> None:
    end = ca.certificate.not_valid_after_utc
    csr = read_csr(csr_of())
    assert ca.sign(csr, "CS-1", end - timedelta(days=3), YEAR).not_after == end
    with pytest.raises(BadText, match="ended on"):
        ca.sign(csr, "CS-1", end, YEAR)


def test_no_two_certificates_have_one_number(ca: Authority) -> None:
    csr = read_csr(csr_of())
    assert len({ca.sign(csr, "CS-1", NOW, YEAR).serial_number for _ in range(50)}) == 50


# --- requests ---


def test_the_facts_of_a_request() -> None:
    facts = examine(csr_of("CS-1"))
    assert (facts.common_name, facts.organization, facts.key, facts.key_bits) == ("CS-1", "Test", "secp256r1", 256)
    assert facts.problem is None
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - the site has to see that it is
    assert examine(csr_of("CS-1", weak)).key_bits == 1024


def test_a_request_that_is_none() -> None:
    assert examine("").problem == "not a certificate signing request in PEM"
    assert "more than" in (examine("x" * (MAX_CSR_CHARACTERS + 1)).problem or "")
    assert "only EC and RSA" in (examine(csr_of(key=ed25519.Ed25519PrivateKey.generate())).problem or "")
    two = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("CS-1", "CS-2")])
    assert "2 values of commonName" in (examine(csr_of(name=two)).problem or "")


def test_a_request_with_somebody_elses_key_is_not_signed_with_its_own() -> None:
    """The subject of one request with the signature of another."""
    ours, theirs = (x509.load_pem_x509_csr(csr_of(name).encode()) for name in ("CS-1", "CS-2"))
    der = bytearray(ours.public_bytes(serialization.Encoding.DER))
    der[-len(theirs.signature) :] = theirs.signature
    forged = "-----BEGIN CERTIFICATE REQUEST-----\n"
    forged += base64.encodebytes(bytes(der)).decode() + "-----END CERTIFICATE REQUEST-----\n"
    assert examine(forged).problem is not None


CSR = csr_of("CS-1")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(CSR) - 1), st.characters()), min_size=1, max_size=8))
@example([(40, "A")])
def test_a_mutated_request_never_breaks_the_reader_nor_names_another(changes: list[tuple[int, str]]) -> None:
    text = list(CSR)
    for position, character in changes:
        text[position] = character
    facts = examine("".join(text))
    assert facts.problem is not None or facts.common_name == "CS-1"


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_examined_without_a_fault(text: str) -> None:
    assert examine(text).problem is not None


def test_an_odd_common_name_is_told_as_it_is() -> None:
    assert examine(csr_of(name=name_of("CS-1,CN=CS-2"))).common_name == "CS-1,CN=CS-2"
