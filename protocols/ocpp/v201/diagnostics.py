"""OCPP 2.0.1 functional block N: logs, monitors of variables, and what a station knows of a customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocols.charger.events import LogStatusReported, MonitorsTriggered, ReportReceived
from protocols.charger.operations.firmware import GetLog
from protocols.charger.operations.monitoring import (
    ClearVariableMonitoring,
    GetCustomerInformation,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
    VariableMonitor,
)
from protocols.ocpp.dialect import Payload, Result
from protocols.ocpp.outcome import read_status
from protocols.ocpp.reading import given, read_block, read_document, read_int, read_number, read_stamp, read_text
from protocols.ocpp.v201.datatypes import (
    part,
    parts,
    reason_of,
    tell_variable,
    told_key,
    variable_key,
    write_id_token,
    write_variable,
)
from protocols.ocpp.v201.reports import read_part
from protocols.ocpp.v201.variables import told_problems
from protocols.ocpp.writing import filled, numbered, stamp


def write_get_log(operation: GetLog) -> Payload:
    """N01 GetLogRequest."""
    log = filled(
        remoteLocation=operation.remote_location,
        oldestTimestamp=stamp(operation.oldest),
        latestTimestamp=stamp(operation.latest),
    )
    return filled(
        logType=operation.log_type,
        requestId=numbered(operation.request_id),
        retries=operation.retries,
        retryInterval=operation.retry_interval_s,
        log=log,
    )


def read_get_log(operation: GetLog, answers: Sequence[Payload]) -> Result:
    """N01 GetLogResponse."""
    told = read_status(operation, answers)
    if not told.is_accepted:
        return told
    return Result(is_accepted=True, detail=told.detail, result={"file_name": read_text(answers[0].get("filename"))})


def read_log_status(station_id: str, payload: Any) -> LogStatusReported:
    """N01 LogStatusNotificationRequest."""
    return LogStatusReported(
        station_id=station_id, status=payload.status, request_id=read_int(given(payload.requestId))
    )


def write_set_monitoring_base(operation: SetMonitoringBase) -> Payload:
    """N03 SetMonitoringBaseRequest."""
    return {"monitoringBase": operation.monitoring_base}


def write_set_monitoring_level(operation: SetMonitoringLevel) -> Payload:
    """N05 SetMonitoringLevelRequest."""
    return {"severity": operation.severity}


def write_set_variable_monitoring(operation: SetVariableMonitoring) -> Payload:
    """N04 SetVariableMonitoringRequest."""
    return {"setMonitoringData": [_monitor(monitor) for monitor in operation.monitors]}


def read_set_variable_monitoring(operation: SetVariableMonitoring, answers: Sequence[Payload]) -> Result:
    """N04 SetVariableMonitoringResponse, told in the order in which it was asked."""
    told = {
        (told_key(item), read_text(item.get("type")), read_int(item.get("severity"))): item
        for item in parts(answers[0], "setMonitoringResult")
    }
    monitors = []
    for monitor in operation.monitors:
        item = told.get((variable_key(monitor.name), monitor.type, monitor.severity), {})
        result = filled(
            type=monitor.type,
            severity=monitor.severity,
            monitor_id=read_int(item.get("id")),
            status=read_text(item.get("status")) or "no status",
            reason=reason_of(part(item, "statusInfo")),
        )
        monitors.append(tell_variable(monitor.name) | result)
    problems = [monitor for monitor in monitors if monitor["status"] != "Accepted"]
    return Result(is_accepted=not problems, detail=told_problems(problems), result={"monitors": monitors})


def write_clear_variable_monitoring(operation: ClearVariableMonitoring) -> Payload:
    """N06 ClearVariableMonitoringRequest."""
    return {"id": list(operation.monitor_ids)}


def read_clear_variable_monitoring(operation: ClearVariableMonitoring, answers: Sequence[Payload]) -> Result:
    """N06 ClearVariableMonitoringResponse."""
    told = {read_int(item.get("id")): item for item in parts(answers[0], "clearMonitoringResult")}
    monitors = []
    for monitor_id in operation.monitor_ids:
        item = told.get(monitor_id, {})
        status = read_text(item.get("status")) or "no status"
        monitors.append(filled(monitor_id=monitor_id, status=status, reason=reason_of(part(item, "statusInfo"))))
    problems = [
        f"{monitor['monitor_id']}: {monitor['status']}" for monitor in monitors if monitor["status"] != "Accepted"
    ]
    return Result(is_accepted=not problems, detail="; ".join(problems[:3]), result={"monitors": monitors})


def read_notify_event(station_id: str, payload: Any) -> MonitorsTriggered:
    """N07, N08 NotifyEventRequest."""
    return MonitorsTriggered(
        station_id=station_id,
        at=read_stamp(payload.generatedAt),
        seq_no=read_number(payload.seqNo, name="seqNo"),
        is_last=not given(payload.tbc, False),
        events=tuple(read_document(payload.eventData)),
    )


def write_customer_information(operation: GetCustomerInformation) -> Payload:
    """N09, N10 CustomerInformationRequest."""
    uid = operation.token_uid
    return filled(
        requestId=numbered(operation.request_id),
        report=operation.is_report,
        clear=operation.is_clear,
        customerIdentifier=operation.customer_identifier,
        idToken=None if uid is None else write_id_token(uid, operation.token_type),
        customerCertificate=operation.customer_certificate,
    )


def read_notify_customer_information(station_id: str, payload: Any) -> ReportReceived:
    """N09 NotifyCustomerInformationRequest."""
    return read_part(station_id, "customer_information", payload, ({"data": read_block(payload.data) or ""},))


def _monitor(monitor: VariableMonitor) -> Payload:
    """SetMonitoringDataType."""
    return filled(
        id=monitor.monitor_id,
        transaction=monitor.is_transaction_only or None,
        value=monitor.value,
        type=monitor.type,
        severity=monitor.severity,
    ) | write_variable(monitor.name)
