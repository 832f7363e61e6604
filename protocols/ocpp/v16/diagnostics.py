"""OCPP 1.6 §5.9 GetDiagnostics and §4.4 DiagnosticsStatusNotification; GetLog and LogStatusNotification of the security
extension (N01)."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

from protocols.charger.events import LogStatusReported
from protocols.charger.operations.firmware import GetDiagnostics, GetLog
from protocols.ocpp.dialect import Calls, Payload, Result
from protocols.ocpp.reading import read_int, read_text, write_stamp
from protocols.ocpp.v16.wording import given_number, read_status

_DIAGNOSTICS: Final = MappingProxyType({"UploadFailed": "UploadFailure"})
"""§7.24 DiagnosticsStatus to 2.0.1's UploadLogStatusEnumType, where they differ."""


def read_diagnostics_status(station_id: str, payload: Any) -> LogStatusReported:
    """§6.17: it does not say which upload it is about."""
    return LogStatusReported(station_id=station_id, status=_DIAGNOSTICS.get(payload.status, payload.status))


def read_log_status(station_id: str, payload: Any) -> LogStatusReported:
    """LogStatusNotification.req, in 2.0.1's words already."""
    return LogStatusReported(station_id=station_id, status=payload.status, request_id=read_int(payload.requestId))


def render_get_diagnostics(get: GetDiagnostics) -> Calls:
    """§6.25."""
    payload: Payload = {"location": get.remote_location}
    if get.retries is not None:
        payload["retries"] = get.retries
    if get.retry_interval_s is not None:
        payload["retryInterval"] = get.retry_interval_s
    if get.oldest is not None:
        payload["startTime"] = write_stamp(get.oldest)
    if get.latest is not None:
        payload["stopTime"] = write_stamp(get.latest)
    return [("GetDiagnostics", payload)]


def read_diagnostics(_get: GetDiagnostics, answers: Sequence[Payload]) -> Result:
    """§6.26 has no status: without a file there is nothing to upload."""
    file_name = read_text(answers[0].get("fileName"))
    detail = "" if file_name is not None else "the station has nothing to upload"
    return Result(is_accepted=True, detail=detail, result={"file_name": file_name})


def render_get_log(get: GetLog) -> Calls:
    """GetLog.req."""
    log: Payload = {"remoteLocation": get.remote_location}
    if get.oldest is not None:
        log["oldestTimestamp"] = write_stamp(get.oldest)
    if get.latest is not None:
        log["latestTimestamp"] = write_stamp(get.latest)
    payload: Payload = {"logType": get.log_type, "requestId": given_number(get.request_id, "request_id")}
    if get.retries is not None:
        payload["retries"] = get.retries
    if get.retry_interval_s is not None:
        payload["retryInterval"] = get.retry_interval_s
    payload["log"] = log
    return [("GetLog", payload)]


def read_log(get: GetLog, answers: Sequence[Payload]) -> Result:
    """GetLog.conf; some stations write fileName, as in GetDiagnostics."""
    judged = read_status(get, answers)
    if not judged.is_accepted:
        return judged
    file_name = read_text(answers[0].get("filename")) or read_text(answers[0].get("fileName"))
    return Result(is_accepted=True, detail=judged.detail, result={"file_name": file_name})
