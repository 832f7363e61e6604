"""Customers of sites, payments, tills, providers' lists, dunning, staff, decisions upon bills, receipts and statements,
from the journal into the tables that people ask. The newest word about each stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, assert_never

from pydantic import TypeAdapter
from sqlalchemy import Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import MoneyNews, Origin, Row
from cloud.store.accounts import contract_row, customer_row
from cloud.store.engine import upsert
from cloud.store.money_tables import (
    bill_decisions,
    contracts,
    customers,
    dunning_steps,
    payments,
    receipts,
    reconciliations,
    staff_changes,
    statements,
    till_movements,
    till_sessions,
)
from protocols.errors import BadEntry
from protocols.sync.corrections import BillDecided
from protocols.sync.customers import CustomersChanged, DunningStepTaken
from protocols.sync.payments import (
    Difference,
    Payment,
    PaymentChanged,
    ProviderReconciled,
    TillChanged,
    TillMoved,
    TillSession,
)
from protocols.sync.receipts import ReceiptIssued, StatementMade
from protocols.sync.staff import StaffChange, StaffChanged

_DIFFERENCES: Final[TypeAdapter[tuple[Difference, ...]]] = TypeAdapter(tuple[Difference, ...])


async def write(connection: AsyncConnection, origin: Origin, news: Sequence[tuple[MoneyNews, datetime]]) -> None:
    """In the order of the entries. Raises BadEntry for what belongs to another edge."""
    newest: dict[tuple[str, str], tuple[Table, Row]] = {}
    for body, at in news:
        match body:
            case CustomersChanged():
                await _write_customers(connection, origin, body)
            case PaymentChanged(payment=payment):
                newest["payment", payment.payment_id] = payments, _payment(payment, at, origin)
            case TillChanged(session=session):
                newest["till", session.session_id] = till_sessions, _till(session, origin)
            case TillMoved():
                newest["move", f"{body.session_id}:{body.request_key}"] = till_movements, _movement(body, at, origin)
            case ProviderReconciled():
                newest["list", f"{body.provider}:{body.day}"] = reconciliations, _reconciliation(body, at, origin)
            case DunningStepTaken():
                newest["dunning", f"{body.contract_id}:{at}:{body.step}"] = dunning_steps, _dunning(body, at, origin)
            case StaffChanged(changes=changes):
                for each in changes:
                    newest["staff", f"{each.staff_id}:{at}"] = staff_changes, _staff(each, at, origin)
            case BillDecided():
                newest["decision", body.cdr_id] = bill_decisions, _decision(body, at, origin)
            case ReceiptIssued():
                newest["receipt", f"{body.of}:{body.ref}"] = receipts, _receipt(body, origin)
            case StatementMade():
                newest["statement", f"{body.contract_id}:{body.period}"] = statements, _statement(body, origin)
            case _:
                assert_never(body)
    for table, name in ((payments, "payment_id"), (till_sessions, "session_id"), (bill_decisions, "cdr_id")):
        rows = [row for its, row in newest.values() if its is table]
        if rows:
            await _refuse_others(connection, origin, table, name, rows)
            await connection.execute(upsert(connection, table), rows)
    for table in (receipts, statements, till_movements, reconciliations, dunning_steps, staff_changes):
        rows = [row for its, row in newest.values() if its is table]
        if rows:
            await connection.execute(upsert(connection, table), rows)


async def _refuse_others(connection: AsyncConnection, origin: Origin, table: Table, name: str, rows: list[Row]) -> None:
    """Nobody overwrites what another edge of the domain told."""
    query = select(table.c[name]).where(
        table.c.domain == origin.address.domain,
        table.c[name].in_([row[name] for row in rows]),
        table.c.edge_id != origin.address.edge_id,
    )
    taken = (await connection.execute(query.limit(1))).scalar_one_or_none()
    if taken is not None:
        raise BadEntry(f"body: {taken} is of another edge")


async def _write_customers(connection: AsyncConnection, origin: Origin, body: CustomersChanged) -> None:
    place = {**origin.key, "source": "site"}
    for table in (customers, contracts) if body.is_complete else ():
        await connection.execute(delete(table).where(*(table.c[name] == value for name, value in place.items())))
    people = {each.id: {**place, **customer_row(each), "updated_at": origin.received_at} for each in body.customers}
    if people:
        await connection.execute(upsert(connection, customers), list(people.values()))
    terms = {each.id: {**place, **contract_row(each), "updated_at": origin.received_at} for each in body.contracts}
    if terms:
        await connection.execute(upsert(connection, contracts), list(terms.values()))


def _payment(payment: Payment, at: datetime, origin: Origin) -> Row:
    names = (
        "payment_id", "contract_id", "amount", "currency", "refunded", "cdr_id", "provider", "provider_ref",
        "till_session_id", "reverses", "given", "change", "text",
    )  # fmt: skip
    return {
        **origin.key,
        **{name: getattr(payment, name) for name in names},
        "method": payment.method.value,
        "state": payment.state.value,
        "at": payment.at.astimezone(UTC),
        "staff": payment.by,
        "updated_at": at,
    }


def _till(session: TillSession, origin: Origin) -> Row:
    names = (
        "session_id", "till_id", "staff_id", "currency", "opened_at", "opening", "closed_at", "counted", "difference",
        "closed_by",
    )  # fmt: skip
    row = {**origin.key, **{name: getattr(session, name) for name in names}}
    return row | {"expected": None if session.closed_at is None else session.expected}


def _movement(body: TillMoved, at: datetime, origin: Origin) -> Row:
    names = ("session_id", "request_key", "amount", "reason")
    return {**origin.key, **{name: getattr(body, name) for name in names}, "staff": body.by, "at": at}


def _reconciliation(body: ProviderReconciled, at: datetime, origin: Origin) -> Row:
    return {
        **origin.key,
        "provider": body.provider,
        "day": body.day.isoformat(),
        "matched": body.matched,
        "taken": body.taken,
        "unsettled": sum(not each.is_settled for each in body.differences),
        "differences": _DIFFERENCES.dump_json(body.differences).decode(),
        "staff": body.by,
        "at": at,
    }


def _dunning(body: DunningStepTaken, at: datetime, origin: Origin) -> Row:
    names = ("contract_id", "step", "action", "blocks", "overdue", "currency", "due_on")
    return {**origin.key, **{name: getattr(body, name) for name in names}, "at": at}


def _staff(change: StaffChange, at: datetime, origin: Origin) -> Row:
    names = ("staff_id", "name", "role", "was_role", "is_pin_new")
    return {**origin.key, **{name: getattr(change, name) for name in names}, "at": at}


def _decision(body: BillDecided, at: datetime, origin: Origin) -> Row:
    names = ("cdr_id", "session_id", "reason", "credit_cdr_id", "new_cdr_id")
    decided = {"decision": body.decision.value, "staff": body.by, "second_staff": body.second_by, "at": at}
    return {**origin.key, **{name: getattr(body, name) for name in names}, **decided}


def _receipt(body: ReceiptIssued, origin: Origin) -> Row:
    names = ("number", "count", "ref", "issued_at")
    return {**origin.key, **{name: getattr(body, name) for name in names}, "of": body.of.value, "staff": body.by}


def _statement(body: StatementMade, origin: Origin) -> Row:
    names = (
        "number", "count", "contract_id", "period", "since", "until", "currency", "opening", "billed", "paid",
        "credited", "other", "closing", "issued_at",
    )  # fmt: skip
    due_on = None if body.due_on is None else body.due_on.isoformat()
    return {**origin.key, **{name: getattr(body, name) for name in names}, "due_on": due_on, "staff": body.by}
