"""Bills in the ledger: what is decided upon them survives, happens once, and cannot be written twice."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.domain.bill_book import BillRecord
from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.events import Refused, SiteReply
from edge.domain.past import PastKey
from edge.ledger import bill_reading
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.metrics import AgentMetrics
from protocols.charger.events import MeterValuesReported
from protocols.terms import BillDecision
from tests.edge.domain.site_kit import START, new_site, number, register
from tests.edge.ledger.conftest import LedgerPlay


def asked(cdr_id: str, decision: BillDecision = BillDecision.CREDITED, **more: Any) -> BillDecisionAsked:
    return BillDecisionAsked(cdr_id=cdr_id, decision=decision, reason="r", by="anna", second_by="bert", **more)


async def told(ledger: Ledger, *events: BillDecisionAsked) -> list[SiteReply]:
    """By an agent that knows nothing but the ledger, all at once."""
    site = restore(ledger, new_site().rules)
    agent = Agent(site, ledger, lambda: START + timedelta(days=1), AgentMetrics(CollectorRegistry()))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(agent.run())
        asking = [tasks.create_task(agent.ask(event)) for event in events]
        replies = [await each for each in asking]
        running.cancel()
    return replies


def bill_ids(ledger: Ledger) -> list[str]:
    return [row[0] for row in ledger.connection.execute("SELECT cdr_id FROM cdrs ORDER BY money_seq")]


def test_two_who_decide_at_once_and_one_who_comes_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.charge()
        (bill,) = bill_ids(ledger)
        first, second = asyncio.run(told(ledger, asked(bill, request_key="a"), asked(bill, request_key="b")))
        assert isinstance(first, BillSettled)
        assert isinstance(second, Refused)
        assert first.credit is not None
        assert bill_ids(ledger) == [bill, first.credit.id]
    with Ledger(path, "edge-1") as ledger:
        again, other = asyncio.run(told(ledger, asked(bill, request_key="a"), asked(bill, request_key="b")))
        assert isinstance(again, BillSettled)
        assert again.decided == first.decided
        assert isinstance(other, Refused)
        (unknown,) = asyncio.run(told(ledger, asked("edge-1-x-999")))
        assert isinstance(unknown, Refused)
        (record,) = asyncio.run(ledger.recall([PastKey("", cdr_id=bill)]))
        assert isinstance(record, BillRecord)
        assert record.decided == first.decided
        assert len(bill_ids(ledger)) == 2


@pytest.mark.parametrize(
    "row",
    [
        "(90, 'x-90', {0}, 0, 'e', x'', 'i', 0, NULL, x'')",  # a second original
        "(90, 'x-90', {0}, 0, 'e', x'', 'i', 1, 3, x'')",  # a second credit
        "(90, 'x-90', {0}, 0, 'e', x'', 'i', 0, 3, x'')",  # a second bill in the place of the first
        "(90, 'x-90', 'T', 0, 'e', x'', 'i', 1, NULL, x'')",  # a credit of nothing
        "(90, 'x-90', 'T', 0, 'e', x'', 'i', 0, 77, x'')",  # in the place of a bill that is not there
        "(90, 'x-90', 'T', 0, 'e', x'', 'i', 0, 90, x'')",  # in its own place
        "(90, 'x-90', 'T', 1, 'e', x'', 'i', 1, 3, x'')",  # a credit in quarantine
    ],
)
def test_the_ledger_takes_no_bill_that_must_not_be(ledger: Ledger, play: LedgerPlay, row: str) -> None:
    play.charge()
    (bill,) = bill_ids(ledger)
    asyncio.run(told(ledger, asked(bill, BillDecision.CORRECTED, energy_wh=5)))
    columns = (
        "money_seq, cdr_id, transaction_id, is_quarantined, end_date_time, entry, issued_at, is_credit, corrects, hash"
    )
    transaction = "(SELECT transaction_id FROM cdrs WHERE money_seq = 3)"
    with pytest.raises(sqlite3.IntegrityError):
        ledger.connection.execute(f"INSERT INTO cdrs ({columns}) VALUES {row.format(transaction)}")  # noqa: S608
    with pytest.raises(sqlite3.IntegrityError):
        ledger.connection.execute(
            "INSERT INTO bill_decisions SELECT 91, bill_seq, cdr_id, decision, decided_at, staff, NULL, entry, hash"
            " FROM bill_decisions"
        )


def test_the_states_of_bills_are_told_and_one_is_in_force(ledger: Ledger, play: LedgerPlay) -> None:
    play.charge()
    (bill,) = bill_ids(ledger)
    asyncio.run(told(ledger, asked(bill, BillDecision.CORRECTED, energy_wh=5)))
    documents = bill_reading.documents_with(ledger.connection, bill)
    assert [each.state for each in documents] == ["corrected", "credit", "issued"]
    assert documents[0].decided is not None
    assert [each.cdr.id for each in bill_reading.newest(ledger.connection, is_waiting=False, limit=2)] == [
        documents[2].cdr.id,
        documents[1].cdr.id,
    ]
    assert [entry.seq for entry, _ in bill_reading.postings_of(ledger.connection, documents)] == [4, 7, 9]
    assert bill_reading.documents_with(ledger.connection, "nothing") == []


def test_readings_of_a_bills_meter_are_found_among_others(ledger: Ledger, play: LedgerPlay) -> None:
    for wh in (1000, 3000):
        begun = number(play.start(wh))
        for _ in range(3):
            play.after(20)
            wh += 500
            samples = (register(wh, play.now),)
            play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=begun, samples=samples))
        play.after(1)
        play.stop(begun, wh)
        play.after(600)
    first, second = (bill_reading.documents_with(ledger.connection, cdr_id)[0].cdr for cdr_id in bill_ids(ledger))
    assert [each.wh for each in bill_reading.register_readings(ledger.connection, first)][-3:] == [1500, 2000, 2500]
    readings = bill_reading.register_readings(ledger.connection, second)
    assert {each.wh for each in readings} == {3000, 3500, 4000, 4500} & {each.wh for each in readings}
    assert readings[-1].wh == 4500
