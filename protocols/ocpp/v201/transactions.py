"""OCPP 2.0.1 functional block E: TransactionEvent and GetTransactionStatus."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

from msgspec import UNSET

from protocols.charger.commands import Reply, TransactionAnswer
from protocols.charger.events import ChargerEvent, TransactionBegan, TransactionContinued, TransactionFinished
from protocols.charger.operations.transactions import GetTransactionStatus
from protocols.errors import BadPayload
from protocols.ocpp.dialect import Payload, Result, expect
from protocols.ocpp.reading import given, read_evse_id, read_int, read_stamp, read_text
from protocols.ocpp.sampled_values import read_samples_201, register_wh
from protocols.ocpp.signed_values import read_signed_201
from protocols.ocpp.v201.authorization import is_token_waived, read_id_token, render_id_token_info
from protocols.ocpp.writing import filled
from protocols.terms import ChargingState, ReadingContext

_CHARGING_STATES: Final = MappingProxyType({state.value: state for state in ChargingState})
"""Ten times as fast as to call the enum."""


def read_transaction_event(station_id: str, payload: Any) -> ChargerEvent:
    """E01–E15 TransactionEventRequest: Started, Updated or Ended."""
    match payload.eventType:
        case "Started":
            return _began(station_id, payload)
        case "Updated":
            return _continued(station_id, payload)
        case _:
            return _finished(station_id, payload)


def render_transaction_event(reply: Reply) -> Payload:
    """TransactionEventResponse; totalCost only where the site gave one."""
    answer = expect(reply, TransactionAnswer)
    payload: Payload = {}
    if answer.total_cost is not None:
        payload["totalCost"] = float(answer.total_cost)  # a JSON number for a display; no money is reckoned with it
    if answer.id_token is not None:
        payload["idTokenInfo"] = render_id_token_info(answer.id_token)
    return payload


def write_get_transaction_status(operation: GetTransactionStatus) -> Payload:
    """E14 GetTransactionStatusRequest."""
    return filled(transactionId=operation.charger_transaction_id)


def read_get_transaction_status(_operation: GetTransactionStatus, answers: Sequence[Payload]) -> Result:
    """E14 GetTransactionStatusResponse."""
    is_ongoing, is_queued = answers[0].get("ongoingIndicator"), answers[0].get("messagesInQueue")
    result = {
        "is_ongoing": is_ongoing if isinstance(is_ongoing, bool) else None,
        "has_messages_queued": is_queued if isinstance(is_queued, bool) else None,
    }
    return Result(is_accepted=True, result=result)


def _began(station_id: str, payload: Any) -> TransactionBegan:
    info = payload.transactionInfo
    evse_id, connector_id = _evse(payload)
    meter_values = given(payload.meterValue, ())
    samples = read_samples_201(meter_values)
    return TransactionBegan(
        station_id=station_id,
        evse_id=evse_id,
        connector_id=connector_id,
        charger_transaction_id=_transaction_id(info),
        token_uid=read_id_token(payload.idToken),
        meter_start_wh=register_wh(samples, ReadingContext.TRANSACTION_BEGIN, is_last=False),
        at=read_stamp(payload.timestamp),
        charging_state=_charging_state(info),
        samples=samples,
        seq_no=read_int(payload.seqNo),
        is_offline=given(payload.offline, False),
        remote_start_id=read_int(info.remoteStartId),
        reservation_id=read_int(payload.reservationId),
        is_token_waived=is_token_waived(payload.idToken),
        signed=read_signed_201(meter_values),
    )


def _continued(station_id: str, payload: Any) -> TransactionContinued:
    info = payload.transactionInfo
    evse_id, connector_id = _evse(payload)
    meter_values = given(payload.meterValue, ())
    return TransactionContinued(
        station_id=station_id,
        charger_transaction_id=_transaction_id(info),
        evse_id=evse_id,
        connector_id=connector_id,
        token_uid=read_id_token(payload.idToken),
        at=read_stamp(payload.timestamp),
        charging_state=_charging_state(info),
        samples=read_samples_201(meter_values),
        seq_no=read_int(payload.seqNo),
        is_offline=given(payload.offline, False),
        remote_start_id=read_int(info.remoteStartId),
        reservation_id=read_int(payload.reservationId),
        is_token_waived=is_token_waived(payload.idToken),
        signed=read_signed_201(meter_values),
    )


def _finished(station_id: str, payload: Any) -> TransactionFinished:
    info = payload.transactionInfo
    evse_id, _ = _evse(payload)
    meter_values = given(payload.meterValue, ())
    samples = read_samples_201(meter_values)
    return TransactionFinished(
        station_id=station_id,
        charger_transaction_id=_transaction_id(info),
        token_uid=read_id_token(payload.idToken),
        meter_stop_wh=register_wh(samples, ReadingContext.TRANSACTION_END, is_last=True),
        at=read_stamp(payload.timestamp),
        reason=given(info.stoppedReason, "Local"),
        samples=samples,
        seq_no=read_int(payload.seqNo),
        is_offline=given(payload.offline, False),
        evse_id=evse_id,
        is_token_waived=is_token_waived(payload.idToken),
        signed=read_signed_201(meter_values),
    )


def _transaction_id(info: Any) -> str:
    transaction_id = read_text(info.transactionId)
    if transaction_id is None:
        raise BadPayload("PropertyConstraintViolation", "/transactionInfo/transactionId: may not be empty")
    return transaction_id


def _charging_state(info: Any) -> ChargingState | None:
    state = info.chargingState
    return None if state is UNSET else _CHARGING_STATES[state]


def _evse(payload: Any) -> tuple[int | None, int | None]:
    evse = payload.evse
    if evse is UNSET:
        return None, None
    return read_evse_id(evse.id, name="evse/id"), read_int(evse.connectorId)
