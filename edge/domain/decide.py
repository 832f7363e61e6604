"""The heart: one event in, one decision out. Pure: the same site, event and time always give the same decision."""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

from edge.domain import (
    account_changes,
    boots,
    certificates,
    corrections,
    customers,
    deviations,
    device_model,
    disk,
    drivers,
    dunning,
    filter_changes,
    firmware_catalogue,
    handover,
    idle_fees,
    jobs,
    local_lists,
    metering,
    meters,
    operations,
    payment_desk,
    polled,
    receipts,
    remote,
    reservations,
    running_cost,
    security_events,
    sessions,
    smart_charging,
    staff,
    stations,
    tariff_lists,
    timekeeping,
    token_changes,
    unbilled,
    unusable_contracts,
    vehicle_plans,
    wallets,
)
from edge.domain.billing import end_transaction
from edge.domain.clock_events import ClockLooked, HubTimeHeard
from edge.domain.correction_events import BillDecisionAsked
from edge.domain.customer_events import ContractAltered, CustomersImported
from edge.domain.decision import Decision
from edge.domain.disk_events import DiskLooked, LedgerReplaced, SheddingPlanned, StandbyLooked
from edge.domain.events import (
    AlarmDismissed,
    CertificateSigned,
    ClaimAnswered,
    ConnectionLimitReached,
    DecisionFailed,
    DocumentUnreadable,
    FileBrought,
    FileFetched,
    FirmwareFileAdded,
    FirmwareFileRemoved,
    PasswordChanged,
    PeerChanged,
    RawCallAnswered,
    Restarted,
    RevocationOrdered,
    SecurityProfileChanged,
    SigningFailed,
    SiteEvent,
    StationLetIn,
    StationsClaimed,
    SyncLagged,
    TariffsImported,
    Ticked,
    TokenBlocked,
    TokensImported,
    UplinkChanged,
)
from edge.domain.list_events import AccountsListed, ListBroken, TokensListed
from edge.domain.past import PastKey
from edge.domain.payment_book import MoneyKey
from edge.domain.payment_events import (
    CashMoved,
    ListCompared,
    PaymentRequested,
    PaymentSettled,
    ProviderAnswered,
    RefundRequested,
    TillCounted,
    TillOpened,
    VoidRequested,
    WriteOffAsked,
)
from edge.domain.proof_events import ChainGrown, DayReckoned
from edge.domain.receipt_events import ReceiptAsked, StatementsReckoned
from edge.domain.site import Site
from edge.domain.staff_events import PinAccepted, PinRefused, StaffListed
from edge.domain.telemetry_events import ReadingsPacked
from protocols.charger.commands import Judged
from protocols.charger.events import (
    BootReported,
    ChargingLimitCleared,
    ChargingLimitReported,
    ChargingNeedsReported,
    CommandAnswered,
    DataTransferred,
    DeviationNoticed,
    EvScheduleReported,
    FirmwarePublishingReported,
    FirmwareStatusReported,
    IdTokenPresented,
    LogStatusReported,
    MeterFound,
    MeterLost,
    MeterRead,
    MeterValuesReported,
    MonitorsTriggered,
    ReportReceived,
    ReservationStatusReported,
    SecurityEventReported,
    SigningRequested,
    StationConnected,
    StationDisconnected,
    StatusReported,
    SteeringReported,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
    VehicleReplaced,
)
from protocols.sync.down import Ack, Command, DesiredAccounts, DesiredTariffs, DesiredTokens
from protocols.sync.filters import DesiredFilter
from protocols.sync.up import StationConnectionChanged

ABANDONED = "Abandoned"
OF_NOW: Final = frozenset({MeterValuesReported, StatusReported})
"""Most of what comes, and it never wants to know of an ended transaction: see `wanted`."""


