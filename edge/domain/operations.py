"""What the site checks before a station is asked for something, and what it learns from the answer.

Each functional block has a file of its own; here is the table of who cares for which operation.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from edge.domain import (
    availability,
    certificates,
    device_model,
    jobs,
    local_lists,
    open_transactions,
    reservations,
    running_cost,
    smart_charging,
    vehicle_plans,
    wanted_connectors,
)
from edge.domain.asking import ask, number
from edge.domain.authorization import judge
from edge.domain.credit import judge_contract
from edge.domain.decision import Decision
from edge.domain.events import RawCallAnswered, Refused
from edge.domain.rules import Admission
from edge.domain.site import OpenCommand, Site
from edge.domain.station import Station
from protocols.charger.abilities import OCPP_16
from protocols.charger.commands import Operation, RawCall
from protocols.charger.events import CommandAnswered
from protocols.charger.operations.availability import (
    CancelReservation,
    ChangeAvailability,
    ClearCache,
    GetLocalListVersion,
    ReserveNow,
    SendLocalList,
)
from protocols.charger.operations.certificates import (
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    SendSignedCertificate,
)
from protocols.charger.operations.firmware import GetLog, PublishFirmware, UpdateFirmware
from protocols.charger.operations.messages import DisplayMessage, GetDisplayMessages, SetDisplayMessage
from protocols.charger.operations.monitoring import GetCustomerInformation, GetMonitoringReport
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ClearChargingProfile,
    GetChargingProfiles,
    GetCompositeSchedule,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import GetTransactionStatus, ShowPrice, StartTransaction, UpdateCost
from protocols.charger.operations.variables import GetBaseReport, GetReport
from protocols.terms import AuthorizationStatus, EvseRef


def prepare(
    site: Site, decision: Decision, station: Station, operation: Operation | RawCall, now: datetime
) -> Operation | RawCall | Refused:
    """The operation as the station is asked for it, with the numbers that the site gives; or why it is not asked."""
    if site.admission(station) is Admission.REJECT and not isinstance(operation, RawCall):
        return Refused(reason=f"station {station.station_id} is rejected by the configuration: nothing is asked of it")
    match operation:
        case ReserveNow():
            return reservations.prepare(site, station, operation, now)
        case SendLocalList() if local_lists.keeps_list(station):
            return Refused(reason="the site keeps this station's local list itself: see [local_lists]")
        case UpdateCost():
            return running_cost.complete(site, station, operation, now)
        case StartTransaction():
            return _prepare_start(site, station, operation, now)
        case SetChargingProfile():
            return smart_charging.prepare_set(site, station, operation, now)
        case GetReport(request_id=None):
            numbered = replace(operation, request_id=number(site, now))
            site.last_number += len(operation.names)  # where it is several calls, each has a number of its own
            return numbered
        case GetBaseReport() | GetChargingProfiles() | GetMonitoringReport() | GetCustomerInformation():
            return operation if operation.request_id is not None else replace(operation, request_id=number(site, now))
        case SetDisplayMessage(message=DisplayMessage(message_id=None) as message):
            return replace(operation, message=replace(message, message_id=number(site, now)))
        case GetDisplayMessages() | UpdateFirmware() | PublishFirmware() | GetLog():
            return operation if operation.request_id is not None else replace(operation, request_id=number(site, now))
        case _:
            return operation


def note(
    site: Site, decision: Decision, station: Station, command: OpenCommand, answer: CommandAnswered, now: datetime
) -> None:
    """The station answered, or could not be asked."""
    if command.operation is not None:
        device_model.note_answer(site, decision, station, command.operation, answer, now)
        if command.is_own and site.jobs:
            jobs.note_answer(site, decision, station.station_id, command.operation, answer, now)
    match command.operation:
        case ReserveNow() as reserve if answer.is_accepted:
            reservations.make(site, decision, station, reserve, now)
        case ReserveNow(reservation_id=int(unsure)) if answer.detail.startswith("Timeout") and not command.is_own:
            ask(site, decision, station.station_id, CancelReservation(reservation_id=unsure), now)  # it may have it
        case CancelReservation(reservation_id=number_there) if answer.is_accepted or answer.detail == "Rejected":
            is_known_there = answer.is_accepted
            reservations.cancel(site, decision, station, number_there, is_known_there=is_known_there, now=now)
        case ChangeAvailability() as change:
            availability.note(site, decision, station, change, answer, now)
        case SendLocalList() as send if command.is_own:
            local_lists.note_sent(site, decision, station, send, answer, now)
        case GetLocalListVersion() if command.is_own:
            local_lists.note_version(site, decision, station, answer, now)
        case ClearCache() if command.is_own:
            local_lists.note_cache_cleared(site, station, answer)
        case ShowPrice() if command.is_own:
            site.displays.note_answer(station.station_id, answer, is_over=False)
        case UpdateCost(charger_transaction_id=charger_id) if command.is_own:
            is_over = site.by_charger_id(station.station_id, charger_id) is None
            site.displays.note_answer(station.station_id, answer, is_over=is_over)
        case GetTransactionStatus() as status if command.is_own:
            open_transactions.note_status(site, decision, station, status, answer, now)
        case SetChargingProfile() as asked:
            smart_charging.note_set(site, decision, station, asked, answer, now)
            if answer.is_accepted and asked.profile.purpose != "TxProfile":
                vehicle_plans.note_limits_changed(site, decision, station, now)
        case StartTransaction() as start if not answer.is_accepted:
            wanted_connectors.forget(site, station, start)
        case StartTransaction(evse_id=evse_id, profile=ChargingProfile() as profile):
            smart_charging.note_start_with(site, decision, station, evse_id, profile, now)
        case ClearChargingProfile() as cleared if answer.is_accepted:
            smart_charging.note_cleared(site, decision, station, cleared, now)
            vehicle_plans.note_limits_changed(site, decision, station, now)
        case GetCompositeSchedule() as composite:
            smart_charging.note_composite(site, decision, station, composite, answer, now)
        case SendSignedCertificate() | InstallCertificate() | DeleteCertificate() | GetInstalledCertificateIds():
            certificates.note_answer(site, decision, station, command, answer, now)
        case _:
            pass


def take_in(site: Site, decision: Decision, event: RawCallAnswered, now: datetime) -> None:
    """A raw call was not asked of the site, but what it meant is known here as if it had been."""
    station, operation = site.station(event.station_id), event.operation
    answer = CommandAnswered(
        station_id=event.station_id,
        command_id="",
        is_accepted=event.is_accepted,
        detail=event.detail,
        result=event.result,
    )
    if isinstance(operation, ReserveNow) and event.is_accepted:
        reason = reservations.make_room(site, decision, station, operation, now)
        if reason is not None:
            decision.reply = Refused(reason=reason)
            return
    if isinstance(operation, SendLocalList) and event.is_accepted:
        local_lists.doubt(site, station)
    note(site, decision, station, OpenCommand(command_id="", expires_at=now, operation=operation), answer, now)


def _prepare_start(site: Site, station: Station, start: StartTransaction, now: datetime) -> Operation | Refused:
    ref = EvseRef(station.station_id, start.evse_id)
    if ref not in site.evses:
        return Refused(reason=f"EVSE {ref} does not exist")
    running = site.at_evse(ref)
    if running is not None and (running.token_uid is not None or _speaks_16(station)):
        return Refused(reason=f"EVSE {ref} has a running transaction")
    if site.is_out_of_service(ref):
        return Refused(reason=f"EVSE {ref} is out of service")
    if site.admission(station) is not Admission.ACCEPT:
        return Refused(reason=f"station {station.station_id} is not accepted yet: see `ohmstead-edge accept`")
    kept = reservations.keeper_of(site, ref, start.token_uid, now)
    if kept is not None:
        return Refused(reason=f"EVSE {ref} is reserved for somebody else until {kept.expires_at.isoformat()}")
    misplaced = wanted_connectors.refusal(site, station, start)
    if misplaced is not None:
        return misplaced
    token = site.tokens.find(start.token_uid)
    verdict = judge(
        token,
        now,
        allowed_groups=station.rules.allowed_groups,
        is_charging_elsewhere=bool(site.by_token(start.token_uid)),
    )
    if verdict is AuthorizationStatus.ACCEPTED and token is not None and site.accounts:
        verdict = judge_contract(site, token.contract_id, now)
    if verdict is not AuthorizationStatus.ACCEPTED:
        return Refused(reason=f"the token may not charge: {verdict}")
    profile = start.profile
    if profile is not None:
        profile_id = number(site, now) if profile.profile_id is None else profile.profile_id
        profile = smart_charging.in_whole_seconds(replace(profile, profile_id=profile_id))
    asked = replace(start, remote_start_id=number(site, now), profile=profile)
    wanted_connectors.expect(site, station, asked)
    return asked


def _speaks_16(station: Station) -> bool:
    """OCPP 1.6 begins no transaction before somebody is authorised (2.0.1 F02: plugged in first)."""
    return station.abilities == OCPP_16
