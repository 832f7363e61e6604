"""What each journal entry does to the state tables, inside the transaction that journals it."""

from __future__ import annotations

from typing import Final, assert_never

import msgspec
from pydantic import TypeAdapter

from edge.domain.handover import HANDED_OVER
from edge.domain.site import MAX_STRAY_STOPS
from edge.domain.transaction import Transaction
from edge.ledger import device_projections
from edge.ledger.bill_tables import corrected_seq, keep_decision
from edge.ledger.customer_tables import keep_customers
from edge.ledger.day_sums import MARK
from edge.ledger.partitions import stored
from edge.ledger.payment_tables import keep as keep_payment
from edge.ledger.receipt_tables import keep_receipt
from edge.ledger.rows import Rows
from edge.ledger.security_tables import keep as keep_security
from edge.ledger.staff_tables import keep_staff
from edge.ledger.tariff_tables import keep_tariffs
from protocols.ocpi.token import Token
from protocols.sync.blocks import TelemetryBlock
from protocols.sync.clock import ClockNoted
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
from protocols.sync.topics import Stream
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

TOKEN = TypeAdapter(Token)
ALARM = TypeAdapter(AlarmRaised)
CHECKPOINT = TypeAdapter(Transaction)
CHARGING_PROFILE = TypeAdapter(ChargingProfileSet)
CHARGING_LIMIT = TypeAdapter(ChargingLimitChanged)
encode: Final = msgspec.json.Encoder(decimal_format="string").encode
"""Writes what pydantic reads back."""

_KEPT_APART: Final = (PostingMade, CdrIssued, CdrQuarantined, BillDecided)
"""For ever, in tables of their own: the journal's row only points there."""
MAX_DEVIATIONS: Final = 10_000
"""Kinds kept. Models are named by the stations themselves: who makes them up shall not fill the disk."""


def keep_open(rows: Rows, transaction: Transaction) -> None:
    """Checkpoint an open transaction. To be called where nobody changes it meanwhile."""
    rows.add(
        "open",
        "checkpoint",
        transaction.transaction_id,
        transaction.station_id,
        transaction.charger_transaction_id,
        transaction.start_key,
        transaction.token_uid,
        encode(transaction),
    )


