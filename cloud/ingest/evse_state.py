"""One word for an EVSE, made of what its edge last said. Newer news wins; older news never overwrites."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from protocols.terms import ChargingState, ConnectorStatus, EvseState


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNews:
    """A connector changed its status."""

    station_id: str
    evse_id: int
    at: datetime
    status: ConnectorStatus
    charging_state: ChargingState | None
    error_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionNews:
    """A transaction began at the EVSE, or (None) ended."""

    station_id: str
    evse_id: int
    at: datetime
    transaction_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNews:
    """The station's link to its edge came up or went down: it concerns all its EVSEs."""

    station_id: str
    at: datetime
    is_online: bool
    ocpp_version: str | None


EvseNews = StatusNews | TransactionNews | LinkNews


def state_of(
    *, is_online: bool | None, status: str | None, charging_state: str | None, transaction_id: str | None
) -> EvseState:
    """What a driver sees, from the facts of the journal."""
    if is_online is False:
        return EvseState.OFFLINE
    if status == ConnectorStatus.FAULTED:
        return EvseState.FAULTED
    if transaction_id is not None:
        return EvseState.CHARGING if charging_state in (None, ChargingState.CHARGING) else EvseState.OCCUPIED
    match status:
        case ConnectorStatus.UNAVAILABLE:
            return EvseState.UNAVAILABLE
        case ConnectorStatus.OCCUPIED:
            return EvseState.OCCUPIED
        case ConnectorStatus.RESERVED:
            return EvseState.RESERVED
        case _:
            return EvseState.FREE


def tell_status(evse: dict[str, Any], news: StatusNews, is_online: bool | None) -> None:
    """Write the news into an evse's row."""
    evse["connector_status"] = news.status.value
    evse["charging_state"] = news.charging_state.value if news.charging_state else None
    evse["error_code"] = news.error_code
    tell_link(evse, news.at, is_online)


def tell_transaction(evse: dict[str, Any], news: TransactionNews, is_online: bool | None) -> None:
    """A transaction's beginning or end also ends what was shown of the one before it."""
    if is_newer(evse, news.at):
        evse["transaction_id"] = news.transaction_id
        evse.update(power_w=None, energy_wh=None, state_of_charge_percent=None, cost=None)
        if news.transaction_id is None:
            evse["charging_state"] = None
        tell_link(evse, news.at, is_online)


def tell_link(evse: dict[str, Any], at: datetime, is_online: bool | None) -> None:
    """Find the state anew."""
    if is_newer(evse, at):
        evse["as_of"] = at
        evse["state"] = state_of(
            is_online=is_online,
            status=evse["connector_status"],
            charging_state=evse["charging_state"],
            transaction_id=evse["transaction_id"],
        ).value


def is_newer(evse: dict[str, Any], at: datetime) -> bool:
    """May news of this time overwrite the row?"""
    return evse["as_of"] is None or at >= evse["as_of"]
