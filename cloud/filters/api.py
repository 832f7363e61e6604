"""`/v1/filters` and `/v1/edges/{edge_id}/filter`: what a reading must say to be kept and sent here. An edge's own rule
holds before the domain's, and what neither names is as the site's settings have it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from starlette.responses import Response

from cloud.filters import queries
from cloud.rest.access import Operator, Reader
from cloud.rest.context import Hub, TheHub
from cloud.rest.paging import answer, read_page
from cloud.rest.problems import Problem, documented, not_found
from protocols.sync.filters import Classes, DeviceClass, MeasurandFilter
from protocols.terms import Measurand

_CLASSES: dict[str, JsonValue] = {
    "evse": {"Power.Active.Import": {"deadband": 250, "percent": 3, "min_s": 15, "max_s": 600}},
    "meter": {"Frequency": {"deadband": None, "percent": None, "min_s": None, "max_s": 300}},
}


class Rule(BaseModel):
    """When a reading is news: it differs from the one kept last by `deadband` (Wh, W, mA, mV, mHz, percent) and by
    `percent` of it, `min_s` behind it at the earliest and `max_s` at the latest. null: as the site has it."""

    model_config = ConfigDict(extra="forbid")

    deadband: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    percent: Annotated[int, Field(ge=0, le=100)] | None = None
    min_s: Annotated[int, Field(ge=0, le=86_400)] | None = None
    max_s: Annotated[int, Field(ge=1, le=86_400)] | None = None


class NewFilter(BaseModel):
    """All rules by device class and measurand; what was said before and is not said again goes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"classes": _CLASSES}]})

    classes: dict[DeviceClass, dict[Measurand, Rule]] = Field(default_factory=dict)


class Filter(BaseModel):
    """What was said for an edge, or (`edge_id` null) for all of the domain, in the document of `document_version`:
    `/v1/edges` shows which version each edge has. `document_version` null: nothing was said yet."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": None,
                    "document_version": 3,
                    "updated_at": "2026-03-02T06:00:00Z",
                    "classes": _CLASSES,
                }
            ]
        }
    )

    edge_id: str | None
    document_version: int | None
    updated_at: AwareDatetime | None
    classes: dict[DeviceClass, dict[Measurand, Rule]]


class FilterPage(BaseModel):
    """A page of filters; `next_cursor` is null on the last one."""

    items: list[Filter]
    next_cursor: str | None


async def list_filters(hub: TheHub, who: Reader, wanted: Annotated[queries.FilterQuery, Query()]) -> Response:
    """The domain's filter, and those of single edges."""
    return await read_page(hub, queries.many(who.domain), wanted, queries.SORT, queries.shown)


async def get_default_filter(hub: TheHub, who: Reader) -> Response:
    """The filter of every edge of the domain."""
    return answer(await _shown(hub, who.domain, ""))


async def replace_default_filter(hub: TheHub, who: Operator, wanted: NewFilter) -> Response:
    """Say the filter of every edge of the domain anew."""
    return await _replace(hub, who.domain, "", wanted)


async def get_edge_filter(hub: TheHub, who: Reader, edge_id: str) -> Response:
    """What was said for this edge alone."""
    await _check_edge(hub, who.domain, edge_id)
    return answer(await _shown(hub, who.domain, edge_id))


async def replace_edge_filter(hub: TheHub, who: Operator, edge_id: str, wanted: NewFilter) -> Response:
    """Say this edge's own rules anew; none: it has the domain's."""
    await _check_edge(hub, who.domain, edge_id)
    return await _replace(hub, who.domain, edge_id, wanted)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Filters"])
    router.get("/filters", response_model=FilterPage, responses=documented(400))(list_filters)
    router.get("/filters/default", response_model=Filter)(get_default_filter)
    router.put("/filters/default", response_model=Filter)(replace_default_filter)
    router.get("/edges/{edge_id}/filter", response_model=Filter, responses=documented(404))(get_edge_filter)
    router.put("/edges/{edge_id}/filter", response_model=Filter, responses=documented(404))(replace_edge_filter)
    return router


async def _replace(hub: Hub, domain: int, edge_id: str, wanted: NewFilter) -> Response:
    classes = _read(wanted)
    async with hub.store.write() as connection:
        await queries.put(connection, domain, edge_id, classes, hub.clock())
    hub.down_bell.ring()
    return answer(await _shown(hub, domain, edge_id))


def _read(wanted: NewFilter) -> Classes:
    """Raises Problem 422 where no interval is left."""
    errors = [
        {"field": f"body.classes.{each}.{measurand}", "message": f"min_s {rule.min_s} is above max_s {rule.max_s}."}
        for each, rules in wanted.classes.items()
        for measurand, rule in rules.items()
        if rule.min_s is not None and rule.max_s is not None and rule.min_s > rule.max_s
    ]
    if errors:
        raise Problem(422, "bad_filter", "No filter can be made of this.", errors=errors)
    return {
        each: {measurand: MeasurandFilter(**rule.model_dump()) for measurand, rule in rules.items()}
        for each, rules in wanted.classes.items()
    }


async def _shown(hub: Hub, domain: int, edge_id: str) -> dict[str, Any]:
    async with hub.store.read() as connection:
        row = (await connection.execute(queries.one(domain, edge_id))).mappings().one_or_none()
    if row is not None:
        return queries.shown(row)
    return {"edge_id": edge_id or None, "document_version": None, "updated_at": None, "classes": {}}


async def _check_edge(hub: Hub, domain: int, edge_id: str) -> None:
    async with hub.store.read() as connection:
        if (await connection.execute(queries.edge(domain, edge_id))).first() is None:
            raise not_found("edge", edge_id)
