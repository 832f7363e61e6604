"""Functional blocks O and P: what a station shows, and vendors' own data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from protocols.charger.operations.fields import Number, RequestId, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferData:
    """OCPP 1.6 and 2.0.1 DataTransfer (P01). 1.6 takes text alone: anything else is sent as JSON text.

    Result: {"status", "data"}, the data as it came, None where it told none.
    """

    vendor_id: Text
    message_id: Annotated[str, Field(max_length=50)] | None = None
    data: Any = None
    operation: Literal["transfer_data"] = "transfer_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayMessage:
    """OCPP 2.0.1 MessageInfoType. `message_id` is given where it is None."""

    content: Annotated[str, Field(min_length=1, max_length=512)]
    priority: Literal["AlwaysFront", "InFront", "NormalCycle"] = "NormalCycle"
    format: Literal["ASCII", "HTML", "URI", "UTF8"] = "UTF8"
    language: Annotated[str, Field(max_length=8)] | None = None
    state: Literal["Charging", "Faulted", "Idle", "Unavailable"] | None = None
    start_at: AwareDatetime | None = None
    end_at: AwareDatetime | None = None
    charger_transaction_id: Annotated[str, Field(max_length=36)] | None = None
    message_id: Number | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDisplayMessage:
    """OCPP 2.0.1 O01, O02, O06."""

    message: DisplayMessage
    operation: Literal["set_display_message"] = "set_display_message"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDisplayMessages:
    """OCPP 2.0.1 O03, O04: the station reports in parts."""

    message_ids: tuple[Number, ...] = ()
    priority: Literal["AlwaysFront", "InFront", "NormalCycle"] | None = None
    state: Literal["Charging", "Faulted", "Idle", "Unavailable"] | None = None
    request_id: RequestId = None
    operation: Literal["get_display_messages"] = "get_display_messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearDisplayMessage:
    """OCPP 2.0.1 O05."""

    message_id: Number
    operation: Literal["clear_display_message"] = "clear_display_message"
