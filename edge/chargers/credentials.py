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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from types import MappingProxyType
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


def hash_password(password: str | bytes) -> str:
    """The text `blake2b$<salt>$<hash>` that the configuration keeps.

    Raises BadText for a password outside 16 to 40 bytes.
    """
    raw = password.encode() if isinstance(password, str) else password
    if not MIN_PASSWORD_BYTES <= len(raw) <= MAX_PASSWORD_BYTES:
        raise BadText(f"a station's password has {MIN_PASSWORD_BYTES} to {MAX_PASSWORD_BYTES} bytes, not {len(raw)}")
    salt = secrets.token_bytes(_SALT_BYTES)
    return _text((salt, _digest(raw, salt)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a station has to come. `certificate_name` None: the common name of its certificate is its id.

    Security profiles (2.0.1 A00): 1 a password, 2 a password over TLS, 3 a certificate of the site CA.
    """

    security_profile: int = 1
    certificate_name: str | None = None


PASSWORD: Final = Policy()
Hash = tuple[bytes, bytes]


class Credentials:
    """The hashes of the known stations. `check` takes the same time and says the same for known and unknown ids."""

    def __init__(self, hashes: Mapping[str, str | None], policies: Mapping[str, Policy] = MappingProxyType({})) -> None:
        """`hashes` maps a charging station's id to the text of `hash_password`, None for one that has no password;
        `policies` are of those that do not come with a password alone. Raises BadText for a text that is no hash."""
        self._hashes = {station_id: _parse(station_id, text) for station_id, text in hashes.items()}
        self._policies = dict(policies)
        self._nobody = _of_nobody()
        self._configured: dict[str, Hash] = {}
        self._offered: dict[str, tuple[Hash, ...]] = {}
        self.on_adopted: Callable[[str, str], None] = lambda _station_id, _hash: None
        """Told the station and the hash when it comes with an offered password for the first time."""
        self._configured_profiles: dict[str, int] = {}
        self._offered_profiles: dict[str, int] = {}
        self.on_raised: Callable[[str, int], None] = lambda _station_id, _profile: None
        """Told the station and the security profile when it comes with an offered one for the first time."""

    def is_known(self, station_id: str) -> bool:
        return station_id in self._hashes

    def policy_of(self, station_id: str) -> Policy:
        return self._policies.get(station_id, PASSWORD)

    def check(self, station_id: str, authorization: str | None) -> bool:
        """Does the Authorization header (RFC 7617) carry the station's id and password?"""
        username, password = _parse_basic(authorization)
        is_username = hmac.compare_digest(username, station_id.encode())
        is_password = _matches(password, self._hashes.get(station_id, self._nobody))
        if not is_password and is_username and station_id in self._offered:
            is_password = self._adopt(station_id, password)
        return is_password and is_username and station_id in self._hashes

    # --- changed passwords (2.0.1 A01) ---

    def configured(self, station_id: str) -> str:
        """The text of the hash in the configuration, whatever was changed since."""
        return _text(self._configured.get(station_id) or self._hashes[station_id])

    def restore(self, station_id: str, adopted: str | None, offered: Iterable[str], instead_of: str) -> None:
        """What was changed in an earlier run; nothing where the configuration has another password since."""
        if station_id not in self._hashes or self.configured(station_id) != instead_of:
            return
        if adopted is not None:
            self._configured[station_id], self._hashes[station_id] = (
                self._hashes[station_id],
                _parse(station_id, adopted),
            )
        self.offer(station_id, offered)

    def offer(self, station_id: str, hashes: Iterable[str]) -> None:
        """These are good too, until the station has used one of them: then it is the only one."""
        if parsed := tuple(_parse(station_id, text) for text in hashes):
            self._offered[station_id] = parsed

    def is_offered(self, station_id: str, password: str) -> bool:
        """Whether this password is one of those that are good from its first use on."""
        return any(_matches(password.encode(), each) for each in self._offered.get(station_id, ()))

    def withdraw(self, station_id: str) -> None:
        self._offered.pop(station_id, None)

    def _adopt(self, station_id: str, password: bytes) -> bool:
        found = next((each for each in self._offered[station_id] if _matches(password, each)), None)
        if found is None:
            return False
        self._configured.setdefault(station_id, self._hashes[station_id])
        self._hashes[station_id] = found
        del self._offered[station_id]
        self.on_adopted(station_id, _text(found))
        return True

    # --- raised security profiles (2.0.1 A05) ---

    def configured_profile(self, station_id: str) -> int:
        """The security profile of the configuration, whatever it was raised to since."""
        return self._configured_profiles.get(station_id) or self.policy_of(station_id).security_profile

    def offer_profile(self, station_id: str, security_profile: int) -> None:
        """The station was given a higher profile: once it has come with it, none below it is good enough."""
        if self.is_known(station_id) and security_profile > self.policy_of(station_id).security_profile:
            self._offered_profiles[station_id] = security_profile
        else:
            self._offered_profiles.pop(station_id, None)

    def restore_profile(self, station_id: str, adopted: int | None, offered: int | None, instead_of: int) -> None:
        """What was raised in an earlier run; nothing where the configuration says something else since."""
        if not self.is_known(station_id) or self.configured_profile(station_id) != instead_of:
            return
        if adopted is not None and adopted > instead_of:
            self._require(station_id, adopted)
        if offered is not None:
            self.offer_profile(station_id, offered)

    def least_or_offered(self, station_id: str) -> int:
        """The security profile that the station is to come with next."""
        return self._offered_profiles.get(station_id) or self.policy_of(station_id).security_profile

    def came(self, station_id: str, security_profile: int) -> None:
        """The station was let in, and showed what this profile asks for."""
        offered = self._offered_profiles.get(station_id)
        if offered is not None and security_profile >= offered:
            del self._offered_profiles[station_id]
            self._require(station_id, offered)
            self.on_raised(station_id, offered)

    def forget_profile(self, station_id: str) -> None:
        """What the configuration says is good enough again."""
        self._offered_profiles.pop(station_id, None)
        configured = self._configured_profiles.pop(station_id, None)
        if configured is not None:
            self._policies[station_id] = replace(self.policy_of(station_id), security_profile=configured)

    def _require(self, station_id: str, security_profile: int) -> None:
        policy = self.policy_of(station_id)
        self._configured_profiles.setdefault(station_id, policy.security_profile)
        self._policies[station_id] = replace(policy, security_profile=security_profile)


def _matches(password: bytes, of: Hash) -> bool:
    salt, expected = of
    return hmac.compare_digest(_digest(password, salt), expected)


def _of_nobody() -> Hash:
    """No password has this hash."""
    return secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES)


def _text(of: Hash) -> str:
    salt, digest = of
    return f"blake2b${salt.hex()}${digest.hex()}"


def _digest(password: bytes, salt: bytes) -> bytes:
    return blake2b(password, digest_size=_HASH_BYTES, salt=salt).digest()


def _parse(station_id: str, text: str | None) -> Hash:
    if text is None:
        return _of_nobody()
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
