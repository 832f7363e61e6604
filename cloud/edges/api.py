"""`/v1/edges`: which edges there are, whether they can be heard, and how far their journals have come."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.edges import queries
from cloud.rest.access import Admin, Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import PageQuery, answer, read_page, read_page_together
from cloud.rest.problems import documented, not_found
from protocols.sync.topics import Stream


class Position(BaseModel):
    """Everything of the stream up to `seq` is committed here; `dead` entries of it could not be read."""

    epoch: str
    stream: Stream
    seq: int
    dead: int
    updated_at: datetime


class Document(BaseModel):
    """A desired document at the edge: the version it has applied, and why it refused a newer one."""

    name: str
    version: int
    desired_version: int | None
    refused_version: int | None
    problem: str | None
    at: datetime


class Chain(BaseModel):
    """Where the chain of hashes over the edge's money stood when it was sealed last: `count` entries, the last of them
    number `through_seq` of the money stream. `is_proved`: what was sent comes to the same hash; null where it is not
    all here."""

    through_seq: int
    count: int
    hash: str
    is_proved: bool | None
    sealed_at: datetime


class Edge(BaseModel):
    """An edge. `status` unknown: the hub has no broker, or the edge has not said; `streams` are of its epoch."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "status": "online",
                    "status_at": "2026-03-02T06:00:01Z",
                    "heard_at": "2026-03-02T08:31:00Z",
                    "epoch": "4f1c0f5e-8f1c-4c56-9a46-7a3a5f0d1a10",
                    "software_version": "0.1.0",
                    "location_id": "site-1",
                    "birth_at": "2026-03-02T06:00:00Z",
                    "streams": [
                        {
                            "epoch": "4f1c0f5e-8f1c-4c56-9a46-7a3a5f0d1a10",
                            "stream": "money",
                            "seq": 128,
                            "dead": 0,
                            "updated_at": "2026-03-02T08:30:59Z",
                        }
                    ],
                    "dead_letters": 0,
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
                    "chain": {
                        "through_seq": 120,
                        "count": 60,
                        "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                        "is_proved": True,
                        "sealed_at": "2026-03-02T08:00:00Z",
                    },
                }
            ]
        }
    )

    edge_id: str
    status: Literal["online", "offline", "unknown"]
    status_at: datetime | None
    heard_at: datetime
    epoch: str | None
    software_version: str | None
    location_id: str | None
    birth_at: datetime | None
    streams: list[Position]
    dead_letters: int
    documents: list[Document]
    chain: Chain | None


class EdgePage(BaseModel):
    """A page of edges; `next_cursor` is null on the last one."""

    items: list[Edge]
    next_cursor: str | None


class Letter(BaseModel):
    """A journal entry that could not be taken in, as it arrived."""

    epoch: str
    stream: Stream
    seq: int
    reason: str
    raw: str
    received_at: datetime


class LetterPage(BaseModel):
    """A page of dead letters; `next_cursor` is null on the last one."""

    items: list[Letter]
    next_cursor: str | None


async def list_edges(hub: TheHub, who: Reader, wanted: Annotated[queries.EdgeQuery, Query()]) -> Response:
    """Edges by their id."""
    return await read_page_together(hub, queries.many(who.domain, wanted), wanted, queries.SORT, queries.shown)


async def get_edge(hub: TheHub, who: Reader, edge_id: str) -> Response:
    """One edge."""
    async with hub.store.read() as connection:
        rows = (await connection.execute(queries.one(who.domain, edge_id))).mappings().all()
        documents = await queries.shown(connection, rows)
    if not documents:
        raise not_found("edge", edge_id)
    return answer(documents[0])


async def list_dead_letters(hub: TheHub, who: Admin, edge_id: str, wanted: Annotated[PageQuery, Query()]) -> Response:
    """The edge's dead letters with their raw text."""
    query = queries.letters(who.domain, edge_id)
    return await read_page(hub, query, wanted, queries.DEAD_SORT, queries.letter_shown)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/edges", tags=["Edges"])
    router.get("", response_model=EdgePage, responses=documented(400))(list_edges)
    router.get("/{edge_id}", response_model=Edge, responses=documented(404))(get_edge)
    router.get("/{edge_id}/dead-letters", response_model=LetterPage, responses=documented(400))(list_dead_letters)
    return router
