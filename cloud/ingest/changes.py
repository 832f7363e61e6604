"""What a batch of journal entries changes, collected per table so that each table is written once.

Pure: `project` reads an entry and adds rows; `cloud.ingest.projection` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, assert_never

import orjson

from cloud.ingest.evse_state import EvseNews, LinkNews, StatusNews, TransactionNews
from cloud.ingest.readings import ReadBlock, read_block
from protocols.errors import BadEntry
from protocols.fact import ENCODER
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.session import SessionStatus
from protocols.sync.blocks import TelemetryBlock
from protocols.sync.clock import ClockNoted
from protocols.sync.codec import MAX_SEQ
from protocols.sync.comparing import DaySummed, OpenTransactionsTold
from protocols.sync.corrections import BillDecided
from protocols.sync.customers import (
    CustomersChanged,
    DunningStepTaken,
    ElsewhereTold,
    WalletOverdrawn,
    WalletSpent,
)
from protocols.sync.filters import FilterChanged
from protocols.sync.keeping import EntriesShed
from protocols.sync.payments import PaymentChanged, ProviderReconciled, TillChanged, TillMoved
from protocols.sync.proof import ChainSealed
from protocols.sync.receipts import ReceiptIssued, StatementMade
from protocols.sync.staff import SignInRefused, SignInRegained, StaffChanged
from protocols.sync.tariffs import TariffsChanged
from protocols.sync.topics import EdgeAddress
from protocols.sync.up import (
    AlarmCleared,
    AlarmRaised,
    CdrIssued,
    CdrQuarantined,
    CommandFinished,
    CommandTaken,
    ConnectorStatusChanged,
    DocumentApplied,
    Entry,
    IdTokenRefused,
    MeterValuesSampled,
    PostingMade,
    StationBooted,
    StationConnectionChanged,
    TokensChanged,
    TransactionEnded,
    TransactionHandedOver,
    TransactionMerged,
    TransactionStarted,
    TransactionTakenOver,
    UnknownStopReceived,
    UnknownStopSettled,
)
from protocols.sync.upkeep import (
    AvailabilityChanged,
    CertificateAccepted,
    CertificateIssued,
    CertificateRevoked,
    ChargingLimitChanged,
    ChargingProfileCleared,
    ChargingProfileSet,
    DeviationSeen,
    DeviceBody,
    FirmwareAdded,
    FirmwareRemoved,
    InstalledCertificatesReported,
    JobBegun,
    JobEnded,
    JobStepChanged,
    LocalListSettled,
    MonitorEventsReported,
    MonitorsLearned,
    ReportKept,
    ReservationEnded,
    ReservationMade,
    SecurityEventSeen,
    StationAccepted,
    StationPasswordChanged,
    StationSecurityProfileChanged,
    VariablesRead,
)

Row = dict[str, Any]
SecurityBody = SecurityEventSeen | CertificateIssued | CertificateAccepted | CertificateRevoked
ReservationBody = ReservationMade | ReservationEnded
MoneyNews = (
    CustomersChanged
    | PaymentChanged
    | TillChanged
    | TillMoved
    | ProviderReconciled
    | DunningStepTaken
    | StaffChanged
    | BillDecided
    | ReceiptIssued
    | StatementMade
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a batch comes from, and when it arrived by the site's clock."""

    address: EdgeAddress
    epoch: str
    location_id: str | None
    received_at: datetime

    @property
    def key(self) -> Row:
        return {"domain": self.address.domain, "edge_id": self.address.edge_id}


