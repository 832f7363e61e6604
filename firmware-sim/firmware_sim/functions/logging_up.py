"""Logs and diagnostics asked for and uploaded (1.6 §5.9 and whitepaper §4.4, 2.0.1 N01). Pure."""

from __future__ import annotations

from datetime import datetime

from firmware_sim.messages import Note, iso
from firmware_sim.orders import Upload, Uploaded
from firmware_sim.station_model import StationModel
from firmware_sim.story import plain_line


def upload(
    model: StationModel,
    *,
    request_id: int | None,
    kind: str,
    url: str,
    oldest: datetime | None = None,
    latest: datetime | None = None,
    retries: int = 0,
    retry_interval_s: int = 10,
) -> tuple[str, str | None]:
    """GetLog, or GetDiagnostics (no `request_id`): the status, and the name of the file that will come."""
    lines = [line for at, line in _lines(model, kind) if (not oldest or at >= oldest) and (not latest or at <= latest)]
    state = model.logs
    status = "AcceptedCanceled" if state.is_running else "Accepted"
    state.number += 1
    state.request_id, state.is_running = request_id, True
    filename = f"{model.spec.station_id}-{kind}-{state.number}.log"
    job = Upload(
        number=state.number,
        url=url,
        filename=filename,
        content="".join(f"{line}\n" for line in lines).encode(),
        retries=retries,
        retry_interval_s=retry_interval_s,
    )
    model.out.append(job)
    _tell(model, "Uploading")
    return status, filename


def uploaded(model: StationModel, event: Uploaded) -> None:
    """The file has arrived, or has not; of an upload that was replaced nothing is said (N01.FR.12 was told)."""
    state = model.logs
    if event.job.number != state.number:
        return
    state.is_running = False
    failed = "UploadFailed" if state.request_id is None else event.error
    _tell(model, failed if event.error else "Uploaded")
    state.status = "Idle"


def tell_status(model: StationModel, *, is_diagnostics: bool) -> None:
    """Tell the status again, as a trigger wants: Idle, or Uploading while it runs."""
    state = model.logs
    status = "Uploading" if state.is_running else "Idle"
    if is_diagnostics:
        model.tell("DiagnosticsStatusNotification", status=status)
    elif model.is_v16:
        model.tell("LogStatusNotification", status=status, request_id=state.request_id or 0)
    elif state.is_running:
        model.tell("LogStatusNotification", status=status, request_id=state.request_id)
    else:
        model.tell("LogStatusNotification", status=status)


def _tell(model: StationModel, status: str) -> None:
    state = model.logs
    state.status = status
    model.note("log_upload", status=status)
    if state.request_id is None:
        model.tell("DiagnosticsStatusNotification", status=status)
    else:
        model.tell("LogStatusNotification", status=status, request_id=state.request_id)


def _lines(model: StationModel, kind: str) -> list[tuple[datetime, str]]:
    if kind == "SecurityLog":
        return [(each.at, f"{iso(each.at)} {each.kind} {each.tech_info}".rstrip()) for each in model.kept.security_log]
    return [(note.at, _line(model, note)) for note in model.log]


def _line(model: StationModel, note: Note) -> str:
    return plain_line(model.spec.station_id, note)
