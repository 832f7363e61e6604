"""A quarter of an hour of an EVSE's readings in one journal entry: columns of differences, a few bits each.

docs/telemetry_blocks.md has the format to the bit, with a reader of its own. Each column has the order of differences
and the length of code that suit it best (Golomb-Rice): a quarter of an hour has too few readings for deflate to learn
seven kinds of noise from. Bits are taken apart as strings, which Python does at the speed of C.
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import gcd
from typing import Final, Literal

from pydantic import AwareDatetime

from protocols.errors import BadEntry
from protocols.fact import Fact
from protocols.terms import Measurand, ReadingContext

VERSION: Final = 1
"""The first byte of every block."""
MAX_SAMPLES: Final = 200_000
"""Of a block that is read; an edge makes them of 10,000 at most."""
MAX_BODY_BYTES: Final = 8_000_000
"""Of a block, inflated."""
LIMIT: Final = 2**63
"""Of a reading, and of a time: less than this, and not less than its negative."""
MAX_BITS: Final = 70
"""Of what is written: differences of differences need 67."""
ESCAPE: Final = 24
"""A head of so many zeros stands for one that is written out: an outlier does not cost as many bits as it is large."""
MAX_STRINGS: Final = 10_000
KNOWN: Final[tuple[str, ...]] = (
    "",
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Power.Offered",
    "Current.Import",
    "Voltage",
    "SoC",
    "Energy.Active.Export.Register",
    "Power.Active.Export",
    "Power.Reactive.Import",
    "Power.Factor",
    "Frequency",
    "Current.Export",
    "Interruption.Begin",
    "Interruption.End",
    "Other",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
    "L1",
    "L2",
    "L3",
    "N",
    "L1-N",
    "L2-N",
    "L3-N",
    "L1-L2",
    "L2-L3",
    "L3-L1",
)
"""Strings that no block need spell: of version 1 and never to be changed, so not made from protocols/terms.py."""
_LEVEL: Final = 9
_ORDERS: Final = (0, 1, 2)


class TelemetryBlock(Fact, frozen=True, kw_only=True):
    """All that the telemetry filter kept of an EVSE's readings of a quarter of an hour that begins at `begins_at`, as
    far as the edge had them when it was over: what comes late makes a further block of the same quarter.

    `samples` counts the readings in `data`, which is base64 of what `unpack` reads. `dropped` counts those that the
    filter let go before them, `filter` names its rules: what lies between two readings can be told from nothing else.
    `evse_id` 0: the station itself, or a meter of the site that has this id.
    """

    station_id: str
    evse_id: int
    begins_at: AwareDatetime
    samples: int
    data: str
    filter: str
    dropped: int = 0
    kind: Literal["telemetry_block"] = "telemetry_block"


@dataclass(frozen=True, slots=True)
class Curve:
    """The readings of one measurand: `values` in its base unit (Wh, W, mA, mV, percent), `times_ms` since 1970."""

    measurand: Measurand
    phase: str | None
    context: ReadingContext
    transaction_id: str | None
    times_ms: list[int]
    values: list[int]


def pack(curves: Sequence[Curve]) -> bytes:
    """Curves as a block's data. Raises ValueError for a number of more than 64 bits."""
    strings: dict[str, int] = {text: number for number, text in enumerate(KNOWN)}
    axes: dict[tuple[int, ...], int] = {}
    body, axis_ms = bytearray(), 0
    for curve in curves:
        times = tuple(curve.times_ms)
        if times not in axes:
            axes[times] = len(axes)
    _put(body, len(axes))
    for times in axes:
        _put(body, len(times))
        _put_column(body, times, axis_ms)
        axis_ms = times[0] if times else axis_ms
    _put(body, len(curves))
    for curve in curves:
        for text in (curve.measurand, curve.phase or "", curve.context, curve.transaction_id or ""):
            _put(body, strings.setdefault(text, len(strings)))
        _put(body, axes[tuple(curve.times_ms)])
        _put_column(body, curve.values, 0)
    own = bytearray()
    spelled = [text.encode() for text in list(strings)[len(KNOWN) :]]
    _put(own, len(spelled))
    for text_bytes in spelled:
        _put(own, len(text_bytes))
        own += text_bytes
    return bytes([VERSION]) + zlib.compress(bytes(own + body), _LEVEL, -zlib.MAX_WBITS)


