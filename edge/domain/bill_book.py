"""The bills that are just being decided upon. All others are in the ledger alone."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from protocols.ocpi.cdr import Cdr
from protocols.sync.corrections import BillDecided

MAX_BILLS: Final = 64
"""A person decides upon one at a time; a bill that is not here any more is asked of the ledger again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRecord:
    """A bill and what was decided upon it. `is_quarantined`: it never was issued."""

    cdr: Cdr
    is_quarantined: bool
    decided: BillDecided | None = None

    @property
    def unpayable(self) -> str | None:
        """Why nobody can pay it, after "bill ...": None where somebody can."""
        if self.decided is not None:
            instead = f": pay {self.decided.new_cdr_id}" if self.decided.new_cdr_id else ""
            return f"was {self.decided.decision.value.replace('_', ' ')}{instead}"
        if self.is_quarantined:
            return "waits for a person's decision: decide upon it first, or pay to the contract"
        return "is a credit, which nobody pays" if self.cdr.credit else None


@dataclass(slots=True)
class BillBook:
    """Bounded; the newest win."""

    _bills: OrderedDict[str, BillRecord] = field(default_factory=OrderedDict)

    def keep(self, record: BillRecord) -> None:
        self._bills[record.cdr.id] = record
        self._bills.move_to_end(record.cdr.id)
        if len(self._bills) > MAX_BILLS:
            self._bills.popitem(last=False)

    def get(self, cdr_id: str) -> BillRecord | None:
        return self._bills.get(cdr_id)
