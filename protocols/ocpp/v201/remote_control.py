"""OCPP 2.0.1 functional block F: RequestStartTransaction and RequestStopTransaction."""

from __future__ import annotations

from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.ocpp.dialect import Calls


def render_start_transaction(start: StartTransaction) -> Calls:
    """F01. The token goes out as Central: it is authorised here, and the station need not ask again (C05)."""
    payload = {
        "evseId": start.evse_id,
        "remoteStartId": start.remote_start_id or 0,
        "idToken": {"idToken": start.token_uid, "type": "Central"},
    }
    return [("RequestStartTransaction", payload)]


def render_stop_transaction(stop: StopTransaction) -> Calls:
    """F03."""
    return [("RequestStopTransaction", {"transactionId": stop.charger_transaction_id})]
