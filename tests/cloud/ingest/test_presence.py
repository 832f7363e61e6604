"""Births, last wills and live values: the newest news wins, and an old will ends nothing."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import RowMapping, Table, select

from cloud.ingest.batches import store_batch
from cloud.ingest.live_values import LiveValues
from cloud.ingest.presence import forget_presence, store_birth, store_lives, store_state
from cloud.store.engine import Store
from cloud.store.tables import alarms, edge_documents, edges, evses, locations
from protocols.errors import BadEntry
from protocols.sync.present import EdgeState, EvseLive, StreamPosition
from protocols.sync.topics import Stream
from protocols.terms import EvseState
from tests.cloud.samples import EDGE, EPOCH, NEXT_EPOCH, batch, birth, event_journal, location, minute, money_journal

NOW = minute(10)
LIVE = EvseLive(station_id="CP-1", evse_id=1, state=EvseState.CHARGING, power_w=11_000, transaction_id="tx")


def values(evse: EvseLive, at_minute: float) -> LiveValues:
    return LiveValues(evses={(evse.station_id, evse.evse_id): (evse, minute(at_minute))})


async def row_of(store: Store, table: Table, **wanted: object) -> RowMapping:
    async with store.read() as connection:
        query = select(table).where(*(table.c[name] == value for name, value in wanted.items()))
        return (await connection.execute(query)).mappings().one()


async def meet(store: Store, **more: object) -> list[tuple[Stream, int, bool]]:
    is_first = bool(more.pop("is_first", False))
    met = await store_birth(store, EDGE, birth(**more), NOW, is_first=is_first)  # type: ignore[arg-type]
    return [(ack.stream, ack.seq, ack.resend) for ack in met.acks]


async def test_a_birth_makes_the_site_known(store: Store) -> None:
    assert await meet(store, is_first=True) == [(stream, 0, True) for stream in Stream]
    assert (await row_of(store, locations))["name"] == "Yard"
    evse = await row_of(store, evses, station_id="CP-2")
    assert (evse["label"], evse["state"], evse["max_power_w"]) == ("Bay 2", "free", 22_000)


async def test_a_hub_that_knows_less_than_it_acknowledged_asks_for_the_rest(store: Store) -> None:
    await store_batch(store, EDGE, batch(money_journal(1)), NOW)
    even = [StreamPosition(stream=Stream.MONEY, last_seq=9, acked_seq=4)]
    other = [(stream, 0, False) for stream in Stream if stream is not Stream.MONEY]
    assert await meet(store, positions=even) == [(Stream.MONEY, 4, False), *other]
    behind = [StreamPosition(stream=Stream.MONEY, last_seq=9, acked_seq=5)]
    assert (await meet(store, positions=behind))[0] == (Stream.MONEY, 4, True)


async def test_entries_that_the_edge_has_no_more_are_passed_over_with_an_alarm(store: Store) -> None:
    journal = money_journal(3)
    trimmed = [StreamPosition(stream=Stream.MONEY, last_seq=12, acked_seq=0, first_seq=5)]
    for _ in range(2):
        assert (await meet(store, positions=trimmed, is_first=True))[0] == (Stream.MONEY, 4, True)
        alarm = await row_of(store, alarms, alarm="entries_gone")
        assert alarm["severity"] == "critical"
        assert alarm["text"].startswith("Entries 1 to 4 of the money stream")
    stored = await store_batch(store, EDGE, batch(journal[4:]), NOW)
    assert (stored.ack.seq, stored.ack.resend, stored.new) == (12, False, 8)
    assert (await meet(store, positions=trimmed))[0] == (Stream.MONEY, 12, False)


async def test_a_journal_cannot_begin_behind_its_end(store: Store) -> None:
    impossible = [StreamPosition(stream=Stream.MONEY, last_seq=12, acked_seq=0, first_seq=14)]
    with pytest.raises(BadEntry, match="begins behind its end"):
        await meet(store, positions=impossible)


async def test_an_old_birth_that_the_broker_kept_changes_nothing(store: Store) -> None:
    await meet(store, at=minute(5), documents={"tokens": 3})
    await meet(store, at=minute(1), documents={"tokens": 1})
    assert (await row_of(store, edge_documents))["version"] == 3
    assert (await row_of(store, edges))["birth_at"] == minute(5)


async def test_an_evse_that_was_taken_down_goes(store: Store) -> None:
    await meet(store)
    smaller = birth(at=minute(1))
    site = dataclasses.replace(location(), evses=location().evses[:1])
    smaller = dataclasses.replace(smaller, location=site, evses=smaller.evses[:1])
    await store_birth(store, EDGE, smaller, NOW, is_first=False)
    assert (await row_of(store, evses))["station_id"] == "CP-1"


async def test_the_will_of_an_older_epoch_is_ignored(store: Store) -> None:
    await meet(store)
    assert await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH), NOW)
    await meet(store, epoch=NEXT_EPOCH, at=minute(1))
    assert await store_state(store, EDGE, EdgeState(status="online", epoch=NEXT_EPOCH), NOW)
    assert not await store_state(store, EDGE, EdgeState(status="offline", epoch=EPOCH), NOW)
    assert (await row_of(store, edges))["status"] == "online"
    assert await store_state(store, EDGE, EdgeState(status="offline", epoch=NEXT_EPOCH), NOW)
    assert (await row_of(store, edges))["status"] == "offline"


async def test_without_a_broker_nobody_is_called_online(store: Store) -> None:
    await meet(store)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH), NOW)
    await forget_presence(store)
    assert (await row_of(store, edges))["status"] == "unknown"


async def test_an_epoch_that_comes_back_raises_an_alarm(store: Store) -> None:
    """Two agents with one disk's copy take turns."""
    await meet(store)
    await meet(store, epoch=NEXT_EPOCH, at=minute(1))
    await meet(store, at=minute(2))
    assert (await row_of(store, alarms))["alarm"] == "epoch_returned"


