"""Is the first box dead? Judged by who may take over from it. Pure: told what was seen and when (monotonic seconds).

It is dead when nothing was heard of it for long, nobody has the site's address, and this box is not itself cut off: a
witness, which both boxes see as long as they are not cut off, answered all the time. A box that could not see the
witness while it heard nothing is not to take over: the first may have gone on without it meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

FRESH_S = 2.0
"""What was seen so long ago is as of now."""


@dataclass(slots=True)
class Watch:
    """What a box that follows has seen."""

    dead_after_s: float
    heard_s: float
    """When the first was heard last."""
    is_in_step: bool = False
    """The first said so: nothing is acknowledged that is not here."""
    why_not: str = "the copy was not in step since this box started"
    said: int = 0
    """How often this box has said something that the first repeats with what it says."""
    _believes_from: int = 0
    _witness_s: float = float("-inf")
    _free_s: float = float("-inf")

    def hear(self, now_s: float) -> None:
        self.heard_s = now_s

    def in_step(self, *, is_in_step: bool, why_not: str = "the first said that this copy is behind") -> None:
        self.is_in_step, self.why_not = is_in_step, why_not

    def hear_in_step(self, *, is_in_step: bool, repeated: int) -> None:
        """What the first says, and what it had heard of this box when it said so: good news may be old news."""
        if is_in_step and repeated >= self._believes_from:
            self.is_in_step = True
        elif not is_in_step and self.is_in_step:
            self.in_step(is_in_step=False)

    def stand_still(self) -> None:
        """This box did nothing for so long that the first may have gone on without it."""
        self._believes_from = self.said + 1
        if self.is_in_step:
            self.in_step(is_in_step=False, why_not="this box stood still: the first may have gone on without it")

    def see_witness(self, now_s: float, *, is_there: bool) -> None:
        """To be looked for whenever nothing is heard."""
        if is_there:
            self._witness_s = now_s
        elif self.is_in_step:
            self.in_step(is_in_step=False, why_not="this box was cut off: the first may have gone on without it")

    def see_address(self, now_s: float, *, is_held: bool) -> None:
        self._free_s = float("-inf") if is_held else now_s

    def is_silent(self, now_s: float, after_s: float = 1.0) -> bool:
        return now_s - self.heard_s > after_s

    def reason_to_wait(self, now_s: float) -> str | None:
        """None when this box is to take over by itself."""
        if not self.is_silent(now_s, self.dead_after_s):
            return "the first is heard"
        if not self.is_in_step:
            return self.why_not
        if now_s - self._witness_s > FRESH_S:
            return "the witness cannot be reached"
        if now_s - self._free_s > FRESH_S:
            return "somebody has the site's address"
        return None
