"""OCPP 2.0.1 functional block I: what a running transaction costs so far."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.charger.operations.transactions import UpdateCost
from protocols.ocpp.dialect import Payload, Result


def write_cost_updated(operation: UpdateCost) -> Payload:
    """I02 CostUpdatedRequest. A JSON number for a display: no money is reckoned with it."""
    return {"totalCost": float(operation.total_cost), "transactionId": operation.charger_transaction_id}


def read_cost_updated(_operation: UpdateCost, _answers: Sequence[Payload]) -> Result:
    """I02 CostUpdatedResponse: to answer at all is to accept."""
    return Result(is_accepted=True)
