"""The numbers of receipts and statements: without gaps, and given once for each thing.

What was numbered long ago stands in the ledger alone. Whoever asks for a number looks there first and says how far the
numbers had come then; what was given since is in memory, so nothing is numbered twice, however many ask at once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MAX_RECENT: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRules:
    """`prefix` and `statement_prefix` stand before the numbers."""

    prefix: str = "R"
    statement_prefix: str = "S"
    every_bill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A number that was given."""

    number: str
    count: int
    issued_at: datetime


@dataclass(slots=True)
class Series:
    """Numbers that go up by one. `last` is the newest, 0 before the first."""

    last: int = 0
    _recent: OrderedDict[str, Numbered] = field(default_factory=OrderedDict)

    def give(self, prefix: str, key: str, now: datetime) -> Numbered:
        self.last += 1
        given = Numbered(number=f"{prefix}-{self.last:06}", count=self.last, issued_at=now)
        self._recent[key] = given
        if len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        return given

    def find(self, key: str) -> Numbered | None:
        """The number of this, where it was given lately."""
        return self._recent.get(key)

    def remembers_since(self, count: int) -> bool:
        """Whether all that was numbered after this one is still known here."""
        return self.last - count <= len(self._recent)


@dataclass(slots=True, kw_only=True)
class ReceiptBook:
    """The series of the site. `mark` stands in the numbers of a ledger that was put back from a copy: what the lost one
    had numbered since the copy was made stays unique."""

    mark: str = ""
    receipts: Series = field(default_factory=Series)
    statements: Series = field(default_factory=Series)

    def marked(self, prefix: str) -> str:
        return f"{prefix}-{self.mark}" if self.mark else prefix
