"""Readings come out of a block as they went in; what is damaged is refused, and never takes more than it may."""

from __future__ import annotations

import re
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from protocols.errors import BadEntry
from protocols.sync import blocks
from protocols.sync.blocks import Curve, curves_in, pack, unpack
from protocols.terms import Measurand, ReadingContext
from tests.protocols.sync.samples import CURVES, TELEMETRY_BODIES

DOCUMENT = Path(__file__).parents[3] / "docs" / "telemetry_blocks.md"
BLOCK = TELEMETRY_BODIES[1]
assert isinstance(BLOCK, blocks.TelemetryBlock)

_numbers = some.one_of(
    some.integers(-5, 5), some.integers(0, 300).map(lambda each: each * 100), some.integers(-(2**63), 2**63 - 1)
)


@some.composite
def curves(draw: some.DrawFn) -> list[Curve]:
    axes = draw(some.lists(some.lists(_numbers, max_size=40), min_size=1, max_size=4))
    made = []
    for _ in range(draw(some.integers(0, 8))):
        times = draw(some.sampled_from(axes))
        made.append(
            Curve(
                draw(some.sampled_from(Measurand)),
                draw(some.sampled_from([None, "L1", "L2-N", "Ł9"])),
                draw(some.sampled_from(ReadingContext)),
                draw(some.none() | some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)),
                times,
                draw(some.lists(_numbers, min_size=len(times), max_size=len(times))),
            )
        )
    return made


def reader_of_the_document() -> Callable[[str], Any]:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    scope: dict[str, Any] = {}
    exec(code, scope)  # noqa: S102
    read: Callable[[str], Any] = scope["read_block"]
    return read


READ = reader_of_the_document()


@given(curves())
def test_what_went_in_comes_out(packed: list[Curve]) -> None:
    data = pack(packed)
    assert unpack(data) == tuple(packed)
    told = [
        (time_ms, curve.measurand, curve.phase or "", curve.context, curve.transaction_id or "", value)
        for curve in packed
        for time_ms, value in zip(curve.times_ms, curve.values, strict=True)
    ]
    assert list(READ(b64encode(data).decode())) == told, "the document says how to read it"


def test_the_golden_block_reads_as_it_did() -> None:
    assert curves_in(BLOCK) == CURVES


def test_every_term_is_spelled_by_none() -> None:
    assert {*Measurand, *ReadingContext} <= {*blocks.KNOWN}
    assert " ".join(blocks.KNOWN[1:]) == " ".join(
        re.findall(r'KNOWN = """\n(.*?)"""', DOCUMENT.read_text(encoding="utf-8"), re.S)[0].split()
    )


@given(some.binary(max_size=400))
def test_noise_is_refused(noise: bytes) -> None:
    for data in (noise, b"\x01" + noise, b"\x01" + zlib.compress(noise, 9, -15)):
        try:
            found = unpack(data)
        except BadEntry:
            continue
        assert sum(len(curve.values) for curve in found) <= blocks.MAX_SAMPLES


@settings(max_examples=300)
@given(some.data())
def test_a_changed_byte_or_a_cut_never_breaks_the_reader(data: some.DataObject) -> None:
    body = zlib.decompress(pack(CURVES)[1:], -15)
    at = data.draw(some.integers(0, len(body) - 1))
    changed = body[:at] + bytes([data.draw(some.integers(0, 255))]) + body[at + 1 :]
    for each in (changed, body[:at], body + b"\0"):
        try:
            unpack(b"\x01" + zlib.compress(each, 9, -15))
        except BadEntry:
            continue


def bomb(body: bytes) -> bytes:
    return b"\x01" + zlib.compress(body, 9, -15)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "version"),
        (b"\x02" + pack(())[1:], "version"),
        (pack(CURVES)[:-3], "cut short|inflate"),
        (pack(CURVES) + b"x", "behind it"),
        (bomb(b"\0" * 50_000_000), "cut short, too long"),
        (bomb(b"\xff" * 40), "number that is too long"),
        (bomb(b"\xff\xff\xff\x7f"), "strings"),
        (bomb(b"\0\x01\xff\xff\xff\x7f"), "readings"),
        (bomb(b"\0" + b"\xd0\x0f" + b"\xd0\x0f\0\0\1\0" * 2000), "readings"),
        (bomb(b"\0\1\xc0\x9a\x0c\0\0\1\0\3" + b"\1\0\x11\0\0\0\0\1\0" * 3), "readings"),
        (bomb(b"\0\0\1\1\0\x11\0\7"), "not in it"),
        (bomb(b"\0\1\0\0\0\1\0\1\x15\0\x11\0\0\0\0\1\0"), "not in it"),
        (bomb(b"\0\1\2\0\0\1\1\0\x80"), "1 numbers, where there should be 2"),
        (bomb(b"\0\1\1\0\0\1\1\0\xc0"), "2 numbers, where there should be 1"),
        (bomb(b"\0\1\1\0\0\1\1\xff\1\x80"), "255 bits"),
        (bomb(b"\0\1\1\0\0\1\xff\xff\xff\x7f\0"), "too early"),
        (bomb(b"\0\0\0\0"), "behind its curves"),
    ],
)
def test_bombs_and_rubble(data: bytes, why: str) -> None:
    began_s = time.process_time()
    with pytest.raises(BadEntry, match=why):
        unpack(data)
    assert time.process_time() - began_s < 2


def test_a_number_of_more_than_64_bits_is_no_reading() -> None:
    for value in (2**63, -(2**63) - 1):
        with pytest.raises(ValueError, match="64 bits"):
            pack([Curve(Measurand.POWER, None, ReadingContext.OTHER, None, [1], [value])])
    with pytest.raises(BadEntry, match="64 bits"):
        unpack(bomb(b"\0\1\1\0" + b"\x80" * 9 + b"\x08" + b"\1\0"))


def test_a_block_has_as_many_readings_as_it_says() -> None:
    with pytest.raises(BadEntry, match="says that it has 8"):
        curves_in(msgspec.structs.replace(BLOCK, samples=8))
    with pytest.raises(BadEntry, match="base64"):
        curves_in(msgspec.structs.replace(BLOCK, data="?"))


def test_a_quarter_of_a_quiet_session_takes_less_than_a_byte_a_reading() -> None:
    times = [1_774_772_100_000 + 15_000 * number for number in range(60)]
    steady = [
        Curve(measurand, phase, ReadingContext.SAMPLE_PERIODIC, "0197c1a0-1111-7222-8333-444455556666", times, values)
        for measurand, phase, values in (
            (Measurand.ENERGY_REGISTER, None, [91_000 + 46 * number + number % 3 for number in range(60)]),
            (Measurand.POWER, None, [11_040 + 7 * (number * number % 11) for number in range(60)]),
            *(
                (Measurand.CURRENT, f"L{n}", [16_000 + 100 * (number * n % 3) for number in range(60)])
                for n in (1, 2, 3)
            ),
            (Measurand.VOLTAGE, "L1-N", [230_000 + 100 * (number * 7 % 9) for number in range(60)]),
            (Measurand.STATE_OF_CHARGE, None, [40 + number // 20 for number in range(60)]),
        )
    ]
    assert len(b64decode(blocks.packed(steady))) < 420
