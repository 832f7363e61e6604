"""Charging stations and their EVSEs as memory holds them: what the site knows of each at present."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from edge.domain.main_meter import MainMeter
from edge.domain.rules import StationRules
from protocols.charger.abilities import Abilities
from protocols.ocpi.location import Evse
from protocols.terms import ChargingState, ConnectorStatus, EvseRef


class Home(Enum):
    """Which of a node's agents has a station; without other agents nobody asks. Not kept: it is asked anew."""

    HERE = 1
    SOUGHT = 2
    """It is connected here, and the others are being asked for what they have of it."""
    ELSEWHERE = 3


@dataclass(slots=True, kw_only=True)
class Station:
    """A charging station. `status` is what it said of itself as a whole (OCPP 1.6 connectorId 0)."""

    station_id: str
    rules: StationRules
    is_known: bool = True
    is_online: bool = False
    abilities: Abilities | None = None
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware_version: str | None = None
    status: ConnectorStatus | None = None
    evse_ids: list[int] = field(default_factory=list)
    inventory: int = 0
    """Stands for the hardware and firmware whose variables were asked for; 0: never."""
    home: Home = Home.ELSEWHERE
    claim: int = 0
    """Counts how often it was sought."""
    main_meter: MainMeter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted:
    """A station booted then, and is asked something when it had its time; `silent` EVSEs have not told their status."""

    at: datetime
    silent: set[int]


@dataclass(slots=True, kw_only=True)
class EvseStatus:
    """An EVSE and what was last heard of it. Power in W; `read_at` is when a meter value last came."""

    evse: Evse
    connector_id: int = 1
    status: ConnectorStatus | None = None
    charging_state: ChargingState | None = None
    error_code: str | None = None
    power_w: int | None = None
    state_of_charge_percent: int | None = None
    read_at: datetime | None = None
    transaction_id: str | None = None
    ref: EvseRef = field(init=False)

    def __post_init__(self) -> None:
        self.ref = EvseRef(self.evse.station_id, self.evse.evse_id)
