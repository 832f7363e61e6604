"""What the ledger's disk tells the site."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocols.sync.keeping import EntriesShed


class DiskLevel(IntEnum):
    """How short of room the disk is. Each level gives up what it says, and all that the levels before it do."""

    ROOMY = 0
    THIN = 1
    """Telemetry is thinned."""
    SHED = 2
    """The oldest telemetry goes, first what the hub has."""
    SPARE = 3
    """Events that only inform are not journaled, and those that the hub has go."""
    FULL = 4
    """The ballast is given up: running transactions end and are billed, and none begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLooked:
    """The disk was looked at. `used_percent` counts the ledger's own free pages as free."""

    level: DiskLevel
    used_percent: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SheddingPlanned:
    """Entries are about to be given up that the hub does not have: it is told before they go."""

    shed: EntriesShed


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReplaced:
    """The ledger's file was not what it should be. `alarm` names what was found, `text` what was done about it and what
    is to be done, for a person."""

    alarm: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyLooked:
    """Whether the second box has all that is acknowledged here; `why` it has not, for a person."""

    is_behind: bool
    why: str


DiskEvent = DiskLooked | SheddingPlanned | LedgerReplaced | StandbyLooked
LEDGER_DAMAGED: Final = "ledger_damaged"
LEDGER_COPIED: Final = "ledger_copied"
LEDGER_FORKED: Final = "ledger_forked"
STANDBY_BEHIND: Final = "standby_behind"
STANDBY_HAD_MORE: Final = "standby_had_more"
