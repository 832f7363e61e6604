"""OCPP 1.6 §5.11 RemoteStartTransaction and §5.12 RemoteStopTransaction."""

from __future__ import annotations

from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls


def render_start_transaction(start: StartTransaction) -> Calls:
    """§6.33."""
    return [("RemoteStartTransaction", {"connectorId": start.evse_id, "idTag": start.token_uid})]


def render_stop_transaction(stop: StopTransaction) -> Calls:
    """§6.35. Raises BadText where the id is no number: it is not one of OCPP 1.6."""
    if not stop.charger_transaction_id.isdecimal():
        raise BadText(f"{stop.charger_transaction_id!r} is no transactionId of OCPP 1.6: those are numbers")
    return [("RemoteStopTransaction", {"transactionId": int(stop.charger_transaction_id)})]
