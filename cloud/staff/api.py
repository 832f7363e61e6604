"""`/v1/staff-changes`: who could do what at the sites, and since when."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.responses import Response

from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import read_page
from cloud.rest.problems import documented
from cloud.staff import queries


class StaffChange(BaseModel):
    """One of a site's staff is another from `at` on, when its agent saw it. `was_role` null: added; `role` null: taken
    off the list. Both alike: the name or (`is_pin_new`) the PIN is another."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "at": "2026-03-02T06:00:00Z",
                    "staff_id": "anna",
                    "name": "Anna",
                    "role": "supervisor",
                    "was_role": "cashier",
                    "is_pin_new": False,
                }
            ]
        }
    )

    edge_id: str
    at: AwareDatetime
    staff_id: str
    name: str
    role: str | None
    was_role: str | None
    is_pin_new: bool


class StaffPage(BaseModel):
    """A page of changes; `next_cursor` is null on the last one."""

    items: list[StaffChange]
    next_cursor: str | None


async def list_staff_changes(hub: TheHub, who: Reader, wanted: Annotated[queries.StaffQuery, Query()]) -> Response:
    """The changes of the sites' lists of staff, the newest first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/staff-changes", tags=["Money"])
    router.get("", response_model=StaffPage, responses=documented(400))(list_staff_changes)
    return router
