"""OCPP 2.0.1 functional block F: start, stop, unlock, trigger."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.charger.operations.transactions import StartTransaction, StopTransaction, UnlockConnector
from protocols.charger.operations.variables import TriggerMessage
from protocols.ocpp.dialect import Payload, Result
from protocols.ocpp.outcome import read_status
from protocols.ocpp.reading import read_text
from protocols.ocpp.v201.datatypes import write_evse, write_id_token
from protocols.ocpp.v201.smart_charging import write_profile
from protocols.ocpp.writing import filled, numbered


def write_request_start(start: StartTransaction) -> Payload:
    """F01, F02 RequestStartTransactionRequest."""
    group = None if start.group_id is None else write_id_token(start.group_id, "Central")
    return filled(
        evseId=start.evse_id,
        remoteStartId=numbered(start.remote_start_id),
        idToken=write_id_token(start.token_uid, start.token_type or "Central"),
        chargingProfile=None if start.profile is None else write_profile(start.profile),
        groupIdToken=group,
    )


def read_request_start(operation: StartTransaction, answers: Sequence[Payload]) -> Result:
    """F02 RequestStartTransactionResponse: it names the transaction where one runs already."""
    told = read_status(operation, answers)
    running = read_text(answers[0].get("transactionId"))
    if not told.is_accepted or running is None:
        return told
    return Result(is_accepted=True, detail=told.detail, result={"charger_transaction_id": running})


def write_request_stop(stop: StopTransaction) -> Payload:
    """F03 RequestStopTransactionRequest."""
    return {"transactionId": stop.charger_transaction_id}


def write_unlock_connector(operation: UnlockConnector) -> Payload:
    """F05 UnlockConnectorRequest."""
    return {"evseId": operation.evse_id, "connectorId": operation.connector_id}


def write_trigger_message(operation: TriggerMessage) -> Payload:
    """F06 TriggerMessageRequest. EVSE 0 is the station, which the standard does not name."""
    evse = write_evse(operation.evse_id or None, operation.connector_id)
    return filled(requestedMessage=operation.requested_message, evse=evse)