@dataclass(slots=True)
class Changes:
    """The rows of a batch, in the order of its entries."""

    sessions_started: list[Row] = field(default_factory=list)
    sessions_ended: list[Row] = field(default_factory=list)
    sessions_moved: list[Row] = field(default_factory=list)
    sessions_billed: list[Row] = field(default_factory=list)
    cdrs: list[Row] = field(default_factory=list)
    bills_decided: list[BillDecided] = field(default_factory=list)
    seals: list[tuple[int, datetime, ChainSealed]] = field(default_factory=list)
    """With number and time of the entry: chain_seals takes them when the batch's entries are stored."""
    sums: list[tuple[int, DaySummed]] = field(default_factory=list)
    """What days come to, with the number of the entry: day_sums takes them as they are, and proves them later."""
    open_told: list[tuple[int, OpenTransactionsTold]] = field(default_factory=list)
    """What the edge has open after the entry of this number."""
    shed: list[EntriesShed] = field(default_factory=list)
    """What the edge has given up: batches.py goes on behind it."""
    postings: list[Row] = field(default_factory=list)
    posting_legs: list[Row] = field(default_factory=list)
    boots: dict[str, Row] = field(default_factory=dict)
    news: list[EvseNews] = field(default_factory=list)
    alarms_raised: list[Row] = field(default_factory=list)
    alarms_cleared: list[tuple[str, datetime]] = field(default_factory=list)
    commands: list[Row] = field(default_factory=list)
    documents: list[DocumentApplied] = field(default_factory=list)
    site_tokens: list[TokensChanged] = field(default_factory=list)
    deviations: list[tuple[DeviationSeen, datetime]] = field(default_factory=list)
    security: list[tuple[SecurityBody, datetime]] = field(default_factory=list)
    reservations: list[ReservationBody] = field(default_factory=list)
    local_lists: list[tuple[LocalListSettled, datetime]] = field(default_factory=list)
    money: list[tuple[MoneyNews, datetime]] = field(default_factory=list)
    """What money_changes writes, with the time of its entry."""
    readings: list[ReadBlock] = field(default_factory=list)
    devices: list[tuple[DeviceBody, datetime, int]] = field(default_factory=list)
    """Jobs, variables and reports, with the time and the number of their entry: device_changes writes them."""
    newest_at: datetime | None = None


def project(entry: Entry, origin: Origin, changes: Changes) -> None:
    """Add what an entry changes. Raises BadEntry, before anything is added, for one that cannot be true."""
    if entry.at.tzinfo is None:
        raise BadEntry("at: a time without a zone")
    match entry.body:
        case ConnectorStatusChanged() as body:
            changes.news.append(
                StatusNews(
                    station_id=body.station_id,
                    evse_id=body.evse_id,
                    at=entry.at,
                    status=body.status,
                    charging_state=body.charging_state,
                    error_code=body.error_code,
                )
            )
        case TransactionStarted() as body:
            _start_session(body, entry.at, origin, changes)
        case TransactionEnded() as body:
            _end_session(body, entry.at, origin, changes)
        case TransactionTakenOver() as body:
            _move_session(body, entry.at, origin, changes)
        case TransactionHandedOver() as body:  # the agent that has it now tells of it
            gone = TransactionNews(station_id=body.station_id, evse_id=body.evse_id, at=entry.at, transaction_id=None)
            changes.news.append(gone)
        case TransactionMerged() as body:
            _merge_session(body, entry.at, origin, changes)
        case CdrIssued(cdr=cdr):
            _bill(cdr, "credit" if cdr.credit else "issued", entry.at, origin, changes)
        case CdrQuarantined(cdr=cdr):
            _bill(cdr, "quarantined", entry.at, origin, changes)
        case BillDecided() as body:
            changes.bills_decided.append(body)
            changes.money.append((body, entry.at))
        case ChainSealed() as body:
            changes.seals.append((entry.seq, entry.at, body))
        case DaySummed() as body:
            changes.sums.append((entry.seq, body))
        case OpenTransactionsTold() as body:
            changes.open_told.append((entry.seq, body))
        case ClockNoted():
            pass  # kept as it came: it tells the quality of the entries behind it, and the alarm beside it is shown
        case PostingMade() as body:
            _post(body, entry.at, origin, changes)
        case (
            CustomersChanged(source="site")
            | PaymentChanged()
            | TillChanged()
            | TillMoved()
            | ProviderReconciled()
            | DunningStepTaken()
            | StaffChanged()
            | ReceiptIssued()
            | StatementMade()
        ) as body:
            changes.money.append((body, entry.at))
        case CustomersChanged() | ElsewhereTold() | TariffsChanged() | FilterChanged():
            pass  # the hub's own word, come back
        case EntriesShed() as body:
            changes.shed.append(_range_of(body))
        case WalletSpent() | WalletOverdrawn() | SignInRefused() | SignInRegained():
            pass  # the raw entry is kept, and the alarm beside it is shown
        case StationConnectionChanged() as body:
            changes.news.append(
                LinkNews(
                    station_id=body.station_id,
                    at=entry.at,
                    is_online=body.is_online,
                    ocpp_version=body.ocpp_version,
                )
            )
        case StationBooted() as body:
            changes.boots[body.station_id] = {
                "station_id": body.station_id,
                "vendor": body.vendor,
                "model": body.model,
                "serial_number": body.serial_number,
                "firmware_version": body.firmware_version,
                "booted_at": entry.at,
                "boot_reason": body.reason,
            }
        case AlarmRaised() as body:
            changes.alarms_raised.append(alarm_row(body, f"{origin.epoch}-{entry.seq}", entry.at, origin))
        case AlarmCleared(alarm_id=alarm_id):
            _clear_alarm(alarm_id, entry.at, changes)
        case CommandTaken(command_id=command_id):
            changes.commands.append({"id": command_id, "status": "taken"})
        case CommandFinished() as body:
            changes.commands.append(
                {
                    "id": body.command_id,
                    "status": body.outcome.value,
                    "detail": body.detail,
                    "result": None if body.result is None else orjson.dumps(body.result).decode(),
                    "finished_at": entry.at,
                }
            )
        case DocumentApplied() as body:
            changes.documents.append(body)
        case TokensChanged(source="site") as body:
            changes.site_tokens.append(body)
        case DeviationSeen() as body:
            changes.deviations.append((body, entry.at))
        case (SecurityEventSeen() | CertificateIssued() | CertificateAccepted() | CertificateRevoked()) as body:
            changes.security.append((body, entry.at))
        case InstalledCertificatesReported() | StationPasswordChanged() | StationSecurityProfileChanged():
            pass  # of interest to the site alone
        case (ReservationMade() | ReservationEnded()) as body:
            changes.reservations.append(body)
        case LocalListSettled() as body:
            changes.local_lists.append((body, entry.at))
        case AvailabilityChanged() | StationAccepted():
            pass  # the edge's own state
        case (MeterValuesSampled() | TelemetryBlock()) as body:
            changes.readings.append(read_block(entry, body))
        case TokensChanged() | IdTokenRefused() | UnknownStopReceived() | UnknownStopSettled():
            pass  # kept as they came; nothing here is shown from them
        case ChargingProfileSet() | ChargingProfileCleared() | ChargingLimitChanged():
            pass  # kept as they came: the edge is asked for them
        case (
            FirmwareAdded()
            | FirmwareRemoved()
            | JobBegun()
            | JobStepChanged()
            | JobEnded()
            | VariablesRead()
            | ReportKept()
            | MonitorsLearned()
            | MonitorEventsReported()
        ):
            changes.devices.append((entry.body, entry.at, entry.seq))
        case _ as never:
            assert_never(never)
    changes.newest_at = max(entry.at, changes.newest_at or entry.at)


