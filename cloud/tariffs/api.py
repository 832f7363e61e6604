"""`/v1/tariffs`: what charging costs by the hub's word. Every edge of the domain takes those of its own currency; they
stand beside the tariffs of its settings, and win by id. What runs keeps the tariff that it began with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue
from starlette.responses import Response

from cloud.rest.access import Operator, Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import read_one, read_page
from cloud.rest.problems import Problem, documented, not_found
from cloud.rest.tariff_bodies import read
from cloud.store.tariffs import put
from cloud.tariffs import queries
from protocols.ocpi.tariff import Tariff

_TARIFF: dict[str, JsonValue] = {
    "id": "night",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": "0.25", "vat": "19", "step_size": 1}],
            "restrictions": {"start_time": "22:00", "end_time": "06:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": "0.45", "vat": "19", "step_size": 1}]},
    ],
    "last_updated": "2026-03-02T06:00:00Z",
}
Document = Annotated[
    dict[str, Any],
    Body(
        description="A tariff of OCPI 2.2.1 or 2.3.0 (§11.3.1). Without `last_updated` it is the present.",
        examples=[_TARIFF],
    ),
]


class ShownTariff(BaseModel):
    """A tariff of the hub, in the document of `document_version`: `/v1/edges` shows which version each edge has."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "night",
                    "document_version": 3,
                    "updated_at": "2026-03-02T06:00:00Z",
                    "tariff": {**_TARIFF, "tariff_alt_text": ""},
                }
            ]
        }
    )

    id: str
    document_version: int
    updated_at: AwareDatetime
    tariff: Tariff


class TariffPage(BaseModel):
    """A page of tariffs; `next_cursor` is null on the last one."""

    items: list[ShownTariff]
    next_cursor: str | None


async def list_tariffs(hub: TheHub, who: Reader, wanted: Annotated[queries.TariffQuery, Query()]) -> Response:
    """The hub's tariffs by their id; those in the settings of sites are with their bills alone."""
    return await read_page(hub, queries.many(who.domain, wanted), wanted, queries.SORT, queries.shown)


async def get_tariff(hub: TheHub, who: Reader, tariff_id: str) -> Response:
    """One of the hub's tariffs."""
    return await read_one(hub, queries.one(who.domain, tariff_id), queries.shown, "tariff", tariff_id)


async def create_tariff(hub: TheHub, who: Operator, document: Document) -> Response:
    """Create a tariff; it is on its way to every edge of the domain. All that is wrong with it is told at once."""
    tariff = read(document, hub.clock())
    async with hub.store.write() as connection:
        if (await connection.execute(queries.one(who.domain, tariff.id))).first() is not None:
            raise Problem(409, "tariff_exists", "There is a tariff with this id already; change it with PUT.")
        await put(connection, who.domain, tariff, hub.clock())
    hub.down_bell.ring()
    made = await get_tariff(hub, who, tariff.id)
    made.status_code = 201
    made.headers["Location"] = f"/v1/tariffs/{tariff.id}"
    return made


async def replace_tariff(hub: TheHub, who: Operator, tariff_id: str, document: Document) -> Response:
    """Say a tariff of the hub anew. What charges already is priced as it began."""
    async with hub.store.read() as connection:
        known = (await connection.execute(queries.one(who.domain, tariff_id))).first()
    if known is None:
        return await get_tariff(hub, who, tariff_id)
    tariff = read({**document, "id": document.get("id", tariff_id)}, hub.clock())
    if tariff.id != tariff_id:
        errors = [{"field": "body.id", "message": f"It is {tariff.id!r}, and the path names {tariff_id!r}."}]
        raise Problem(422, "invalid_request", "A tariff keeps its id.", errors=errors)
    async with hub.store.write() as connection:
        await put(connection, who.domain, tariff, hub.clock())
    hub.down_bell.ring()
    return await get_tariff(hub, who, tariff_id)


async def delete_tariff(hub: TheHub, who: Operator, tariff_id: str) -> Response:
    """Delete a tariff of the hub, here and at every edge, unless a contract names it. What charges already is priced as
    it began; sites whose settings name it go on by their default tariff."""
    async with hub.store.write() as connection:
        if (await connection.execute(queries.one(who.domain, tariff_id))).first() is None:
            raise not_found("tariff", tariff_id)
        naming = await queries.contracts_by(connection, who.domain, tariff_id)
        if naming:
            detail = f"The contracts {', '.join(naming[:5])} name it: give them another tariff first."
            raise Problem(409, "tariff_in_use", detail)
        await queries.remove(connection, who.domain, tariff_id)
    hub.down_bell.ring()
    return Response(status_code=204)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/tariffs", tags=["Tariffs"])
    router.get("", response_model=TariffPage, responses=documented(400))(list_tariffs)
    router.post("", response_model=ShownTariff, status_code=201, responses=documented(409))(create_tariff)
    router.get("/{tariff_id}", response_model=ShownTariff, responses=documented(404))(get_tariff)
    router.put("/{tariff_id}", response_model=ShownTariff, responses=documented(404))(replace_tariff)
    router.delete("/{tariff_id}", status_code=204, responses=documented(404, 409))(delete_tariff)
    return router
