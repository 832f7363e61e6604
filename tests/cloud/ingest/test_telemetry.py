"""Readings at the hub: kept once, as blocks, and what they come to is true however they come."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import Table, delete, func, insert, select

from cloud.ingest import old_quarters, telemetry
from cloud.ingest.batches import Stored, store_batch
from cloud.ingest.forks import REASON
from cloud.ingest.presence import store_birth
from cloud.ingest.rollups import days_in
from cloud.store.curves import MILLISECOND
from cloud.store.engine import Store
from cloud.store.tables import alarms, dead_letters, entries, feed, sessions, stream_positions
from cloud.store.telemetry_tables import days, entry_of, hours, quarter_hours, telemetry_blocks
from protocols.sync.blocks import Curve, TelemetryBlock, packed
from protocols.sync.codec import encode_entry
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import Entry, MeterValuesSampled, SampledValue
from protocols.terms import Measurand, ReadingContext
from tests.cloud.samples import EDGE, EPOCH, NEXT_EPOCH, T0, batch, birth, minute, telemetry_journal

NOW: Final = minute(120)
QUARTER: Final = timedelta(minutes=15)
_names = itertools.count()

Told = tuple[float, int]
"""Minutes after T0, and the value."""


def curve(told: Sequence[Told], measurand: Measurand, transaction: str | None = "tx-1") -> Curve:
    times = [round((minute(at).timestamp()) * 1_000) for at, _ in told]
    return Curve(measurand, None, ReadingContext.SAMPLE_PERIODIC, transaction, times, [value for _, value in told])


def block(*curves: Curve, station: str = "CP-1", dropped: int = 3, filter_name: str = "deadband-1") -> TelemetryBlock:
    first_ms = min(each.times_ms[0] for each in curves)
    return TelemetryBlock(
        station_id=station,
        evse_id=1,
        begins_at=datetime.fromtimestamp(first_ms // 900_000 * 900, UTC),
        samples=sum(len(each.values) for each in curves),
        dropped=dropped,
        filter=filter_name,
        data=packed(curves),
    )


def journal(*bodies: TelemetryBlock, first_seq: int = 1) -> list[Entry]:
    return [
        Entry(stream=Stream.TELEMETRY, seq=seq, at=minute(seq), body=body) for seq, body in enumerate(bodies, first_seq)
    ]


async def deliver(store: Store, told: Sequence[Entry], address: EdgeAddress = EDGE, epoch: str = EPOCH) -> Stored:
    return await store_batch(store, address, batch(told, epoch), NOW)


async def rows(store: Store, table: Table, address: EdgeAddress = EDGE) -> list[dict[str, Any]]:
    query = select(table).where(table.c.edge_id == address.edge_id)
    async with store.read() as connection:
        found = [dict(row) for row in (await connection.execute(query)).mappings()]
    for row in found:
        del row["edge_id"]
    names = ("begins_at", "station_id", "measurand", "phase", "epoch", "seq")
    return sorted(found, key=lambda row: [str(row.get(name)) for name in names])


POWER, REGISTER = Measurand.POWER, Measurand.ENERGY_REGISTER


async def test_a_block_is_kept_as_it_came_and_once(store: Store) -> None:
    told = journal(*(block(curve([(15 * n, 7_000 + n)], POWER)) for n in range(6)))
    assert (await deliver(store, told[:4])).new == 4
    again = await deliver(store, told[2:])
    assert (again.new, again.duplicates, again.ack.seq) == (2, 2, 6)
    kept = await rows(store, telemetry_blocks)
    assert [entry_of(row["head"], row["data"]).encode() for row in kept] == [encode_entry(entry) for entry in told]
    assert all('"data":""' in row["head"] for row in kept)
    async with store.read() as connection:
        for table in (entries, feed, sessions, alarms, dead_letters):
            assert await connection.scalar(select(func.count()).select_from(table)) == 0, table.name
    assert [row["samples"] for row in await rows(store, quarter_hours)] == [1] * 6


async def test_readings_of_contract_1_0_are_taken_alike(store: Store) -> None:
    told = telemetry_journal(20)
    await deliver(store, told[:9])
    await deliver(store, told[9:])
    kept = await rows(store, telemetry_blocks)
    assert [entry_of(row["head"], row["data"]).encode() for row in kept] == [encode_entry(entry) for entry in told]
    registers = [row for row in await rows(store, quarter_hours) if row["measurand"] == REGISTER]
    assert [(row["begins_at"], row["samples"], row["blocks"], row["last"]) for row in registers] == [
        (T0, 14, 14, 1_000 + 180 * 14),
        (T0 + QUARTER, 6, 6, 1_000 + 180 * 20),
    ]
    (hour,) = [row for row in await rows(store, hours) if row["measurand"] == REGISTER]
    assert (hour["gained_wh"], hour["samples"], hour["filters"]) == (180 * 19, 20, "deadband-1")


async def test_an_entry_may_bring_the_last_reading_before_a_long_silence(store: Store) -> None:
    """Also one of months ago, and also where another block comes into its quarter."""
    silence = timedelta(days=100)
    (entry,) = telemetry_journal(1)
    assert isinstance(entry.body, MeterValuesSampled)
    old, new = (SampledValue(POWER, value, after_ms=after) for value, after in ((5, 0), (6, silence // MILLISECOND)))
    body = structs.replace(entry.body, samples=(old, new))
    assert (await deliver(store, [structs.replace(entry, body=body)])).dead == 0
    await deliver(store, journal(block(curve([(0, 3), (2, 4)], POWER)), first_seq=2))
    told = [(row["begins_at"], row["samples"]) for row in await rows(store, quarter_hours)]
    assert told == [(T0, 3), (T0 + silence, 1)]


async def test_a_bucket_says_from_what_it_was_made(store: Store) -> None:
    await deliver(
        store,
        journal(
            block(curve([(0, 5), (5, 6)], POWER), dropped=3),
            block(curve([(6, 7), (10, 9)], POWER), dropped=4, filter_name="deadband-1+2"),
        ),
    )
    (row,) = await rows(store, quarter_hours)
    shown = {name: row[name] for name in ("samples", "blocks", "dropped", "filters", "first", "last", "updated_at")}
    assert shown == {
        "samples": 4,
        "blocks": 2,
        "dropped": 7,
        "filters": "deadband-1,deadband-1+2",
        "first": 5,
        "last": 9,
        "updated_at": NOW,
    }


def at_second(told: tuple[int, int]) -> int:
    return told[0]


pieces = st.lists(
    st.tuples(
        st.integers(0, 4 * 24 * 2 - 1),  # the quarter, of two days and a half
        st.lists(st.tuples(st.integers(0, 899), st.integers(0, 20_000)), min_size=1, max_size=5, unique_by=at_second),
        st.sampled_from(["tx-1", "tx-2", None]),
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=pieces, order=st.randoms(), sizes=st.lists(st.integers(1, 5), max_size=8))
async def test_rollups_do_not_depend_on_the_order_in_which_blocks_come(
    store: Store, told: list[tuple[int, list[Told], str | None]], order: Any, sizes: list[int]
) -> None:
    """Late, early, of the past, overlapping, one by one or together: hours and days are those of the quarters."""
    blocks = []
    for quarter, seconds, transaction in told:
        readings = sorted((15 * quarter + second / 60, value) for second, value in seconds)
        blocks.append(
            block(
                curve(readings, POWER, transaction), curve(readings, REGISTER, transaction), station="CP-9", dropped=1
            )
        )
    blocks.sort(key=lambda each: each.begins_at)
    shuffled = list(blocks)
    order.shuffle(shuffled)
    ordered, mixed = (EdgeAddress(0, f"edge-{next(_names)}") for _ in range(2))
    for address in (ordered, mixed):
        await store_birth(store, address, birth(address, site="site-x"), minute(0), is_first=True)
    await deliver(store, journal(*blocks), ordered)
    at = 0
    for size in [*sizes, len(shuffled)]:
        if part := shuffled[at : at + size]:
            await deliver(store, journal(*part, first_seq=at + 1), mixed)
        at += size
    for table in (quarter_hours, hours, days):
        expected = await rows(store, table, ordered)
        assert await rows(store, table, mixed) == expected, table.name
        assert _sums(expected) == _sums(await rows(store, quarter_hours, ordered))
    day = days_in(ZoneInfo("Europe/Berlin"))
    assert {row["begins_at"] for row in await rows(store, days, mixed)} == {day(each.begins_at) for each in blocks}


def _sums(found: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in found:
        sums[row["measurand"]][0] += row["samples"]
        sums[row["measurand"]][1] += row["blocks"]
    return {measurand: (samples, blocks) for measurand, (samples, blocks) in sums.items()}


async def test_a_day_is_the_sites(store: Store) -> None:
    """Berlin, UTC+1 in March: T0 is 08:00Z, so midnight is fifteen hours later. Also over the change to summer."""
    await store_birth(store, EDGE, birth(), minute(0), is_first=True)
    march_29 = (datetime(2026, 3, 29, 12, tzinfo=UTC) - T0) / timedelta(minutes=1)
    told = [block(curve([(at, 1)], POWER)) for at in (14 * 60, 15 * 60, 38 * 60, march_29)]
    await deliver(store, journal(*told))
    assert [(row["begins_at"], row["samples"]) for row in await rows(store, days)] == [
        (datetime(2026, 3, 1, 23, tzinfo=UTC), 1),
        (datetime(2026, 3, 2, 23, tzinfo=UTC), 2),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 1),
    ]
    assert days_in(ZoneInfo("Europe/Berlin"))(datetime(2026, 3, 29, 22, tzinfo=UTC)).hour == 22


async def test_what_an_edge_tells_again_in_another_epoch_is_no_new_reading(store: Store) -> None:
    """After a restore it may tell its journal anew: the quarter is made from the readings, and each counts once."""
    told = journal(block(curve([(0, 100), (5, 400)], REGISTER)), block(curve([(16, 900)], REGISTER)))
    await deliver(store, told)
    before = [await rows(store, table) for table in (quarter_hours, hours, days)]
    await deliver(store, told, epoch=NEXT_EPOCH)
    for table, was in zip((quarter_hours, hours, days), before, strict=True):
        now = await rows(store, table)
        names = ("samples", "first", "last", "gained_wh", "minimum", "maximum")
        assert [[row[name] for name in names] for row in now] == [[row[name] for name in names] for row in was]


async def test_entries_that_are_here_are_not_added_when_the_hub_asks_again(store: Store) -> None:
    """The position went back behind them, as it does when a part of the database was restored."""
    told = journal(*(block(curve([(15 * n, n), (15 * n + 1, n)], POWER)) for n in range(4)))
    await deliver(store, told)
    before = [await rows(store, table) for table in (telemetry_blocks, quarter_hours, hours, days)]
    async with store.write() as connection:
        await connection.execute(stream_positions.update().values(seq=1, stamp=None))
        await connection.execute(delete(telemetry_blocks).where(telemetry_blocks.c.seq == 3))
        await connection.execute(delete(quarter_hours).where(quarter_hours.c.begins_at == T0 + 2 * QUARTER))
    assert (await deliver(store, told[1:])).ack.seq == 4
    assert [await rows(store, table) for table in (telemetry_blocks, quarter_hours)] == before[:2]


async def test_a_clones_block_is_kept_apart(store: Store) -> None:
    mine, other = (journal(block(curve([(0, value)], POWER))) for value in (1, 2))
    await deliver(store, mine)
    stored = await deliver(store, [*other, *journal(block(curve([(15, 5)], POWER)), first_seq=2)])
    assert (stored.is_foreign, stored.dead) == (True, 2)
    async with store.read() as connection:
        assert set((await connection.execute(select(dead_letters.c.reason))).scalars()) == {REASON}
    assert [row["last"] for row in await rows(store, quarter_hours)] == [1]


@pytest.mark.parametrize(
    "change",
    [
        {"data": "AAAA"},
        {"data": "not base64"},
        {"samples": 7},
        {"dropped": -1},
        {"evse_id": 2**31},
        {"station_id": "X" * 300},
    ],
)
async def test_a_block_that_cannot_be_read_is_a_dead_letter(store: Store, change: dict[str, Any]) -> None:
    good = block(curve([(0, 1)], POWER))
    told = journal(good, structs.replace(good, **change), block(curve([(1, 5)], POWER)))
    stored = await deliver(store, told)
    assert (stored.new, stored.dead, stored.ack.seq) == (2, 1, 3)
    assert [letter.seq for letter in stored.ack.rejected] == [2]
    (row,) = await rows(store, quarter_hours)
    assert (row["samples"], row["last"]) == (2, 5)


async def test_readings_in_another_stream_are_a_dead_letter(store: Store) -> None:
    """Their numbers would be those of other entries."""
    entry = structs.replace(journal(block(curve([(0, 1)], POWER)))[0], stream=Stream.EVENT)
    assert (await deliver(store, [entry])).dead == 1


async def test_old_readings_go_and_what_they_came_to_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    told = journal(*(block(curve([(15 * n, n), (15 * n + 1, n)], POWER)) for n in range(4)))
    await deliver(store, told[:2])
    async with store.write() as connection:
        await connection.execute(telemetry_blocks.update().values(received_at=minute(0)))
        for entry in telemetry_journal(4):  # of a hub before there were blocks
            raw = encode_entry(entry).decode()
            key = {"domain": 0, "edge_id": "edge-old", "epoch": EPOCH, "stream": "telemetry", "seq": entry.seq}
            await connection.execute(insert(entries).values(**key, raw=raw))
        position = {**key, "seq": 4, "dead": 0, "updated_at": minute(4)}
        await connection.execute(insert(stream_positions).values(**position))
    await deliver(store, told[2:])
    before = [await rows(store, table) for table in (quarter_hours, hours, days)]
    monkeypatch.setattr(telemetry, "PRUNE_ROWS", 2)
    steps = 1
    while await telemetry.prune(store, minute(3)):
        steps += 1
    assert steps == 3, "two blocks, two entries, and nothing more"
    assert [row["seq"] for row in await rows(store, telemetry_blocks)] == [3, 4]
    assert [row["seq"] for row in await rows(store, entries, EdgeAddress(0, "edge-old"))] == [3, 4]
    assert [await rows(store, table) for table in (quarter_hours, hours, days)] == before
    assert (await deliver(store, told)).new == 0
    crossing = journal(block(curve([(0.5, 99)], POWER)), first_seq=5)
    await deliver(store, crossing)
    assert await rows(store, quarter_hours) == before[0], "its other readings are gone: what they came to stays"


async def test_old_quarters_go_and_hours_and_days_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """EVSE by EVSE, some a step; what is very old in several rounds."""
    monkeypatch.setattr(old_quarters, "PLACES_A_STEP", 2)
    monkeypatch.setattr(old_quarters, "LONGEST_STEP", timedelta(minutes=30))
    stations = ("CP-1", "CP-2", "CP-3")
    told = [block(curve([(15 * n, n)], POWER), station=station) for n in range(8) for station in stations]
    told.append(block(curve([(15 * 7, 7)], POWER), station="CP-4"))
    await deliver(store, journal(*told))
    before = [await rows(store, table) for table in (hours, days)]

    async def one_round() -> list[int]:
        place, steps = await old_quarters.prune(store, T0 + 5 * QUARTER, None), 1
        while place is not None:
            place, steps = await old_quarters.prune(store, T0 + 5 * QUARTER, place), steps + 1
        assert steps == 3
        left = await rows(store, quarter_hours)
        return [sum(row["station_id"] == station for row in left) for station in (*stations, "CP-4")]

    assert await one_round() == [6, 6, 6, 1]
    assert await one_round() == [4, 4, 4, 1]
    assert await one_round() == [3, 3, 3, 1]
    assert await one_round() == [3, 3, 3, 1]
    assert [await rows(store, table) for table in (hours, days)] == before
