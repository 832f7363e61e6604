"""OCPP 1.6 §5.11 RemoteStartTransaction, §5.12 RemoteStopTransaction, §5.18 UnlockConnector, §5.17 TriggerMessage, and
ExtendedTriggerMessage of the security extension."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from protocols.charger.operations.transactions import StartTransaction, StopTransaction, UnlockConnector
from protocols.charger.operations.variables import TriggerMessage
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls, Payload
from protocols.ocpp.v16.smart_charging import render_charging_profile, render_transaction_id
from protocols.ocpp.v16.wording import id_tag, only_connector

_TRIGGERS: Final = MappingProxyType(
    {
        "BootNotification": ("TriggerMessage", "BootNotification"),
        "DiagnosticsStatusNotification": ("TriggerMessage", "DiagnosticsStatusNotification"),
        "FirmwareStatusNotification": ("TriggerMessage", "FirmwareStatusNotification"),
        "Heartbeat": ("TriggerMessage", "Heartbeat"),
        "MeterValues": ("TriggerMessage", "MeterValues"),
        "StatusNotification": ("TriggerMessage", "StatusNotification"),
        "LogStatusNotification": ("ExtendedTriggerMessage", "LogStatusNotification"),
        "SignChargingStationCertificate": ("ExtendedTriggerMessage", "SignChargePointCertificate"),
    }
)
"""§7.35 MessageTrigger and MessageTriggerEnumType of the extension, by 2.0.1's words; where both calls know a message,
the older one asks for it: every station has that."""


def render_start_transaction(start: StartTransaction) -> Calls:
    """§6.33. Raises BadText where the token does not fit, or the profile is not one for a new transaction (§5.11)."""
    payload: Payload = {"connectorId": start.evse_id, "idTag": id_tag(start.token_uid)}
    if start.profile is not None:
        if start.profile.purpose != "TxProfile" or start.profile.charger_transaction_id is not None:
            raise BadText("the profile of a remote start is a TxProfile without a transaction: it is not begun yet")
        payload["chargingProfile"] = render_charging_profile(start.profile)
    return [("RemoteStartTransaction", payload)]


def render_stop_transaction(stop: StopTransaction) -> Calls:
    """§6.35."""
    return [("RemoteStopTransaction", {"transactionId": render_transaction_id(stop.charger_transaction_id)})]


def render_unlock_connector(unlock: UnlockConnector) -> Calls:
    """§6.53."""
    only_connector(unlock.connector_id)
    return [("UnlockConnector", {"connectorId": unlock.evse_id})]


def render_trigger_message(trigger: TriggerMessage) -> Calls:
    """§6.51. Without connectorId it is for the whole station. Raises BadText for messages that 1.6 does not have."""
    only_connector(trigger.connector_id)
    known = _TRIGGERS.get(trigger.requested_message)
    if known is None:
        raise BadText(f"{trigger.requested_message!r} cannot be asked for in OCPP 1.6; expected {', '.join(_TRIGGERS)}")
    action, message = known
    payload: Payload = {"requestedMessage": message}
    if trigger.evse_id:
        payload["connectorId"] = trigger.evse_id
    return [(action, payload)]