def unpack(data: bytes) -> tuple[Curve, ...]:
    """The curves of a block. Raises BadEntry for what is damaged, too long, or of a version that is not known here."""
    reader = _Reader(_inflated(data))
    strings = [*KNOWN, *(reader.text() for _ in range(reader.count(MAX_STRINGS, "strings")))]
    axes, axis_ms, left = [], 0, MAX_SAMPLES
    for _ in range(reader.count(MAX_SAMPLES, "axes")):
        times = reader.column(reader.count(left, "readings"), axis_ms)
        axes.append(times)
        left -= len(times)
        axis_ms = times[0] if times else axis_ms
    curves, left = [], MAX_SAMPLES
    try:
        for _ in range(reader.count(MAX_SAMPLES, "curves")):
            measurand, phase, context, transaction_id = (strings[reader.number()] for _ in range(4))
            times = axes[reader.number()]
            if (left := left - len(times)) < 0:
                raise BadEntry(f"a block of more than {MAX_SAMPLES} readings")
            values = reader.column(len(times), 0)
            about = (Measurand(measurand), phase or None, ReadingContext(context), transaction_id or None)
            curves.append(Curve(*about, list(times), values))
    except (IndexError, ValueError) as error:
        raise BadEntry(f"a block names what is not in it: {error}") from error
    reader.end()
    return tuple(curves)


def packed(curves: Sequence[Curve]) -> str:
    """The `data` of a TelemetryBlock. Raises ValueError as `pack` does."""
    return b64encode(pack(curves)).decode()


def curves_in(block: TelemetryBlock) -> tuple[Curve, ...]:
    """What a TelemetryBlock holds. Raises BadEntry, also where it holds another number of readings than it says."""
    try:
        curves = unpack(b64decode(block.data, validate=True))
    except binascii.Error as error:
        raise BadEntry(f"a block that is no base64: {error}") from error
    if (count := sum(len(curve.values) for curve in curves)) != block.samples:
        raise BadEntry(f"a block of {count} readings says that it has {block.samples}")
    return curves


# --- what goes in ---


def _put(body: bytearray, number: int) -> None:
    """LEB128: seven bits a byte, the lowest first, the highest bit set in all bytes but the last."""
    while number > 0x7F:
        body.append(number & 0x7F | 0x80)
        number >>= 7
    body.append(number)


