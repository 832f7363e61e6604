"""EVSEs whose transactions the site itself runs: what it knows of them beside what it knows of all EVSEs.

Nothing of it is kept: after a restart the transaction is in the ledger, and the charger is asked for all the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRules:
    """`end_after`: a transaction of a station that was silent for so long is billed as far as it was read."""

    end_after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A token that may charge, and waits for its vehicle."""

    token_uid: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A transaction that is over since `at`, and waits for what the meter says then; `command_ids` asked for it."""

    reason: str
    at: datetime
    command_ids: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class EvseRun:
    """`register_wh` is what its register showed last, read at `register_at`. `steered_w`: what it was told that it may
    give; None: nothing, since it connected. `unfollowed` are the settings that it does not take. `next` is who showed
    a card while somebody else charged, and waits for the next vehicle."""

    register_wh: int | None = None
    register_at: datetime | None = None
    awaited: Awaited | None = None
    next: Awaited | None = None
    ending: Ending | None = None
    steered_w: int | None = None
    unfollowed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class RunBook:
    """By station and EVSE."""

    stations: dict[str, dict[int, EvseRun]] = field(default_factory=dict)

    def __contains__(self, station_id: str) -> bool:
        return station_id in self.stations

    def of(self, station_id: str, evse_id: int) -> EvseRun | None:
        return self.stations.get(station_id, {}).get(evse_id)
