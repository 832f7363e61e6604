"""Whether the messages of a transaction are all there: OCPP 2.0.1 numbers them (E01.FR.07), some stations in their own
way (field quirk 14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_MISSING: Final = 64
"""A longer gap is a number that makes no sense."""


@dataclass(slots=True, kw_only=True)
class Numbering:
    """`highest` heard, and those below it that are `missing`. `is_sane` until a number comes that cannot be one: from
    then on nothing is concluded from them. `is_resumed`: read back from the ledger, which need not hold the last."""

    highest: int
    missing: tuple[int, ...] = ()
    is_sane: bool = True
    is_resumed: bool = False

    def note(self, seq_no: int) -> bool:
        """Take in a message's number; returns whether the message is late: others that come after it were heard."""
        if seq_no == self.highest + 1 or (self.is_resumed and seq_no > self.highest):
            self.highest, self.is_resumed = seq_no, False
            return False
        if seq_no in self.missing:
            self.missing = tuple(number for number in self.missing if number != seq_no)
            return True
        if self.highest < seq_no <= self.highest + MAX_MISSING - len(self.missing):
            self.missing += tuple(range(self.highest + 1, seq_no))
            self.highest = seq_no
        elif seq_no != self.highest:  # the same again is a message said twice
            self.is_sane = False
        return False


def from_the_middle(seq_no: int) -> Numbering:
    """Of a transaction whose first message heard is not its start: OCPP 2.0.1 begins with 0."""
    return Numbering(highest=seq_no, missing=tuple(range(min(seq_no, MAX_MISSING))), is_sane=0 <= seq_no <= MAX_MISSING)
