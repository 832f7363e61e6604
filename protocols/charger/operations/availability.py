"""Functional blocks C, D, G and H: availability, reservations, the station's token list and cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from protocols.charger.operations.fields import ConnectorNumber, EvseNumber, Number, TokenKind, TokenUid
from protocols.terms import AuthorizationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAvailability:
    """OCPP 1.6 ChangeAvailability, 2.0.1 G03, G04. Without `evse_id` the whole station. Scheduled is accepted, with the
    status as detail: a transaction still runs."""

    operational_status: Literal["Operative", "Inoperative"]
    evse_id: EvseNumber | None = None
    connector_id: ConnectorNumber | None = None
    operation: Literal["change_availability"] = "change_availability"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveNow:
    """OCPP 1.6 ReserveNow, 2.0.1 H01. Without `evse_id` any EVSE. `reservation_id` is given where it is None.

    Without `token_type` a token that looks like the UID of a card is one (ISO14443), any other is Central.
    """

    token_uid: TokenUid
    expires_at: AwareDatetime
    evse_id: EvseNumber | None = None
    group_id: TokenUid | None = None
    connector_type: str | None = None
    reservation_id: Number | None = None
    token_type: TokenKind | None = None
    operation: Literal["reserve_now"] = "reserve_now"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservation:
    """OCPP 1.6 CancelReservation, 2.0.1 H02."""

    reservation_id: Number
    operation: Literal["cancel_reservation"] = "cancel_reservation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearCache:
    """OCPP 1.6 ClearCache, 2.0.1 C11."""

    operation: Literal["clear_cache"] = "clear_cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedToken:
    """A token on a station's local list; `status` None takes it off the list (differential only). `token_type` as in
    ReserveNow."""

    token_uid: TokenUid
    status: AuthorizationStatus | None = AuthorizationStatus.ACCEPTED
    group_id: TokenUid | None = None
    expires_at: AwareDatetime | None = None
    token_type: TokenKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLocalList:
    """OCPP 1.6 SendLocalList, 2.0.1 D01."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    update_type: Literal["Full", "Differential"] = "Full"
    tokens: tuple[ListedToken, ...] = ()
    operation: Literal["send_local_list"] = "send_local_list"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLocalListVersion:
    """OCPP 1.6 GetLocalListVersion, 2.0.1 D02. Result: {"version"}; 0 for none, -1 (1.6) for no local lists at all."""

    operation: Literal["get_local_list_version"] = "get_local_list_version"
