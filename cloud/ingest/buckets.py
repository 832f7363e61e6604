"""What the readings of one measurand come to in a stretch of time, and how two stretches are joined.

Joining does not depend on which were joined before, as long as they do not overlap: so quarters of an hour, hours and
days are kept as the blocks come, and an older one that is late fits in before or behind.

* Between two readings of the same transaction (or of none) the value before holds: what the filter dropped is within
  the deadband of it. Nothing is known between readings of two transactions, nor over more than LONGEST_HOLD.
* A register is never averaged. What it gained is counted from reading to reading of the same transaction (or of none),
  so meters that begin at 0 with every session add up. Where it falls, a meter was reset or changed: that step is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import groupby
from operator import mul, sub
from typing import Final, NamedTuple

from cloud.store.telemetry_tables import LONGEST_GAP_MS
from protocols.errors import BadEntry
from protocols.sync.blocks import Curve
from protocols.terms import Measurand

QUARTER_MS: Final = 15 * 60 * 1_000
LONGEST_HOLD_MS: Final = 3_600_000
REGISTERS: Final = frozenset({Measurand.ENERGY_REGISTER, Measurand.ENERGY_EXPORT_REGISTER})
MAX_FILTERS: Final = 8
"""Whose names a bucket keeps."""
_INT64: Final = 2**63 - 1
_MAX_MS: Final = 253_370_764_800_000
"""The year 9999."""

Series = tuple[Measurand, str]
"""A measurand and its phase, which is empty for all together."""
Reading = tuple[int, int, str, str]
"""Its time, its value, its context, and the transaction that it is of, or nothing."""
Sourced = tuple[Sequence[Curve], int, str]
"""The curves of a block, how many readings were dropped before it, and the filter's name."""


class Bucket(NamedTuple):
    """`held_sum` is value times ms, `gained_wh` of registers alone. `blocks`, `dropped` and `filters` say from what it
    was made."""

    samples: int
    blocks: int
    dropped: int
    filters: str
    first_ms: int
    first: int
    first_transaction: str | None
    last_ms: int
    last: int
    last_transaction: str | None
    minimum: int
    maximum: int
    held_ms: int
    held_sum: float
    gained_wh: int


def buckets_of(curves: Sequence[Curve], dropped: int, filter_name: str) -> Iterator[tuple[int, Series, Bucket]]:
    """The buckets of one block: the beginning of the quarter in ms, the series, and what it comes to. Raises BadEntry
    for numbers that no reading has."""
    by_series: dict[Series, list[Curve]] = defaultdict(list)
    for curve in curves:
        if curve.values:
            by_series[curve.measurand, curve.phase or ""].append(curve)
    for series, of_series in by_series.items():
        of_series.sort(key=_begin)
        is_register = series[0] in REGISTERS
        parts = [_of_curve(curve, dropped, filter_name, is_register=is_register) for curve in of_series]
        if all(map(_are_in_turn, parts, parts[1:])) and _is_one_quarter(parts) and all(map(_is_sorted, of_series)):
            whole = reduce(lambda before, after: join(before, after, is_register=is_register), parts)
            yield parts[0].first_ms // QUARTER_MS * QUARTER_MS, series, whole._replace(blocks=1, dropped=dropped)
            continue
        for quarter_ms, readings in groupby(sorted(_readings(of_series)), key=_quarter):
            bucket = _of_readings(readings, is_register=is_register)
            yield quarter_ms, series, bucket._replace(dropped=dropped, filters=filter_name)


def bucket_of_all(blocks: Sequence[Sourced], series: Series, quarter_ms: int) -> Bucket | None:
    """A bucket made anew from the blocks that have readings of its quarter; a reading that came twice counts once."""
    readings: set[Reading] = set()
    dropped, filters, count = 0, set[str](), 0
    for curves, of_block, filter_name in blocks:
        mine = [each for each in curves if (each.measurand, each.phase or "") == series]
        if of_quarter := [each for each in _readings(mine) if _quarter(each) == quarter_ms]:
            readings.update(of_quarter)
            dropped, count = dropped + of_block, count + 1
            filters.add(filter_name)
    if not readings:
        return None
    bucket = _of_readings(sorted(readings), is_register=series[0] in REGISTERS)
    return bucket._replace(blocks=count, dropped=dropped, filters=_names(filters))


