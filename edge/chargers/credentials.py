"""Passwords of charging stations: HTTP Basic, OCPP security profile 1 (1.6 security whitepaper §4.4, 2.0.1 A00.FR.204).

A station's password is 16 to 40 bytes and made by a machine (`generate_password`: 128 random bits). No dictionary holds
it, so a slow hash would buy nothing: guessing 2^128 is hopeless at any speed. It would cost dearly, though: 10,000
stations coming back within 10 s leave one core less than a millisecond each, and argon2 takes 50. Therefore one round
of salted BLAKE2b (a few µs), which keeps the configuration file free of passwords and equal passwords apart.
People's passwords, at the hub, are another matter and are hashed slowly there.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from protocols.errors import BadText

MIN_PASSWORD_BYTES: Final = 16
MAX_PASSWORD_BYTES: Final = 40

_SALT_BYTES: Final = blake2b.SALT_SIZE
_HASH_BYTES: Final = 32
_FORM: Final = re.compile(r"blake2b\$([0-9a-f]{32})\$([0-9a-f]{64})")


def generate_password() -> str:
    """A new password: 32 hexadecimal digits, which every station and every installer's tool can take."""
    return secrets.token_hex(16)


def hash_password(password: str) -> str:
    """The text `blake2b$<salt>$<hash>` that the configuration keeps.

    Raises BadText for a password outside 16 to 40 bytes.
    """
    raw = password.encode()
    if not MIN_PASSWORD_BYTES <= len(raw) <= MAX_PASSWORD_BYTES:
        raise BadText(f"a station's password has {MIN_PASSWORD_BYTES} to {MAX_PASSWORD_BYTES} bytes, not {len(raw)}")
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"blake2b${salt.hex()}${_digest(raw, salt).hex()}"


class Credentials:
    """The hashes of the known stations. `check` takes the same time and says the same for known and unknown ids."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        """`hashes` maps a charging station's id to the text of `hash_password`. Raises BadText for another text."""
        self._hashes = {station_id: _parse(station_id, text) for station_id, text in hashes.items()}
        self._nobody = (secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES))

    def is_known(self, station_id: str) -> bool:
        return station_id in self._hashes

    def check(self, station_id: str, authorization: str | None) -> bool:
        """Does the Authorization header (RFC 7617) carry the station's id and password?"""
        username, password = _parse_basic(authorization)
        salt, expected = self._hashes.get(station_id, self._nobody)
        is_password = hmac.compare_digest(_digest(password, salt), expected)
        is_username = hmac.compare_digest(username, station_id.encode())
        return is_password and is_username and station_id in self._hashes


def _digest(password: bytes, salt: bytes) -> bytes:
    return blake2b(password, digest_size=_HASH_BYTES, salt=salt).digest()


def _parse(station_id: str, text: str) -> tuple[bytes, bytes]:
    form = _FORM.fullmatch(text)
    if form is None:
        raise BadText(f"the password hash of {station_id} is not blake2b$<32 hex digits>$<64 hex digits>")
    return bytes.fromhex(form[1]), bytes.fromhex(form[2])


def _parse_basic(authorization: str | None) -> tuple[bytes, bytes]:
    # Bytes, not text: a 1.6 AuthorizationKey may be any 16 to 20 bytes.
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return b"", b""
    try:
        username, _, password = b64decode(token.strip(), validate=True).partition(b":")
    except (Base64Error, ValueError):
        return b"", b""
    return username, password
