"""The staff of the site, in a file of the data folder that only the agent's user can read.

A PIN is kept as its scrypt hash: whoever reads the file has work to do for each guess, though a short PIN stays short.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocols.errors import BadText
from protocols.site.staff import Actor, Role

FILE: Final = "staff.toml"
MAX_STAFF: Final = 1000
MIN_PIN, MAX_PIN = 4, 64
_N, _R, _P = 2**14, 8, 1
"""scrypt with 16 MB and some 50 ms a guess (RFC 7914)."""
_MAX_MEMORY: Final = 64 * 2**20
_RUNS: Final = ("0123456789", "9876543210")


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember:
    staff_id: str
    name: str
    role: Role
    pin_hash: str

    @property
    def actor(self) -> Actor:
        return Actor(self.staff_id, self.role)


def read_staff(path: Path) -> dict[str, StaffMember]:
    """By id; empty where there is no file. Raises BadText for one that others can read, or that is not as we write it:
    a site that has staff is not open to everybody because its list is broken."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if stat.S_IMODE(facts.st_mode) & 0o077:
                raise BadText(f"{path} can be read by others; make it yours alone: chmod 600 {path}")
            document = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadText(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadText(f"{path} is not TOML: {error}") from error
    try:
        rows = [
            StaffMember(staff_id=row["id"], name=row["name"], role=Role(row["role"]), pin_hash=row["pin_hash"])
            for row in document["staff"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise BadText(f"{path} is not as `ohmstead-edge staff` writes it: {error!r}") from error
    return {row.staff_id: row for row in rows}


def write_staff(path: Path, staff: Iterable[StaffMember]) -> None:
    """All of them, whole or not at all, for the agent's user alone. Raises BadText."""
    rows = "".join(
        f"\n[[staff]]\nid = {_quoted(each.staff_id)}\nname = {_quoted(each.name)}\n"
        f"role = {_quoted(each.role.value)}\npin_hash = {_quoted(each.pin_hash)}\n"
        for each in sorted(staff, key=lambda each: each.staff_id)
    )
    text = f"# Made by `ohmstead-edge staff`.\n{rows or 'staff = []' + chr(10)}"
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise BadText(f"{path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _quoted(text: str) -> str:
    """As a TOML string: JSON's escapes are TOML's, and names hold printable characters alone."""
    return json.dumps(text, ensure_ascii=False)


def pin_problem(pin: str) -> str | None:
    """What is wrong with a PIN that somebody chose."""
    if not MIN_PIN <= len(pin) <= MAX_PIN or not pin.isprintable():
        return f"a PIN has {MIN_PIN} to {MAX_PIN} characters"
    if len(set(pin)) == 1 or any(pin in run for run in _RUNS):
        return "this PIN is the first that anybody would try"
    return None


def hash_pin(pin: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(_scrypt(pin, salt, _N, _R, _P))}"


def is_pin(pin: str, pin_hash: str) -> bool:
    """Whether it is the PIN of this hash; takes the same time either way. False for a hash that is none."""
    try:
        name, n, r, p, salt, digest = pin_hash.split("$")
        made = _scrypt(pin, base64.b64decode(salt), int(n), int(r), int(p))
        return name == "scrypt" and hmac.compare_digest(made, base64.b64decode(digest))
    except (ValueError, OverflowError, MemoryError):
        return False


def _scrypt(pin: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(pin.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
