"""How a site prints: the pages of whatever gets a receipt, in the words and the width of its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never
from zoneinfo import ZoneInfo

from edge.domain.receipt_book import Numbered
from edge.receipts.bill import BillFacts, bill_page
from edge.receipts.blocks import Block
from edge.receipts.heads import Head, Seller
from edge.receipts.payment import PaymentFacts, TillFacts, payment_page, till_page
from edge.receipts.statement import StatementFacts, statement_page
from edge.receipts.words import Language, language_of
from protocols.sync.receipts import ReceiptKind

Facts = BillFacts | PaymentFacts | TillFacts | StatementFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """As configured; `language` is of those who have said none. `columns` are those of the printer."""

    seller: Seller
    zone: ZoneInfo
    language: Language
    columns: int = 42

    def head(self, given: Numbered, *, is_copy: bool, language: str = "") -> Head:
        """The head of a page in this language (ISO 639-1), or in the site's where nothing is printed in it."""
        return Head(
            seller=self.seller,
            number=given.number,
            issued_at=given.issued_at,
            is_copy=is_copy,
            language=language_of(language, self.language),
            zone=self.zone,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiptable:
    """Something that gets a receipt: what is printed of it, in which language its customer wants it (empty where nobody
    knows), the receipt that it has, and how many had been given when this was looked up."""

    of: ReceiptKind
    ref: str
    facts: Facts
    language: str
    known: Numbered | None
    seen: int


def page_of(head: Head, facts: Facts) -> tuple[Block, ...]:
    match facts:
        case BillFacts():
            return bill_page(head, facts)
        case PaymentFacts():
            return payment_page(head, facts)
        case TillFacts():
            return till_page(head, facts)
        case StatementFacts():
            return statement_page(head, facts)
        case _:
            assert_never(facts)
