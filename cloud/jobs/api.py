"""`/v1/jobs` and `/v1/firmware`: what is done at many stations, how far each is, and what they can be given.

A job is begun and cancelled as a command: see `/v1/commands`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, JsonValue
from starlette.responses import Response

from cloud.jobs import queries
from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import answer, read_page
from cloud.rest.problems import documented, not_found
from protocols.charger.jobs import StepStatus

_JOB: Final[dict[str, JsonValue]] = {
    "id": "edge-1-0f6f1f6e-12",
    "edge_id": "edge-1",
    "kind": "update_firmware",
    "stations": 40,
    "at_once": 5,
    "begun_at": "2026-03-02T08:31:00Z",
    "ends_at": "2026-03-05T08:31:00Z",
    "ended_at": None,
    "job": {"job": "update_firmware", "file_id": "9f86d081884c7d65"},
}


class Job(BaseModel):
    """Something that is done at many stations, one after the other, `at_once` at the most. `job` says what."""

    model_config = ConfigDict(json_schema_extra={"examples": [_JOB]})

    id: str
    edge_id: str
    kind: str
    stations: int
    at_once: int
    begun_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    job: dict[str, Any]


class JobWithCounts(Job):
    """A job, and how many of its stations are how far."""

    model_config = ConfigDict(json_schema_extra={"examples": [_JOB | {"counts": {"done": 31, "waiting": 9}}]})

    counts: dict[str, int]


class JobPage(BaseModel):
    """A page of jobs; `next_cursor` is null on the last one."""

    items: list[Job]
    next_cursor: str | None


class Step(BaseModel):
    """How far a station is. `result`: of a template, what it answered to each variable and what it reads afterwards; of
    a log, the file at the edge."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "station_id": "CP-1",
                    "status": "done",
                    "attempt": 1,
                    "detail": "1.3 is there",
                    "changed_at": "2026-03-02T08:44:00Z",
                    "result": None,
                }
            ]
        }
    )

    station_id: str
    status: StepStatus
    attempt: int
    detail: str
    changed_at: datetime
    result: dict[str, Any] | None


class StepPage(BaseModel):
    """A page of a job's stations; `next_cursor` is null on the last one."""

    items: list[Step]
    next_cursor: str | None


class Firmware(BaseModel):
    """A file of firmware that lies at an edge. `is_signed`: its signature leads to a manufacturer that is trusted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "file_id": "9f86d081884c7d65",
                    "vendor": "Volt",
                    "model": "V2",
                    "version": "1.3",
                    "name": "v2-1.3.bin",
                    "size_bytes": 4,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "is_signed": True,
                    "added_at": "2026-03-02T08:00:00Z",
                }
            ]
        }
    )

    edge_id: str
    file_id: str
    vendor: str
    model: str
    version: str
    name: str
    size_bytes: int
    sha256: str
    is_signed: bool
    added_at: datetime


class FirmwarePage(BaseModel):
    """A page of the catalogue; `next_cursor` is null on the last one."""

    items: list[Firmware]
    next_cursor: str | None


async def list_jobs(hub: TheHub, who: Reader, wanted: Annotated[queries.JobQuery, Query()]) -> Response:
    """Jobs, the latest first."""
    query = queries.many(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


async def get_job(hub: TheHub, who: Reader, job_id: str) -> Response:
    """One job, with how many of its stations are how far."""
    async with hub.store.read() as connection:
        row = (await connection.execute(queries.one(who.domain, job_id))).mappings().one_or_none()
        counts = await queries.counts(connection, who.domain, job_id)
    if row is None:
        raise not_found("job", job_id)
    return answer(queries.shown(row) | {"counts": counts})


async def list_steps(hub: TheHub, who: Reader, job_id: str, wanted: Annotated[queries.StepQuery, Query()]) -> Response:
    """The stations of a job."""
    async with hub.store.read() as connection:
        row = (await connection.execute(queries.one(who.domain, job_id))).one_or_none()
    if row is None:
        raise not_found("job", job_id)
    query = queries.steps(who.domain, job_id, wanted)
    return await read_page(hub, query, wanted, queries.STEP_SORT, queries.step_shown)


async def list_firmware(hub: TheHub, who: Reader, wanted: Annotated[queries.FirmwareQuery, Query()]) -> Response:
    """The catalogues of firmware of all edges."""
    query = queries.firmware(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.FIRMWARE_SORT, queries.firmware_shown)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Jobs"])
    router.get("/jobs", response_model=JobPage, responses=documented(400))(list_jobs)
    router.get("/jobs/{job_id}", response_model=JobWithCounts, responses=documented(404))(get_job)
    router.get("/jobs/{job_id}/stations", response_model=StepPage, responses=documented(400, 404))(list_steps)
    router.get("/firmware", response_model=FirmwarePage, responses=documented(400))(list_firmware)
    return router
