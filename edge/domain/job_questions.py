"""What a job asks a station, in which way, and what need not be asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from edge.domain.asking import number
from edge.domain.job import OpenJob, Step
from edge.domain.site import Site
from edge.domain.station import Station
from protocols.charger.commands import Operation, RawCall
from protocols.charger.jobs import ApplyTemplateJob, GetLogJob, Job, StationPattern, StepStatus, UpdateFirmwareJob
from protocols.charger.operations.firmware import GetDiagnostics, GetLog, UpdateFirmware
from protocols.charger.operations.variables import GetVariables, SetVariables

OCPP_16 = "1.6"
LOG = "log"
"""Stands in an offer for the file that a station brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    operation: Operation
    request_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The station need not, or cannot, be asked."""

    status: StepStatus
    detail: str


def fits(pattern: StationPattern, station: Station) -> bool:
    """Whether a station is of these; one that has not said what it is fits only what asks for nothing."""
    told = (
        (pattern.vendor, station.vendor),
        (pattern.model, station.model),
        (pattern.firmware, station.firmware_version),
    )
    return all(fnmatchcase((text or "").casefold(), wanted.casefold()) for wanted, text in told)


def first_question(site: Site, job: OpenJob, station: Station, step: Step, now: datetime) -> Question | Settled:
    """What the station is asked first."""
    match job.job:
        case UpdateFirmwareJob() as update:
            return _firmware_question(site, job, update, station, step, now)
        case ApplyTemplateJob() as template:
            if not fits(template.match, station):
                what = f"{station.vendor or '-'} {station.model or '-'} {station.firmware_version or '-'}"
                return _cannot(f"the template is not for {what}")
            return Question(operation=SetVariables(settings=template.settings))
        case GetLogJob() as log:
            return _log_question(site, job, log, station, step, now)


def _firmware_question(
    site: Site, job: OpenJob, update: UpdateFirmwareJob, station: Station, step: Step, now: datetime
) -> Question | Settled:
    """OCPP 1.6 §6.19 or SignedUpdateFirmware, 2.0.1 L01, L02."""
    file, offers = site.firmware.get(update.file_id), site.rules.offers
    if file is None or offers is None:
        return _cannot("the file is not offered any more")
    if station.firmware_version == file.version:
        return Settled(status=StepStatus.DONE, detail=f"it has {file.version} already")
    if not fits(StationPattern(vendor=file.vendor, model=file.model), station):
        return _cannot(f"the file is for {file.vendor} {file.model}")
    is_signed = file.signature is not None and not (step.is_plain and _speaks_16(station))
    request_id = number(site, now)
    operation = UpdateFirmware(
        location=offers.url("get", job.job_id, station.station_id, file.file_id, now, file.name),
        retrieve_at=now,
        install_at=update.install_at,
        signature=file.signature if is_signed else None,
        signing_certificate=file.certificate if is_signed else None,
        retries=update.retries,
        retry_interval_s=update.retry_interval_s,
        request_id=request_id,
    )
    return Question(operation=operation, request_id=request_id)


def _log_question(
    site: Site, job: OpenJob, log: GetLogJob, station: Station, step: Step, now: datetime
) -> Question | Settled:
    """OCPP 2.0.1 N01, 1.6 GetLog; a 1.6 station that does not know that is asked for its diagnostics, §6.7."""
    if site.rules.offers is None:
        return _cannot("there is no file server any more")
    location = site.rules.offers.url("put", job.job_id, station.station_id, LOG, now)
    if step.is_plain:
        if not _speaks_16(station) or log.log_type != "DiagnosticsLog":
            return _cannot(f"it brings no {log.log_type}")
        diagnostics = GetDiagnostics(remote_location=location, oldest=log.oldest, latest=log.latest)
        return Question(operation=diagnostics)
    request_id = number(site, now)
    operation = GetLog(
        remote_location=location, log_type=log.log_type, oldest=log.oldest, latest=log.latest, request_id=request_id
    )
    return Question(operation=operation, request_id=request_id)


def reading_question(template: ApplyTemplateJob) -> GetVariables:
    return GetVariables(names=tuple(setting.name for setting in template.settings))


def is_of(operation: Operation | RawCall, job: Job, step: Step) -> bool:
    """Whether an operation is what this job asked in this step."""
    match operation, job:
        case ((UpdateFirmware() | GetLog()), (UpdateFirmwareJob() | GetLogJob())):
            return operation.request_id == step.request_id
        case GetDiagnostics(), GetLogJob():
            return step.is_plain
        case SetVariables(), ApplyTemplateJob():
            return step.status is StepStatus.ASKED and operation.settings == job.settings
        case GetVariables(), ApplyTemplateJob():
            return step.status is StepStatus.READING_BACK and operation == reading_question(job)
        case _:
            return False


def _speaks_16(station: Station) -> bool:
    return station.abilities is not None and station.abilities.ocpp_version == OCPP_16


def _cannot(detail: str) -> Settled:
    return Settled(status=StepStatus.FAILED, detail=detail)