def decide(site: Site, event: SiteEvent, now: datetime) -> Decision:
    """Decide upon an event at site time `now` (aware, UTC); changes the site and says what is to be kept and done."""
    decision = Decision()
    if site.clock.step is not None:
        event = timekeeping.in_new_time(site, event, now)
    match event:
        case MeterValuesReported():
            if event.station_id in site.runs.stations:
                polled.meter(site, decision, event, now)
            else:
                metering.meter(site, decision, event, now)
            if site.accounts.wallets:
                wallets.watch(site, decision, event.station_id, now)
            if event.station_id in site.profiles or event.station_id in site.external_limits:
                smart_charging.watch(site, decision, event.station_id, event.evse_id, now)
        case TransactionContinued():
            sessions.continue_(site, decision, event, now)
            if event.is_token_waived:
                drivers.waive(decision)
            if site.accounts.wallets:
                wallets.watch(site, decision, event.station_id, now)
            if event.station_id in site.profiles or event.station_id in site.external_limits:
                smart_charging.watch(site, decision, event.station_id, event.evse_id, now)
        case StatusReported():
            stations.report_status(site, decision, event, now)
            if event.station_id in site.runs.stations:
                polled.note_status(site, decision, event, now)
        case TransactionBegan():
            sessions.begin(site, decision, event, now)
            if event.is_token_waived:
                drivers.waive(decision)
            if event.station_id in site.profiles:
                smart_charging.tidy(site, decision, event.station_id, now)
        case TransactionFinished():
            sessions.finish(site, decision, event, now)
            if event.is_token_waived:
                drivers.waive(decision)
            if event.station_id in site.profiles:
                smart_charging.tidy(site, decision, event.station_id, now)
        case IdTokenPresented(evse_id=int(evse_id)):
            polled.present(site, decision, event, evse_id, now)
        case IdTokenPresented():
            drivers.present(site, decision, event.station_id, event.token_uid, now)
            if event.certificate_status is not None:
                drivers.judge_contract(decision, event.certificate_status)
        case BootReported():
            stations.boot(site, decision, event, now)
            device_model.consider(site, site.station(event.station_id), now)
            if site.jobs:
                jobs.note_boot(site, decision, site.station(event.station_id), now)
        case StationConnected():
            stations.connect(site, decision, event, now)
            if event.station_id in site.runs.stations:
                polled.connect(site, decision, event.station_id, now)
            device_model.consider(site, site.station(event.station_id), now)
        case StationDisconnected():
            stations.disconnect(site, decision, event, now)
        case CommandAnswered():
            remote.note_answer(site, decision, event, now)
        case RawCallAnswered():
            operations.take_in(site, decision, event, now)
        case FirmwarePublishingReported():
            device_model.note_publishing(site, decision, event, now)
        case ReservationStatusReported():
            reservations.report(site, decision, event, now)
        case FirmwareStatusReported():
            jobs.note_firmware_status(site, decision, event, now)
        case LogStatusReported():
            jobs.note_log_status(site, decision, event, now)
        case FileFetched():
            jobs.note_fetched(site, decision, event, now)
        case FileBrought():
            jobs.note_brought(site, decision, event, now)
        case FirmwareFileAdded():
            firmware_catalogue.add(site, decision, event, now)
        case FirmwareFileRemoved():
            firmware_catalogue.remove(site, decision, event, now)
        case ReportReceived():
            device_model.note_report(site, decision, event, now)
        case MonitorsTriggered():
            device_model.note_monitors(site, decision, event, now)
        case DataTransferred():
            decision.reply = Judged(is_accepted=False)
        case SecurityEventReported():
            security_events.note_event(site, decision, event, now)
        case SigningRequested():
            certificates.judge_request(site, decision, event, now)
        case CertificateSigned():
            certificates.send(site, decision, event, now)
        case SigningFailed():
            certificates.note_failed(site, decision, event, now)
        case RevocationOrdered():
            certificates.revoke(site, decision, event, now)
        case AlarmDismissed():
            security_events.dismiss_alarm(site, decision, event, now)
        case PasswordChanged():
            certificates.change_password(site, decision, event, now)
        case SecurityProfileChanged():
            certificates.change_security_profile(site, decision, event, now)
        case VehicleReplaced():
            polled.replace_vehicle(site, decision, event, now)
        case SteeringReported():
            polled.note_steering(site, decision, event, now)
        case MeterRead():
            meters.read(site, decision, event, now)
        case MeterFound():
            meters.find(site, decision, event, now)
        case MeterLost():
            meters.lose(site, decision, event, now)
        case DeviationNoticed():
            deviations.note(site, decision, event, now)
        case ChargingLimitReported():
            smart_charging.note_limit(site, decision, event, now)
        case ChargingLimitCleared():
            smart_charging.note_limit_cleared(site, decision, event, now)
        case ChargingNeedsReported():
            vehicle_plans.answer_needs(site, decision, event, now)
        case EvScheduleReported():
            vehicle_plans.judge_plan(site, decision, event, now)
        case Ack():
            remote.note_ack(site, decision, event, now)
        case Command():
            remote.take_command(site, decision, event, now)
        case DesiredTokens():
            token_changes.apply_tokens(site, decision, event, now)
        case TokensListed():
            token_changes.apply_list(site, decision, event, now)
        case ListBroken():
            token_changes.note_broken(site, decision, event, now)
        case AccountsListed():
            account_changes.apply_list(site, decision, event, now)
        case DesiredAccounts():
            account_changes.apply_accounts(site, decision, event, now)
        case DesiredTariffs():
            tariff_lists.apply_tariffs(site, decision, event, now)
        case DesiredFilter():
            filter_changes.apply_filter(site, decision, event, now)
        case TariffsImported():
            tariff_lists.import_tariffs(site, decision, event, now)
        case CustomersImported():
            customers.import_customers(site, decision, event, now)
        case ContractAltered():
            customers.alter(site, decision, event, now)
        case DocumentUnreadable():
            remote.note_unreadable(site, decision, event, now)
        case TokensImported():
            remote.import_tokens(site, decision, event, now)
        case TokenBlocked():
            remote.block_token(site, decision, event, now)
        case StationsClaimed():
            handover.give(site, decision, event, now)
        case ClaimAnswered():
            handover.take(site, decision, event, now)
        case PeerChanged():
            handover.note_peer(site, decision, event, now)
        case UplinkChanged():
            if site.is_uplink_online != event.is_online or site.uplink_since is None:
                site.is_uplink_online, site.uplink_since = event.is_online, now
        case SyncLagged():
            remote.note_lag(site, decision, event, now)
        case ConnectionLimitReached():
            stations.note_connection_limit(site, decision, event, now)
        case ChainGrown(seal=seal):
            decision.journal(site, now, seal)
        case ReadingsPacked():
            metering.journal_packed(site, decision, event, now)
        case DayReckoned(summed=summed):
            decision.journal(site, now, summed)
        case ClockLooked():
            timekeeping.look(site, decision, event, now)
        case HubTimeHeard():
            timekeeping.hear(site, decision, event, now)
        case (DiskLooked() | SheddingPlanned() | LedgerReplaced() | StandbyLooked()) as looked:
            disk.decide(site, decision, looked, now)
        case BillDecisionAsked():
            corrections.decide_bill(site, decision, event, now)
        case (PinRefused() | PinAccepted() | StaffListed()) as told:
            staff.note(site, decision, told, now)
        case StationLetIn():
            boots.let_in(site, decision, event, now)
        case DecisionFailed():
            stations.note_failed_decision(site, decision, event, now)
        case (
            PaymentRequested()
            | RefundRequested()
            | VoidRequested()
            | PaymentSettled()
            | ProviderAnswered()
            | TillOpened()
            | CashMoved()
            | TillCounted()
            | ListCompared()
            | WriteOffAsked()
        ):
            payment_desk.decide_payment(site, decision, event, now)
        case ReceiptAsked():
            receipts.issue(site, decision, event, now)
        case StatementsReckoned():
            receipts.make_statements(site, decision, event, now)
        case Ticked():
            _tick(site, decision, now)
        case Restarted():
            _restart(site, decision, now)
        case _:
            assert_never(event)
    return decision


