"""What the staff wants with a bill, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from protocols.ocpi.cdr import Cdr
from protocols.sync.corrections import BillDecided
from protocols.terms import BillDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class BillDecisionAsked:
    """Decide upon a bill: see protocols.sync.corrections.BillDecided. What is None stays as it was billed."""

    cdr_id: str
    decision: BillDecision
    reason: str
    by: str
    second_by: str | None = None
    energy_wh: int | None = None
    ended_at: datetime | None = None
    tariff_id: str | None = None
    request_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillSettled:
    """It is decided and durable; `bill` and `credit` are what was issued, None where nothing was."""

    decided: BillDecided
    bill: Cdr | None = None
    credit: Cdr | None = None
