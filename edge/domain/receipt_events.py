"""What is decided about receipts and statements, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from edge.domain.receipt_book import Numbered
from protocols.sync.receipts import ReceiptKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptAsked:
    """Somebody wants the receipt of something that is in the ledger. `known` is the one that the ledger had of it when
    `seen` receipts had been given."""

    of: ReceiptKind
    ref: str
    by: str | None
    known: Numbered | None
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """What a statement says: see protocols.sync.receipts.StatementMade."""

    contract_id: str
    period: str
    since: datetime
    until: datetime
    opening: Decimal
    billed: Decimal
    paid: Decimal
    credited: Decimal
    other: Decimal
    through_seq: int
    due_on: date

    @property
    def closing(self) -> Decimal:
        return self.opening + self.billed + self.paid + self.credited + self.other

    @property
    def key(self) -> str:
        return f"{self.contract_id} {self.period}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementsReckoned:
    """Statements that the ledger did not have when `seen` had been made."""

    reckonings: tuple[Reckoning, ...]
    by: str | None
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptGiven:
    """The receipt's number, durable; `is_copy` where it was given before."""

    receipt: Numbered
    is_copy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementsGiven:
    """So many statements were made and are durable; those that were there already are not among them."""

    made: tuple[Numbered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAgain:
    """So much was numbered since the ledger was looked at that nobody here knows whether this was among it."""


ReceiptEvent = ReceiptAsked | StatementsReckoned
ReceiptReply = ReceiptGiven | StatementsGiven | LookAgain
