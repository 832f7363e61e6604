"""A bill that was decided upon at the site: credit and new bill do not contradict; the session shows what holds."""

from __future__ import annotations

from typing import Any

from msgspec import structs
from sqlalchemy import select

from cloud.cdrs.api import Cdr as ShownCdr
from cloud.cdrs.queries import CdrQuery, many, shown
from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from cloud.store.tables import alarms, posting_legs, sessions
from edge.domain.accounts import post_cdr
from edge.domain.rerating import credit_of
from protocols.money import Price
from protocols.ocpi.cdr import Cdr
from protocols.sync.corrections import BillDecided
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import CdrIssued, CdrQuarantined, Entry, MoneyBody
from protocols.terms import BillDecision
from tests.cloud.samples import EPOCH, batch, cdr, minute

FIRST = cdr(1)
CREDIT = credit_of(FIRST, "edge-1-c")
OTHER = Price(excl_vat=FIRST.total_cost.excl_vat - 1, incl_vat=FIRST.total_cost.incl_vat - 1)
SECOND = structs.replace(FIRST, id="edge-1-n", replaces=FIRST.id, total_cost=OTHER, lines=())


def decided(decision: BillDecision, credit: Cdr | None = None, new: Cdr | None = None) -> BillDecided:
    return BillDecided(
        cdr_id=FIRST.id,
        session_id=FIRST.session_id,
        decision=decision,
        reason="r",
        by="anna",
        credit_cdr_id=credit.id if credit else None,
        new_cdr_id=new.id if new else None,
    )


async def told(store: Store, *bodies: MoneyBody, at_once: bool = True) -> tuple[dict[str, str], Any]:
    """What became of the bills, and the session. The entries come twice."""
    entries = [Entry(stream=Stream.MONEY, seq=seq, at=minute(seq), body=body) for seq, body in enumerate(bodies, 1)]
    batches = [entries] if at_once else [[entry] for entry in entries]
    for epoch in (EPOCH, "f" * 32):  # the edge was restored from a backup, and tells all once more
        for each in batches:
            stored = await store_batch(store, EdgeAddress(0, "edge-1"), batch(each, epoch), minute(120))
            assert stored.dead == 0
    async with store.read() as connection:
        assert list(await connection.execute(select(alarms))) == []
        rows = list((await connection.execute(many(0, CdrQuery(limit=500)))).mappings())
        (session,) = list((await connection.execute(select(sessions))).mappings())
        legs = list((await connection.execute(select(posting_legs))).mappings())
    assert sum(leg["amount"] for leg in legs) == 0
    for row in rows:
        told = ShownCdr.model_validate_json(shown(row))
        assert told.status == row["status"]
        assert (told.decision is None) == (row["status"] in ("issued", "credit", "quarantined"))
    return {row["id"]: row["status"] for row in rows}, session


async def test_a_corrected_bill_leaves_the_new_one_in_force(store: Store) -> None:
    correction = decided(BillDecision.CORRECTED, CREDIT, SECOND)
    bodies = (CdrIssued(cdr=FIRST), correction, CdrIssued(cdr=CREDIT), post_cdr(CREDIT, "p-2"), CdrIssued(cdr=SECOND))
    for at_once in (True, False):
        states, session = await told(store, *bodies, at_once=at_once)
        assert states == {FIRST.id: "corrected", CREDIT.id: "credit", SECOND.id: "issued"}
        assert (session["cdr_id"], session["cost_incl_vat"]) == (SECOND.id, OTHER.incl_vat)


async def test_a_credited_bill_leaves_none_in_force(store: Store) -> None:
    correction = decided(BillDecision.CREDITED, CREDIT)
    states, session = await told(store, CdrIssued(cdr=FIRST), correction, CdrIssued(cdr=CREDIT))
    assert states == {FIRST.id: "credited", CREDIT.id: "credit"}
    assert (session["cdr_id"], session["cost_incl_vat"], session["status"]) == (None, None, "COMPLETED")


async def test_a_quarantined_bill_is_accepted(store: Store) -> None:
    kept_back = CdrQuarantined(cdr=structs.replace(FIRST, quarantine=("why",)))
    accepted = structs.replace(FIRST, id="edge-1-n", replaces=FIRST.id)
    states, session = await told(
        store, kept_back, decided(BillDecision.ACCEPTED, new=accepted), CdrIssued(cdr=accepted)
    )
    assert states == {FIRST.id: "accepted", accepted.id: "issued"}
    assert (session["cdr_id"], session["status"]) == (accepted.id, "COMPLETED")
