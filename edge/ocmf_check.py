"""Checks values that a meter signed in OCMF (Open Charge Metering Format 1.x, S.A.F.E. e.V.): by `pyocmf` where that is
installed, otherwise the signature alone, by ECDSA.

A value is `OCMF|payload|signature`, the last two JSON; OCPP 2.0.1 sends it in base64. What cannot be checked is said so
and is neither good nor bad.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
import warnings
from dataclasses import dataclass
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from protocols.ocpi.cdr import SignedData, SignedValue

_PREFIX: Final = "OCMF|"
_MOST_WORDS: Final = 200
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
INSTALL: Final = "pip install 'ohmstead[ocmf]' checks OCMF's other rules, too"
_KEY_WORDS: Final = ("oca:base16:asn1:", "oca:base64:asn1:")
"""How OCPP stations name a key's encoding (Open Charge Alliance, "Signed Meter Values in OCPP")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`good` and `bad` are about the signature; `payload` is what the meter signed, where it could be read."""

    nature: str
    result: Literal["good", "bad", "unchecked"]
    why: str
    checked_by: str
    payload: dict[str, Any] | None = None


class _Unchecked(Exception):
    """There is nothing to check it with, or it is no OCMF."""

    def __init__(self, why: str, by: str = "ECDSA") -> None:
        super().__init__(why)
        self.by = by


def check_all(signed: SignedData) -> list[Check]:
    """Each signed value of a bill, in their order."""
    return [_check(value, signed.public_key) for value in signed.signed_values]


def _check(value: SignedValue, public_key: str | None) -> Check:
    payload = None
    by = "ECDSA"
    try:
        text = _text(value.signed_data)
        payload_text, _, signature = text.removeprefix(_PREFIX).rpartition("|")
        payload = json.loads(payload_text)
        if not isinstance(payload, dict):
            raise _Unchecked("what was signed is no JSON object")
        if public_key is None:
            raise _Unchecked("the station told no public key")
        key = _key(public_key)
        is_good, by = _verified(text, payload_text, signature, key)
    except _Unchecked as error:
        return Check(nature=value.nature, result="unchecked", why=str(error), checked_by=error.by, payload=payload)
    except (ValueError, KeyError, TypeError, UnsupportedAlgorithm) as error:
        why = f"it is not as OCMF says: {error}"
        return Check(nature=value.nature, result="unchecked", why=why, checked_by=by, payload=payload)
    why = "the key fits the signature" if is_good else "the signature is not that of this key over this payload"
    if by == "ECDSA":
        why = f"{why}; {INSTALL}"
    return Check(nature=value.nature, result="good" if is_good else "bad", why=why, checked_by=by, payload=payload)


def _text(signed_data: str) -> str:
    if signed_data.startswith(_PREFIX):
        return signed_data
    try:
        text = base64.b64decode(signed_data, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _Unchecked("it is no OCMF") from error
    if not text.startswith(_PREFIX):
        raise _Unchecked("it is no OCMF")
    return text


def _key(public_key: str) -> bytes:
    """The key as DER; stations tell it in hexadecimal or base64, with blanks or with a word before it."""
    text = public_key
    for word in _KEY_WORDS:
        text = text.removeprefix(word)
    text = "".join(text.split())
    try:
        return bytes.fromhex(text)
    except ValueError:
        return base64.b64decode(text, validate=True)


def _verified(text: str, payload: str, signature: str, key: bytes) -> tuple[bool, str]:
    """Whether it is good, and who says so: pyocmf reads all of the value, and not its signature alone."""
    try:
        ocmf = importlib.import_module("pyocmf")
    except ImportError:
        return _verified_here(payload, signature, key), "ECDSA"
    try:
        with warnings.catch_warnings():  # what it only warns of is said by its answer
            warnings.simplefilter("ignore")
            return bool(ocmf.OCMF.from_string(text).verify_signature(key.hex())), "pyocmf"
    except Exception as error:
        why = " ".join(str(error).split())[:_MOST_WORDS]
        raise _Unchecked(f"pyocmf cannot check it: {why}", by="pyocmf") from error


def _verified_here(payload: str, signature: str, key: bytes) -> bool:
    told = json.loads(signature)
    algorithm = told.get("SA", "ECDSA-secp256r1-SHA256")
    hash_name = str(algorithm).rpartition("-")[2]
    if not str(algorithm).startswith("ECDSA-") or hash_name not in _HASHES:
        raise _Unchecked(f"signed by {algorithm}, which is not known here")
    encoding = told.get("SE", "hex")
    raw = bytes.fromhex(told["SD"]) if encoding == "hex" else base64.b64decode(told["SD"], validate=True)
    public = load_der_public_key(key)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise _Unchecked("the public key is none of ECDSA")
    try:
        public.verify(raw, payload.encode(), ec.ECDSA(_HASHES[hash_name]))
    except InvalidSignature:
        return False
    return True
