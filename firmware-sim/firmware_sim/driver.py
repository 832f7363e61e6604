"""What people do at a station: plug in, hold a card to the reader, pull the plug. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from firmware_sim.evse import Evse, Permit
from firmware_sim.functions import charging, monitoring, reserving
from firmware_sim.messages import AuthorizeMessage, StopReason, Trigger, masked
from firmware_sim.settings import OfflineAuthorize
from firmware_sim.station_model import StationModel
from firmware_sim.transaction import Transaction
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
        permit(model, evse, driver)


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
    groups = () if running is None else _stopping_groups(model, running)
    may_stop = model.online and model.powered and any(groups)
    if evse.asking is not None or not (may_stop or model.may_start(evse)):
        model.note("card_ignored", evse, id_token=masked(id_token))
        return
    evse.asking = id_token
    message = AuthorizeMessage(evse_id=evse.evse_id, id_token=id_token)
    if model.settings.local_pre_authorize and listed(model, id_token):
        decided(model, message, ACCEPTED)
    elif model.online:
        model.out.append(message)
    else:
        decide_locally(model, message)


def decide_locally(model: StationModel, message: AuthorizeMessage) -> None:
    """The CSMS cannot be asked: LocalAuthorizeOffline and AllowOfflineTxForUnknownId (OCPP 1.6 §3.5)."""
    rule = model.settings.offline_authorize
    is_listed = listed(model, message.id_token)
    is_cached = model.settings.cache_enabled and message.id_token in model.accepted
    if is_listed is None:
        accepted = rule is OfflineAuthorize.ANY or (rule is OfflineAuthorize.KNOWN and is_cached)
    else:
        accepted = is_listed and rule is not OfflineAuthorize.NONE
    decided(model, message, ACCEPTED if accepted else "Offline")


def listed(model: StationModel, id_token: str) -> bool | None:
    """Whether the local list lets a card charge; None when it does not know the card (OCPP 1.6 §3.5.2)."""
    entry = model.local_list.find(id_token) if model.settings.local_list_enabled else None
    return None if entry is None else entry.may_charge(model.now)


def group_of(model: StationModel, id_token: str) -> str | None:
    """The group (1.6 parentIdTag) of a card, as far as it was told."""
    entry = model.local_list.find(id_token)
    return model.groups.get(id_token) or (entry.group if entry is not None else None)


def decided(model: StationModel, message: AuthorizeMessage, status: str) -> None:
    """The card has its answer; one that nobody waits for any more is dropped."""
    evse = model.evses[message.evse_id]
    if evse.asking != message.id_token:
        return
    evse.asking = None
    remote, evse.remote = evse.remote, None
    id_token, offline = masked(message.id_token), not model.online
    group = group_of(model, message.id_token)
    if evse.transaction_id is not None:
        _stopped_by_another(model, evse, message.id_token, group, status)
        return
    if status == ACCEPTED and not reserving.may_use(model, evse, message.id_token, group):
        status = "Reserved"
    if status != ACCEPTED:
        model.note("refused", evse, status=status, id_token=id_token, offline=offline)
        return
    model.note("authorized", evse, id_token=id_token, offline=offline)
    until = model.now + timedelta(seconds=model.settings.connection_timeout_s)
    own = Permit(id_token=message.id_token, until=until, trigger=Trigger.AUTHORIZED, group=group)
    permit(model, evse, own if remote is None else replace(remote, until=until, group=remote.group or group))


def permit(model: StationModel, evse: Evse, who: Permit) -> None:
    """A driver may charge; a car that speaks ISO 15118 then says what it needs."""
    model.permit(evse, who)
    if evse.transaction_id is not None and model.spec.has_iso15118 and not model.is_v16:
        charging.tell_needs(model, evse)


def _stopped_by_another(model: StationModel, evse: Evse, id_token: str, group: str | None, status: str) -> None:
    """A card of the same group, or of the master pass, ends a transaction (OCPP 1.6 §5.2, 2.0.1 C09 and C16)."""
    own, master = _stopping_groups(model, model.transactions[evse.transaction_id or ""])
    if status != ACCEPTED or group is None or group not in (own, master):
        model.note("card_ignored", evse, id_token=masked(id_token))
        return
    reason = StopReason.MASTER_PASS if group == master else StopReason.LOCAL
    model.end(evse, reason, Trigger.STOP_AUTHORIZED, id_token)


def _stopping_groups(model: StationModel, running: Transaction) -> tuple[str | None, str | None]:
    """The group of the card that began a transaction, and that of the master pass."""
    master = model.device.values.get(("AuthCtrlr", "MasterPassGroupId", "", 0))
    return running.group or group_of(model, running.id_token), master or None


def broken(model: StationModel, evse: Evse) -> None:
    """The connector breaks; what ran there ends."""
    evse.faulted = True
    evse.permit = None
    model.note("faulted", evse)
    monitoring.problem(model, evse, is_cleared=False)
    if model.powered:
        model.end(evse, StopReason.OTHER, Trigger.ABNORMAL_CONDITION)
