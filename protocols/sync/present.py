"""What travels beside the journal: who an edge is, how it stands, and live values. `protocols.sync.up` has it all."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from protocols.ocpi.location import Location
from protocols.sync.topics import Count, Stream
from protocols.terms import EvseState

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseLive:
    """The present of one EVSE. `cost` is before taxes; None where nothing is measured or no transaction runs."""

    station_id: str
    evse_id: int
    state: EvseState
    power_w: int | None = None
    energy_wh: int | None = None
    state_of_charge_percent: int | None = None
    transaction_id: str | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What changed since the last one, at most once a second; `at` is site time."""

    epoch: str
    at: AwareDatetime
    evses: tuple[EvseLive, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPosition:
    """`last_seq` is the newest entry in the journal, `acked_seq` the last that the hub has acknowledged; 0 for none.

    `first_seq` is the oldest entry that is still there: what was before it went by retention and cannot be sent again.
    """

    stream: Stream
    last_seq: Count
    acked_seq: Count
    first_seq: Count = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """Who an edge is and how its site stands, retained. `documents` maps a document's name to the version applied."""

    edge_id: str
    epoch: str
    software_version: str
    at: AwareDatetime
    location: Location
    evses: tuple[EvseLive, ...]
    streams: tuple[StreamPosition, ...]
    documents: dict[str, int] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeState:
    """Retained, and the connection's last will. `epoch` tells whose will it is."""

    status: Literal["online", "offline"]
    epoch: str
