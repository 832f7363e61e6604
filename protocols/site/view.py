"""What the edge shows to its screens over the local WebSocket: a snapshot, then patches of what changed.

A patch comes at least every `PATCH_WITHIN_S` seconds, also when nothing changed: a screen that hears nothing for
`STALE_AFTER_S` seconds must say that what it shows is old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, TypeAdapter

from protocols.terms import BalancePart, EvseState

PATCH_WITHIN_S: Final = 2.0
STALE_AFTER_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseView:
    """One tile. Power, energy and so on are None where nothing is measured; `cost` is what the driver owes so far.

    `duration_s` counts from the start of the transaction. `is_reading_old` is True when the charger is silent while
    a transaction runs, so that its values must not be shown as the present. `reserved_until` is set while it is
    reserved; `is_leaving_service` when it goes out of service as soon as its transaction ends.
    """

    station_id: str
    evse_id: int
    label: str
    state: EvseState
    max_power_w: int
    power_w: int | None = None
    energy_wh: int | None = None
    duration_s: int | None = None
    cost: Decimal | None = None
    state_of_charge_percent: int | None = None
    is_reading_old: bool = False
    error: str | None = None
    reserved_until: datetime | None = None
    is_leaving_service: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFlow:
    """In W, None where it is not known now. The grid, the sun and the battery give where it is above 0, the others
    take. `age_s`: how old the oldest of its readings is."""

    part: BalancePart
    power_w: int | None
    age_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTotals:
    """The line above the tiles. `uplink_since` is when the WAN came or went; `backlog` entries wait for the hub.

    `balance` has the parts that the site's meters tell of; none where it has no meters.
    """

    at: datetime
    power_w: int
    is_uplink_online: bool
    uplink_since: datetime | None
    backlog: int
    open_alarms: int
    allows_unknown_stations: bool
    has_uplink: bool = True
    balance: tuple[PowerFlow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole site; the first message after a connect."""

    location_id: str
    name: str
    time_zone: str
    currency: str
    totals: SiteTotals
    evses: tuple[EvseView, ...]
    kind: Literal["snapshot"] = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The tiles that changed, whole, and the totals."""

    totals: SiteTotals
    evses: tuple[EvseView, ...] = ()
    kind: Literal["patch"] = "patch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to the request with the same `id`: a `result` or a `problem` that says what to do."""

    id: str
    result: Any = None
    problem: str | None = None
    kind: Literal["answer"] = "answer"


Shown = Annotated[Snapshot | Patch | Answer, Discriminator("kind")]
SHOWN: Final[TypeAdapter[Snapshot | Patch | Answer]] = TypeAdapter(Shown)
