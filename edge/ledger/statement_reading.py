"""Statements, and what they are made of: the postings of a contract's account, period by period."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from edge.domain.account_book import SET_ASIDE
from edge.domain.receipt_events import Reckoning
from edge.domain.statement_periods import Due, Period, last_complete
from edge.ledger.account_totals import AccountEntry, entries_of
from edge.ledger.customer_reading import contract_of
from edge.ledger.customer_tables import CONTRACTS
from edge.ledger.queries import queries
from protocols.money import ZERO
from protocols.ocpi.customer import Billing, StatementPeriod
from protocols.sync.receipts import StatementMade
from protocols.sync.up import PostingReason

PAYMENT_DAYS: Final = 14
"""Of a contract that is known by its postings alone."""
_STATEMENT: Final = TypeAdapter(StatementMade)


def due_statements(connection: sqlite3.Connection, now: datetime, zone: ZoneInfo) -> list[Due]:
    """The postpaid contracts, each with the newest period that is over, where that has no statement."""
    newest = {kind: last_complete(kind, now, zone) for kind in (StatementPeriod.MONTH, StatementPeriod.WEEK)}
    made = set(connection.execute(queries()["statement_keys"], tuple(period.key for period in newest.values())))
    due = []
    for document in _contracts(connection):
        contract = CONTRACTS.validate_json(document)
        if contract.billing is Billing.POSTPAID and contract.statement_period is not StatementPeriod.NONE:
            period = newest[contract.statement_period]
            if (contract.id, period.key) not in made:
                due.append(Due(contract.id, period))
    return due


def reckon(connection: sqlite3.Connection, due: Due, zone: ZoneInfo) -> Reckoning:
    """What the statement of a contract and a period says."""
    before = last_statement(connection, due.contract_id, due.period, zone)
    (through_seq,) = connection.execute(queries()["last_posting"]).fetchone()
    opening, lines = _parted(connection, due.contract_id, due.period, before, zone, int(through_seq))
    sums = {"billed": ZERO, "paid": ZERO, "credited": ZERO, "other": ZERO}
    for line in lines:
        sums[_kind(line)] += line.amount
    contract = contract_of(connection, due.contract_id)
    days = contract.payment_days if contract is not None else PAYMENT_DAYS
    return Reckoning(
        contract_id=due.contract_id,
        period=due.period.key,
        since=due.period.since(zone),
        until=due.period.until(zone),
        opening=opening,
        through_seq=int(through_seq),
        due_on=due.period.after + timedelta(days=days - 1),
        **sums,
    )


def is_empty(reckoned: Reckoning) -> bool:
    """Nothing was owed and nothing has happened: nobody wants to read that."""
    return not (reckoned.opening or reckoned.billed or reckoned.paid or reckoned.credited or reckoned.other)


def lines_of(connection: sqlite3.Connection, made: StatementMade, zone: ZoneInfo) -> list[AccountEntry]:
    """The postings that a statement holds."""
    period = Period(made.period, *(_day(at, zone) for at in (made.since, made.until)))
    before = last_statement(connection, made.contract_id, period, zone)
    _, lines = _parted(connection, made.contract_id, period, before, zone, made.through_seq)
    return lines


def statements_in(connection: sqlite3.Connection, contract_id: str | None, most: int) -> list[StatementMade]:
    """The newest statements first, of a contract or of all."""
    found = connection.execute(queries()["statements"], (contract_id, most))
    return [_STATEMENT.validate_json(document) for (document,) in found]


def statement_numbered(connection: sqlite3.Connection, number: str) -> StatementMade | None:
    """The statement with this number, or this contract and period: "CONTRACT 2026-10"."""
    contract_id, _, period = number.rpartition(" ")
    row = connection.execute(queries()["statement"], (number, contract_id, period)).fetchone()
    return _STATEMENT.validate_json(row[0]) if row is not None else None


def last_statement(
    connection: sqlite3.Connection, contract_id: str, period: Period, zone: ZoneInfo
) -> StatementMade | None:
    """The newest statement of the contract of a time before this period."""
    since = period.since(zone)
    found = [_STATEMENT.validate_json(row[0]) for row in connection.execute(queries()["statements_of"], (contract_id,))]
    return max((each for each in found if each.until <= since), key=lambda each: each.until, default=None)


def _parted(
    connection: sqlite3.Connection,
    contract_id: str,
    period: Period,
    before: StatementMade | None,
    zone: ZoneInfo,
    through_seq: int,
) -> tuple[Decimal, list[AccountEntry]]:
    """The balance before, and what the statement holds: each posting is on one statement, also when the clock was put
    back or a first statement is asked for long after the beginning. What is set aside is not owed, and on none."""
    since, until = period.since(zone), period.until(zone)
    opening = before.closing if before is not None else ZERO
    lines: list[AccountEntry] = []
    for entry in entries_of(connection, f"customer:{contract_id}"):
        at = entry.posted_at
        if at is None or at >= until or entry.money_seq > through_seq or entry.reason in SET_ASIDE:
            continue
        if before is not None:
            if entry.money_seq > before.through_seq or at >= before.until:
                lines.append(entry)
        elif at < since:
            opening += entry.amount
        else:
            lines.append(entry)
    return opening, lines


def _kind(line: AccountEntry) -> str:
    match PostingReason(line.reason):
        case PostingReason.CDR:
            return "billed" if line.amount >= 0 else "credited"
        case PostingReason.PAYMENT | PostingReason.REFUND | PostingReason.VOID:
            return "paid"
        case PostingReason.CREDIT | PostingReason.WRITE_OFF:
            return "credited"
        case _:
            return "other"


def _contracts(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Of a contract that both know, the hub's word holds."""
    found: dict[str, bytes] = dict(connection.execute(queries()["contract_documents"]).fetchall())
    yield from found.values()


def _day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()
