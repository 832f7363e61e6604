"""What comes into the catalogue: good firmware, signed by whom it says; anything else is refused with its reason."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from edge.files.catalogue import NewFirmware, bring_in
from edge.files.store import FileStore
from protocols.charger.jobs import FirmwareFile
from protocols.errors import BadText

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
CONTENT = b"firmware" * 1000


@dataclass(frozen=True)
class Signer:
    certificate: x509.Certificate
    key: Any


def make(
    name: str,
    issuer: Signer | None,
    key: Any,
    *,
    is_authority: bool = False,
    begins: datetime = NOW - timedelta(days=9),
) -> Signer:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(issuer.certificate.subject if issuer else named(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    return Signer(builder.sign((issuer.key if issuer else key), SHA256()), key)


ROOT = make("maker root", None, ec.generate_private_key(ec.SECP256R1()), is_authority=True)
BETWEEN = make("maker line 1", ROOT, ec.generate_private_key(ec.SECP256R1()), is_authority=True)
LEAF = make("firmware", BETWEEN, ec.generate_private_key(ec.SECP256R1()))
RSA_KEY = rsa.generate_private_key(65537, 2048)


class Desk:
    """A folder with a file of firmware, and what is said of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FileStore(folder / "data")
        self.store.prepare()
        (folder / "M 1.bin").write_bytes(CONTENT)
        (folder / "root.pem").write_bytes(ROOT.certificate.public_bytes(Encoding.PEM))

    def add(
        self, *chain: Signer, signature: bytes | None = None, roots: tuple[str, ...] = ("root.pem",)
    ) -> FirmwareFile:
        signed = certificate = None
        if signature is not None:
            signed, certificate = self.folder / "signature", self.folder / "chain.pem"
            signed.write_bytes(signature)
            certificate.write_bytes(b"".join(each.certificate.public_bytes(Encoding.PEM) for each in chain))
        new = NewFirmware(
            path=self.folder / "M 1.bin",
            vendor="V",
            model="M",
            version=" 2.0 ",
            signature=signed,
            certificate=certificate,
        )
        return bring_in(self.store, new, tuple(self.folder / root for root in roots), NOW)

    @property
    def kept(self) -> list[Path]:
        return [path for path in (self.folder / "data").rglob("*") if path.is_file()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ecdsa(signer: Signer, content: bytes = CONTENT) -> bytes:
    signature: bytes = signer.key.sign(content, ec.ECDSA(SHA256()))
    return signature


def test_unsigned_firmware_lies_under_its_checksum(desk: Desk) -> None:
    file = desk.add()
    assert (file.name, file.version, file.size_bytes, file.signature) == ("M_1.bin", "2.0", len(CONTENT), None)
    path = desk.store.firmware(file.file_id)
    assert path is not None
    assert path.read_bytes() == CONTENT
    desk.store.drop_firmware(file.file_id)
    assert not desk.kept


@pytest.mark.parametrize("form", [bytes, base64.b64encode, base64.encodebytes])
def test_a_good_signature_over_a_chain(desk: Desk, form: Callable[[bytes], bytes]) -> None:
    signature = ecdsa(LEAF)
    file = desk.add(LEAF, BETWEEN, signature=form(signature))
    assert base64.b64decode(file.signature or "") == signature
    assert file.certificate == LEAF.certificate.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("scheme", ["pss", "pkcs1"])
def test_rsa(desk: Desk, scheme: str) -> None:
    leaf = make("firmware", ROOT, RSA_KEY)
    pad: Any = padding.PSS(padding.MGF1(SHA256()), 32) if scheme == "pss" else padding.PKCS1v15()
    assert desk.add(leaf, signature=RSA_KEY.sign(CONTENT, pad, SHA256())).signature


def refused(desk: Desk, *chain: Signer, signature: bytes, roots: tuple[str, ...] = ("root.pem",)) -> str:
    with pytest.raises(BadText) as error:
        desk.add(*chain, signature=signature, roots=roots)
    assert not desk.kept
    return str(error.value)


def test_what_is_refused_and_why(desk: Desk) -> None:
    good = ecdsa(LEAF)
    assert "not one of this file" in refused(desk, LEAF, BETWEEN, signature=ecdsa(LEAF, b"another file"))
    assert "not one of this file" in refused(desk, LEAF, BETWEEN, signature=b"\x00\x01nonsense")
    assert "not one of this file" in refused(desk, make("rsa", ROOT, RSA_KEY), signature=good)
    assert "no trusted root" in refused(desk, LEAF, signature=good)  # what is between is missing
    stranger = make("maker root", None, ec.generate_private_key(ec.SECP256R1()), is_authority=True)
    false_leaf = make("firmware", stranger, LEAF.key)
    assert "no trusted root" in refused(desk, false_leaf, stranger, signature=good)
    assert "may not sign others" in refused(
        desk, make("x", LEAF, RSA_KEY), LEAF, BETWEEN, signature=RSA_KEY.sign(CONTENT, padding.PKCS1v15(), SHA256())
    )
    late = make("late", ROOT, LEAF.key, begins=NOW + timedelta(days=1))
    assert "is good from 2026-03-03" in refused(desk, late, signature=good)
    old = make("old", ROOT, LEAF.key, begins=NOW - timedelta(days=31))
    assert "is good from" in refused(desk, old, signature=good)
    odd = make("odd", ROOT, ed25519.Ed25519PrivateKey.generate())
    assert "neither RSA nor ECDSA" in refused(desk, odd, signature=good)
    weak_key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    weak = make("weak", ROOT, weak_key)
    assert "1024 bits" in refused(desk, weak, signature=weak_key.sign(CONTENT, padding.PKCS1v15(), SHA256()))
    assert "no manufacturer is trusted" in refused(desk, LEAF, BETWEEN, signature=good, roots=())
    assert "root2.pem" in refused(desk, LEAF, BETWEEN, signature=good, roots=("root2.pem",))
    (desk.folder / "root.pem").write_text("no pem")
    assert "holds no certificate" in refused(desk, LEAF, BETWEEN, signature=good)


def test_an_empty_file_is_none(desk: Desk) -> None:
    (desk.folder / "M 1.bin").write_bytes(b"")
    with pytest.raises(BadText, match="empty"):
        desk.add()
    assert not desk.kept
