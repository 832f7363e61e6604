"""What people do at a station: plug in, hold a card to the reader, pull the plug. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from firmware_sim.evse import Evse, Permit
from firmware_sim.messages import AuthorizeMessage, StopReason, Trigger, masked
from firmware_sim.settings import OfflineAuthorize
from firmware_sim.station_model import StationModel
from firmware_sim.vehicle import Vehicle

ACCEPTED = "Accepted"


def plugged(model: StationModel, evse: Evse, vehicle: Vehicle) -> None:
    """A cable is plugged in; a driver who has been accepted before begins to charge."""
    if evse.vehicle is not None:
        model.note("plug_refused", evse)
        return
    evse.vehicle = vehicle
    evse.full_at = None
    model.note("plugged", evse, soc_percent=vehicle.soc_percent)
    if evse.permit is not None:
        driver = evse.permit
        if driver.trigger is Trigger.AUTHORIZED:
            driver = replace(driver, trigger=Trigger.CABLE_PLUGGED_IN)
        model.tell_changes()
        model.permit(evse, driver)


def unplugged(model: StationModel, evse: Evse) -> None:
    """The plug is pulled, whatever the charger thinks of it."""
    if evse.vehicle is None:
        return
    soc_percent = evse.vehicle.soc_percent
    evse.vehicle = None
    evse.choose_power()
    if model.powered:
        model.end(evse, StopReason.EV_DISCONNECTED, Trigger.EV_COMMUNICATION_LOST)
    evse.finishing = False
    model.note("unplugged", evse, soc_percent=soc_percent)


def presented(model: StationModel, evse: Evse, id_token: str) -> None:
    """A card: it ends the transaction it began, else it asks for one."""
    running = model.transactions.get(evse.transaction_id or "")
    if model.powered and running is not None and running.id_token == id_token:
        model.end(evse, StopReason.LOCAL, Trigger.STOP_AUTHORIZED, id_token)
        return
    if evse.asking is not None or not model.may_start(evse):
        model.note("card_ignored", evse, id_token=masked(id_token))
        return
    evse.asking = id_token
    message = AuthorizeMessage(evse_id=evse.evse_id, id_token=id_token)
    if model.online:
        model.out.append(message)
    else:
        decide_locally(model, message)


def decide_locally(model: StationModel, message: AuthorizeMessage) -> None:
    """The CSMS cannot be asked: LocalAuthorizeOffline and AllowOfflineTxForUnknownId (OCPP 1.6 §3.5)."""
    rule = model.settings.offline_authorize
    known = message.id_token in model.accepted
    accepted = rule is OfflineAuthorize.ANY or (rule is OfflineAuthorize.KNOWN and known)
    decided(model, message, ACCEPTED if accepted else "Offline")


def decided(model: StationModel, message: AuthorizeMessage, status: str) -> None:
    """The card has its answer; one that nobody waits for any more is dropped."""
    evse = model.evses[message.evse_id]
    if evse.asking != message.id_token:
        return
    evse.asking = None
    id_token, offline = masked(message.id_token), not model.online
    if status != ACCEPTED:
        model.note("refused", evse, status=status, id_token=id_token, offline=offline)
        return
    model.note("authorized", evse, id_token=id_token, offline=offline)
    until = model.now + timedelta(seconds=model.settings.connection_timeout_s)
    model.permit(evse, Permit(id_token=message.id_token, until=until, trigger=Trigger.AUTHORIZED))


def broken(model: StationModel, evse: Evse) -> None:
    """The connector breaks; what ran there ends."""
    evse.faulted = True
    evse.permit = None
    model.note("faulted", evse)
    if model.powered:
        model.end(evse, StopReason.OTHER, Trigger.ABNORMAL_CONDITION)
