"""Ways in which a payload or a frame can be wrong."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson

NASTY: tuple[Any, ...] = (
    *("", " ", "\x00", "A" * 30, "A" * 5000, "NaN", "' OR 1=1--", "=cmd()", "\x1b[31m", "<script>", "🚗" * 40, "\\"),
    *("0", "1970-01-01T00:00:00Z", "2099-12-31T23:59:59Z", "2026-03-02T08:00:00", "2026-13-40T25:61:61Z"),
    *("0001-01-01T00:00:00-23:59", "9999-12-31T23:59:59+23:59", "2026-03-02T08:00:00+14:00", "20260302T080000Z"),
    *(0, -1, 1, 1000, 2**31, -(2**31) - 1, 2**53, 2**63, 2**64, 0.1, -0.0, 1e308, -1e308, 5e-324, 1.0, 7.25),
    *(True, False, None, [], {}, [[]], [None], {"": ""}, {"a": {"a": {"a": []}}}, "kWh", "Wh", "Unknown"),
)
LITERALS = (b"NaN", b"Infinity", b"1e999", b"-0", b"1" * 400, b'"\\ud800"', b'"\\u0000"', b"0x10", b"'a'", b"01", b"")


def mutated(random: Random, payload: Any) -> Any:
    """The payload with one to three things wrong in it."""
    payload = copy.deepcopy(payload)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        payload = _mutated_once(random, payload)
    return payload


def _mutated_once(random: Random, payload: Any) -> Any:
    places = list(_places(payload))
    if not places:
        return random.choice(NASTY)
    holder, key = random.choice(places)
    value = holder[key]
    match random.randrange(10):
        case 0 | 1:
            del holder[key]
        case 2 | 3 | 4:
            holder[key] = copy.deepcopy(random.choice(NASTY))
        case 5:
            holder[key] = [value] if random.random() < 0.5 else {"value": value}
        case 6:
            holder[key] = str(value) if not isinstance(value, str) else _as_number(value)
        case 7 if isinstance(value, list) and 0 < len(value) < 10 and not _is_large(value):
            value.extend(copy.deepcopy(value) * random.choice((1, 5, 200)))
        case 8 if isinstance(holder, dict):
            holder[random.choice((str(key).upper(), f"{key} ", f"x{key}", "customData", "vendorExtension"))] = value
        case _:
            holder[key] = (
                value * 300 if isinstance(value, str) and len(value) < 100 else copy.deepcopy(random.choice(NASTY))
            )
    return payload


def _is_large(value: Any) -> bool:
    return len(str(value)) > 1_000


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value[:20])
    else:
        return
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def _as_number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return len(text)


def mutated_frame(random: Random, frame: list[Any]) -> bytes:
    """The frame with something wrong in its envelope or its bytes."""
    raw = orjson.dumps(frame)
    match random.randrange(14):
        case 0:
            return raw[: random.randrange(len(raw) + 1)]
        case 1:
            place = random.randrange(len(raw))
            return raw[:place] + random.randbytes(random.randint(1, 4)) + raw[place + random.randint(0, 3) :]
        case 2:
            place = random.randrange(len(raw))
            return raw[:place] + bytes([raw[place] ^ (1 << random.randrange(8))]) + raw[place + 1 :]
        case 3:
            return orjson.dumps([random.choice(NASTY), *frame[1:]])
        case 4:
            return orjson.dumps([frame[0], random.choice((*NASTY, "m" * 36, "m" * 37)), *frame[2:]])
        case 5:
            return orjson.dumps([*frame[:2], random.choice(NASTY), *frame[3:]])
        case 6:
            return orjson.dumps([*frame[:3], random.choice(NASTY)])
        case 7:
            return orjson.dumps(frame[: random.randrange(len(frame))])
        case 8:
            return orjson.dumps([*frame, random.choice(NASTY)])
        case 9:  # a key that stands twice
            return raw.replace(b'":', b'":%b,"x":' % random.choice((b"1", b'"a"', b"{}")), 1)
        case 10:
            return _with_literal(random, raw)
        case 11:
            deep = random.choice((10, 33, 200, 5000))
            return raw[:-2] + b',"deep":' + b"[" * deep + b"]" * deep + b"}]"
        case 12:
            return random.choice(
                (b"\xef\xbb\xbf" + raw, raw + raw, raw + b"\x00", b" \n" + raw, raw.decode().encode("utf-16"))
            )
        case _:
            return raw.replace(b",", b" ,\r\n\t", 3)


def _with_literal(random: Random, raw: bytes) -> bytes:
    """What JSON does not know, or hardly anyone reads alike, in the place of a value."""
    colons = [place for place, byte in enumerate(raw) if byte == 0x3A]
    if not colons:
        return raw + random.choice(LITERALS)
    place = random.choice(colons) + 1
    ends = [end for end in (raw.find(b",", place), raw.find(b"}", place)) if end > 0]
    return raw[:place] + random.choice(LITERALS) + raw[min(ends, default=place) :]
