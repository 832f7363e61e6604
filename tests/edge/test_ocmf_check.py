"""What a meter signed is good, bad, or said to be unchecked: by pyocmf where it is installed, and without it."""

from __future__ import annotations

import base64
import json
import sys

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.ocmf_check import Check, check_all
from protocols.ocpi.cdr import SignedData, SignedValue

PAYLOAD = json.dumps(
    {
        "FV": "1.0",
        "GI": "Gateway 1",
        "GS": "123",
        "GV": "1.0",
        "PG": "T12345",
        "MV": "Meter",
        "MS": "1",
        "MF": "1",
        "IS": True,
        "IT": "ISO14443",
        "ID": "1F2D3A4F5506C7",
        "RD": [
            {"TM": "2026-03-02T08:00:00,000+0000 S", "TX": "B", "RV": 2.0, "RI": "1-b:1.8.0", "RU": "kWh", "ST": "G"}
        ],
    },
    separators=(",", ":"),
)
KEY = ec.generate_private_key(ec.SECP256R1())
DER = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def signed(payload: str = PAYLOAD, algorithm: str = "ECDSA-secp256r1-SHA256") -> str:
    signature = KEY.sign(PAYLOAD.encode(), ec.ECDSA(hashes.SHA256()))
    return f"OCMF|{payload}|" + json.dumps({"SA": algorithm, "SD": signature.hex()})


@pytest.fixture(params=["pyocmf", "ECDSA"], autouse=True)
def checker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who checks: the real package, or nobody but the edge."""
    name = str(request.param)
    if name == "pyocmf":
        pytest.importorskip("pyocmf")
    else:
        monkeypatch.setitem(sys.modules, "pyocmf", None)
    return name


def checked(data: str, key: str | None = DER.hex()) -> list[Check]:
    value = SignedValue(nature="Start", signed_data=data)
    return check_all(SignedData(encoding_method="OCMF", signed_values=(value,), public_key=key))


def results(data: str, key: str | None = DER.hex()) -> list[str]:
    return [check.result for check in checked(data, key)]


@pytest.mark.parametrize(
    "key", [DER.hex(), DER.hex(" "), "oca:base16:asn1:" + DER.hex(), base64.b64encode(DER).decode()]
)
def test_a_sound_one_is_good_however_key_and_value_are_written(key: str) -> None:
    assert results(signed(), key) == ["good"]
    assert results(base64.b64encode(signed().encode()).decode(), key) == ["good"]


def test_a_changed_reading_is_bad() -> None:
    assert results(signed(PAYLOAD.replace("2.0", "3.0", 1).replace('"RV":2.0', '"RV":3.0'))) == ["bad"]


def test_what_cannot_be_checked_is_said_so() -> None:
    assert results(signed(), None) == ["unchecked"]
    assert results("something else") == ["unchecked"]
    assert results("OCMF|{}") == ["unchecked"]
    assert results(signed(), "zz") == ["unchecked"]
    assert results(signed(algorithm="RSA-2048")) == ["unchecked"]


def test_it_says_who_checked_and_how_to_have_more_checked(checker: str) -> None:
    ((good,), (bad,)) = checked(signed()), checked(signed(PAYLOAD.replace('"RV":2.0', '"RV":3.0')))
    assert {good.checked_by, bad.checked_by} == {checker}
    assert ("pip install 'ohmstead[ocmf]'" in good.why) == (checker == "ECDSA")
    assert "the signature is not that of this key" in bad.why


def test_another_key_than_the_meters_is_told() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert results(signed(), der.hex()) == ["bad"]


def test_what_is_wrong_is_said_in_one_line(checker: str) -> None:
    (check,) = checked("OCMF|{}|{}")
    assert (check.result, "\n" in check.why) == ("unchecked", False)
