"""OCPP 2.0.1 blocks B and N: reports of variables and of their monitors, asked for alike and told in numbered parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from protocols.charger.events import ReportReceived
from protocols.charger.operations.monitoring import GetMonitoringReport
from protocols.charger.operations.variables import GetReport
from protocols.ocpp.dialect import Payload
from protocols.ocpp.reading import given, read_document, read_number, read_stamp
from protocols.ocpp.v201.datatypes import write_variable
from protocols.ocpp.writing import filled, numbered


def write_get_report(operation: GetReport) -> Payload:
    """B08 GetReportRequest. Without criteria and names the station reports all that it has."""
    return _question(operation, "componentCriteria")


def write_get_monitoring_report(operation: GetMonitoringReport) -> Payload:
    """N02 GetMonitoringReportRequest."""
    return _question(operation, "monitoringCriteria")


def read_notify_report(station_id: str, payload: Any) -> ReportReceived:
    """B07, B08 NotifyReportRequest."""
    return read_part(station_id, "variables", payload, read_document(given(payload.reportData, ())))


def read_notify_monitoring_report(station_id: str, payload: Any) -> ReportReceived:
    """N02 NotifyMonitoringReportRequest."""
    return read_part(station_id, "monitors", payload, read_document(given(payload.monitor, ())))


def read_part(station_id: str, kind: str, payload: Any, items: Iterable[dict[str, Any]]) -> ReportReceived:
    """A part of a report that tells its number and when it was made; `kind` as in ReportReceived."""
    return ReportReceived(
        station_id=station_id,
        kind=kind,
        request_id=read_number(payload.requestId, name="requestId"),
        seq_no=read_number(payload.seqNo, name="seqNo"),
        is_last=not given(payload.tbc, False),
        items=tuple(items),
        at=read_stamp(payload.generatedAt),
    )


def _question(operation: GetReport | GetMonitoringReport, criteria: str) -> Payload:
    wanted = {criteria: list(operation.criteria) or None}
    return filled(
        requestId=numbered(operation.request_id),
        **wanted,
        componentVariable=[write_variable(name) for name in operation.names] or None,
    )
