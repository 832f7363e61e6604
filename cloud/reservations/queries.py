"""The questions about reservations."""

from __future__ import annotations

from typing import Any, Final, Literal

from sqlalchemy import RowMapping, Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.station_tables import reservations

SORT = (reservations.c.made_at, reservations.c.id)
_SHOWN: Final = (
    "id", "edge_id", "location_id", "station_id", "evse_id", "reservation_id", "status", "token_uid", "group_id",
    "contract_id", "tariff_id", "currency", "made_at", "expires_at", "ended_at", "transaction_id",
)  # fmt: skip
Status = Literal["standing", "used", "cancelled", "expired", "removed"]


class StationReservationQuery(PageQuery):
    """Filters of the list of a station's reservations; all given ones must hold."""

    edge_id: Name | None = None
    status: Status | None = None
    token_uid: Name | None = None


class ReservationQuery(StationReservationQuery):
    """As StationReservationQuery, over all stations."""

    location_id: Name | None = None
    station_id: Name | None = None


def many(domain: int, wanted: ReservationQuery) -> Select[Any]:
    return narrowed(_all(domain, wanted), reservations, wanted, "location_id", "station_id")


def of_station(domain: int, station_id: str, wanted: StationReservationQuery) -> Select[Any]:
    return _all(domain, wanted).where(reservations.c.station_id == station_id)


def one(domain: int, row_id: str) -> Select[Any]:
    return select(reservations).where(reservations.c.domain == domain, reservations.c.id == row_id)


def shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN}


def _all(domain: int, wanted: StationReservationQuery) -> Select[Any]:
    query = select(reservations).where(reservations.c.domain == domain)
    return narrowed(query, reservations, wanted, "edge_id", "status", "token_uid")
