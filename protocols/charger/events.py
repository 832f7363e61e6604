"""What chargers do, in the past tense. Translated from OCPP (and later Modbus), decided upon by the site.

Times are aware UTC as the station stamped them, None where it gave none that can be read; energy is in Wh.

These are msgspec Structs and not dataclasses, alike in use: one is made for every message and every value measured, and
a frozen dataclass takes ten times as long to make. None is ever part of a circle, so the collector need not know them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from protocols.charger.abilities import Abilities
from protocols.terms import ChargingState, ConnectorStatus, Measurand, ReadingContext


class Sample(Struct, frozen=True, gc=False):
    """One measured value in the measurand's base unit (Wh, W, mA, mV, percent); `phase` as the station wrote it.

    Half a dozen come with most messages, and by position they are made in two thirds of the time.
    """

    measurand: Measurand
    value: int
    at: datetime | None
    context: ReadingContext = ReadingContext.SAMPLE_PERIODIC
    phase: str | None = None


class SignedReading(Struct, frozen=True, kw_only=True, gc=False):
    """A reading that the meter signed: `data` exactly as the station sent it, `plain` what it says in clear beside it
    (OCPP 2.0.1 SignedMeterValueType; 1.6 format SignedData, where all is in `data`)."""

    context: ReadingContext
    data: str
    encoding_method: str
    plain: str = ""
    signing_method: str | None = None
    public_key: str | None = None


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
    """An Authorize request: may this token charge? `certificate_status` is what was found about the contract
    certificate that it comes with, OCPP 2.0.1 AuthorizeCertificateStatusEnumType; None: it came with none.

    `evse_id`: the EVSE whose reader shows it, where the site runs the transactions; `is_old`: it did so already when
    the site first looked.
    """

    station_id: str
    token_uid: str
    certificate_status: str | None = None
    evse_id: int | None = None
    is_old: bool = False


class TransactionBegan(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 1.6 StartTransaction (`charger_transaction_id` None: we give it) or 2.0.1 TransactionEvent Started.

    `evse_id` is None where a 2.0.1 station does not know it yet. `remote_start_id` answers a RequestStartTransaction.
    `is_token_waived`: the station says that nobody need be authorised (IdTokenType NoAuthorization), here and below.
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
    is_token_waived: bool = False
    signed: tuple[SignedReading, ...] = ()


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
    reservation_id: int | None = None
    is_token_waived: bool = False
    signed: tuple[SignedReading, ...] = ()


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
    is_token_waived: bool = False
    signed: tuple[SignedReading, ...] = ()


class MeterValuesReported(Struct, frozen=True, kw_only=True, gc=False):
    """A MeterValues request. `charger_transaction_id` is None outside a transaction, or where it was left out."""

    station_id: str
    evse_id: int
    charger_transaction_id: str | None
    samples: tuple[Sample, ...]
    signed: tuple[SignedReading, ...] = ()


class CommandAnswered(Struct, frozen=True, kw_only=True, gc=False):
    """The station's answer to a command of ours: `is_accepted`, and otherwise why not. `result` is what it told, by the
    names of the operation's file; for a raw call the payload as it came."""

    station_id: str
    command_id: str
    is_accepted: bool
    detail: str = ""
    result: dict[str, Any] | None = None


