"""Gives the site at its start what it has to know of jobs, firmware and variables."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from pydantic import TypeAdapter

from edge.domain.job import OpenJob
from edge.domain.jobs import reopen
from edge.domain.message_limits import MessageLimits
from edge.domain.site import Site
from edge.ledger.device_reading import JOB, firmware
from edge.ledger.queries import queries
from protocols.sync.upkeep import JobBegun, JobStepChanged, VariableReading

_STEP: Final = TypeAdapter(JobStepChanged)


def restore_device_model(site: Site, connection: sqlite3.Connection) -> None:
    """The catalogue, the open jobs, the monitors, of which firmware the variables are here, how much stations take in a
    message and which of them show costs."""
    sql = queries()
    for file in firmware(connection):
        site.firmware[file.file_id] = file
    for _job_id, document in connection.execute(sql["open_jobs"]):
        job = _open_job(connection, JOB.validate_json(document))
        site.jobs[job.job_id] = job
    for station_id, monitor_id, severity in connection.execute(sql["monitors"]):
        site.monitors.setdefault(station_id, {})[monitor_id] = severity
    for station_id, identity in connection.execute(sql["inventories"]):
        if station_id in site.stations:
            site.stations[station_id].inventory = identity
    _restore_limits(site.inventory.limits, connection)
    for station_id, *told in connection.execute(sql["cost_displays"]):
        site.displays.learn(station_id, [VariableReading(*told)])


def _restore_limits(limits: MessageLimits, connection: sqlite3.Connection) -> None:
    """Most stations told what another one told: that is read once."""
    first: dict[tuple[Any, ...], str] = {}
    for station_id, rows in groupby(connection.execute(queries()["message_limits"]), itemgetter(0)):
        told = tuple(row[1:] for row in rows)
        alike = first.setdefault(told, station_id)
        if alike != station_id:
            limits.learn_as(station_id, alike)
        else:
            limits.learn(station_id, [_limit(*row) for row in told])


def _limit(component: str, variable: str, value: str | None, instance: str) -> VariableReading:
    return VariableReading(component, variable, value, variable_instance=instance or None)


def _open_job(connection: sqlite3.Connection, begun: JobBegun) -> OpenJob:
    job = reopen(begun, begun.ends_at)
    for station_id, changed_at, document in connection.execute(queries()["job_steps"], (begun.job_id,)):
        kept, step = _STEP.validate_json(document), job.steps[station_id]
        step.status, step.changed_at = kept.status, datetime.fromisoformat(changed_at)
        step.attempt, step.request_id, step.detail = kept.attempt, kept.request_id, kept.detail
        job.place(station_id, kept.status)
    return job
