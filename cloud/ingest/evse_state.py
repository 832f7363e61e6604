"""One word for an EVSE, made of what its edge last said. Newer news wins; older news never overwrites."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from protocols.terms import ChargingState, ConnectorStatus, EvseState


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNews:
    """A connector changed its status; `evse_id` 0 is the station as a whole (OCPP 1.6 connectorId 0)."""

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
Row = dict[str, Any]


def state_of(station: Row, evse: Row) -> EvseState:
    """What a driver sees, from the facts of the journal, by the same rule as at the edge.

    What is not known is never shown as free.
    """
    if station["is_online"] is False:
        return EvseState.OFFLINE
    for said in (station["status"], evse["connector_status"]):
        if said == ConnectorStatus.FAULTED:
            return EvseState.FAULTED
        if said == ConnectorStatus.UNAVAILABLE:
            return EvseState.UNAVAILABLE
    if evse["transaction_id"] is not None:
        is_charging = evse["charging_state"] == ChargingState.CHARGING
        return EvseState.CHARGING if is_charging else EvseState.OCCUPIED
    match evse["connector_status"]:
        case ConnectorStatus.AVAILABLE:
            return EvseState.FREE
        case ConnectorStatus.OCCUPIED:
            return EvseState.OCCUPIED
        case ConnectorStatus.RESERVED:
            return EvseState.RESERVED
        case _:
            return EvseState.UNAVAILABLE


def tell_status(station: Row, evse: Row, news: StatusNews) -> None:
    """Write the news into an evse's row."""
    evse["connector_status"] = news.status.value
    evse["charging_state"] = news.charging_state.value if news.charging_state else None
    evse["error_code"] = news.error_code
    find_state(station, evse, news.at)


def tell_transaction(station: Row, evse: Row, news: TransactionNews) -> None:
    """A transaction's beginning or end also ends what was shown of the one before it."""
    if is_newer(evse, news.at):
        evse["transaction_id"] = news.transaction_id
        evse.update(power_w=None, energy_wh=None, state_of_charge_percent=None, cost=None)
        if news.transaction_id is None:
            evse["charging_state"] = None
        find_state(station, evse, news.at)


def find_state(station: Row, evse: Row, at: datetime) -> None:
    """Find the state anew, unless what is known is newer."""
    if is_newer(evse, at):
        evse["as_of"] = at
        evse["state"] = state_of(station, evse).value


def is_newer(evse: Row, at: datetime) -> bool:
    """May news of this time overwrite the row?"""
    return evse["as_of"] is None or at >= evse["as_of"]