class FirmwareStatusReported(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 L01 FirmwareStatusNotification, 1.6 (signed or not). `status` in 2.0.1's words."""

    station_id: str
    status: str
    request_id: int | None = None


class FirmwarePublishingReported(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 L03 PublishFirmwareStatusNotification."""

    station_id: str
    status: str
    locations: tuple[str, ...] = ()
    request_id: int | None = None


class LogStatusReported(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 N01 LogStatusNotification; 1.6 has it too, and DiagnosticsStatusNotification. `status` in 2.0.1's
    words."""

    station_id: str
    status: str
    request_id: int | None = None


class SecurityEventReported(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 A04 SecurityEventNotification."""

    station_id: str
    type: str
    at: datetime | None
    tech_info: str | None = None


class CertificateRequest(Struct, frozen=True, kw_only=True, gc=False):
    """What a certificate signing request says. `key` is RSA or the curve's name; `problem` says why it is none."""

    common_name: str = ""
    organization: str = ""
    key: str = ""
    key_bits: int = 0
    problem: str | None = None


class SigningRequested(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 A02 SignCertificate: answered with Judged, the certificate follows as an operation.

    `request` is filled in on the way to the site, by who can read it.
    """

    station_id: str
    csr: str
    certificate_type: str = "ChargingStationCertificate"
    request: CertificateRequest | None = None


class ReservationStatusReported(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 H04 ReservationStatusUpdate: Expired or Removed."""

    station_id: str
    reservation_id: int
    status: str


class ChargingLimitReported(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 K12 NotifyChargingLimit. `schedules` as the standard writes them."""

    station_id: str
    source: str
    is_grid_critical: bool = False
    evse_id: int | None = None
    schedules: tuple[dict[str, Any], ...] = ()


class ChargingLimitCleared(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 K13 ClearedChargingLimit."""

    station_id: str
    source: str
    evse_id: int | None = None


class ChargingNeedsReported(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 K15 NotifyEVChargingNeeds, answered with Judged. `needs` is ChargingNeedsType as written there."""

    station_id: str
    evse_id: int
    needs: dict[str, Any]
    max_schedule_tuples: int | None = None


class EvScheduleReported(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 K15 NotifyEVChargingSchedule, answered with Judged."""

    station_id: str
    evse_id: int
    time_base: datetime | None
    schedule: dict[str, Any]


class ReportReceived(Struct, frozen=True, kw_only=True, gc=False):
    """A part of a report that answers a request of ours, `request_id`.

    `kind` is variables (2.0.1 NotifyReport), monitors (NotifyMonitoringReport), charging_profiles
    (ReportChargingProfiles), customer_information or display_messages. The items are as the standard writes them; those
    of charging_profiles are {evseId, chargingLimitSource, chargingProfile}, customer_information {data}.
    """

    station_id: str
    kind: str
    request_id: int
    seq_no: int
    is_last: bool
    items: tuple[dict[str, Any], ...]
    at: datetime | None = None


class MonitorsTriggered(Struct, frozen=True, kw_only=True, gc=False):
    """OCPP 2.0.1 N07 NotifyEvent: `events` are EventDataType as the standard writes them."""

    station_id: str
    at: datetime | None
    seq_no: int
    is_last: bool
    events: tuple[dict[str, Any], ...]


class DataTransferred(Struct, frozen=True, kw_only=True, gc=False):
    """DataTransfer of a station. Kept and answered with Judged: no vendor's extension is known here."""

    station_id: str
    vendor_id: str
    message_id: str | None = None
    data: Any = None


class DeviationNoticed(Struct, frozen=True, kw_only=True, gc=False):
    """Messages of the station had to be mended before they could be read: `count` times since this was told last.

    `path`, `problem` and `remedy` as in protocols.ocpp.salvage. `frame`: the first of them, what is secret masked.
    """

    station_id: str
    action: str
    path: str
    problem: str
    remedy: str
    count: int = 1
    frame: str | None = None


class VehicleReplaced(Struct, frozen=True, kw_only=True, gc=False):
    """A polled charger has another vehicle than when it was read before, and nothing in between was seen: it counts a
    new session. Told before all else that was read then."""

    station_id: str
    evse_id: int


class SteeringReported(Struct, frozen=True, kw_only=True, gc=False):
    """A polled charger shows what it was told to do, or does not after several attempts. `setpoint` names which of its
    settings; empty: it cannot be told at all. `detail` is for a person."""

    station_id: str
    evse_id: int
    setpoint: str
    is_followed: bool
    detail: str = ""


class MeterFound(Struct, frozen=True, kw_only=True, gc=False):
    """A meter or an inverter of the site answers, and is what it should be."""

    meter_id: str
    vendor: str
    model: str
    serial_number: str | None = None


class MeterLost(Struct, frozen=True, kw_only=True, gc=False):
    """It does not answer, or another device does in its place; `reason` is for a person."""

    meter_id: str
    reason: str


class MeterRead(Struct, frozen=True, kw_only=True, gc=False):
    """What was newly read of it. Imported is what flows out of the site's busbar; of the feeder, into it."""

    meter_id: str
    samples: tuple[Sample, ...]


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
    | FirmwareStatusReported
    | FirmwarePublishingReported
    | LogStatusReported
    | SecurityEventReported
    | SigningRequested
    | ReservationStatusReported
    | ChargingLimitReported
    | ChargingLimitCleared
    | ChargingNeedsReported
    | EvScheduleReported
    | ReportReceived
    | MonitorsTriggered
    | DataTransferred
    | DeviationNoticed
    | VehicleReplaced
    | SteeringReported
    | MeterFound
    | MeterLost
    | MeterRead
)
