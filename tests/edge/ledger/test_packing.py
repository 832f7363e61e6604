"""Every reading that was kept is in exactly one block, whatever comes late, breaks off or is set back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from edge.domain.decide import decide
from edge.domain.events import Refused, SiteEvent, SiteReply
from edge.domain.telemetry_events import ReadingsPacked
from edge.ledger import bill_reading, packing, readings
from edge.ledger.ledger import Ledger
from edge.ledger.packing import Packer, blocks_of, groups, quarter_of
from edge.ledger.readings import Waiting
from edge.ports import Commit, OnReply, Overloaded
from protocols.charger.commands import Acknowledged
from protocols.sync.blocks import TelemetryBlock, curves_in
from protocols.sync.codec import decode_entry
from protocols.sync.topics import Stream
from protocols.sync.up import MeterValuesSampled, SampledValue
from protocols.terms import Measurand, ReadingContext
from tests.edge.domain.site_kit import START, new_site
from tests.edge.ledger.conftest import LedgerPlay
from tests.kit import wait_until

QUARTER = timedelta(minutes=15)
SECOND = timedelta(seconds=1)
Reading = tuple[str, int, str | None, Measurand, str | None, ReadingContext, datetime, int, str]


class Deciding:
    """The agent's part in it: decides and commits. `fails` says how often it does not."""

    def __init__(self, ledger: Ledger, now: datetime) -> None:
        self.ledger = ledger
        self.site = new_site()
        self.site.last_seq[Stream.TELEMETRY] = ledger.last_seq(Stream.TELEMETRY)
        self.now = now
        self.fails: list[type[Exception] | Refused] = []
        self.events: list[ReadingsPacked] = []

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: object = None) -> None:
        raise AssertionError

    async def ask(self, event: SiteEvent) -> SiteReply:
        if self.fails:
            failure = self.fails.pop()
            if isinstance(failure, Refused):
                return failure
            raise failure
        assert isinstance(event, ReadingsPacked)
        self.events.append(event)
        decision = decide(self.site, event, self.now)
        await self.ledger.commit(Commit(entries=decision.entries, packed=decision.packed))
        return Acknowledged()

    def packer(self) -> Packer:
        return Packer(self.ledger, self, lambda: self.now, pause_s=0)


def kept(
    at: datetime, *values: int, station: str = "A", named: str = "deadband-1", dropped: int = 0
) -> MeterValuesSampled:
    samples = tuple(SampledValue(Measurand.POWER, value, after_ms=1000 * n) for n, value in enumerate(values))
    return MeterValuesSampled(
        station_id=station, evse_id=1, transaction_id="tx", at=at, samples=samples, filter=named, dropped=dropped
    )


def keep(ledger: Ledger, *told: MeterValuesSampled) -> None:
    asyncio.run(ledger.commit(Commit(readings=told)))


def pack(ledger: Ledger, now: datetime) -> Deciding:
    deciding = Deciding(ledger, now)
    asyncio.run(deciding.packer().pack(quarter_of(now - packing.GRACE)))
    return deciding


def blocks(ledger: Ledger) -> list[TelemetryBlock]:
    rows = asyncio.run(ledger.read(Stream.TELEMETRY, 0, 10**6, 10**9))
    bodies = [decode_entry(row).body for _, row in rows]
    return [body for body in bodies if isinstance(body, TelemetryBlock)]


def values(block: TelemetryBlock) -> list[int]:
    return [value for curve in curves_in(block) for value in curve.values]


def in_block(block: TelemetryBlock) -> Iterator[Reading]:
    for curve in curves_in(block):
        for at_ms, value in zip(curve.times_ms, curve.values, strict=True):
            at = datetime.fromtimestamp(at_ms / 1000, START.tzinfo)
            assert block.begins_at <= at < block.begins_at + QUARTER
            about = (curve.measurand, curve.phase, curve.context)
            yield (block.station_id, block.evse_id, curve.transaction_id, *about, at, value, block.filter)


def in_row(body: MeterValuesSampled) -> Iterator[Reading]:
    for sample in body.samples:
        at = body.at + timedelta(milliseconds=sample.after_ms)
        about = (sample.measurand, sample.phase, sample.context)
        yield (body.station_id, body.evse_id, body.transaction_id, *about, at, sample.value, body.filter)


def left(ledger: Ledger) -> int:
    (count,) = ledger.connection.execute("SELECT COUNT(*) FROM readings").fetchone()
    return int(count)


