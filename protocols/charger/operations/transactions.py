"""Functional blocks E, F and I: remote start and stop, what became of a transaction, and its cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from protocols.charger.operations.fields import ConnectorNumber, EvseNumber, Text, TokenKind, TokenUid
from protocols.charger.operations.smart_charging import ChargingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTransaction:
    """OCPP 1.6 RemoteStartTransaction, 2.0.1 RequestStartTransaction (F01). `remote_start_id` is the site's, unique
    for the station; it is given where it is None. The token is authorised here, so it is Central where no `token_type`
    is given: the station need not ask (C05). Result: {"charger_transaction_id"} where one runs already (F02)."""

    evse_id: EvseNumber
    token_uid: TokenUid
    remote_start_id: int | None = None
    profile: ChargingProfile | None = None
    token_type: TokenKind | None = None
    group_id: TokenUid | None = None
    operation: Literal["start_transaction"] = "start_transaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTransaction:
    """OCPP 1.6 RemoteStopTransaction, 2.0.1 RequestStopTransaction (F03), by the station's id of the transaction."""

    charger_transaction_id: Text
    operation: Literal["stop_transaction"] = "stop_transaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTransactionStatus:
    """OCPP 2.0.1 E14: is it still running, and does the station still have messages of it; None for any.

    Result: {"is_ongoing", "has_messages_queued"}; each is None where it told none.
    """

    charger_transaction_id: Text | None = None
    operation: Literal["get_transaction_status"] = "get_transaction_status"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCost:
    """OCPP 2.0.1 I02 CostUpdated: the running cost with taxes, for the station's display."""

    charger_transaction_id: Text
    total_cost: Annotated[Decimal, Field(ge=0)]
    operation: Literal["update_cost"] = "update_cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockConnector:
    """OCPP 1.6 UnlockConnector, 2.0.1 F05."""

    evse_id: EvseNumber
    connector_id: ConnectorNumber = 1
    operation: Literal["unlock_connector"] = "unlock_connector"
