"""The EVSEs of one edge while news about them is written: loaded once, changed in memory, saved once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, Self, assert_never

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.evse_state import (
    EvseNews,
    LinkNews,
    StatusNews,
    TransactionNews,
    find_state,
    is_newer,
    tell_status,
    tell_transaction,
)
from cloud.store.bulk import insert_many
from cloud.store.documents import evse_document, to_json
from cloud.store.feed import FeedEvent, FeedKind
from cloud.store.tables import charging_stations, evses
from protocols.ocpi.location import Evse
from protocols.sync.present import EvseLive
from protocols.sync.topics import EdgeAddress
from protocols.terms import EvseState

HISTORICAL_AFTER: Final = timedelta(minutes=5)
"""News older than this on arrival, by the site's clock, is marked historical: it came late and is not the present."""

Row = dict[str, Any]


class EvseBoard:
    """Load it in the transaction that saves it."""

    def __init__(self, address: EdgeAddress, location_id: str | None) -> None:
        self._key = {"domain": address.domain, "edge_id": address.edge_id}
        self._location_id = location_id
        self._rows: dict[tuple[str, int], Row] = {}
        self._before: dict[tuple[str, int], Row] = {}
        self._stations: dict[str, Row] = {}
        self._stations_before: dict[str, Row] = {}

    @classmethod
    async def load(
        cls,
        connection: AsyncConnection,
        address: EdgeAddress,
        location_id: str | None,
        station_ids: Iterable[str] | None = None,
    ) -> Self:
        """The EVSEs of these stations, or of all."""
        board = cls(address, location_id)
        for table in (charging_stations, evses):
            query = select(table).where(table.c.domain == address.domain, table.c.edge_id == address.edge_id)
            if station_ids is not None:
                query = query.where(table.c.station_id.in_(list(station_ids)))
            for found in (await connection.execute(query)).mappings():
                row = dict(found)
                if table is evses:
                    board._rows[row["station_id"], row["evse_id"]] = row
                else:
                    board._stations[row["station_id"]] = row
        board._before = {key: dict(row) for key, row in board._rows.items()}
        board._stations_before = {key: dict(row) for key, row in board._stations.items()}
        return board

    def hear_all(self, told: Sequence[EvseNews]) -> None:
        """News from the journal, in its order. Where no time goes back, only the last status of a connector counts: it
        overwrites all that those before it said."""
        if any(after.at < before.at for before, after in pairwise(told)):
            for news in told:
                self.hear(news)
            return
        last = {(news.station_id, news.evse_id): place for place, news in enumerate(told) if type(news) is StatusNews}
        for place, news in enumerate(told):
            if type(news) is not StatusNews or last[news.station_id, news.evse_id] == place:
                self.hear(news)

    def hear(self, news: EvseNews) -> None:
        station = self._station(news.station_id)
        match news:
            case StatusNews(evse_id=0):
                station["status"] = news.status.value
                self._find_states(station, news.at)
            case StatusNews():
                tell_status(station, self._evse(news.station_id, news.evse_id), news)
            case TransactionNews():
                tell_transaction(station, self._evse(news.station_id, news.evse_id), news)
            case LinkNews():
                version = news.ocpp_version or station["ocpp_version"]
                station.update(is_online=news.is_online, online_at=news.at, ocpp_version=version)
                self._find_states(station, news.at)
            case _ as never:
                assert_never(never)

    def _find_states(self, station: Row, at: datetime) -> None:
        for (station_id, _), evse in self._rows.items():
            if station_id == station["station_id"]:
                find_state(station, evse, at)

    def see(self, live: EvseLive, at: datetime) -> None:
        """Live values, which are the edge's own word for the state."""
        evse = self._evse(live.station_id, live.evse_id)
        if is_newer(evse, at):
            evse.update(
                state=live.state.value,
                as_of=at,
                power_w=live.power_w,
                energy_wh=live.energy_wh,
                state_of_charge_percent=live.state_of_charge_percent,
                transaction_id=live.transaction_id,
                cost=live.cost,
            )

    def describe(self, evse: Evse) -> None:
        """What the site's configuration says of an EVSE."""
        self._evse(evse.station_id, evse.evse_id).update(
            label=evse.label, max_power_w=evse.max_power_w, tariff_id=evse.tariff_id
        )

    def drop_all_but(self, kept: Set[tuple[str, int]]) -> list[tuple[str, int]]:
        """Forget the other EVSEs; returns those that are in the database and must be deleted."""
        gone = [key for key in self._rows if key not in kept]
        for key in gone:
            del self._rows[key]
        return [key for key in gone if key in self._before]

    def boot(self, boot: Row) -> None:
        """What a station said of itself."""
        self._station(boot["station_id"]).update(boot)

    async def save(self, connection: AsyncConnection, now: datetime) -> list[FeedEvent]:
        """Write what changed; returns an event for every EVSE whose state or transaction is another."""
        changed_stations = [row for key, row in self._stations.items() if row != self._stations_before.get(key)]
        await insert_many(connection, charging_stations, changed_stations, "replace")
        changed = {key: row for key, row in self._rows.items() if row != self._before.get(key)}
        await insert_many(connection, evses, list(changed.values()), "replace")
        return [self._event(row, now) for key, row in changed.items() if _shown(row) != _shown(self._before.get(key))]

    def _event(self, row: Row, now: datetime) -> FeedEvent:
        at = row["as_of"] or now
        document = {
            "edge_id": row["edge_id"],
            "location_id": self._location_id,
            **evse_document(row, is_stale=False),
        }
        return FeedEvent(
            domain=row["domain"],
            kind=FeedKind.STATE,
            at=at,
            location_id=self._location_id,
            data=to_json(document).decode(),
            is_historical=is_historical(at, now),
        )

    def _evse(self, station_id: str, evse_id: int) -> Row:
        self._station(station_id)
        key = (station_id, evse_id)
        if key not in self._rows:
            fresh = dict.fromkeys(evses.c.keys())
            label, state = f"{station_id}*{evse_id}", EvseState.OFFLINE.value
            fresh.update(self._key, station_id=station_id, evse_id=evse_id, label=label, state=state)
            self._rows[key] = fresh
        return self._rows[key]

    def _station(self, station_id: str) -> Row:
        if station_id not in self._stations:
            fresh = dict.fromkeys(charging_stations.c.keys())
            fresh.update(self._key, station_id=station_id, location_id=self._location_id)
            self._stations[station_id] = fresh
        return self._stations[station_id]


def is_historical(at: datetime, now: datetime) -> bool:
    """Did this come too late to be the present?"""
    return now - at > HISTORICAL_AFTER


def _shown(row: Row | None) -> tuple[Any, ...] | None:
    return None if row is None else (row["state"], row["transaction_id"], row["error_code"])
