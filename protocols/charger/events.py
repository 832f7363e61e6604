"""What chargers do, in the past tense. Translated from OCPP (and later Modbus), decided upon by the site.

Times are aware UTC as the station stamped them, None where it gave none that can be read; energy is in Wh.

These are msgspec Structs and not dataclasses, alike in use: one is made for every message and every value measured, and
a frozen dataclass takes ten times as long to make. None is ever part of a circle, so the collector need not know them.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from protocols.charger.abilities import Abilities
from protocols.terms import ChargingState, ConnectorStatus, Measurand, ReadingContext


class Sample(Struct, frozen=True, kw_only=True, gc=False):
    """One measured value in the measurand's base unit (Wh, W, mA, mV, percent); `phase` as the station wrote it."""

    measurand: Measurand
    value: int
    at: datetime | None
    context: ReadingContext = ReadingContext.SAMPLE_PERIODIC
    phase: str | None = None


class StationConnected(Struct, frozen=True, kw_only=True, gc=False):
    """An authenticated socket now owns the station. `is_known` is False for a stranger let in for commissioning."""

    station_id: str
    abilities: Abilities
    is_known: bool = True


class StationDisconnected(Struct, frozen=True, kw_only=True, gc=False):
    """The socket that owned the station is gone and no newer one took its place."""

    station_id: str


class BootReported(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 1.6 §4.2, 2.0.1 B01: a BootNotification. `reason` is Unknown for 1.6."""

    station_id: str
    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    reason: str = "Unknown"


class StatusReported(Struct, frozen=True, kw_only=True, gc=False):
    """A StatusNotification. `evse_id` 0 is the station itself (OCPP 1.6 connectorId 0)."""

    station_id: str
    evse_id: int
    connector_id: int
    status: ConnectorStatus
    charging_state: ChargingState | None = None
    error_code: str | None = None
    at: datetime | None = None


class IdTokenPresented(Struct, frozen=True, kw_only=True, gc=False):
    """An Authorize request: may this token charge?"""

    station_id: str
    token_uid: str


class TransactionBegan(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 1.6 StartTransaction (`charger_transaction_id` None: we give it) or 2.0.1 TransactionEvent Started.

    `evse_id` is None where a 2.0.1 station does not know it yet. `remote_start_id` answers a RequestStartTransaction.
    """

    station_id: str
    evse_id: int | None
    connector_id: int | None
    charger_transaction_id: str | None
    token_uid: str | None
    meter_start_wh: int | None
    at: datetime | None
    charging_state: ChargingState | None = None
    samples: tuple[Sample, ...] = ()
    seq_no: int | None = None
    is_offline: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None


class TransactionContinued(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 TransactionEvent Updated. `token_uid` is set when a driver authorised after plugging in."""

    station_id: str
    charger_transaction_id: str
    evse_id: int | None
    token_uid: str | None
    at: datetime | None
    charging_state: ChargingState | None = None
    samples: tuple[Sample, ...] = ()
    seq_no: int | None = None
    is_offline: bool = False
    connector_id: int | None = None
    remote_start_id: int | None = None


class TransactionFinished(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 1.6 StopTransaction or 2.0.1 TransactionEvent Ended. `reason` in OCPP 2.0.1's words (Local is the default).

    `meter_stop_wh` is None where a 2.0.1 station sent no register at the end.
    """

    station_id: str
    charger_transaction_id: str
    token_uid: str | None
    meter_stop_wh: int | None
    at: datetime | None
    reason: str = "Local"
    samples: tuple[Sample, ...] = ()
    seq_no: int | None = None
    is_offline: bool = False
    evse_id: int | None = None


class MeterValuesReported(Struct, frozen=True, kw_only=True, gc=False):
    """A MeterValues request. `charger_transaction_id` is None outside a transaction, or where it was left out."""

    station_id: str
    evse_id: int
    charger_transaction_id: str | None
    samples: tuple[Sample, ...]


class CommandAnswered(Struct, frozen=True, kw_only=True, gc=False):
    """The station's answer to a command of ours: `is_accepted`, and otherwise why not."""

    station_id: str
    command_id: str
    is_accepted: bool
    detail: str = ""


ChargerEvent = (
    StationConnected
    | StationDisconnected
    | BootReported
    | StatusReported
    | IdTokenPresented
    | TransactionBegan
    | TransactionContinued
    | TransactionFinished
    | MeterValuesReported
    | CommandAnswered
)
