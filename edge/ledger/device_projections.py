"""What the journal's entries of jobs, variables and reports do to their tables; see edge/ledger/projections.py."""

from __future__ import annotations

from typing import Final, assert_never

import msgspec

from edge.ledger.rows import Rows
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

_encode: Final = msgspec.json.Encoder().encode


def apply(rows: Rows, body: DeviceBody, at: str) -> None:
    """Bring the tables up to an entry; `at` is its time as the ledger writes it."""
    match body:
        case FirmwareAdded(file=file):
            rows.add("firmware", "put_firmware", file.file_id, _encode(file))
        case FirmwareRemoved(file_id=file_id):
            rows.add("firmware", "drop_firmware", file_id)
        case JobBegun() as job:
            rows.add("jobs", "put_job", job.job_id, at, _encode(job))
        case JobStepChanged() as step:
            rows.add("job_steps", "put_job_step", step.job_id, step.station_id, at, _encode(step))
        case JobEnded(job_id=job_id):
            rows.add("jobs", "end_job", at, job_id)
        case VariablesRead() as read:
            _put_variables(rows, read, at)
        case ReportKept() as part:
            whose = (part.station_id, part.report)
            rows.add("reports", "trim_reports", *whose, part.request_id)
            facts = (part.seq_no, part.request_id, at, int(part.is_last), _encode(part.items))
            rows.add("reports", "put_report", *whose, *facts)
        case MonitorsLearned() as learned:
            for monitor_id, severity in learned.severities.items():
                if severity is None:
                    rows.add("monitors", "drop_monitor", learned.station_id, monitor_id)
                else:
                    rows.add("monitors", "put_monitor", learned.station_id, monitor_id, severity)
        case MonitorEventsReported():
            pass  # the journal is their only place
        case _:
            assert_never(body)


def _put_variables(rows: Rows, read: VariablesRead, at: str) -> None:
    # By key: a statement for many rows at once takes each row once.
    for key, reading in {_key_of(each): each for each in read.variables}.items():
        rest = (reading.value, reading.mutability, reading.data_type, reading.unit, read.report_id, at)
        rows.add("variables", "put_variable", read.station_id, *key, *rest)
    if read.is_complete:
        rows.add("variables", "drop_unreported_variables", read.station_id, read.report_id)
    if read.identity is not None:
        rows.add("inventories", "put_inventory", read.station_id, read.identity, at, read.problem)


def _key_of(reading: VariableReading) -> tuple[str, str, int, int, str, str, str]:
    return (
        reading.component,
        reading.component_instance or "",
        -1 if reading.evse_id is None else reading.evse_id,
        -1 if reading.connector_id is None else reading.connector_id,
        reading.variable,
        reading.variable_instance or "",
        reading.attribute,
    )
