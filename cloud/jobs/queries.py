"""The questions about jobs and the catalogue of firmware."""

from __future__ import annotations

from typing import Any, Final, Literal

import orjson
from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.station_tables import firmware_files, job_steps, jobs
from protocols.charger.jobs import StepStatus

SORT = (jobs.c.begun_at, jobs.c.id)
STEP_SORT = (job_steps.c.station_id,)
FIRMWARE_SORT = (firmware_files.c.edge_id, firmware_files.c.file_id)
_SHOWN: Final = ("id", "edge_id", "kind", "stations", "at_once", "begun_at", "ends_at", "ended_at")
_STEP: Final = ("station_id", "status", "attempt", "detail", "changed_at")
_FIRMWARE: Final = (
    "edge_id", "file_id", "vendor", "model", "version", "name", "size_bytes", "sha256", "is_signed", "added_at",
)  # fmt: skip


class JobQuery(PageQuery):
    """Filters of the list of jobs; all given ones must hold."""

    edge_id: Name | None = None
    kind: Literal["update_firmware", "get_log", "apply_template"] | None = None
    status: Literal["open", "ended"] | None = None


class StepQuery(PageQuery):
    """Filters of the stations of a job."""

    status: StepStatus | None = None


class FirmwareQuery(PageQuery):
    """Filters of the catalogue."""

    edge_id: Name | None = None
    vendor: Name | None = None
    model: Name | None = None


def many(domain: int, wanted: JobQuery) -> Select[Any]:
    query = select(jobs).where(jobs.c.domain == domain)
    query = narrowed(query, jobs, wanted, "edge_id", "kind")
    if wanted.status is not None:
        is_open = jobs.c.ended_at.is_(None)
        query = query.where(is_open if wanted.status == "open" else ~is_open)
    return query


def one(domain: int, job_id: str) -> Select[Any]:
    return select(jobs).where(jobs.c.domain == domain, jobs.c.id == job_id)


def steps(domain: int, job_id: str, wanted: StepQuery) -> Select[Any]:
    query = select(job_steps).where(job_steps.c.domain == domain, job_steps.c.job_id == job_id)
    return query if wanted.status is None else query.where(job_steps.c.status == wanted.status.value)


def firmware(domain: int, wanted: FirmwareQuery) -> Select[Any]:
    query = select(firmware_files).where(firmware_files.c.domain == domain)
    return narrowed(query, firmware_files, wanted, "edge_id", "vendor", "model")


async def counts(connection: AsyncConnection, domain: int, job_id: str) -> dict[str, int]:
    """How many stations of a job are how far."""
    mine = (job_steps.c.domain == domain, job_steps.c.job_id == job_id)
    query = select(job_steps.c.status, func.count()).where(*mine).group_by(job_steps.c.status)
    return {row[0]: row[1] for row in await connection.execute(query)}


def shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN} | {"job": orjson.loads(row["document"])}


def step_shown(row: RowMapping) -> dict[str, Any]:
    result = None if row["result"] is None else orjson.loads(row["result"])
    return {name: row[name] for name in _STEP} | {"result": result}


def firmware_shown(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in _FIRMWARE}
