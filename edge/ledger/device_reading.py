"""Reads what the ledger has of jobs, variables and reports: for people."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from pydantic import TypeAdapter

from edge.ledger.queries import queries
from protocols.charger.jobs import FirmwareFile, StepStatus
from protocols.sync.upkeep import JobBegun

FIRMWARE: Final = TypeAdapter(FirmwareFile)
JOB: Final = TypeAdapter(JobBegun)
_VARIABLE: Final = (
    "component", "variable", "value", "mutability", "attribute", "component_instance", "variable_instance", "evse_id",
    "connector_id", "data_type", "unit", "read_at",
)  # fmt: skip


def firmware(connection: sqlite3.Connection) -> list[FirmwareFile]:
    return [FIRMWARE.validate_json(document) for (document,) in connection.execute(queries()["firmware"])]


def jobs(connection: sqlite3.Connection, most: int = 100) -> list[dict[str, Any]]:
    """The newest jobs with the counts of their stations, JSON-able."""
    return [_job_document(connection, row) for row in connection.execute(queries()["newest_jobs"], (most,))]


def job(connection: sqlite3.Connection, job_id: str) -> dict[str, Any] | None:
    """A job with every station of it, JSON-able."""
    row = connection.execute(queries()["job"], (job_id,)).fetchone()
    if row is None:
        return None
    begun, steps = JOB.validate_json(row[3]), _steps(connection, job_id)
    waiting = {"status": StepStatus.WAITING.value, "attempt": 0, "detail": "", "result": None, "changed_at": row[1]}
    document = _job_document(connection, row)
    document["steps"] = [{"station_id": name, **steps.get(name, waiting)} for name in begun.station_ids]
    return document


def _job_document(connection: sqlite3.Connection, row: tuple[Any, ...]) -> dict[str, Any]:
    job_id, begun_at, ended_at, encoded = row
    begun = JOB.validate_json(encoded)
    counts: dict[str, int] = {}
    for step in _steps(connection, job_id).values():
        counts[step["status"]] = counts.get(step["status"], 0) + 1
    untouched = len(begun.station_ids) - sum(counts.values())
    if untouched:
        counts[StepStatus.WAITING.value] = counts.get(StepStatus.WAITING.value, 0) + untouched
    return {
        "job_id": job_id,
        "job": json.loads(encoded)["job"],
        "begun_at": begun_at,
        "ended_at": ended_at,
        "ends_at": begun.ends_at.isoformat(),
        "at_once": begun.at_once,
        "stations": len(begun.station_ids),
        "counts": counts,
    }


def _steps(connection: sqlite3.Connection, job_id: str) -> dict[str, dict[str, Any]]:
    found = {}
    for station_id, changed_at, document in connection.execute(queries()["job_steps"], (job_id,)):
        step = json.loads(document)
        facts = {name: step.get(name) for name in ("status", "attempt", "detail", "result")}
        found[station_id] = {**facts, "changed_at": changed_at}
    return found


def variables(connection: sqlite3.Connection, station_id: str) -> list[dict[str, Any]]:
    """All variables of a station, JSON-able, in the order of their components."""
    return [_variable(row) for row in connection.execute(queries()["variables_of"], (station_id,))]


def inventory(connection: sqlite3.Connection, station_id: str) -> dict[str, Any] | None:
    """When all of a station's variables were asked for, and why they were not told; JSON-able."""
    row = connection.execute(queries()["inventory_of"], (station_id,)).fetchone()
    return None if row is None else {"at": row[1], "problem": row[2]}


def variables_of_model(
    connection: sqlite3.Connection, vendor: str, model: str, firmware_version: str, variable: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Station and variable of all stations that are alike, variable by variable; patterns with * and ?."""
    patterns = tuple(pattern.lower() for pattern in (vendor, model, firmware_version, variable))
    for row in connection.execute(queries()["variables_of_model"], patterns):
        yield row[0], _variable(row[1:])


def report(connection: sqlite3.Connection, station_id: str, kind: str) -> dict[str, Any] | None:
    """The newest report of a kind, JSON-able."""
    parts = connection.execute(queries()["report_of"], (station_id, kind)).fetchall()
    if not parts:
        return None
    return {
        "station_id": station_id,
        "report": kind,
        "request_id": parts[-1][1],
        "at": parts[-1][2],
        "is_complete": bool(parts[-1][3]) and [part[0] for part in parts] == list(range(len(parts))),
        "items": [item for part in parts for item in json.loads(part[4])],
    }


def _variable(row: tuple[Any, ...]) -> dict[str, Any]:
    """What is not there is left out, but for the value."""
    told = dict(zip(_VARIABLE, row, strict=True))
    keep = ("component", "variable", "value")
    return {name: value for name, value in told.items() if name in keep or value not in (None, "", -1)}
