"""What a CSMS may ask of a station; every request is answered with a Reply. Pure."""

from __future__ import annotations

from datetime import timedelta

from firmware_sim.driver import ACCEPTED, listed, permit
from firmware_sim.evse import Evse, Permit
from firmware_sim.functions import certifying, logging_up, publishing, reserving, updating
from firmware_sim.messages import (
    AuthorizeMessage,
    AvailabilityChanged,
    BootMessage,
    HeartbeatMessage,
    IdleMeterMessage,
    Reboot,
    RemoteStart,
    RemoteStop,
    Reply,
    ResetRequested,
    StopReason,
    Trigger,
    Triggered,
    masked,
)
from firmware_sim.station_model import StationModel
from protocols.terms import ReadingContext

_REJECTED = "Rejected"


def remote_start(model: StationModel, event: RemoteStart) -> None:
    """OCPP 1.6 §5.11, 2.0.1 F01–F02; with AuthorizeRemoteTxRequests on, the CSMS is asked about the token it sent."""
    free = [
        evse
        for evse in model.evses.values()
        if event.evse_id in (None, evse.evse_id)
        and model.may_start(evse)
        and evse.permit is None
        and evse.asking is None
        and reserving.may_use(model, evse, event.id_token, event.group)
    ]
    if not free or not model.registered:  # neither while the boot is pending (2.0.1 B02.FR.05)
        model.out.append(Reply(status=_REJECTED))
        return
    evse = next((each for each in free if each.vehicle is not None), free[0])
    model.out.append(Reply(status=ACCEPTED))
    model.note("remote_start", evse, id_token=masked(event.id_token))
    driver = Permit(
        id_token=event.id_token,
        token_type=event.token_type,
        until=model.now + timedelta(seconds=model.settings.connection_timeout_s),
        trigger=Trigger.REMOTE_START,
        remote_start_id=event.remote_start_id,
        group=event.group,
        profile=event.profile,
    )
    if model.settings.authorize_remote and not (model.settings.local_pre_authorize and listed(model, event.id_token)):
        evse.asking, evse.remote = event.id_token, driver
        model.out.append(AuthorizeMessage(evse_id=evse.evse_id, id_token=event.id_token))
    else:
        permit(model, evse, driver)


def remote_stop(model: StationModel, event: RemoteStop) -> None:
    """OCPP 1.6 §5.12, 2.0.1 F03."""
    for evse in model.evses.values():
        transaction = model.transactions.get(evse.transaction_id or "")
        if transaction and event.transaction in (transaction.csms_id, transaction.transaction_id):
            model.out.append(Reply(status=ACCEPTED))
            model.end(evse, StopReason.REMOTE, Trigger.REMOTE_STOP)
            return
    model.out.append(Reply(status=_REJECTED))


def availability(model: StationModel, event: AvailabilityChanged) -> None:
    """OCPP 1.6 §5.2, 2.0.1 G03–G04: an EVSE in use goes out of service when its transaction ends."""
    if event.evse_id and event.evse_id not in model.evses:
        model.out.append(Reply(status=_REJECTED))
        return
    is_scheduled = False
    for evse in model.chosen(event.evse_id):
        if evse.transaction_id is not None and not event.operative:
            evse.operative_next = False
            is_scheduled = True
        else:
            evse.operative, evse.operative_next = event.operative, None
            evse.permit = evse.permit if event.operative else None
    model.out.append(Reply(status="Scheduled" if is_scheduled else ACCEPTED))


def reset(model: StationModel, event: ResetRequested) -> None:
    """OCPP 1.6 §5.14, 2.0.1 B11–B12."""
    busy = [evse for evse in model.evses.values() if evse.transaction_id is not None]
    if event.when_idle and busy:
        model.reset_when_idle = True
        model.out.append(Reply(status="Scheduled"))
        return
    model.out.append(Reply(status=ACCEPTED))
    reason = StopReason.HARD_RESET if event.hard else StopReason.SOFT_RESET
    for evse in busy:
        model.end(evse, reason, Trigger.RESET_COMMAND)
    model.out.append(Reboot(hard=event.hard))


def unlock(model: StationModel, evse_id: int) -> None:
    """OCPP 1.6 §5.18: what runs there ends first."""
    if evse_id not in model.evses:
        model.out.append(Reply(status="UnknownConnector"))
        return
    model.out.append(Reply(status="Unlocked"))
    model.end(model.evses[evse_id], StopReason.UNLOCK_COMMAND, Trigger.UNLOCK_COMMAND)


def triggered(model: StationModel, event: Triggered) -> None:
    """OCPP 1.6 §5.17 and the whitepaper's ExtendedTriggerMessage, 2.0.1 F06: answer first, then send it."""
    if event.evse_id and event.evse_id not in model.evses:
        model.out.append(Reply(status=_REJECTED))
        return
    model.out.append(Reply(status=ACCEPTED))
    match event.what:
        case "BootNotification" if model.registered and not model.is_v16:
            model.out[-1] = Reply(status=_REJECTED)  # accepted already (2.0.1 F06.FR.17)
        case "BootNotification":
            model.out.append(BootMessage(reason=model.boot_reason))
        case "Heartbeat":
            model.out.append(HeartbeatMessage())
        case "StatusNotification":
            model.tell_states(event.evse_id)
        case "MeterValues":
            for evse in model.chosen(event.evse_id):
                _read(model, evse)
        case "TransactionEvent":
            for evse in model.chosen(event.evse_id):
                if evse.transaction_id is not None:
                    model.sample(evse, ReadingContext.TRIGGER, Trigger.TRIGGER)
        case "FirmwareStatusNotification":
            updating.tell_status(model, is_signed=event.is_extended)
        case "LogStatusNotification" | "DiagnosticsStatusNotification":
            logging_up.tell_status(model, is_diagnostics=event.what.startswith("Diag"))
        case "PublishFirmwareStatusNotification":
            publishing.tell_status(model)
        case "SignChargePointCertificate" | "SignChargingStationCertificate":
            certifying.ask(model)
        case "SignV2GCertificate":
            certifying.ask(model, certifying.V2G)
        case _:
            model.out[-1] = Reply(status="NotImplemented")


def _read(model: StationModel, evse: Evse) -> None:
    """MeterValues now; in 2.0.1 it is this message even while a transaction runs (F06.FR.06)."""
    if model.is_v16:
        model.sample(evse, ReadingContext.TRIGGER, Trigger.TRIGGER)
    else:
        model.out.append(IdleMeterMessage(evse_id=evse.evse_id, reading=evse.read(ReadingContext.TRIGGER)))
