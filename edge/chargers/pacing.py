"""When a station that comes to harm by many questions may be asked the next one (field quirk 10)."""

from __future__ import annotations

from typing import Final

from protocols.ocpp.quirks.model import QuestionQuirks

WINDOW_S: Final = 600.0
"""`QuestionQuirks.most` counts the questions of so long."""


class Pace:
    """Of one station: each question takes a turn, in order."""

    __slots__ = ("_due_s", "_taken", "_window_ends_s")

    def __init__(self) -> None:
        self._due_s = 0.0
        self._taken = 0
        self._window_ends_s = 0.0

    def turn(self, now_s: float, wanted: QuestionQuirks) -> float:
        """How long to wait with the next question, in seconds."""
        due_s = max(now_s, self._due_s)
        if due_s >= self._window_ends_s:
            self._window_ends_s, self._taken = due_s + WINDOW_S, 0
        elif wanted.most is not None and self._taken >= max(1, wanted.most):
            due_s = self._window_ends_s
            self._window_ends_s, self._taken = due_s + WINDOW_S, 0
        self._taken += 1
        self._due_s = due_s + wanted.pause_s
        return due_s - now_s