def alarm_row(body: AlarmRaised, occurrence: str, at: datetime, origin: Origin) -> Row:
    """The same alarm may be raised again once it is cleared, so its row is named after the entry that raised it."""
    return {
        **origin.key,
        "id": f"{origin.address.edge_id}-{occurrence}",
        "location_id": origin.location_id,
        "alarm_id": body.alarm_id,
        "alarm": body.alarm,
        "severity": body.severity.value,
        "text": body.text,
        "station_id": body.station_id,
        "evse_id": body.evse_id,
        "raised_at": at,
        "cleared_at": None,
    }


def _range_of(shed: EntriesShed) -> EntriesShed:
    """Raises BadEntry for numbers that no stream has."""
    if shed.first_seq is not None and not 1 <= shed.first_seq <= (shed.last_seq or 0) <= MAX_SEQ:
        raise BadEntry(f"entries {shed.first_seq} to {shed.last_seq} cannot be")
    return shed


def _clear_alarm(alarm_id: str, at: datetime, changes: Changes) -> None:
    for row in changes.alarms_raised:
        if row["alarm_id"] == alarm_id and row["cleared_at"] is None:
            row["cleared_at"] = at
            return
    changes.alarms_cleared.append((alarm_id, at))


def _start_session(body: TransactionStarted, at: datetime, origin: Origin, changes: Changes) -> None:
    changes.sessions_started.append(
        {
            **origin.key,
            "id": body.transaction_id,
            "location_id": origin.location_id,
            "station_id": body.station_id,
            "evse_id": body.evse_id,
            "status": SessionStatus.ACTIVE.value,
            "token_uid": body.token_uid,
            "contract_id": body.contract_id,
            "is_offline": body.is_offline,
            "start_date_time": _aware(body.started_at),
            "meter_start_wh": body.meter_start_wh,
            "tariff_id": body.tariff_id,
            "currency": body.currency,
            "updated_at": at,
            "moves": 0,
        }
    )
    changes.news.append(
        TransactionNews(station_id=body.station_id, evse_id=body.evse_id, at=at, transaction_id=body.transaction_id)
    )


def _move_session(body: TransactionTakenOver, at: datetime, origin: Origin, changes: Changes) -> None:
    """It is this edge's now. The journals of two edges arrive in any order: this may be the first word of it."""
    changes.sessions_moved.append(
        {
            **origin.key,
            "id": body.transaction_id,
            "location_id": origin.location_id,
            "station_id": body.station_id,
            "evse_id": body.evse_id,
            "status": SessionStatus.ACTIVE.value,
            "token_uid": body.token_uid,
            "contract_id": body.contract_id,
            "start_date_time": _aware(body.started_at),
            "meter_start_wh": body.meter_start_wh,
            "tariff_id": body.tariff_id,
            "currency": body.currency,
            "updated_at": at,
            "moves": body.moves,
        }
    )
    changes.news.append(
        TransactionNews(station_id=body.station_id, evse_id=body.evse_id, at=at, transaction_id=body.transaction_id)
    )