def wanted(site: Site, event: SiteEvent) -> tuple[PastKey | MoneyKey, ...]:
    """The ended transactions, bills and payments to be looked up in the ledger before this event can be decided."""
    match event:
        case TransactionContinued() | TransactionFinished():
            if site.by_charger_id(event.station_id, event.charger_transaction_id) is not None:
                return ()
            past = PastKey(event.station_id, charger_transaction_id=event.charger_transaction_id)
        case TransactionBegan():
            key = sessions.start_key(event)
            if site.by_start_key(event.station_id, key) is not None:
                return ()
            past = PastKey(event.station_id, start_key=key)
        case ClaimAnswered():
            return handover.wanted(site, event)
        case (
            PaymentRequested()
            | RefundRequested()
            | VoidRequested()
            | PaymentSettled()
            | ProviderAnswered()
            | TillOpened()
            | CashMoved()
            | TillCounted()
            | ListCompared()
            | WriteOffAsked()
        ):
            return payment_desk.wanted_money(site, event)
        case BillDecisionAsked(cdr_id=cdr_id):
            return (PastKey("", cdr_id=cdr_id),) if site.bills.get(cdr_id) is None else ()
        case _:
            return ()
    return () if site.past(past) is not None else (past,)


def _tick(site: Site, decision: Decision, now: datetime) -> None:
    """A transaction of which nothing was heard for `abandon_after_s` is billed up to what was last heard."""
    timekeeping.tick(site, decision, now)
    remote.tidy_commands(site, decision, now)
    if site.jobs:
        jobs.tick(site, decision, now)
    device_model.tick(site, decision, now)
    if not site.clock.is_doubted:
        certificates.renew(site, decision, now)
    stations.settle_the_silent(site, decision, now)
    boots.ask_the_booted(site, decision, now)
    reservations.settle(site, decision, now)
    local_lists.keep_equal(site, decision, now)
    metering.forget_idle_readings(site, now)
    polled.tick(site, decision, now)
    meters.tick(site, decision, now)
    unbilled.tick(site, decision, now)
    running_cost.tell_costs(site, decision, now)
    idle_fees.tick(site, decision, now)
    if site.accounts:
        wallets.tick(site, decision, now)
        if not site.clock.is_doubted:
            dunning.tick(site, decision, now)
    payment_desk.tick(site, decision, now)
    for station_id in list(site.profiles):
        smart_charging.tidy(site, decision, station_id, now)
    for transaction in list(site.transactions.values()):
        heard_at = max(transaction.last_at or transaction.started_at, transaction.checkpointed_at or now)
        if (now - heard_at).total_seconds() > site.rules.abandon_after_s:
            ended_at = transaction.last_heard_at
            end_transaction(site, decision, transaction, now, meter_stop_wh=None, ended_at=ended_at, reason=ABANDONED)


def _restart(site: Site, decision: Decision, now: datetime) -> None:
    """The stations that were connected when the agent stopped are not any more; they will come back."""
    for station in site.stations.values():
        if station.is_online:
            station.is_online = False
            decision.journal(site, now, StationConnectionChanged(station_id=station.station_id, is_online=False))
    stations.forget_faults(site, decision, now)
    polled.restart(site)
    unbilled.restart(site, now)
    if site.accounts:
        unusable_contracts.tell(site, decision, unusable_contracts.found(site), now)
    remote.give_up_commands(site, decision, now)
