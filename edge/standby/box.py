"""What a box knows of itself over restarts, and by which it decides at the start whether to serve or to follow."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from edge.standby.wire import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """On the disk of a box.

    `term` rises with each take-over. `is_alone`: what this box has acknowledged since, the other does not have, and was
    told or could see that it is behind, so it does not take over by itself. `began`: with what it took over: the epoch
    of before, and the last number of each stream. `is_doubtful`: a take-over that was forced.
    """

    is_active: bool
    term: int
    is_alone: bool = False
    began: dict[str, Any] | None = None
    is_doubtful: bool = False


class Box:
    """This box. `is_serving` is what it tells the other; what it remembers is on the disk before it is believed."""

    def __init__(self, path: Path, edge_id: str) -> None:
        """Raises OSError, ValueError where the file is damaged."""
        self._path = path
        self._edge_id = edge_id
        self.is_serving = False
        self.takes_over = False
        """It says so before it asks the other for the last time whether that serves, and the other says that it serves
        before it asks this one: whatever crosses on the way, one of them hears of the other."""
        self.goes_alone = False
        """It is about to, and asks whether it may: the other hears of it before anything is acknowledged."""
        self.memory: Memory | None = Memory(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def remember(self, memory: Memory) -> Self:
        """Raises OSError."""
        draft = self._path.with_suffix(".new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8") as file:
            json.dump(asdict(memory), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        handle = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        self.memory, self.takes_over = memory, False
        return self

    def note_alone(self, *, is_alone: bool) -> None:
        """Raises OSError."""
        if self.memory is not None and self.memory.is_alone != is_alone:
            self.remember(replace(self.memory, is_alone=is_alone))

    @property
    def term(self) -> int:
        return self.memory.term if self.memory is not None else 0

    @property
    def word(self) -> Word:
        memory = self.memory
        return Word(
            edge_id=self._edge_id,
            term=self.term + self.takes_over,
            is_active=self.takes_over or (memory is not None and memory.is_active),
            is_serving=self.is_serving,
            is_alone=self.goes_alone or (memory is not None and memory.is_alone),
            began=memory.began if memory is not None else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """Have the address and be the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """Keep a copy of the other's ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Do neither; ask again."""

    reason: str


def decide_role(memory: Memory | None, *, is_first: bool, other: Word | None, is_held: bool) -> Serve | Follow | Wait:
    """What a box shall do that has just started. `other` is None where the other box cannot be asked; `is_held` says
    that somebody has the site's address.

    | this box was | the other was active | the other was not | it cannot be asked |
    |---|---|---|---|
    | active | the higher term serves | serve | serve if alone before, else wait |
    | standby, or new and not first | follow | follow | follow |
    | new and first | follow | serve | serve |
    """
    if not (memory.is_active if memory is not None else is_first):
        return Follow()
    term = memory.term if memory is not None else 0
    if other is not None and other.is_active and (memory is None or other.term > term):
        return Follow()
    if other is not None and other.is_active and other.term == term:
        return Wait(reason=f"both boxes were active in term {term}: stop one, and move its data folder aside")
    if other is not None and other.term > term:
        return Follow()
    if is_held:
        return Wait(reason="somebody has the site's address")
    if other is None and memory is not None and not memory.is_alone:
        return Wait(
            reason="the other box had everything when this one ended and cannot be asked now: it may have taken over."
            " If it is dead for good: `ohmstead-edge standby take-over --force`"
        )
    return Serve()