def test_a_quarter_that_is_over_becomes_a_block_of_each_evse(ledger: Ledger) -> None:
    for minute in range(20):
        keep(ledger, kept(START + minute * 60 * SECOND, minute, dropped=2), kept(START, 7, station="B"))
    pack(ledger, START + QUARTER + 29 * SECOND)
    assert blocks(ledger) == [], "some of it may still come"
    pack(ledger, START + QUARTER + 30 * SECOND)
    a, b = blocks(ledger)
    assert (a.station_id, a.begins_at, a.samples, a.dropped, values(a)) == ("A", START, 15, 30, list(range(15)))
    assert (b.station_id, b.samples) == ("B", 20)
    assert left(ledger) == 5
    pack(ledger, START + 3 * QUARTER)
    assert [values(each) for each in blocks(ledger)[2:]] == [[15, 16, 17, 18, 19]]
    assert left(ledger) == 0


def test_what_comes_late_is_a_further_block_of_its_quarter(ledger: Ledger) -> None:
    keep(ledger, kept(START, 1))
    pack(ledger, START + 2 * QUARTER)
    keep(ledger, kept(START + 60 * SECOND, 2), kept(START + 2 * QUARTER + SECOND, 3))
    pack(ledger, START + 2 * QUARTER + 30 * SECOND)
    assert [(each.begins_at, values(each)) for each in blocks(ledger)] == [(START, [1]), (START, [2])]
    assert left(ledger) == 1


def test_a_message_that_spans_quarters_is_divided_and_goes_at_once(ledger: Ledger) -> None:
    keep(ledger, kept(START + QUARTER - SECOND, 1, 2, 3, dropped=5))
    pack(ledger, START + QUARTER + 60 * SECOND)
    assert (blocks(ledger), left(ledger)) == ([], 1), "its last reading is of a quarter that is not over"
    pack(ledger, START + 3 * QUARTER)
    told = [(each.begins_at, values(each), each.dropped) for each in blocks(ledger)]
    assert told == [(START, [1], 5), (START + QUARTER, [2, 3], 0)]
    assert left(ledger) == 0


def test_a_block_has_one_filter_and_no_more_readings_than_fit(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_SAMPLES", 3)
    keep(ledger, kept(START, 1, 2), kept(START, 3, named="x+1"), kept(START + 5 * SECOND, 4, 5))
    pack(ledger, START + 2 * QUARTER)
    assert sorted((each.filter, values(each)) for each in blocks(ledger)) == [
        ("deadband-1", [1, 2, 4]),
        ("deadband-1", [5]),
        ("x+1", [3]),
    ]


def test_nobody_waits_for_a_time_that_was_set_back(ledger: Ledger) -> None:
    keep(ledger, kept(START + timedelta(days=3), 1), kept(START + QUARTER, 2))
    pack(ledger, START + 60 * SECOND)
    assert [(each.begins_at, values(each)) for each in blocks(ledger)] == [(START + timedelta(days=3), [1])]


def test_what_waits_is_packed_after_a_start_and_numbers_are_not_given_twice(ledger: Ledger, tmp_path: Path) -> None:
    keep(ledger, kept(START, 1), kept(START + SECOND, 2))
    ledger.close()
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as again:
        keep(again, kept(START + 2 * SECOND, 3))
        pack(again, START + 2 * QUARTER)
        assert [values(each) for each in blocks(again)] == [[1, 2, 3]]


def test_the_register_of_a_bill_is_found_packed_and_waiting(ledger: Ledger) -> None:
    play = LedgerPlay(ledger)
    play.connect()
    play.charge()
    (document,) = bill_reading.newest(ledger.connection, is_waiting=False, limit=1)
    cdr = document.cdr
    register = [SampledValue(Measurand.ENERGY_REGISTER, wh, after_ms=wh) for wh in (1100, 1200)]
    register.append(SampledValue(Measurand.ENERGY_REGISTER, 5, "L1"))
    for n, transaction in enumerate((cdr.session_id, cdr.session_id, "another")):
        body = MeterValuesSampled(
            station_id=cdr.station_id,
            evse_id=cdr.evse_id,
            transaction_id=transaction,
            at=START + n * 60 * SECOND,
            samples=tuple(register),
        )
        keep(ledger, body)
        if n == 0:
            pack(ledger, START + 2 * QUARTER)
    found = bill_reading.register_readings(ledger.connection, cdr)
    assert [each.wh for each in found] == [1100, 1200, 1100, 1200, *[2000] * (len(found) - 4)]
    assert found[0].at == START + timedelta(milliseconds=1100)


async def test_what_cannot_be_decided_now_is_packed_later_and_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "LOOK_EVERY_S", 0.01)
    await ledger.commit(Commit(readings=[kept(START, 1), kept(START, 2, station="B")]))
    deciding = Deciding(ledger, START + 2 * QUARTER)
    deciding.fails = [sqlite3.OperationalError, Overloaded]
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(deciding.packer().run())
        await wait_until(lambda: ledger.last_seq(Stream.TELEMETRY) == 2, 5)
        running.cancel()
    assert left(ledger) == 0
    assert len(deciding.events) == 1


