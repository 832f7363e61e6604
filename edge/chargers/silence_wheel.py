"""A timer wheel: finds what is due without looking at what is not, whatever the number.

Each item stands in the slot of the moment at which it must be looked at next. Noting a sign of life costs nothing
here: when its moment comes, an item that was heard of meanwhile is put into a later slot.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Placed(Protocol):
    """What can stand in a wheel; `slot` is the wheel's own note, -1 outside."""

    slot: int


T = TypeVar("T", bound=Placed)


class SilenceWheel(Generic[T]):
    """`tick_s` is the wheel's grain; an item may be put at most `span_s` ahead."""

    def __init__(self, tick_s: float, span_s: float) -> None:
        self._tick_s = tick_s
        self._slots: list[dict[T, None]] = [{} for _ in range(int(span_s / tick_s) + 3)]
        self._turned = 0

    def start(self, now_s: float) -> None:
        """The wheel stands at this moment."""
        self._turned = int(now_s / self._tick_s)

    def put(self, item: T, due_s: float) -> None:
        """Look at the item at `due_s`, or up to one tick later."""
        self.remove(item)
        last = self._turned + len(self._slots) - 1
        item.slot = min(max(int(due_s / self._tick_s) + 1, self._turned + 1), last) % len(self._slots)
        self._slots[item.slot][item] = None

    def remove(self, item: T) -> None:
        if item.slot >= 0:
            self._slots[item.slot].pop(item, None)
            item.slot = -1

    def due(self, now_s: float) -> list[T]:
        """Turn the wheel to this moment and take out what is due."""
        taken: list[T] = []
        turn_to = int(now_s / self._tick_s)
        for turn in range(self._turned + 1, min(turn_to, self._turned + len(self._slots)) + 1):
            slot = self._slots[turn % len(self._slots)]
            taken.extend(slot)
            slot.clear()
        self._turned = max(self._turned, turn_to)
        for item in taken:
            item.slot = -1
        return taken
