"""A reservation that nobody used has a bill of its own, which the hub takes as any other, once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import structs
from sqlalchemy import select

from cloud.cdrs.api import Cdr as ShownCdr
from cloud.cdrs.queries import CdrQuery, many, shown
from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from cloud.store.tables import posting_legs, sessions
from protocols.money import Price
from protocols.ocpi.cdr import ChargingPeriod
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import CdrIssued, Entry, MoneyBody, PostingLeg, PostingMade
from tests.cloud.samples import EPOCH, batch, cdr, minute

COST = Price(excl_vat=Decimal("6.00"), incl_vat=Decimal("7.20"))
BILL = structs.replace(
    cdr(1),
    session_id="edge-1-0f6f1f6e-r7",
    meter_stop_wh=cdr(1).meter_start_wh,
    total_energy_wh=0,
    total_time_s=0,
    charging_periods=(ChargingPeriod(start_date_time=minute(0), reservation_time_s=3600),),
    lines=(),
    total_cost=COST,
    stop_reason="ReservationExpired",
    total_reservation_time_s=3600,
    total_reservation_cost=COST,
)
POSTING = PostingMade(
    posting_id="p-1",
    key=f"cdr:{BILL.id}",
    cdr_id=BILL.id,
    currency="EUR",
    legs=(
        PostingLeg(account="customer:C", amount=Decimal("7.20")),
        PostingLeg(account="revenue:charging", amount=Decimal("-6.00")),
        PostingLeg(account="vat:20", amount=Decimal("-1.20")),
    ),
)


async def rows(store: Store, table: Any) -> list[Any]:
    async with store.read() as connection:
        return list((await connection.execute(select(table))).mappings())


async def test_it_is_there_once_and_shown_whole(store: Store) -> None:
    bodies: tuple[MoneyBody, ...] = (CdrIssued(cdr=BILL), POSTING)
    entries = [Entry(stream=Stream.MONEY, seq=seq, at=minute(seq), body=body) for seq, body in enumerate(bodies, 1)]
    for _ in range(2):
        stored = await store_batch(store, EdgeAddress(0, "edge-1"), batch(entries, EPOCH), minute(120))
        assert (stored.ack.seq, stored.dead) == (2, 0)
    async with store.read() as connection:
        (bill,) = (await connection.execute(many(0, CdrQuery()))).mappings()
    told = ShownCdr.model_validate_json(shown(bill))
    assert told.total_reservation_cost == COST
    assert told.charging_periods[0].reservation_time_s == 3600
    (session,) = await rows(store, sessions)
    assert (session["id"], session["status"], session["stop_reason"]) == (
        BILL.session_id,
        "COMPLETED",
        "ReservationExpired",
    )
    assert sum(leg["amount"] for leg in await rows(store, posting_legs)) == 0