def _merge_session(body: TransactionMerged, at: datetime, origin: Origin, changes: Changes) -> None:
    """It is another session's; there is no bill of it."""
    changes.sessions_ended.append(
        {
            "b_domain": origin.address.domain,
            "b_edge_id": origin.address.edge_id,
            "b_id": body.transaction_id,
            "status": SessionStatus.INVALID.value,
            "end_date_time": at,
            "meter_stop_wh": None,
            "stop_reason": f"Merged into {body.into_transaction_id}",
            "updated_at": at,
        }
    )
    changes.news.append(TransactionNews(station_id=body.station_id, evse_id=body.evse_id, at=at, transaction_id=None))


def _end_session(body: TransactionEnded, at: datetime, origin: Origin, changes: Changes) -> None:
    changes.sessions_ended.append(
        {
            "b_domain": origin.address.domain,
            "b_edge_id": origin.address.edge_id,
            "b_id": body.transaction_id,
            "status": SessionStatus.COMPLETED.value,
            "end_date_time": _aware(body.ended_at),
            "meter_stop_wh": body.meter_stop_wh,
            "stop_reason": body.reason,
            "updated_at": at,
        }
    )
    changes.news.append(TransactionNews(station_id=body.station_id, evse_id=body.evse_id, at=at, transaction_id=None))


def _bill(cdr: Cdr, status: str, at: datetime, origin: Origin, changes: Changes) -> None:
    changes.cdrs.append(
        {
            **origin.key,
            "id": cdr.id,
            "session_id": cdr.session_id,
            "location_id": cdr.location_id,
            "station_id": cdr.station_id,
            "evse_id": cdr.evse_id,
            "status": status,
            "token_uid": cdr.token_uid,
            "contract_id": cdr.contract_id,
            "start_date_time": _aware(cdr.start_date_time),
            "end_date_time": _aware(cdr.end_date_time),
            "total_energy_wh": cdr.total_energy_wh,
            "currency": cdr.currency,
            "cost_excl_vat": cdr.total_cost.excl_vat,
            "cost_incl_vat": cdr.total_cost.incl_vat,
            "document": ENCODER.encode(cdr).decode(),
            "received_at": origin.received_at,
        }
    )
    if cdr.credit:
        return
    is_issued = status == "issued"
    changes.sessions_billed.append(
        {
            **origin.key,
            "id": cdr.session_id,
            "location_id": cdr.location_id,
            "station_id": cdr.station_id,
            "evse_id": cdr.evse_id,
            "status": (SessionStatus.COMPLETED if is_issued else SessionStatus.INVALID).value,
            "token_uid": cdr.token_uid,
            "contract_id": cdr.contract_id,
            "start_date_time": cdr.start_date_time,
            "end_date_time": cdr.end_date_time,
            "meter_start_wh": cdr.meter_start_wh,
            "meter_stop_wh": cdr.meter_stop_wh,
            "energy_wh": cdr.total_energy_wh,
            "tariff_id": cdr.tariff.id,
            "currency": cdr.currency,
            "cost_excl_vat": cdr.total_cost.excl_vat,
            "cost_incl_vat": cdr.total_cost.incl_vat,
            "stop_reason": cdr.stop_reason,
            "cdr_id": cdr.id,
            "updated_at": at,
        }
    )


def _post(body: PostingMade, at: datetime, origin: Origin, changes: Changes) -> None:
    balance = sum((leg.amount for leg in body.legs), Decimal(0))
    if balance != 0:
        raise BadEntry(f"body.legs: they sum to {balance}, not to zero")
    changes.postings.append(
        {
            **origin.key,
            "posting_id": body.posting_id,
            "key": body.key,
            "cdr_id": body.cdr_id,
            "currency": body.currency,
            "at": at,
            "reason": body.reason.value,
            "text": body.text,
            "staff": body.by,
        }
    )
    changes.posting_legs.extend(
        {
            "domain": origin.address.domain,
            "posting_id": body.posting_id,
            "leg": number,
            "account": leg.account,
            "amount": leg.amount,
        }
        for number, leg in enumerate(body.legs)
    )


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise BadEntry(f"a time without a zone: {at.isoformat()}")
    return at.astimezone(UTC)