def test_what_is_refused_waits_for_the_next_quarter(ledger: Ledger) -> None:
    keep(ledger, kept(START, 1))
    deciding = Deciding(ledger, START + 2 * QUARTER)
    deciding.fails = [Refused(reason="a fault")]
    asyncio.run(deciding.packer().pack(START + QUARTER))
    assert left(ledger) == 1
    asyncio.run(deciding.packer().pack(START + 2 * QUARTER))
    assert left(ledger) == 0


def test_groups_are_bounded_and_hold_all() -> None:
    found = [Waiting(f"S{n}", 1, [1000 * n + k for k in range(30)]) for n in range(200)]
    found.append(Waiting("LONG", 1, list(range(10**6, 10**6 + 2500))))
    made = list(groups(found))
    assert max(map(len, made)) <= packing.MOST_BLOCKS
    assert max(sum(len(each.numbers) for each in group) for group in made) <= packing.MOST_ROWS
    numbers = [number for group in made for each in group for number in each.numbers]
    assert numbers == [number for each in found for number in each.numbers]


def test_more_than_one_look_takes_is_packed_all_the_same(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "MOST_WAITING", 7)
    for n in range(20):
        keep(ledger, kept(START + n * SECOND, n, station=f"S{n % 3}"))
    pack(ledger, START + 2 * QUARTER)
    assert left(ledger) == 0
    assert sorted(value for each in blocks(ledger) for value in values(each)) == list(range(20))


_rows = some.builds(
    MeterValuesSampled,
    station_id=some.sampled_from(["A", "B"]),
    evse_id=some.integers(0, 2),
    transaction_id=some.sampled_from([None, "t1", "t2"]),
    at=some.integers(0, 4_000_000).map(lambda ms: START + timedelta(milliseconds=ms)),
    samples=some.lists(
        some.builds(
            SampledValue,
            some.sampled_from([Measurand.POWER, Measurand.VOLTAGE]),
            some.integers(-10, 10**12),
            some.sampled_from([None, "L1"]),
            some.sampled_from(ReadingContext),
            some.integers(0, 2_000_000),
        ),
        min_size=1,
        max_size=5,
    ).map(tuple),
    dropped=some.integers(0, 9),
    filter=some.sampled_from(["deadband-1", "deadband-1+2"]),
)
_steps = some.lists(some.one_of(some.lists(_rows, max_size=4), some.integers(0, 6)), max_size=10)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_steps)
def test_each_reading_is_in_exactly_one_block(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[MeterValuesSampled] | int]
) -> None:
    """Kept in any order, packed at any time: a number is a quarter at which somebody packs."""
    told: list[MeterValuesSampled] = []
    with Ledger(tmp_path_factory.mktemp("packing") / "ledger.sqlite", "edge-1") as ledger:
        for step in (*steps, 20):
            if isinstance(step, int):
                pack(ledger, START + step * QUARTER)
            else:
                keep(ledger, *step)
                told += step
        found = blocks(ledger)
        assert left(ledger) == 0
    assert Counter(each for block in found for each in in_block(block)) == Counter(
        each for body in told for each in in_row(body)
    )
    assert sum(each.dropped for each in found) == sum(body.dropped for body in told)


def test_a_curve_is_in_the_order_of_time() -> None:
    late = [
        {
            "at": (START + offset * SECOND).isoformat(),
            "transaction_id": None,
            "samples": [["Voltage", offset, None, "Sample.Periodic", 0]],
            "filter": "f",
            "dropped": 0,
        }
        for offset in (60, 0, 30)
    ]
    (block,) = blocks_of("A", 1, late)
    assert values(block) == [0, 30, 60]