def join(before: Bucket, after: Bucket, *, is_register: bool) -> Bucket:
    """Of two that do not overlap, the earlier first."""
    gap_ms = after.first_ms - before.last_ms
    is_same = before.last_transaction == after.first_transaction
    held_ms, held_sum = before.held_ms + after.held_ms, before.held_sum + after.held_sum
    gained_wh = before.gained_wh + after.gained_wh
    if is_register:
        if is_same and gap_ms <= LONGEST_GAP_MS and after.first > before.last:
            gained_wh += after.first - before.last
    elif is_same and gap_ms <= LONGEST_HOLD_MS:
        held_ms += gap_ms
        held_sum += before.last * gap_ms
    return Bucket(
        before.samples + after.samples,
        before.blocks + after.blocks,
        before.dropped + after.dropped,
        before.filters
        if before.filters == after.filters
        else _names([*before.filters.split(","), *after.filters.split(",")]),
        before.first_ms,
        before.first,
        before.first_transaction,
        after.last_ms,
        after.last,
        after.last_transaction,
        min(before.minimum, after.minimum),
        max(before.maximum, after.maximum),
        held_ms,
        held_sum,
        min(gained_wh, _INT64),
    )


def join_any(one: Bucket, other: Bucket, *, is_register: bool) -> Bucket | None:
    """Of two in any order; None where they overlap, so that only their readings can tell."""
    if one.last_ms < other.first_ms:
        return join(one, other, is_register=is_register)
    if other.last_ms < one.first_ms:
        return join(other, one, is_register=is_register)
    return None


def _of_curve(curve: Curve, dropped: int, filter_name: str, *, is_register: bool) -> Bucket:
    """Right where its readings are in order and of one quarter."""
    times_ms, values = curve.times_ms, curve.values
    minimum, maximum = min(values), max(values)
    if minimum < -_INT64 or maximum > _INT64 or min(times_ms) < 0 or max(times_ms) > _MAX_MS:
        raise BadEntry(f"body.data: {curve.measurand} of {minimum} to {maximum}, at ms {min(times_ms)} since 1970")
    held_ms, held_sum, gained_wh = 0, 0.0, 0
    if is_register:
        is_falling = values != sorted(values)
        steps = map(sub, values[1:], values)
        gained_wh = sum(step for step in steps if step > 0) if is_falling else values[-1] - values[0]
    else:
        held_ms = times_ms[-1] - times_ms[0]
        held_sum = float(sum(map(mul, values, map(sub, times_ms[1:], times_ms))))
    about = (len(values), 1, dropped, filter_name)
    first = (times_ms[0], values[0], curve.transaction_id)
    last = (times_ms[-1], values[-1], curve.transaction_id)
    return Bucket(*about, *first, *last, minimum, maximum, held_ms, held_sum, min(gained_wh, _INT64))


def _of_readings(readings: Iterable[Reading], *, is_register: bool) -> Bucket:
    """Of readings of several transactions, in order, as if of one block."""
    singles = (
        Bucket(1, 1, 0, "", at_ms, value, of or None, at_ms, value, of or None, value, value, 0, 0.0, 0)
        for at_ms, value, _, of in readings
    )
    return reduce(lambda before, after: join(before, after, is_register=is_register), singles)._replace(blocks=1)


def _readings(curves: Sequence[Curve]) -> Iterator[Reading]:
    for curve in curves:
        context, transaction_id = curve.context, curve.transaction_id or ""
        for at_ms, value in zip(curve.times_ms, curve.values, strict=True):
            yield at_ms, value, context, transaction_id


def _are_in_turn(before: Bucket, after: Bucket) -> bool:
    return before.last_ms <= after.first_ms


def _is_one_quarter(parts: Sequence[Bucket]) -> bool:
    return parts[0].first_ms // QUARTER_MS == parts[-1].last_ms // QUARTER_MS


def _is_sorted(curve: Curve) -> bool:
    return curve.times_ms == sorted(curve.times_ms)


def _begin(curve: Curve) -> int:
    return curve.times_ms[0]


def _quarter(reading: Reading) -> int:
    return reading[0] // QUARTER_MS * QUARTER_MS


def _names(names: Iterable[str]) -> str:
    return ",".join(sorted(set(names))[:MAX_FILTERS])