def append(rows: Rows, entry: Entry, encoded: bytes, at: str) -> None:
    """Journal an entry and bring the tables up to it; `at` is the entry's time as the ledger writes it.

    Checkpoints come before the entries: a transaction that began in the same commit can then end in it.
    """
    if entry.stream is Stream.TELEMETRY:
        rows.telemetry.append(stored(entry.seq, entry.at, encoded))
        return
    is_kept_apart = type(entry.body) in _KEPT_APART
    # By value: an enumeration's member would go through sqlite3's adapters, which costs as much as the row.
    rows.add("journal", "append", entry.stream.value, entry.seq, at, None if is_kept_apart else encoded)
    match entry.body:
        case MeterValuesSampled() | TelemetryBlock():
            raise AssertionError("of the telemetry stream, which has no other tables")
        case TransactionStarted() | TransactionMerged() | IdTokenRefused() | EntriesShed():
            pass  # the journal is their only place; an open transaction's row comes with its checkpoint
        case OpenTransactionsTold():
            pass  # for the hub to compare
        case DaySummed() as sum_of_day:
            rows.add("meta", "set_meta", MARK + sum_of_day.stream, encode(sum_of_day).decode())
        case ClockNoted() as noted:
            rows.add("meta", "set_meta", "clock", encode({"at": at, "noted": noted}).decode())
        case TransactionEnded() as ended:
            rows.add("past", "keep_past", ended.transaction_id, ended.reason, at)
            rows.add("ended", "drop_open", ended.transaction_id)
        case TransactionHandedOver() as given:
            rows.add("past", "put_handed_over", given.moves, given.to_edge_id, given.transaction_id)
            rows.add("past", "keep_past", given.transaction_id, HANDED_OVER, at)
            rows.add("ended", "drop_open", given.transaction_id)
        case TransactionTakenOver() as taken_over:
            rows.add("past", "forget_past", taken_over.start_key, taken_over.station_id)
            rows.add("past", "put_taken_over", taken_over.transaction_id, taken_over.station_id, taken_over.moves)
        case UnknownStopReceived() as stop:
            rows.add("stray_stops", "put_stray_stop", stop.station_id, stop.charger_transaction_id, encode(stop))
            rows.add("stray_stops", "trim_stray_stops", stop.station_id, stop.station_id, MAX_STRAY_STOPS)
        case UnknownStopSettled() as settled:
            rows.add("stray_stops", "drop_stray_stop", settled.station_id, settled.charger_transaction_id)
        case CdrIssued(cdr=cdr) | CdrQuarantined(cdr=cdr):
            is_quarantined = int(type(entry.body) is CdrQuarantined)
            end = cdr.end_date_time.isoformat()
            name = (cdr.id, cdr.session_id, is_quarantined, end)
            rows.link("cdrs", "add_cdr", encoded, entry.seq, *name, encoded, at, int(cdr.credit), corrected_seq(cdr))
        case ChainSealed() as seal:
            rows.add("seals", "add_seal", entry.seq, seal.through_seq, seal.hash, seal.count, at)
        case BillDecided() as decided:
            keep_decision(rows, entry, decided, encoded, at)
        case PostingMade() as posting:
            legs = encode(posting.legs).decode()
            posted = (posting.posting_id, posting.key, posting.cdr_id, posting.currency)
            why = (posting.reason.value, legs, posting.text, posting.by)
            rows.link("postings", "add_posting", encoded, entry.seq, *posted, *why, at, encoded)
        case ReceiptIssued() | StatementMade():
            keep_receipt(rows, entry.body)
        case (PaymentChanged() | TillChanged() | TillMoved() | ProviderReconciled()) as paid:
            keep_payment(rows, paid, at)
        case ConnectorStatusChanged() as status:
            _put_status(rows, status)
        case StationConnectionChanged() as link:
            rows.add("stations", "put_station_online", link.station_id, int(link.is_online))
        case StationBooted() as boot:
            known = (boot.vendor, boot.model, boot.serial_number, boot.firmware_version)
            rows.add("stations", "put_station_boot", boot.station_id, *known)
        case TokensChanged() as changed:
            if changed.is_complete:
                rows.add("tokens", "drop_tokens", changed.source)
            for token in changed.tokens:
                rows.add("tokens", "put_token", changed.source, token.key, encode(token))
            for key in changed.removed:
                rows.add("tokens", "drop_token", changed.source, key)
            rows.add("meta", "set_meta", "tokens_version", str(entry.seq))
            rows.add("meta", "set_meta", "tokens_changed_at", at)
        case (SignInRefused() | SignInRegained() | StaffChanged()) as of_staff:
            keep_staff(rows, of_staff, at)
        case TariffsChanged() as tariffs:
            keep_tariffs(rows, tariffs)
        case FilterChanged() as changed_filter:
            rows.add("meta", "set_meta", "filter", encode(changed_filter).decode())
        case CustomersChanged() | ElsewhereTold() | WalletSpent() | WalletOverdrawn() | DunningStepTaken():
            keep_customers(rows, entry.body, at)
        case DocumentApplied() as applied:
            if applied.problem is None:
                rows.add("documents", "put_document", applied.document, applied.version)
        case AlarmRaised() as alarm:
            rows.add("alarms", "put_alarm", alarm.alarm_id, encode(alarm))
        case AlarmCleared() as cleared:
            rows.add("alarms", "drop_alarm", cleared.alarm_id)
        case ReservationMade() as made:
            rows.add("reservations", "put_reservation", made.station_id, made.reservation_id, encode(made))
        case ReservationEnded() as over:
            rows.add("reservations", "drop_reservation", over.station_id, over.reservation_id)
        case LocalListSettled() as settled_list:
            rows.add("local_lists", "put_local_list", settled_list.station_id, encode(settled_list))
        case AvailabilityChanged() as availability:
            if availability.is_operative and not availability.is_scheduled:
                rows.add("availability", "drop_availability", availability.station_id, availability.evse_id)
            else:
                where = (availability.station_id, availability.evse_id)
                rows.add("availability", "put_availability", *where, encode(availability))
        case StationAccepted() as let_in:
            rows.add("accepted_stations", "put_accepted_station", let_in.station_id)
        case CommandTaken() as taken:
            rows.add("commands", "put_command", taken.command_id, taken.expires_at.isoformat())
        case CommandFinished() as finished:
            rows.add("commands", "finish_command", finished.command_id)
        case DeviationSeen() as seen:
            kind = (seen.vendor, seen.model, seen.firmware_version, seen.action, seen.path, seen.problem, seen.remedy)
            rows.add("deviations", "put_deviation", *kind, seen.count, at, at, seen.station_id, seen.frame)
            rows.add("deviations", "trim_deviations", MAX_DEVIATIONS)
        case ChargingProfileSet() as installed:
            placed = (installed.station_id, installed.profile.profile_id or 0)
            rows.add("charging_profiles", "put_charging_profile", *placed, encode(installed))
        case ChargingProfileCleared() as gone:
            rows.add("charging_profiles", "drop_charging_profile", gone.station_id, gone.profile_id)
        case ChargingLimitChanged() as limit:
            place = (limit.station_id, limit.source, limit.evse_id or 0)
            if limit.is_cleared:
                rows.add("charging_limits", "drop_charging_limit", *place)
            else:
                rows.add("charging_limits", "put_charging_limit", *place, encode(limit))
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
            device_projections.apply(rows, entry.body, at)
        case (
            SecurityEventSeen()
            | CertificateIssued()
            | CertificateAccepted()
            | CertificateRevoked()
            | InstalledCertificatesReported()
            | StationPasswordChanged()
            | StationSecurityProfileChanged()
        ):
            keep_security(rows, entry.body, at)
        case _:
            assert_never(entry.body)


def _put_status(rows: Rows, status: ConnectorStatusChanged) -> None:
    if status.evse_id == 0:
        rows.add("stations", "put_station_status", status.station_id, status.status.value)
        return
    rows.add(
        "evses",
        "put_evse",
        status.station_id,
        status.evse_id,
        status.connector_id,
        status.status.value,
        status.charging_state.value if status.charging_state is not None else None,
        status.error_code,
    )
