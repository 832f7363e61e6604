"""Jobs, firmware, variables and reports of stations, from the journal into the tables that people ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, assert_never

import orjson
from pydantic import TypeAdapter
from sqlalchemy import delete, func, insert, or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest import monitor_events
from cloud.ingest.changes import Origin, Row
from cloud.store.engine import insert_into, insert_missing, upsert
from cloud.store.station_tables import firmware_files, job_steps, jobs, station_reports, station_variables
from protocols.charger.jobs import AnyJob, FirmwareFile, Job, StepStatus
from protocols.sync.upkeep import (
    DeviceBody,
    FirmwareAdded,
    FirmwareRemoved,
    JobBegun,
    JobEnded,
    JobStepChanged,
    MonitorEventsReported,
    MonitorsLearned,
    ReportKept,
    VariableReading,
    VariablesRead,
)

_JOB: Final[TypeAdapter[Job]] = TypeAdapter(AnyJob)


async def write(connection: AsyncConnection, origin: Origin, told: Sequence[tuple[DeviceBody, datetime, int]]) -> None:
    """Bring the tables up to what a batch tells, in its order."""
    for body, at, seq in told:
        match body:
            case FirmwareAdded(file=file):
                await connection.execute(upsert(connection, firmware_files), _firmware_row(file, at, origin))
            case FirmwareRemoved(file_id=file_id):
                here = {**origin.key, "file_id": file_id}
                await connection.execute(
                    delete(firmware_files).where(*(firmware_files.c[name] == value for name, value in here.items()))
                )
            case JobBegun():
                await _begin_job(connection, origin, body, at)
            case JobStepChanged():
                await connection.execute(upsert(connection, job_steps), _step_row(body, at, origin))
            case JobEnded(job_id=job_id):
                mine = (jobs.c.domain == origin.address.domain, jobs.c.edge_id == origin.address.edge_id)
                await connection.execute(update(jobs).where(*mine, jobs.c.id == job_id).values(ended_at=at))
            case VariablesRead():
                await _write_variables(connection, origin, body, at)
            case ReportKept():
                await _write_report(connection, origin, body, at)
            case MonitorEventsReported():
                await monitor_events.write(connection, origin, body, at, seq)
            case MonitorsLearned():
                pass  # of interest to the site alone: what is severe is an alarm
            case _:
                assert_never(body)


def _firmware_row(file: FirmwareFile, at: datetime, origin: Origin) -> Row:
    names = ("file_id", "vendor", "model", "version", "name", "size_bytes", "sha256")
    facts = {name: getattr(file, name) for name in names}
    return {**origin.key, **facts, "is_signed": file.signature is not None, "added_at": at}


async def _begin_job(connection: AsyncConnection, origin: Origin, body: JobBegun, at: datetime) -> None:
    row = {
        **origin.key,
        "id": body.job_id,
        "kind": body.job.job,
        "document": _JOB.dump_json(body.job).decode(),
        "stations": len(body.station_ids),
        "at_once": body.at_once,
        "begun_at": at,
        "ends_at": body.ends_at,
        "ended_at": None,
    }
    await connection.execute(insert_missing(connection, jobs), row)
    steps = [
        {
            "domain": origin.address.domain,
            "job_id": body.job_id,
            "station_id": station_id,
            "status": StepStatus.WAITING.value,
            "attempt": 0,
            "detail": "",
            "result": None,
            "changed_at": at,
        }
        for station_id in dict.fromkeys(body.station_ids)
    ]
    if steps:
        await connection.execute(insert_missing(connection, job_steps), steps)


def _step_row(body: JobStepChanged, at: datetime, origin: Origin) -> Row:
    return {
        "domain": origin.address.domain,
        "job_id": body.job_id,
        "station_id": body.station_id,
        "status": body.status.value,
        "attempt": body.attempt,
        "detail": body.detail,
        "result": None if body.result is None else orjson.dumps(body.result).decode(),
        "changed_at": at,
    }


async def _write_variables(connection: AsyncConnection, origin: Origin, body: VariablesRead, at: datetime) -> None:
    if body.variables:
        add = insert_into(connection, station_variables)
        new = add.excluded
        kept = {  # what an answer does not tell stands as a report told it
            name: func.coalesce(new[name], station_variables.c[name])
            for name in ("mutability", "data_type", "unit", "report_id")
        }
        add = add.on_conflict_do_update(
            index_elements=["domain", "id"], set_={"value": new.value, "read_at": new.read_at, **kept}
        )
        await connection.execute(add, [_variable_row(each, body, at, origin) for each in body.variables])
    if body.is_complete:
        its = station_variables.c
        await connection.execute(
            delete(station_variables).where(
                its.domain == origin.address.domain,
                its.edge_id == origin.address.edge_id,
                its.station_id == body.station_id,
                or_(its.report_id.is_(None), its.report_id != body.report_id),
            )
        )


def _variable_row(reading: VariableReading, body: VariablesRead, at: datetime, origin: Origin) -> Row:
    names: dict[str, Any] = {
        "edge_id": origin.address.edge_id,
        "station_id": body.station_id,
        "component": reading.component,
        "component_instance": reading.component_instance,
        "evse_id": reading.evse_id,
        "connector_id": reading.connector_id,
        "variable": reading.variable,
        "variable_instance": reading.variable_instance,
        "attribute": reading.attribute,
    }
    return {
        **names,
        "domain": origin.address.domain,
        "id": blake2b(orjson.dumps(list(names.values())), digest_size=12).hexdigest(),
        "value": reading.value,
        "mutability": reading.mutability,
        "data_type": reading.data_type,
        "unit": reading.unit,
        "report_id": body.report_id,
        "read_at": at,
    }


async def _write_report(connection: AsyncConnection, origin: Origin, body: ReportKept, at: datetime) -> None:
    its = station_reports.c
    await connection.execute(
        delete(station_reports).where(
            its.domain == origin.address.domain,
            its.edge_id == origin.address.edge_id,
            its.station_id == body.station_id,
            its.report == body.report,
            or_(its.request_id != body.request_id, its.seq_no == body.seq_no),
        )
    )
    row = {
        **origin.key,
        "station_id": body.station_id,
        "report": body.report,
        "seq_no": body.seq_no,
        "request_id": body.request_id,
        "at": at,
        "is_last": body.is_last,
        "items": orjson.dumps(body.items).decode(),
    }
    await connection.execute(insert(station_reports), row)
