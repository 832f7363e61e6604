"""Jobs, variables and reports of stations, from the journal into the tables that people ask."""

from __future__ import annotations

from protocols.sync.up import (
    FirmwareAdded,
    FirmwareRemoved,
    JobBegun,
    JobEnded,
    JobStepChanged,
    MonitorEventsReported,
    MonitorsLearned,
    ReportKept,
    VariablesRead,
)

DeviceBody = (
    FirmwareAdded
    | FirmwareRemoved
    | JobBegun
    | JobStepChanged
    | JobEnded
    | VariablesRead
    | ReportKept
    | MonitorsLearned
    | MonitorEventsReported
)
