"""What may be asked about receipts and statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

MAX_ROWS = 1000
Name = Annotated[str, Field(min_length=1, max_length=200)]
Limit = Annotated[int, Field(ge=1, le=MAX_ROWS)]
Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueReceipt:
    """The receipt of a bill, a payment, a till session or a statement, by its id. It is given once: asked again, the
    result says `is_copy`. It has the number, and the text for the printer in the customer's language or `language`."""

    id: str
    ref: Name
    language: Language | None = None
    kind: Literal["issue_receipt"] = "issue_receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetReceipts:
    """The newest receipts first."""

    id: str
    limit: Limit = 100
    kind: Literal["get_receipts"] = "get_receipts"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeStatement:
    """The statement of a contract for a period that is over: a month such as 2026-10, or the week that holds a day such
    as 2026-10-26. It is made once; the result is the statement."""

    id: str
    contract_id: Name
    period: Name
    kind: Literal["make_statement"] = "make_statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatements:
    """The newest statements first, of a contract or of all."""

    id: str
    contract_id: Name | None = None
    limit: Limit = 100
    kind: Literal["get_statements"] = "get_statements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """Whatever fits: customers by a part of a name, a plate or a card, and bills, running sessions, payments, till
    sessions, statements and receipts by their ids. The result is a list of kind, id and text."""

    id: str
    text: Name
    limit: Limit = 50
    kind: Literal["find"] = "find"


ReceiptRequest = IssueReceipt | GetReceipts | MakeStatement | GetStatements | Find
