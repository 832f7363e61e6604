"""Journal bodies about the journal itself: what it had to give up before the hub had it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocols.sync.topics import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesShed:
    """The disk was so short of room that `count` entries were given up which the hub does not have: `first_seq` to
    `last_seq` of the stream, which cannot be sent any more, or, without numbers, informational events that were never
    journaled. Money is never shed."""

    stream: Literal[Stream.EVENT, Stream.TELEMETRY]
    count: int
    first_seq: int | None = None
    last_seq: int | None = None
    kind: Literal["entries_shed"] = "entries_shed"
