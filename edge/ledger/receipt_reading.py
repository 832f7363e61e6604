"""What the ledger has of a bill, a payment, a till session or a statement for its receipt. Each function reads through
the connection it is given."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from edge.domain.receipt_book import Numbered
from edge.ledger.bill_reading import documents_with
from edge.ledger.customer_reading import contract_of, customer_of
from edge.ledger.payment_tables import MOVEMENT, PAYMENT, SESSION
from edge.ledger.queries import queries
from edge.ledger.receipt_tables import last_counts, receipt_of
from edge.ledger.statement_reading import lines_of, statement_numbered
from edge.receipts.bill import BillFacts
from edge.receipts.payment import PaymentFacts, TillFacts
from edge.receipts.printing import Receiptable
from edge.receipts.statement import StatementFacts, StatementLine
from protocols.errors import BadText
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.sync.payments import Payment, PaymentState
from protocols.sync.receipts import ReceiptKind
from protocols.sync.up import PostingReason


def find_receiptable(connection: sqlite3.Connection, ref: str, zone: ZoneInfo) -> Receiptable:
    """What has this id: a bill, a payment, a till session, or a statement's number. Raises BadText with why it gets no
    receipt."""
    seen, _ = last_counts(connection)  # first: what is numbered meanwhile is then found, or known to be newer
    for of, find in (
        (ReceiptKind.CDR, _bill),
        (ReceiptKind.PAYMENT, _payment),
        (ReceiptKind.TILL, _till),
    ):
        found = find(connection, ref)
        if found is not None:
            facts, language = found
            known = receipt_of(connection, of, ref)
            return Receiptable(of=of, ref=ref, facts=facts, language=language, known=known, seen=seen)
    if statement_numbered(connection, ref) is None:
        raise BadText(f"there is no bill, payment, till session or statement {ref!r}: see `ohmstead-edge find {ref}`")
    statement, given, language = find_statement(connection, ref, zone)
    return Receiptable(
        of=ReceiptKind.STATEMENT, ref=given.number, facts=statement, language=language, known=given, seen=seen
    )


def find_statement(connection: sqlite3.Connection, number: str, zone: ZoneInfo) -> tuple[StatementFacts, Numbered, str]:
    """A statement with its postings, its number, and its customer's language. Raises BadText for none."""
    made = statement_numbered(connection, number)
    if made is None:
        raise BadText(f"there is no statement {number!r}: see `ohmstead-edge statements list`")
    customer = _customer(connection, contract_of(connection, made.contract_id))
    lines = tuple(
        StatementLine(
            at=entry.posted_at or made.since,
            reason=PostingReason(entry.reason),
            ref=entry.cdr_id or "",
            text=entry.text,
            amount=entry.amount,
        )
        for entry in lines_of(connection, made, zone)
    )
    facts = StatementFacts(made=made, lines=lines, customer=customer.name if customer is not None else "")
    given = Numbered(number=made.number, count=made.count, issued_at=made.issued_at)
    return facts, given, customer.language if customer is not None else ""


def newest_receipts(connection: sqlite3.Connection, most: int) -> list[dict[str, Any]]:
    """The newest receipts first, JSON-able."""
    names = ("number", "kind", "ref", "issued_at", "by")
    return [dict(zip(names, row, strict=True)) for row in connection.execute(queries()["newest_receipts"], (most,))]


def _bill(connection: sqlite3.Connection, ref: str) -> tuple[BillFacts, str] | None:
    document = next((each for each in documents_with(connection, ref) if each.cdr.id == ref), None)
    if document is None:
        return None
    cdr, decided = document.cdr, document.decided
    if cdr.quarantine and document.state == "quarantined":
        raise BadText(f"bill {ref} waits for a person: decide upon it first, see `ohmstead-edge bills show {ref}`")
    if cdr.quarantine:
        instead = f": its receipt is that of {decided.new_cdr_id}" if decided and decided.new_cdr_id else ""
        raise BadText(f"bill {ref} was {document.state.replace('_', ' ')} and never issued{instead}")
    contract = contract_of(connection, cdr.contract_id)
    customer = _customer(connection, contract)
    payments = [PAYMENT.validate_json(row[0]) for row in connection.execute(queries()["payments_of_cdr"], (ref,))]
    facts = BillFacts(
        cdr=cdr,
        payments=tuple(payments),
        is_prepaid=contract is not None and contract.billing is Billing.PREPAID,
        credited_by=decided.credit_cdr_id if decided is not None else None,
        customer=customer.name if customer is not None else "",
    )
    return facts, customer.language if customer is not None else ""


def _payment(connection: sqlite3.Connection, ref: str) -> tuple[PaymentFacts, str] | None:
    row = connection.execute(queries()["payment"], (ref,)).fetchone()
    if row is None:
        return None
    payment: Payment = PAYMENT.validate_json(row[0])
    if payment.state not in (PaymentState.TAKEN, PaymentState.REFUNDED, PaymentState.VOIDED):
        raise BadText(f"payment {ref} is {payment.state}: there is a receipt once the money was taken")
    customer = _customer(connection, contract_of(connection, payment.contract_id))
    facts = PaymentFacts(payment=payment, customer=customer.name if customer is not None else "")
    return facts, customer.language if customer is not None else ""


def _till(connection: sqlite3.Connection, ref: str) -> tuple[TillFacts, str] | None:
    row = connection.execute(queries()["till_session"], (ref,)).fetchone()
    if row is None:
        return None
    session = SESSION.validate_json(row[0])
    if session.closed_at is None:
        raise BadText(f"till session {ref} is open: there is a report once it is closed")
    moved = connection.execute(queries()["till_movements"], (ref,))
    payments = connection.execute(queries()["payments_of_till"], (ref,))
    facts = TillFacts(
        session=session,
        moved=tuple((datetime.fromisoformat(at), MOVEMENT.validate_json(document)) for at, document in moved),
        payments=tuple(PAYMENT.validate_json(document) for (document,) in payments),
    )
    return facts, ""


def _customer(connection: sqlite3.Connection, contract: Contract | None) -> Customer | None:
    return customer_of(connection, contract.customer_id) if contract is not None else None
