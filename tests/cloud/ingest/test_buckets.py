"""What readings come to: means that hold, registers that gain, and buckets that join in any order."""

from __future__ import annotations

import itertools
import random
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.buckets import QUARTER_MS, Bucket, bucket_of_all, buckets_of, join, join_any
from protocols.errors import BadEntry
from protocols.sync.blocks import Curve
from protocols.terms import Measurand, ReadingContext

T0_MS = 1_772_438_400_000
POWER, REGISTER = Measurand.POWER, Measurand.ENERGY_REGISTER
SECOND = 1_000
MINUTE = 60 * SECOND


def curve(
    readings: list[tuple[float, int]],
    measurand: Measurand = POWER,
    transaction: str | None = "tx-1",
    context: ReadingContext = ReadingContext.SAMPLE_PERIODIC,
) -> Curve:
    """By the minute."""
    times = [T0_MS + round(minute * MINUTE) for minute, _ in readings]
    return Curve(measurand, None, context, transaction, times, [value for _, value in readings])


def only(*curves: Curve, dropped: int = 0) -> Bucket:
    ((_, _, bucket),) = buckets_of(curves, dropped, "deadband-1")
    return bucket


def test_a_value_holds_until_the_next_one() -> None:
    """Nothing for fourteen minutes, then 11 kW: the mean is near to nothing, and not half of it."""
    bucket = only(curve([(0, 0), (14, 11_000), (14.5, 11_000)]), dropped=7)
    assert (bucket.samples, bucket.minimum, bucket.maximum, bucket.dropped) == (3, 0, 11_000, 7)
    assert (bucket.held_ms, bucket.held_sum) == (14.5 * MINUTE, 11_000 * 30 * SECOND)


def test_a_register_is_never_averaged() -> None:
    bucket = only(curve([(0, 1_000), (5, 1_250), (14, 1_900)], REGISTER))
    assert (bucket.first, bucket.last, bucket.gained_wh, bucket.held_ms) == (1_000, 1_900, 900, 0)


def test_meters_that_begin_anew_with_every_session_add_up() -> None:
    first = curve([(0, 0), (4, 400)], REGISTER, "tx-1")
    second = curve([(6, 0), (9, 300)], REGISTER, "tx-2")
    bucket = only(second, first)
    assert (bucket.first, bucket.last, bucket.gained_wh) == (0, 300, 700)
    assert (bucket.first_transaction, bucket.last_transaction) == ("tx-1", "tx-2")


def test_nothing_is_gained_between_transactions() -> None:
    """The same energy told with and without a transaction counts once."""
    idle = curve([(0, 1_000), (10, 1_500)], REGISTER, None, ReadingContext.SAMPLE_CLOCK)
    charging = curve([(1, 1_000), (9, 1_500)], REGISTER, "tx-1")
    assert only(idle, charging).gained_wh == 500


def test_a_meter_that_is_changed_within_a_transaction() -> None:
    assert only(curve([(0, 5_000), (3, 5_400), (6, 10), (9, 110)], REGISTER)).gained_wh == 500


def test_a_mark_and_the_curve_behind_it_are_one_bucket() -> None:
    mark = curve([(0, 0)], context=ReadingContext.TRANSACTION_BEGIN)
    end = curve([(10, 7_000)], context=ReadingContext.TRANSACTION_END)
    bucket = only(end, curve([(1, 7_000), (9, 7_000)]), mark)
    assert (bucket.samples, bucket.blocks, bucket.held_ms) == (4, 1, 10 * MINUTE)
    assert bucket.held_sum == 9 * MINUTE * 7_000


def test_readings_are_of_the_quarter_in_which_they_were_made() -> None:
    found = list(buckets_of([curve([(16, 2), (14, 1), (31, 3)])], 0, "deadband-1"))
    assert [(quarter - T0_MS) // QUARTER_MS for quarter, _, _ in found] == [0, 1, 2]
    assert [bucket.last for _, _, bucket in found] == [1, 2, 3]


def test_no_value_holds_for_hours() -> None:
    before, after = only(curve([(0, 5), (1, 5)])), only(curve([(0, 9)]))
    late = after._replace(first_ms=before.last_ms + 2 * 60 * MINUTE, last_ms=before.last_ms + 2 * 60 * MINUTE)
    assert join(before, late, is_register=False).held_ms == MINUTE


@pytest.mark.parametrize("value", [2**63, -(2**63)])
def test_a_number_that_no_database_holds(value: int) -> None:
    with pytest.raises(BadEntry):
        only(curve([(0, value)]))


def test_a_time_that_no_calendar_has() -> None:
    with pytest.raises(BadEntry):
        only(Curve(POWER, None, ReadingContext.TRIGGER, None, [10**16], [1]))


readings = st.lists(
    st.tuples(st.integers(0, QUARTER_MS - 1), st.integers(0, 5_000)), min_size=1, max_size=30, unique_by=lambda r: r[0]
)


@given(readings=readings, cuts=st.sets(st.integers(1, 29)), order=st.randoms(), is_register=st.booleans())
def test_pieces_that_do_not_overlap_join_to_the_whole(
    readings: list[tuple[int, int]], cuts: set[int], order: random.Random, is_register: bool
) -> None:
    readings.sort()
    measurand = REGISTER if is_register else POWER
    whole = _of(readings, measurand)
    ends = [0, *sorted(cut for cut in cuts if cut < len(readings)), len(readings)]
    pieces = [_of(readings[a:b], measurand) for a, b in itertools.pairwise(ends)]
    in_order = reduce(lambda a, b: join(a, b, is_register=is_register), pieces)
    assert in_order._replace(blocks=1) == whole
    order.shuffle(pieces)
    joined: Bucket | None = pieces[0]
    for piece in pieces[1:]:
        joined = joined and join_any(joined, piece, is_register=is_register)
    assert joined is None or joined == in_order
    again = bucket_of_all([([_curve(readings, measurand)] * 2, 0, "deadband-1")] * 2, (measurand, ""), T0_MS)
    assert again is not None
    assert again == whole._replace(blocks=2), "a reading that came twice counts once"


def _curve(readings: list[tuple[int, int]], measurand: Measurand) -> Curve:
    times = [T0_MS + at for at, _ in readings]
    return Curve(measurand, None, ReadingContext.OTHER, "tx-1", times, [value for _, value in readings])


def _of(readings: list[tuple[int, int]], measurand: Measurand) -> Bucket:
    return only(_curve(readings, measurand))
