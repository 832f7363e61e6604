"""The nouns that everyone in the house shares: OCPP 2.0.1's technical words (Part 2, Appendices)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class ConnectorStatus(StrEnum):
    """OCPP 2.0.1 ConnectorStatusEnumType."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class ChargingState(StrEnum):
    """OCPP 2.0.1 ChargingStateEnumType: what happens inside a transaction."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class AuthorizationStatus(StrEnum):
    """OCPP 2.0.1 AuthorizationStatusEnumType, the values this house answers with."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class Measurand(StrEnum):
    """The measurands that Ohmstead reads (OCPP 2.0.1 MeasurandEnumType); all others stay in the raw frame."""

    ENERGY_REGISTER = "Energy.Active.Import.Register"
    POWER = "Power.Active.Import"
    POWER_OFFERED = "Power.Offered"
    CURRENT = "Current.Import"
    VOLTAGE = "Voltage"
    STATE_OF_CHARGE = "SoC"
    ENERGY_EXPORT_REGISTER = "Energy.Active.Export.Register"
    POWER_EXPORT = "Power.Active.Export"
    REACTIVE_POWER = "Power.Reactive.Import"
    POWER_FACTOR = "Power.Factor"
    FREQUENCY = "Frequency"
    CURRENT_EXPORT = "Current.Export"


class ReadingContext(StrEnum):
    """OCPP 2.0.1 ReadingContextEnumType."""

    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    OTHER = "Other"
    SAMPLE_CLOCK = "Sample.Clock"
    SAMPLE_PERIODIC = "Sample.Periodic"
    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    TRIGGER = "Trigger"


class EvseState(StrEnum):
    """What a driver or the staff sees of an EVSE: one word made of connection, status and transaction."""

    FREE = "free"
    OCCUPIED = "occupied"
    CHARGING = "charging"
    RESERVED = "reserved"
    FAULTED = "faulted"
    UNAVAILABLE = "unavailable"
    OFFLINE = "offline"


class MeterRole(StrEnum):
    """What flows through one of the site's own meters."""

    FEEDER = "feeder"
    EVSE = "evse"
    PV = "pv"
    BATTERY = "battery"
    LOAD = "load"


class BalancePart(StrEnum):
    """From where a site's power comes (the first three) and where it goes; `rest` is what nobody measures."""

    GRID = "grid"
    PV = "pv"
    BATTERY = "battery"
    EVSES = "evses"
    LOADS = "loads"
    REST = "rest"


class PaymentMethod(StrEnum):
    """How a customer pays at the site."""

    CASH = "cash"
    CARD = "card"
    QR = "qr"


class BillDecision(StrEnum):
    """What a person decides upon a bill: the first three upon one in quarantine, the others upon an issued one."""

    ACCEPTED = "accepted"
    """It is issued as it is."""
    RERATED = "rerated"
    """It is issued with other energy, another end or another tariff, or priced once more."""
    WRITTEN_OFF = "written_off"
    """Nobody pays for it: no bill is issued and nothing is posted."""
    CREDITED = "credited"
    """A credit takes all of it back."""
    CORRECTED = "corrected"
    """A credit takes all of it back, and another bill is issued."""


class EvseRef(NamedTuple):
    """An EVSE of a site: `evse_id` counts from 1 in its ChargingStation, as in OCPP 2.0.1 (an OCPP 1.6 connectorId).

    A tuple, for it is looked up by in several dicts with every message, and a dataclass is hashed in Python.
    """

    station_id: str
    evse_id: int

    def __str__(self) -> str:
        return f"{self.station_id}*{self.evse_id}"
