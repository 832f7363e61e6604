"""How a device misbehaves, on demand. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from firmware_sim.modbus.pdu import Refusal


class Kind(StrEnum):
    """What becomes of an answer.

    silence: there is none. exception: it is one. garbage: bytes that are no frame. corrupt: its last byte is wrong.
    short: a word less than was asked for. late: it comes after a while, and others before it. slow: it comes after a
    while, and the others wait. swapped_id: it is for another request. swapped_order: it comes behind the next one.
    stale: it is the one before once more. half_open: from now on this connection is deaf. cut: it is closed.
    """

    SILENCE = "silence"
    EXCEPTION = "exception"
    GARBAGE = "garbage"
    CORRUPT = "corrupt"
    SHORT = "short"
    LATE = "late"
    SLOW = "slow"
    SWAPPED_ID = "swapped_id"
    SWAPPED_ORDER = "swapped_order"
    STALE = "stale"
    HALF_OPEN = "half_open"
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """`times` requests are answered so, all with None; `functions` empty: whatever they ask. `delay_s` is of late and
    slow ones, in real seconds."""

    kind: Kind
    times: int | None = 1
    delay_s: float = 1.0
    exception: Refusal = Refusal.BUSY
    functions: frozenset[int] = frozenset()


@dataclass(slots=True)
class Conduct:
    """What is still to be misbehaved, in its order; nothing is the good conduct."""

    _ahead: list[Misbehaviour] = field(default_factory=list)

    def add(self, misbehaviour: Misbehaviour) -> None:
        """After all that was added before."""
        self._ahead.append(misbehaviour)

    def clear(self) -> None:
        """Behave from now on."""
        self._ahead.clear()

    def next(self, function: int) -> Misbehaviour | None:
        """How to answer this request; uses up one of the times."""
        for index, each in enumerate(self._ahead):
            if each.functions and function not in each.functions:
                continue
            if each.times is not None:
                left = replace(each, times=each.times - 1)
                self._ahead[index : index + 1] = [left] if left.times else []
            return each
        return None
