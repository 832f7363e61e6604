"""Finds by what people have in hand: a part of a name, a plate or a card, or the id of a bill, a session, a payment or
a receipt."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from edge.ledger.bill_reading import BillDocument, bills_of, documents_with
from edge.ledger.customer_reading import customer_record, find_customers
from edge.ledger.payment_tables import PAYMENT, SESSION
from edge.ledger.projections import CHECKPOINT
from edge.ledger.queries import queries
from edge.ledger.statement_reading import statement_numbered


class FoundKind(StrEnum):
    CUSTOMER = "customer"
    BILL = "bill"
    SESSION = "session"
    PAYMENT = "payment"
    TILL = "till"
    RECEIPT = "receipt"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something that fits; `text` says what it is, for a person."""

    kind: FoundKind
    id: str
    text: str


def search(connection: sqlite3.Connection, text: str, most: int) -> list[Found]:
    """What fits a text, what is named by it first; customers in the order of their ids."""
    wanted = text.strip()
    found = list(_by_id(connection, wanted)) if wanted else []
    customers = find_customers(connection, wanted, most)
    return [*found, *(_customer(connection, each.id, each.name) for each in customers)][:most]


def _by_id(connection: sqlite3.Connection, text: str) -> Iterator[Found]:
    named = [each for each in documents_with(connection, text) if each.cdr.id == text]
    yield from map(_bill, named or bills_of(connection, text))
    for (checkpoint,) in connection.execute(queries()["open_transaction"], (text,)):
        running = CHECKPOINT.validate_json(checkpoint)
        told = f"runs at {running.ref} since {_time(running.started_at.isoformat())}, contract {running.contract_id}"
        yield Found(kind=FoundKind.SESSION, id=running.transaction_id, text=told)
    for (document,) in connection.execute(queries()["payment"], (text,)):
        payment = PAYMENT.validate_json(document)
        told = f"{payment.amount} {payment.currency} {payment.method}, {payment.state}, contract {payment.contract_id}"
        yield Found(kind=FoundKind.PAYMENT, id=payment.payment_id, text=told)
    for (document,) in connection.execute(queries()["till_session"], (text,)):
        till = SESSION.validate_json(document)
        told = f"till {till.till_id}, {till.staff_id}, since {_time(till.opened_at.isoformat())}"
        yield Found(kind=FoundKind.TILL, id=till.session_id, text=told)
    count = text.rpartition("-")[2]
    if count.isascii() and count.isdigit() and len(count) < 19:
        for number, kind, ref, issued_at in connection.execute(queries()["receipt_numbered"], (int(count), text)):
            yield Found(kind=FoundKind.RECEIPT, id=number, text=f"of {kind} {ref}, {_time(issued_at)}")
    made = statement_numbered(connection, text)
    if made is not None:
        told = f"contract {made.contract_id}, {made.period}, closing balance {made.closing} {made.currency}"
        yield Found(kind=FoundKind.STATEMENT, id=made.number, text=told)


def _bill(document: BillDocument) -> Found:
    cdr = document.cdr
    told = (
        f"{cdr.total_cost.incl_vat} {cdr.currency}, {cdr.total_energy_wh / 1000:.3f} kWh"
        f" at {cdr.station_id}*{cdr.evse_id}, ended {_time(cdr.end_date_time.isoformat())},"
        f" contract {cdr.contract_id}, {document.state}"
    )
    return Found(kind=FoundKind.BILL, id=cdr.id, text=told)


def _customer(connection: sqlite3.Connection, customer_id: str, name: str) -> Found:
    record = customer_record(connection, customer_id)
    told = [name]
    if record is not None:
        told += [vehicle.plate for vehicle in record.customer.vehicles]
        told += [
            f"{each.contract.id} ({each.contract.billing}, {each.balance} {each.contract.currency})"
            for each in record.contracts
        ]
    return Found(kind=FoundKind.CUSTOMER, id=customer_id, text=", ".join(told))


def _time(stamp: str) -> str:
    """To the minute, UTC."""
    return stamp[:16].replace("T", " ")