def _put_column(body: bytearray, numbers: Sequence[int], reference: int) -> None:
    """Order, base, scale, and how many bytes of bits there are; then these, what is behind them, and what is too large
    for them."""
    base = numbers[0] if numbers else reference
    steps = [after - before for before, after in pairwise(numbers)]
    scale = gcd(*steps) or 1
    order, first, best = _smallest([step // scale for step in steps]) if steps else (0, 0, [])
    zigzag = [2 * step if step >= 0 else -2 * step - 1 for step in best]
    distance = base + first * scale - reference
    if numbers and (min(numbers) < -LIMIT or max(numbers) >= LIMIT):
        raise ValueError("a number of more than 64 bits is no reading")
    _put(body, order)
    _put(body, 2 * distance if distance >= 0 else -2 * distance - 1)
    _put(body, scale)
    if not any(zigzag):
        _put(body, 0)
        return
    low = _low_bits(zigzag)
    heads = [each >> low for each in zigzag]
    runs = _as_bytes("".join(["0" * min(head, ESCAPE) + "1" for head in heads]))
    _put(body, len(runs))
    _put(body, low)
    body += runs
    if low:
        mask = (1 << low) - 1
        body += _as_bytes("".join([format(each & mask, f"0{low}b") for each in zigzag]))
    for head in heads:
        if head >= ESCAPE:
            _put(body, head)


def _as_bytes(bits: str) -> bytes:
    count = (len(bits) + 7) // 8
    return int(bits.ljust(8 * count, "0"), 2).to_bytes(count, "big")


def _low_bits(zigzag: list[int]) -> int:
    """How many bits of each number stand as they are: as many as half of the numbers have, about."""
    middle = sorted(zigzag)[len(zigzag) // 2].bit_length()

    def bits(low: int) -> int:
        heads = [each >> low for each in zigzag]
        return low * len(heads) + sum(head if head < ESCAPE else ESCAPE + 8 + head.bit_length() for head in heads)

    return min(range(max(0, middle - 2), middle + 2), key=bits)


def _smallest(steps: list[int]) -> tuple[int, int, list[int]]:
    """The order of differences that needs the fewest bits; where its base lies, in scaled units from the first number;
    and the numbers from that base on, one for each reading."""
    offsets = list(accumulate(steps, initial=0))
    middle = sorted(offsets)[len(offsets) // 2]
    turns = [0, *(after - before for before, after in pairwise([0, *steps]))]
    candidates = ([offset - middle for offset in offsets], [0, *steps], turns)
    bits = [sum(map(int.bit_length, candidate)) for candidate in candidates]
    order = min(_ORDERS, key=bits.__getitem__)
    return order, middle if order == 0 else 0, candidates[order]


# --- what comes out ---


def _inflated(data: bytes) -> bytes:
    if not data or data[0] != VERSION:
        raise BadEntry(f"a block of version {data[0] if data else 'none'}, and only {VERSION} is known here")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = inflater.decompress(data[1:], MAX_BODY_BYTES)
    except zlib.error as error:
        raise BadEntry(f"a block that does not inflate: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise BadEntry("a block that is cut short, too long, or has something behind it")
    return body


class _Reader:
    """Reads from the front; everything is bounded by what is there, or by a limit."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def number(self) -> int:
        body, at, shift, number = self._body, self._at, 0, 0
        try:
            while (byte := body[at]) > 0x7F:
                number |= (byte & 0x7F) << shift
                shift, at = shift + 7, at + 1
                if shift > MAX_BITS:
                    raise BadEntry("a block with a number that is too long")
        except IndexError as error:
            raise BadEntry("a block that ends within a number") from error
        self._at = at + 1
        return number | byte << shift

    def count(self, most: int, what: str) -> int:
        number = self.number()
        if number > most:
            raise BadEntry(f"a block of {number} {what}")
        return number

    def text(self) -> str:
        try:
            return self._take(self.number()).decode()
        except UnicodeDecodeError as error:
            raise BadEntry(f"a block with a string that is no UTF-8: {error}") from error

    def column(self, count: int, reference: int) -> list[int]:
        order, base = self.count(2, "orders"), _signed(self.number()) + reference
        scale, length = self.number(), self.number()
        steps: Iterable[int] = self._steps(count, length) if length else [0] * count
        for _ in range(order):
            steps = accumulate(steps)
        numbers = [base + scale * step for step in steps]
        if numbers and (min(numbers) < -LIMIT or max(numbers) >= LIMIT):
            raise BadEntry("a block with a number of more than 64 bits")
        return numbers

    def _steps(self, count: int, length: int) -> list[int]:
        low = self.count(MAX_BITS, "bits")
        heads = list(map(len, self._bits(length).split("1")))
        if len(heads) != count + 1:
            raise BadEntry(f"a block with {len(heads) - 1} numbers, where there should be {count}")
        rest = self._bits((low * count + 7) // 8)
        del heads[-1]
        if max(heads, default=0) >= ESCAPE:
            heads = [head if head < ESCAPE else self.number() for head in heads]
        if low:
            lows = [int(rest[at : at + low], 2) for at in range(0, low * count, low)]
            heads = [head << low | each for head, each in zip(heads, lows, strict=True)]
        return [each >> 1 ^ -(each & 1) for each in heads]

    def end(self) -> None:
        if self._at != len(self._body):
            raise BadEntry("a block with something behind its curves")

    def _take(self, count: int) -> bytes:
        taken = self._body[self._at : self._at + count]
        if len(taken) != count:
            raise BadEntry("a block that ends too early")
        self._at += count
        return taken

    def _bits(self, count: int) -> str:
        return format(int.from_bytes(self._take(count), "big"), f"0{8 * count}b") if count else ""


def _signed(zigzag: int) -> int:
    return zigzag >> 1 ^ -(zigzag & 1)
