"""`/v1/edges/{edge_id}/sync` and `/v1/sync`: how far the hub is behind each edge, by what both know."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.edges import queries, sync_queries
from cloud.edges.api import Document
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import answer, read_page_together
from cloud.rest.problems import documented, not_found
from protocols.sync.clock import ClockQuality
from protocols.sync.topics import Stream


class StreamSync(BaseModel):
    """A stream. Everything up to `seq` is committed here, the edge had `edge_seq` when it reported; `lag_s` is how old
    the oldest entry between them was then. `resends` is how often the edge began again behind its last Ack, `gaps` how
    often the hub asked for that. Null: the edge has not reported."""

    stream: Stream
    seq: int
    committed_at: datetime | None
    edge_seq: int | None
    backlog: int | None
    oldest_at: datetime | None
    lag_s: float | None
    drains_in_s: int | None
    resends: int | None
    gaps: int
    dead_letters: int


class EdgeClock(BaseModel):
    """How good the edge's clock is, since when. `offset_s` is the hub's time less the edge's, when it connected."""

    quality: ClockQuality
    noted_at: datetime
    offset_s: float | None


class DaySync(BaseModel):
    """What a day at the site comes to in a stream: by the edge's word, and (`_here`) by the entries that the hub has.
    `bills`, `energy_wh` and `amounts` with taxes are those of the money. `proved`: the same entries to the byte;
    `waiting`: not all have come yet; `differs`; `gone`: some are not here any more, and cannot be had again."""

    day: date
    stream: Stream
    state: Literal["waiting", "proved", "differs", "gone"]
    entries: int
    entries_here: int
    bills: int
    bills_here: int
    energy_wh: int
    energy_wh_here: int
    amounts: dict[str, Decimal]
    amounts_here: dict[str, Decimal]


class EdgeSync(BaseModel):
    """An edge's way to the hub. `broker`: by which it was heard last. `reported_at` is the edge's time of what it told
    itself, once a minute while it can be heard. `days` are the last seven that it has summed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "status": "online",
                    "broker": "mqtt.example.net:8883",
                    "heard_at": "2026-03-02T08:31:00Z",
                    "reported_at": "2026-03-02T08:30:40Z",
                    "streams": [
                        {
                            "stream": "money",
                            "seq": 128,
                            "committed_at": "2026-03-02T08:30:59Z",
                            "edge_seq": 131,
                            "backlog": 3,
                            "oldest_at": "2026-03-02T08:30:39Z",
                            "lag_s": 1.0,
                            "drains_in_s": 1,
                            "resends": 0,
                            "gaps": 0,
                            "dead_letters": 0,
                        }
                    ],
                    "bytes_today": 81920,
                    "bytes_saved_today": 700000,
                    "deferred": 0,
                    "last_ack_at": "2026-03-02T08:30:39Z",
                    "clock": {"quality": "synchronised", "noted_at": "2026-03-02T06:00:00Z", "offset_s": -0.04},
                    "days": [
                        {
                            "day": "2026-03-01",
                            "stream": "money",
                            "state": "proved",
                            "entries": 96,
                            "entries_here": 96,
                            "bills": 24,
                            "bills_here": 24,
                            "energy_wh": 412_300,
                            "energy_wh_here": 412_300,
                            "amounts": {"EUR": "245.31"},
                            "amounts_here": {"EUR": "245.31"},
                        }
                    ],
                    "documents": [
                        {
                            "name": "tokens",
                            "version": 7,
                            "desired_version": 7,
                            "refused_version": None,
                            "problem": None,
                            "at": "2026-03-02T06:00:02Z",
                        }
                    ],
                }
            ]
        }
    )

    edge_id: str
    status: Literal["online", "offline", "unknown"]
    broker: str | None
    heard_at: datetime
    reported_at: datetime | None
    streams: list[StreamSync]
    bytes_today: int
    bytes_saved_today: int
    deferred: int
    last_ack_at: datetime | None
    clock: EdgeClock | None
    days: list[DaySync]
    documents: list[Document]


class EdgeSyncPage(BaseModel):
    """A page of them; `next_cursor` is null on the last one."""

    items: list[EdgeSync]
    next_cursor: str | None


async def list_sync(hub: TheHub, who: Reader, wanted: Annotated[queries.EdgeQuery, Query()]) -> Response:
    """The way of each edge to the hub, by their ids."""
    return await read_page_together(hub, queries.many(who.domain, wanted), wanted, queries.SORT, sync_queries.shown)


async def get_sync(hub: TheHub, who: Reader, edge_id: str) -> Response:
    """One edge's way to the hub."""
    async with hub.store.read() as connection:
        rows = (await connection.execute(queries.one(who.domain, edge_id))).mappings().all()
        documents = await sync_queries.shown(connection, rows)
    if not documents:
        raise not_found("edge", edge_id)
    return answer(documents[0])


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Edges"])
    router.get("/sync", response_model=EdgeSyncPage, responses=documented(400))(list_sync)
    router.get("/edges/{edge_id}/sync", response_model=EdgeSync, responses=documented(404))(get_sync)
    return router
