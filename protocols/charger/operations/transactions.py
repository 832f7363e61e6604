"""Functional blocks E, F and I: remote start and stop, what became of a transaction, and its cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from protocols.charger.operations.fields import ConnectorNumber, EvseNumber, Number, Text, TokenKind, TokenUid
from protocols.charger.operations.smart_charging import ChargingProfile

DisplayText = Annotated[str, Field(min_length=1, max_length=512)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTransaction:
    """OCPP 1.6 RemoteStartTransaction, 2.0.1 RequestStartTransaction (F01). `remote_start_id` is the site's, unique
    for the station; it is given where it is None. The token is authorised here, so it is Central where no `token_type`
    is given: the station need not ask (C05). `connector_id`: there or nowhere; no version of OCPP can
    say so to the station, so what begins at another one is ended again. Result: {"charger_transaction_id"} where one
    runs already (F02)."""

    evse_id: EvseNumber
    token_uid: TokenUid
    remote_start_id: int | None = None
    profile: ChargingProfile | None = None
    token_type: TokenKind | None = None
    group_id: TokenUid | None = None
    connector_id: ConnectorNumber | None = None
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


UnitPrice = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=4)] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """What a kWh, an hour of charging and an hour without cost at the moment, and what is paid once, taxes included;
    None where nothing prices it. Of an hour without charging the first `grace_min` are free."""

    kwh: UnitPrice = None
    hour: UnitPrice = None
    flat: UnitPrice = None
    idle_hour: UnitPrice = None
    grace_min: Number = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCost:
    """The running cost with taxes, for the station's display: OCPP 2.0.1 I02 CostUpdated, which takes the first two
    alone; of OCPP 1.6 the OCA's application note on California pricing, RunningCost, and FinalCost with `is_final`.

    `at` is when it costs so much, and `meter_wh` the register then, as the station shows it; 1.6 needs both while the
    transaction runs. `text` is shown with the final cost.
    """

    charger_transaction_id: Text
    total_cost: Annotated[Decimal, Field(ge=0)]
    at: AwareDatetime | None = None
    meter_wh: Annotated[int, Field(ge=0)] | None = None
    is_idle: bool = False
    prices: UnitPrices = field(default_factory=UnitPrices)
    is_final: bool = False
    text: DisplayText | None = None
    operation: Literal["update_cost"] = "update_cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPrice:
    """What charging costs whoever has this token, in words, for the station's display: of OCPP 1.6 the OCA's
    application note on California pricing, SetUserPrice."""

    token_uid: TokenUid
    text: DisplayText
    operation: Literal["show_price"] = "show_price"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockConnector:
    """OCPP 1.6 UnlockConnector, 2.0.1 F05."""

    evse_id: EvseNumber
    connector_id: ConnectorNumber = 1
    operation: Literal["unlock_connector"] = "unlock_connector"
