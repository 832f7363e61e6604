"""The tolerant reader's small parts: stamps, texts and numbers as chargers really send them.

What cannot be read becomes None where the model can do without it, and BadPayload where it cannot.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from msgspec import UNSET, to_builtins

from protocols.errors import BadPayload

MAX_INT: Final = 2**53 - 1
"""Beyond it neither JSON readers nor databases agree on a number; no meter, counter or id of a charger gets there."""
MAX_EVSE_ID: Final = 999
"""More than any ChargingStation has; a bound on the state that a peer can make us keep."""

_SHORTEST_STAMP: Final = len("20260302T0600Z")


def given(value: Any, default: Any = None) -> Any:
    """The value of an optional field, or `default` where it was left out."""
    return default if value is UNSET else value


def read_stamp(text: Any) -> datetime | None:
    """An ISO 8601 time as aware UTC; without a zone it is taken for UTC (field_quirks 2). None where unreadable."""
    if type(text) is not str or len(text) < _SHORTEST_STAMP:
        return None
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        try:
            stamp = datetime.fromisoformat(text.strip().upper())
        except ValueError:
            return None
    if stamp.tzinfo is None:
        return stamp.replace(tzinfo=UTC)
    if stamp.tzinfo is UTC:
        return stamp
    try:
        return stamp.astimezone(UTC)
    except OverflowError:  # year 1 or 9999 with an offset
        return None


def write_stamp(at: datetime) -> str:
    """A time as every charger reads it: UTC, milliseconds, Z (RFC 3339)."""
    text: str = to_builtins(at if at.tzinfo is UTC else at.astimezone(UTC))  # isoformat takes ten times as long
    return f"{text[:-1]}.000Z" if at.microsecond == 0 else f"{text[:23]}Z"


def read_text(text: Any) -> str | None:
    """A text without what no screen, log or database should hold: control characters (serials padded with NUL are
    common). None where nothing is left."""
    if type(text) is not str:
        return None
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return text.strip() or None


def read_block(text: Any) -> str | None:
    """A text of several lines, such as PEM; None where nothing is left of it."""
    if type(text) is not str:
        return None
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable() or character in "\n\t")
    return text.strip() or None


def read_document(value: Any) -> Any:
    """What goes on as it came: a decoded Struct, list or value as plain JSON, without control characters but line ends,
    and without numbers that JSON readers do not agree on."""
    return _plain(to_builtins(value))


def _plain(value: Any) -> Any:
    match value:
        case str():
            return read_block(value) or ""
        case bool() | None:
            return value
        case int() | float():
            if not -MAX_INT <= value <= MAX_INT:
                return None
            return int(value) if value == int(value) else value  # 1.0 and -0.0 are whole numbers in JSON Schema
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {read_text(name) or "": _plain(item) for name, item in value.items()}
        case _:
            return None


def read_int(number: Any) -> int | None:
    """A whole number within ±MAX_INT, None for anything else. JSON Schema also takes 1.0 and 1e308 for integers."""
    if type(number) is float and number.is_integer():
        number = int(number)
    if type(number) is int and -MAX_INT <= number <= MAX_INT:
        return number
    return None


def read_number(number: Any, *, name: str) -> int:
    """A whole number that the model cannot do without. Raises BadPayload where it is out of range."""
    read = read_int(number)
    if read is None:
        raise BadPayload("PropertyConstraintViolation", f"/{name}: expected a whole number up to {MAX_INT}")
    return read


def read_evse_id(number: Any, *, name: str, lowest: int = 1) -> int:
    """A connectorId or EVSE id; 0 is the station itself and only allowed where the standard says so.

    Raises BadPayload when it is out of range.
    """
    evse_id = read_int(number)
    if evse_id is None or not lowest <= evse_id <= MAX_EVSE_ID:
        raise BadPayload("PropertyConstraintViolation", f"/{name}: expected {lowest} to {MAX_EVSE_ID}")
    return evse_id
