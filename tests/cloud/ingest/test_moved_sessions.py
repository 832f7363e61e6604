"""A session that moves between the edges of a node is one session, whichever of their journals arrives first."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pytest
from msgspec import structs
from sqlalchemy import select

from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from cloud.store.tables import cdrs, evses, sessions
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import (
    CdrIssued,
    Entry,
    MoneyBody,
    TransactionEnded,
    TransactionHandedOver,
    TransactionMerged,
    TransactionStarted,
    TransactionTakenOver,
)
from tests.cloud.samples import batch, cdr, minute, money_journal

NOW: Final = minute(120)
EPOCHS: Final = {"edge-1": "11111111-1111-4111-8111-111111111111", "edge-2": "22222222-2222-4222-8222-222222222222"}
STARTED, ENDED, _, _ = (entry.body for entry in money_journal(1))
BILL: Final = structs.replace(cdr(1), id="edge-2-cdr-1")
assert isinstance(STARTED, TransactionStarted)
assert isinstance(ENDED, TransactionEnded)
SESSION: Final = STARTED.transaction_id


def given(to: str, moves: int) -> TransactionHandedOver:
    return TransactionHandedOver(
        transaction_id=SESSION, station_id=BILL.station_id, evse_id=1, to_edge_id=to, moves=moves
    )


def taken(moves: int) -> TransactionTakenOver:
    fields = {name: value for name, value in structs.asdict(STARTED).items() if name not in ("is_offline", "kind")}
    return TransactionTakenOver(**fields, start_key="1.1|-|1000|-", moves=moves)


def journal(bodies: Iterable[MoneyBody], begins: float) -> list[Entry]:
    return [
        Entry(stream=Stream.MONEY, seq=seq, at=minute(begins + seq), body=body) for seq, body in enumerate(bodies, 1)
    ]


def merged_orders(first: Sequence[Entry], second: Sequence[Entry]) -> list[list[tuple[str, Entry]]]:
    """All ways in which two journals can arrive, each in its own order."""
    total = len(first) + len(second)
    orders = []
    for places in itertools.combinations(range(total), len(first)):
        mine, theirs = iter(first), iter(second)
        orders.append([("edge-1", next(mine)) if n in places else ("edge-2", next(theirs)) for n in range(total)])
    return orders


async def arrive(store: Store, edge_id: str, *entries: Entry) -> None:
    address = EdgeAddress(0, edge_id)
    stored = await store_batch(store, address, batch(list(entries), EPOCHS[edge_id]), NOW)
    assert (stored.ack.seq, stored.dead) == (entries[-1].seq, 0)


async def rows(store: Store, table: Any) -> list[Any]:
    async with store.read() as connection:
        return list((await connection.execute(select(table))).all())


HOME = journal([STARTED, given("edge-2", 1)], 1)
AWAY = journal([taken(1), ENDED, CdrIssued(cdr=BILL)], 11)


@pytest.mark.parametrize("order", merged_orders(HOME, AWAY))
async def test_one_session_and_one_bill_whatever_arrives_first(store: Store, order: list[tuple[str, Entry]]) -> None:
    for edge_id, entry in order:
        await arrive(store, edge_id, entry)
    (session,) = await rows(store, sessions)
    assert (session.id, session.edge_id, session.status, session.cdr_id) == (SESSION, "edge-2", "COMPLETED", BILL.id)
    assert (session.meter_stop_wh, session.energy_wh) == (ENDED.meter_stop_wh, BILL.total_energy_wh)
    (bill,) = await rows(store, cdrs)
    assert (bill.edge_id, bill.session_id) == ("edge-2", SESSION)
    assert {(evse.edge_id, evse.transaction_id) for evse in await rows(store, evses)} == {
        ("edge-1", None),
        ("edge-2", None),
    }


async def test_the_same_in_two_batches(store: Store) -> None:
    await arrive(store, "edge-2", *AWAY)
    await arrive(store, "edge-1", *HOME)
    (session,) = await rows(store, sessions)
    assert (session.edge_id, session.status) == ("edge-2", "COMPLETED")


@pytest.mark.parametrize("late", [0, 1, 2])
async def test_an_older_move_that_arrives_late_changes_nothing(store: Store, late: int) -> None:
    """There and back again: the other edge's word comes before, between or after."""
    there = journal([taken(1), given("edge-1", 2)], 11)
    home = journal([STARTED, given("edge-2", 1), taken(2), ENDED, CdrIssued(cdr=cdr(1))], 1)
    parts = [home[:2], home[2:]]
    for number in range(3):
        if number == late:
            await arrive(store, "edge-2", *there)
        if number < len(parts):
            await arrive(store, "edge-1", *parts[number])
    (session,) = await rows(store, sessions)
    assert (session.edge_id, session.status, session.moves, session.cdr_id) == ("edge-1", "COMPLETED", 2, cdr(1).id)


async def test_a_session_that_was_another_one_is_invalid_and_has_no_bill(store: Store) -> None:
    merged = TransactionMerged(
        transaction_id=SESSION, into_transaction_id="edge-2-tx-9", station_id=BILL.station_id, evse_id=1
    )
    await arrive(store, "edge-2", *journal([taken(1), merged], 11))
    await arrive(store, "edge-1", *HOME)
    (session,) = await rows(store, sessions)
    assert (session.edge_id, session.status, session.cdr_id) == ("edge-2", "INVALID", None)
    assert session.stop_reason == "Merged into edge-2-tx-9"