async def test_live_values_never_overwrite_newer_ones(store: Store) -> None:
    await meet(store)
    assert await store_lives(store, {(EDGE, EPOCH): values(LIVE, 2)}, NOW) == []
    older = dataclasses.replace(LIVE, power_w=1)
    await store_lives(store, {(EDGE, EPOCH): values(older, 1), (EDGE, "other"): values(older, 9)}, NOW)
    evse = await row_of(store, evses, station_id="CP-1")
    assert (evse["state"], evse["power_w"], evse["as_of"]) == ("charging", 11_000, minute(2))


async def test_a_journal_that_comes_late_does_not_touch_the_present(store: Store) -> None:
    await meet(store)
    free = dataclasses.replace(LIVE, state=EvseState.FREE, power_w=None, transaction_id=None)
    await store_lives(store, {(EDGE, EPOCH): values(free, 9)}, NOW)
    await store_batch(store, EDGE, batch(event_journal()), NOW)
    evse = await row_of(store, evses, station_id="CP-1")
    assert (evse["state"], evse["as_of"], evse["connector_status"]) == ("free", minute(9), "Occupied")


async def test_one_edge_with_impossible_values_does_not_stop_the_others(store: Store) -> None:
    await meet(store)
    impossible = dataclasses.replace(LIVE, power_w=10**30)
    other = dataclasses.replace(EDGE, edge_id="edge-2")
    await store_birth(store, other, birth(other, site="site-2"), NOW, is_first=False)
    lives = {(EDGE, EPOCH): values(impossible, 3), (other, EPOCH): values(LIVE, 3)}
    refused = await store_lives(store, lives, NOW)
    assert len(refused) == 1
    assert (await row_of(store, evses, edge_id="edge-2", station_id="CP-1"))["power_w"] == 11_000
