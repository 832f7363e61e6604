"""What a person decided upon a bill. Bills are never edited: what was decided is a fact of its own, and so is the bill
that is issued instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocols.terms import BillDecision as BillDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class BillDecided:
    """The bill `cdr_id` was decided upon, once and for all: `by` a member of staff, and `second_by` where so much money
    needs two. What follows from it stands in the same commit: the credit, the new bill, and their postings.

    `request_key` is the asker's: the same request made once more decides nothing more.
    """

    cdr_id: str
    session_id: str
    decision: BillDecision
    reason: str
    by: str
    second_by: str | None = None
    credit_cdr_id: str | None = None
    new_cdr_id: str | None = None
    request_key: str = ""
    kind: Literal["bill_decided"] = "bill_decided"
