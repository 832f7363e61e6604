"""`/v1/jobs`, the half that commands: begin a job at an edge, and cancel it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response

from cloud.commands import queries
from cloud.commands.api import Command, ExpiresIn, answer_issued, issue
from cloud.commands.station_commands import STILL_OPEN, Wait, outcome
from cloud.rest.access import Operator
from cloud.rest.context import TheHub
from cloud.rest.fields import GivenName
from cloud.rest.problems import Problem, documented, not_found
from protocols.charger.jobs import MAX_STATIONS, AnyJob, StationName, StationPattern
from protocols.sync.down import CancelJob, StartJob

_ORDER = TypeAdapter(StartJob | CancelJob)


class JobOrder(BaseModel):
    """What to do, and where: at the stations of `station_ids`, or at all that `match`, of one edge.

    `at_once` and `give_up_after_s` are the edge's own settings where they are not given.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "job": {"job": "update_firmware", "file_id": "9f86d081884c7d65"},
                    "match": {"model": "V2"},
                    "at_once": 10,
                }
            ]
        },
    )

    edge_id: GivenName
    job: AnyJob
    station_ids: Annotated[tuple[StationName, ...], Field(max_length=MAX_STATIONS)] = ()
    match: StationPattern | None = None
    at_once: Annotated[int, Field(ge=1, le=MAX_STATIONS)] | None = None
    give_up_after_s: Annotated[int, Field(ge=60, le=90 * 86_400)] | None = None
    expires_in_s: ExpiresIn = 60


async def begin_job(hub: TheHub, who: Operator, wanted: JobOrder, wait_s: Wait = 10.0) -> Response:
    """Begin a job. The command's result names it; how it goes on is at `/v1/jobs/{job_id}`."""
    if not wanted.station_ids and wanted.match is None:
        raise Problem(422, "no_stations", "Name the stations, or what they have in common.")
    async with hub.store.read() as connection:
        is_known = (await connection.execute(queries.edge(who.domain, wanted.edge_id))).one_or_none() is not None
    if not is_known:
        raise not_found("edge", wanted.edge_id)
    order = StartJob(
        job=wanted.job,
        station_ids=wanted.station_ids,
        match=wanted.match,
        at_once=wanted.at_once,
        give_up_after_s=wanted.give_up_after_s,
    )
    what = {
        "command": order.command,
        "operation": wanted.job.job,
        "edge_id": wanted.edge_id,
        "body": _ORDER.dump_json(order).decode(),
    }
    command = await issue(hub, who, what, wanted.expires_in_s)
    return answer_issued(await outcome(hub, who, command, wait_s))


async def cancel_job(
    hub: TheHub,
    who: Operator,
    job_id: str,
    expires_in_s: Annotated[ExpiresIn, Query()] = 60,
    wait_s: Wait = 10.0,
) -> Response:
    """Ask no further stations of a job; those that were asked already may go on."""
    async with hub.store.read() as connection:
        job = (await connection.execute(queries.job(who.domain, job_id))).one_or_none()
    if job is None:
        raise not_found("job", job_id)
    order = CancelJob(job_id=job_id)
    what = {"command": order.command, "edge_id": job.edge_id, "body": _ORDER.dump_json(order).decode()}
    command = await issue(hub, who, what, expires_in_s)
    return answer_issued(await outcome(hub, who, command, wait_s))


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/jobs", tags=["Jobs"])
    for path, handler in (("", begin_job), ("/{job_id}/cancel", cancel_job)):
        router.post(path, response_model=Command, responses=documented(404, 409) | STILL_OPEN)(handler)
    return router
