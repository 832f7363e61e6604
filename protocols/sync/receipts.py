"""Receipts and statements in the journal: which number was given for what. What is printed on them is made from the
entries that they are of, whenever somebody asks."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from protocols.fact import Fact


class ReceiptKind(StrEnum):
    """What a receipt is of."""

    CDR = "cdr"
    PAYMENT = "payment"
    TILL = "till"
    STATEMENT = "statement"


class ReceiptIssued(Fact, frozen=True, kw_only=True):
    """Something got its receipt, once for ever. `count` goes up by one from receipt to receipt, `number` is what is
    printed; `ref` is the id of what it is of, `by` the member of staff who asked, None for the site itself."""

    number: str
    count: int
    of: ReceiptKind
    ref: str
    issued_at: AwareDatetime
    by: str | None = None
    kind: Literal["receipt_issued"] = "receipt_issued"


class StatementMade(Fact, frozen=True, kw_only=True):
    """What happened on a contract's account in a period, once for each; `count` and `number` as of a receipt.

    `period` is the month, such as "2026-10", or the first day of a shorter one; it goes from `since` to before `until`,
    which are midnights of the Location. The amounts are as they change the account: positive is owed by the customer,
    and `opening`, `billed`, `paid`, `credited` and `other` sum up to `closing`. `through_seq` is the last money entry
    that was looked at: what came later with an earlier time is on the next statement. `due_on` is the last day (local)
    on which what is owed is paid in time.
    """

    number: str
    count: int
    contract_id: str
    period: str
    since: AwareDatetime
    until: AwareDatetime
    currency: str
    opening: Decimal
    billed: Decimal
    paid: Decimal
    credited: Decimal
    other: Decimal
    closing: Decimal
    through_seq: int
    issued_at: AwareDatetime
    due_on: date | None = None
    by: str | None = None
    kind: Literal["statement_made"] = "statement_made"


ReceiptBody = ReceiptIssued | StatementMade
