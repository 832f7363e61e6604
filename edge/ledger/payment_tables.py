"""Payments, till sessions and reconciliations in the ledger: what journal entries do to their tables, and what the site
reads back from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal
from typing import Final, assert_never

import msgspec
from pydantic import TypeAdapter

from edge.domain.payment_book import Bill, MoneyFact, MoneyKey, Recalled
from edge.domain.payment_states import MOVED
from edge.domain.site import Site
from edge.ledger.bill_tables import bill_record
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from protocols.money import ZERO
from protocols.sync.codec import decode_entry
from protocols.sync.payments import (
    Payment,
    PaymentBody,
    PaymentChanged,
    PaymentMethod,
    ProviderReconciled,
    TillChanged,
    TillMoved,
    TillSession,
)
from protocols.sync.up import PostingMade

PAYMENT: Final = TypeAdapter(Payment)
SESSION: Final = TypeAdapter(TillSession)
MOVEMENT: Final = TypeAdapter(TillMoved)
RECONCILED: Final = TypeAdapter(ProviderReconciled)
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def keep(rows: Rows, body: PaymentBody, at: str) -> None:
    match body:
        case PaymentChanged(payment=payment):
            rows.add(
                "payments",
                "put_payment",
                payment.payment_id,
                payment.request_key,
                payment.state.value,
                payment.contract_id,
                payment.cdr_id,
                payment.till_session_id,
                payment.reverses,
                payment.provider,
                payment.at.astimezone(UTC).isoformat(),
                _encode(payment),
            )
        case TillChanged(session=session):
            asked = (session.session_id, session.request_key, session.close_key)
            whose = (session.till_id, session.staff_id, session.opened_at.isoformat())
            closed_at = session.closed_at.isoformat() if session.closed_at is not None else None
            rows.add("tills", "put_till_session", *asked, *whose, closed_at, _encode(session))
        case TillMoved():
            rows.add("till_movements", "put_till_movement", body.session_id, body.request_key, at, _encode(body))
        case ProviderReconciled():
            rows.add("reconciliations", "put_reconciliation", body.provider, body.day.isoformat(), at, _encode(body))
        case _:
            assert_never(body)


def restore_payments(site: Site, connection: sqlite3.Connection) -> None:
    """What decisions need of it: open payments with what they reverse, and open tills with what lies in them."""
    opened = list(_payments(connection, "open_payments"))
    for payment in opened:
        site.payments.keep(payment)
        if payment.reverses is not None:
            for original in _payments(connection, "payment", payment.reverses):
                site.payments.remember(original)
    for (document,) in connection.execute(queries()["open_tills"]):
        session = SESSION.validate_json(document)
        movements = dict(_movements(connection, session.session_id))
        till = site.payments.open_till(session, movements)
        till.expected = session.opening + sum(movements.values(), ZERO)
        till.expected += sum(map(_cash_in, _payments(connection, "payments_of_till", session.session_id)), ZERO)


def recall_money(connection: sqlite3.Connection, keys: Iterable[MoneyKey]) -> list[Recalled]:
    """What the ledger has of what events name."""
    found: list[Recalled] = []
    for key in keys:
        match key.fact:
            case MoneyFact.PAYMENT:
                for payment in _payments(connection, "payment", key.value):
                    found.append(payment)
                    if payment.reverses is not None:
                        found.extend(_payments(connection, "payment", payment.reverses))
            case MoneyFact.REQUEST:
                found.extend(_payments(connection, "payment_asked", key.value))
            case MoneyFact.BILL:
                found.extend(_bill(connection, key.value))
            case MoneyFact.TILL_REQUEST:
                rows = connection.execute(queries()["till_session_asked"], (key.value, key.value))
                sessions = [SESSION.validate_json(document) for (document,) in rows]
                found.extend(session for session in sessions if session.closed_at is not None)
            case MoneyFact.POSTING:
                rows = connection.execute(queries()["posting_of_key"], (key.value,))
                bodies = [decode_entry(entry).body for (entry,) in rows]
                found.extend(body for body in bodies if isinstance(body, PostingMade))
            case _:
                assert_never(key.fact)
    return found


def _bill(connection: sqlite3.Connection, cdr_id: str) -> Iterable[Bill]:
    record = bill_record(connection, cdr_id)
    if record is None:
        return
    cdr = record.cdr
    bill = Bill(
        cdr_id=cdr.id,
        contract_id=cdr.contract_id,
        total=cdr.total_cost.incl_vat,
        currency=cdr.currency,
        problem=record.unpayable,
    )
    for payment in _payments(connection, "payments_of_cdr", cdr_id):
        bill.note(payment)
    yield bill


def _payments(connection: sqlite3.Connection, query: str, *values: str | int) -> Iterable[Payment]:
    for (document,) in connection.execute(queries()[query], values).fetchall():
        yield PAYMENT.validate_json(document)


def _movements(connection: sqlite3.Connection, session_id: str) -> Iterable[tuple[str, Decimal]]:
    for _, document in connection.execute(queries()["till_movements"], (session_id,)):
        moved = MOVEMENT.validate_json(document)
        yield moved.request_key, moved.amount


def _cash_in(payment: Payment) -> Decimal:
    """What a payment means for the drawer of its till session."""
    if payment.method is not PaymentMethod.CASH or payment.state not in MOVED:
        return ZERO
    return payment.amount if payment.reverses is None else -payment.amount
