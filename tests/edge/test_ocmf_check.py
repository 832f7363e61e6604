"""What a meter signed is good, bad, or said to be unchecked."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.ocmf_check import check_all
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


def results(data: str, key: str | None = DER.hex()) -> list[str]:
    value = SignedValue(nature="Start", signed_data=data)
    checks = check_all(SignedData(encoding_method="OCMF", signed_values=(value,), public_key=key))
    return [check.result for check in checks]


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
