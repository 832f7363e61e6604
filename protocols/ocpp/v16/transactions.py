"""OCPP 1.6 §4.8 StartTransaction and §4.10 StopTransaction. The transaction id is ours and travels as an integer."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from protocols.charger.commands import IdTokenAnswer, Reply, TransactionAnswer
from protocols.charger.events import TransactionBegan, TransactionFinished
from protocols.ocpp.dialect import Payload, expect
from protocols.ocpp.reading import given, read_evse_id, read_int, read_stamp, read_text
from protocols.ocpp.sampled_values import read_samples_16
from protocols.ocpp.signed_values import read_signed_16
from protocols.ocpp.v16.authorization import render_id_tag_info
from protocols.terms import AuthorizationStatus

_REASONS: Final = MappingProxyType(
    {"HardReset": "ImmediateReset", "SoftReset": "ImmediateReset", "UnlockCommand": "Remote"}
)
"""§7.36 Reason to 2.0.1's words, where they differ: all three are orders of the operator."""

_NOT_AUTHORIZED: Final = IdTokenAnswer(status=AuthorizationStatus.INVALID)


def read_start_transaction(station_id: str, payload: Any) -> TransactionBegan:
    """§6.45."""
    connector_id = read_evse_id(payload.connectorId, name="connectorId")
    return TransactionBegan(
        station_id=station_id,
        evse_id=connector_id,
        connector_id=1,
        charger_transaction_id=None,
        token_uid=read_text(payload.idTag),
        meter_start_wh=read_int(payload.meterStart),
        at=read_stamp(payload.timestamp),
        reservation_id=read_int(payload.reservationId),
    )


def render_start_transaction(reply: Reply) -> Payload:
    """§6.46. A transaction without a token is Invalid: 1.6 has no way to authorise it later."""
    answer = expect(reply, TransactionAnswer)
    id_tag_info = render_id_tag_info(answer.id_token or _NOT_AUTHORIZED)
    return {"idTagInfo": id_tag_info, "transactionId": int(answer.charger_transaction_id)}


def read_stop_transaction(station_id: str, payload: Any) -> TransactionFinished:
    """§6.49. The id goes on as it came, known or not: an unknown stop is answered and kept (field_quirks 8)."""
    reason = given(payload.reason, "Local")
    return TransactionFinished(
        station_id=station_id,
        charger_transaction_id=str(payload.transactionId),
        token_uid=read_text(payload.idTag),
        meter_stop_wh=read_int(payload.meterStop),
        at=read_stamp(payload.timestamp),
        reason=_REASONS.get(reason, reason),
        samples=read_samples_16(given(payload.transactionData, ())),
        signed=read_signed_16(given(payload.transactionData, ())),
    )


def render_stop_transaction(reply: Reply) -> Payload:
    """§6.50. idTagInfo only where a token was presented to stop."""
    answer = expect(reply, TransactionAnswer)
    return {} if answer.id_token is None else {"idTagInfo": render_id_tag_info(answer.id_token)}
