"""An edge whose ledger was lost and restored from a copy tells all once more under a new epoch: no money is lost at the
hub, and none is there twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from cloud.store.tables import cdrs, posting_legs, sessions
from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.ledger.backup import back_up, put_back
from edge.ledger.bill_tables import bill_record
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.ports import Commit
from protocols.sync.codec import decode_batch, encode_batch
from protocols.sync.topics import EdgeAddress, Stream
from protocols.terms import BillDecision
from tests.edge.domain.site_kit import START, Play, new_site, number

HUB_TIME = START + timedelta(days=2)


def played(ledger: Ledger, hours: int) -> Play:
    """The site as the ledger has it, at an hour of its own."""
    play = Play(site=restore(ledger, new_site().rules), now=START + timedelta(hours=hours))
    play.site.tokens.site.update(new_site().tokens.site)
    return play


async def kept(ledger: Ledger, play: Play) -> None:
    """Commit what was played since."""
    open_ones = list(play.site.transactions.values())
    await ledger.commit(Commit(entries=play.entries, checkpoints=open_ones))
    play.entries.clear()


async def tell(store: Store, ledger: Ledger) -> None:
    """All that the edge has, in batches as it sends them."""
    for stream in Stream:
        rows = await ledger.read(stream, 0, 500, 1 << 24)
        if rows:
            payload = encode_batch(ledger.epoch, stream, rows[0][0], [body for _, body in rows])
            stored = await store_batch(store, EdgeAddress(0, "edge-1"), decode_batch(payload), HUB_TIME)
            assert stored.dead == 0


def charge(play: Play, wh: int) -> None:
    begun = number(play.start(1000))
    play.after(30)
    play.stop(begun, 1000 + wh)


async def test_no_money_is_lost_and_none_is_there_twice(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as ledger:
        play = played(ledger, 0)
        play.connect()
        charge(play, 1000)
        begun = number(play.start(1000, evse=2))
        await kept(ledger, play)
        await tell(store, ledger)
        copy, _ = back_up(path, tmp_path / "copies", HUB_TIME)
        play.after(60)
        play.stop(begun, 3000)  # billed, told, and lost with the ledger
        charge(play, 500)
        ended = list(play.entries)
        await kept(ledger, play)
        await tell(store, ledger)
    assert ended
    await asyncio.to_thread(put_back, copy, path, "edge-1", HUB_TIME, is_foreign=False)
    with Ledger(path, "edge-1") as ledger:
        play = played(ledger, 5)
        play.connect()
        (still_open,) = play.site.transactions.values()
        of_it = sessions.c.id == still_open.transaction_id
        play.stop(begun, 3000)  # the station was not answered, and says it once more
        charge(play, 700)
        await kept(ledger, play)
        await tell(store, ledger)
        await tell(store, ledger)
        async with store.read() as connection:
            session = (
                await connection.execute(select(sessions).where(sessions.c.id == still_open.transaction_id))
            ).one()
            bills = (await connection.execute(select(cdrs.c.id, cdrs.c.status, cdrs.c.session_id))).all()
        assert (session.status, session.cost_incl_vat) == ("COMPLETED", Decimal("1.19"))  # 2 kWh, as before
        assert sorted(bill.status for bill in bills) == ["issued", "issued", "issued", "issued", "quarantined"]
        assert len({bill.session_id for bill in bills if bill.status == "issued"}) == 4
        waiting = next(bill for bill in bills if bill.status == "quarantined")
        assert waiting.session_id == still_open.transaction_id
        record = bill_record(ledger.connection, waiting.id)
        assert record is not None
        play.site.bills.keep(record)
        asked = BillDecisionAsked(
            cdr_id=waiting.id, decision=BillDecision.WRITTEN_OFF, reason="the hub has billed it", by="anna"
        )
        assert isinstance(play.tell(asked).reply, BillSettled)
        await kept(ledger, play)
        await tell(store, ledger)
    async with store.read() as connection:
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for leg in (await connection.execute(select(posting_legs))).all():
            sums[leg.account] += leg.amount
        session = (await connection.execute(select(sessions).where(of_it))).one()
    assert sums["revenue:charging"] == -Decimal("2.10")  # 1.0 + 2.0 + 0.5 + 0.7 kWh at 0.50
    assert sum(sums.values()) == 0
    assert (session.status, session.cost_incl_vat) == ("COMPLETED", Decimal("1.19"))
