"""`/v1/charging-stations/{station_id}/local-list`: which list of tokens a station holds, and what proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.local_lists import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import answer
from cloud.rest.problems import documented, not_found
from cloud.rest.stations import EdgeChoice, StationId

Row = Mapping[Any, Any]


class LocalList(BaseModel):
    """What is known of a station's local list (OCPP 1.6 §5.15, 2.0.1 D01).

    `settled`: the station took `version` of it at `settled_at`, with so many `tokens`, which are those that may charge
    there as the edge had them with entry `tokens_version` of its journal; `checksum` (BLAKE2b) is of that list, so two
    stations with the same one hold the same. `left_out` may charge there and found no room. `unsupported`: with this
    firmware the station has no local list. `failed`: the station does not take it, `problem` says why, and the values
    are of the last one that it took, null where there was none.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "station_id": "CP-1",
                    "state": "settled",
                    "version": 412,
                    "tokens": 230,
                    "left_out": 0,
                    "tokens_version": 412,
                    "checksum": "0f343b0931126a20f133d67c2b018a3b",
                    "firmware_version": "1.2",
                    "settled_at": "2026-03-02T08:31:00Z",
                    "problem": None,
                }
            ]
        }
    )

    edge_id: str
    station_id: str
    state: Literal["settled", "unsupported", "failed"]
    version: int | None
    tokens: int | None
    left_out: int | None
    tokens_version: int | None
    checksum: str | None
    firmware_version: str | None
    settled_at: datetime | None
    problem: str | None


async def get_local_list(hub: TheHub, who: Reader, station_id: StationId, edge_id: EdgeChoice = None) -> Response:
    """The local list of a station. There is none (404) before the edge has given it one."""
    async with hub.store.read() as connection:
        settled = (await connection.execute(queries.settled(who.domain, station_id, edge_id))).mappings().all()
        failed = (await connection.execute(queries.failed(who.domain, station_id, edge_id))).mappings().all()
    words = [(row["settled_at"], row["edge_id"]) for row in settled]
    words += [(row["raised_at"], row["edge_id"]) for row in failed]
    if not words:
        raise not_found("local list", station_id)
    _, place = max(words)  # the station is the edge's that spoke last
    return answer(_shown(station_id, place, _of(place, settled), _of(place, failed)))


def _of(edge_id: str, rows: Iterable[Row]) -> Row:
    return next((row for row in rows if row["edge_id"] == edge_id), {})


def _shown(station_id: str, edge_id: str, settled: Row, failed: Row) -> dict[str, Any]:
    held: Row = settled if settled.get("is_supported") else {}
    return {
        "edge_id": edge_id,
        "station_id": station_id,
        "state": "failed" if failed else "settled" if held else "unsupported",
        **{name: held.get(name) for name in ("version", "tokens", "left_out", "tokens_version", "checksum")},
        **{name: settled.get(name) for name in ("firmware_version", "settled_at")},
        "problem": failed.get("text"),
    }


def routes() -> APIRouter:
    """Before those of charging stations: this path is like `/{edge_id}/{station_id}` there."""
    router = APIRouter(prefix="/v1/charging-stations", tags=["Local lists"])
    router.get("/{station_id}/local-list", response_model=LocalList, responses=documented(404))(get_local_list)
    return router
