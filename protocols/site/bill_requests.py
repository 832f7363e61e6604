"""What may be asked about bills."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from protocols.terms import BillDecision

MAX_BILLS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBills:
    """The newest bills first; with `is_waiting` those in quarantine that wait for a person."""

    id: str
    is_waiting: bool = False
    limit: Annotated[int, Field(ge=1, le=MAX_BILLS)] = 100
    kind: Literal["get_bills"] = "get_bills"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBill:
    """A bill with all others of its transaction, in their order: each with its state and what was decided upon it."""

    id: str
    cdr_id: str
    kind: Literal["get_bill"] = "get_bill"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideBill:
    """Decide upon a bill: see protocols.sync.corrections.BillDecided. `energy_wh`, `ended_at` and `tariff_id` are for a
    bill that is rated anew; what is None stays as it was billed. The same `request_key` decides once. Where the site
    has staff, the second person says so with its own PIN."""

    id: str
    cdr_id: str
    decision: BillDecision
    reason: str
    second_by: str | None = None
    second_pin: str = field(default="", repr=False)
    energy_wh: int | None = None
    ended_at: AwareDatetime | None = None
    tariff_id: str | None = None
    request_key: str = ""
    kind: Literal["decide_bill"] = "decide_bill"


BillRequest = GetBills | GetBill | DecideBill
