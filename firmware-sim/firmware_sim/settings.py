"""What a charging station is (its data plate) and how it is set up (the settings a CSMS may change). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from firmware_sim.habits import Habit


class OcppVersion(StrEnum):
    """The value is the WebSocket subprotocol."""

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"
    V21 = "ocpp2.1"


class OfflineAuthorize(StrEnum):
    """Who may charge while the CSMS cannot be asked: nobody, ids seen accepted before, anybody."""

    NONE = "none"
    KNOWN = "known"
    ANY = "any"


class AfterPowerLoss(StrEnum):
    """What becomes of the transaction that a power failure interrupted."""

    STOP = "stop"
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSpec:
    """An EVSE with one connector. `phases` 1 or 3 for AC, 0 for DC; `odometer_wh` is what its meter starts with."""

    evse_id: int
    max_power_w: int
    phases: int = 3
    odometer_wh: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSpec:
    """The data plate of a ChargingStation. The password is its OCPP security profile 1 secret; None sends none."""

    station_id: str
    ocpp: OcppVersion
    evses: tuple[EvseSpec, ...]
    vendor: str = "Ohmstead"
    model: str = "Simulated"
    serial: str = ""
    firmware: str = "1.0.0"
    password: str | None = None
    offline_authorize: OfflineAuthorize = OfflineAuthorize.KNOWN
    after_power_loss: AfterPowerLoss = AfterPowerLoss.STOP
    sample_interval_s: int = 60
    clock_aligned_s: int = 0
    habits: frozenset[Habit] = frozenset()
    roots: str = ""
    """Certificates (PEM) of the authorities it trusts when it leaves the factory, for wss."""
    has_iso15118: bool = False
    """Vehicles tell what they need by ISO 15118 (OCPP 2.0.1 K15)."""
    shows_costs: bool = False
    """An OCPP 1.6 station has a display for prices and costs (the OCA's note on California pricing)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What ChangeConfiguration and SetVariables reach; all times are site seconds, 0 switches a period off."""

    heartbeat_s: int = 300
    sample_s: int = 60
    aligned_s: int = 0
    connection_timeout_s: int = 60
    attempts: int = 3
    """How often a transaction message is sent that gets a CALLERROR (1.6 TransactionMessageAttempts)."""
    attempt_interval_s: int = 60
    stop_on_invalid_id: bool = True
    offline_authorize: OfflineAuthorize = OfflineAuthorize.KNOWN
    local_pre_authorize: bool = False
    """Cards of the local list begin at once, without asking (1.6 LocalPreAuthorize)."""
    authorize_remote: bool = False
    """A remote start is asked for like a card (1.6 AuthorizeRemoteTxRequests)."""
    cache_enabled: bool = True
    local_list_enabled: bool = True

    def with_number(self, name: str, value: int) -> Settings:
        """The settings with the whole number `name` changed."""
        changed: dict[str, Any] = {name: value}
        return replace(self, **changed)

    def with_switch(self, name: str, value: bool) -> Settings:
        """The settings with the switch `name` changed."""
        changed: dict[str, Any] = {name: value}
        return replace(self, **changed)
