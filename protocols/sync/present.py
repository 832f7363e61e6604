"""What travels beside the journal: who an edge is, how it stands, and live values. `protocols.sync.up` has it all."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from protocols.ocpi.location import Location
from protocols.sync.clock import ClockQuality
from protocols.sync.topics import Count, Stream
from protocols.terms import BalancePart, EvseState, MeterRole

SCHEMA_VERSION = 1
"""Of every message. Another one is refused, whole: raised only where a message would be misread."""
CONTRACT_VERSION = "1.1"
"""Of the contract as docs/asyncapi.json has it; rises with every field and message that is added."""


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
class PhaseLive:
    """One phase of a meter, in W, mA and mV; None where it is not known now."""

    phase: Literal["L1", "L2", "L3"]
    power_w: int | None = None
    current_ma: int | None = None
    voltage_mv: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterLive:
    """The present of one of the site's own meters or inverters. A value that is not known now is None.

    Counted from the site's busbar: `power_w` is above 0 where a device takes (the feeder: from the grid), below 0 where
    it gives. `station_id` and `evse_id` name the EVSE that it stands behind. `read_at` is when it was last read at all,
    `power_read_at` when the older part of `power_w` was.
    """

    meter_id: str
    role: MeterRole
    profile_id: str
    station_id: str | None = None
    evse_id: int | None = None
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    is_online: bool = False
    power_w: int | None = None
    power_read_at: AwareDatetime | None = None
    phases: tuple[PhaseLive, ...] = ()
    energy_import_wh: int | None = None
    energy_export_wh: int | None = None
    frequency_mhz: int | None = None
    power_factor_per_mille: int | None = None
    read_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowLive:
    """A part of the site's power balance, in W: the grid, the sun and the battery give where it is above 0, the others
    take. None: not known now. `read_at` is the time of its oldest reading; None where nothing is read for it."""

    part: BalancePart
    power_w: int | None = None
    read_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBacklog:
    """What of a stream the hub has not acknowledged: all behind `acked_seq`, the oldest of it from `oldest_at`.

    `drains_in_s` is how long that takes at the pace of the last minutes; None where nothing moves. `resends` counts how
    often the stream went back to its last Ack since the agent's start, `dead_letters` what the hub could not read.
    """

    stream: Stream
    last_seq: Count
    acked_seq: Count
    oldest_at: AwareDatetime | None = None
    drains_in_s: int | None = None
    resends: Count = 0
    dead_letters: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReport:
    """How good the edge's clock is, since when; `offset_ms` is the hub's time less the edge's, as the edge heard it."""

    quality: ClockQuality
    noted_at: AwareDatetime
    offset_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """How an edge sees its way to the hub. Bytes are those of MQTT messages since midnight at the site, or since the
    agent's start; `bytes_saved_today` is what compressing took off. `deferred`: how often something waited for the
    allowance of a metered line."""

    streams: tuple[StreamBacklog, ...]
    broker: str | None = None
    bytes_today: Count = 0
    bytes_saved_today: Count = 0
    deferred: Count = 0
    last_ack_at: AwareDatetime | None = None
    clock: ClockReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What changed since the last one, at most once a second; `at` is site time.

    The balance comes whole with every one, where the site has meters. What is read again and stays as it was comes now
    and then, so that its age is true. So does `sync`.
    """

    epoch: str
    at: AwareDatetime
    evses: tuple[EvseLive, ...]
    meters: tuple[MeterLive, ...] = ()
    balance: tuple[FlowLive, ...] = ()
    sync: SyncReport | None = None


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
    """Who an edge is and how its site stands, retained. `documents` maps a document's name to the version applied.

    `understands` names what came later than schema version 1 and is sent to nobody who does not name it: `filter`,
    `lists`, `account_lists`. `digests`: what the lists that came as documents come to here (protocols/sync/lists.py),
    by document.
    """

    edge_id: str
    epoch: str
    software_version: str
    at: AwareDatetime
    location: Location
    evses: tuple[EvseLive, ...]
    streams: tuple[StreamPosition, ...]
    meters: tuple[MeterLive, ...] = ()
    balance: tuple[FlowLive, ...] = ()
    documents: dict[str, int] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION
    understands: tuple[str, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeState:
    """Retained, and the connection's last will. `epoch` tells whose will it is.

    `session` counts the edge's connections in this epoch, over all brokers: what an older one says, such as the last
    will at a broker that was left, is void. 0: an edge that does not count.
    """

    status: Literal["online", "offline"]
    epoch: str
    session: Count = 0
