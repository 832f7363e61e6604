"""Jobs over many stations: begun, asked one after the other, followed by what stations and the file server tell.

A station is asked when it is connected and has its turn. How far it is stands in its step; every change is journaled,
so a job goes on after a restart. A step that was asked and not answered is asked again; one that is under way is not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from edge.domain.asking import ask
from edge.domain.decision import Decision
from edge.domain.events import FileBrought, FileFetched, Refused
from edge.domain.job import MAX_ATTEMPTS, MAX_OPEN_JOBS, OpenJob, Step
from edge.domain.job_questions import Question, first_question, fits, is_of, reading_question
from edge.domain.site import Site
from edge.domain.station import Station
from edge.domain.templates import outcome_of
from protocols.charger.commands import Operation, RawCall
from protocols.charger.events import CommandAnswered, FirmwareStatusReported, LogStatusReported
from protocols.charger.jobs import MAX_STATIONS, ApplyTemplateJob, GetLogJob, StepStatus, UpdateFirmwareJob
from protocols.charger.operations.firmware import GetDiagnostics, GetLog, UpdateFirmware
from protocols.charger.operations.variables import GetVariables, SetVariables
from protocols.sync.down import CancelJob, StartJob
from protocols.sync.topics import Stream
from protocols.sync.upkeep import JobBegun, JobEnded, JobStepChanged

UNREACHED: Final = ("NotConnected", "Timeout", "Busy")
"""How the detail of an answer begins that the station never gave."""
STILL: Final = "after a boot it still tells"
UNKNOWN_TO_IT: Final = ("NotImplemented", "NotSupported")
_FIRMWARE: Final = MappingProxyType(
    {
        "DownloadScheduled": StepStatus.ACCEPTED,
        "DownloadPaused": StepStatus.ACCEPTED,
        "Downloading": StepStatus.DOWNLOADING,
        "Downloaded": StepStatus.DOWNLOADED,
        "SignatureVerified": StepStatus.DOWNLOADED,
        "InstallScheduled": StepStatus.INSTALLING,
        "Installing": StepStatus.INSTALLING,
        "InstallRebooting": StepStatus.INSTALLING,
        "Installed": StepStatus.INSTALLED,
        "DownloadFailed": StepStatus.FAILED,
        "InstallationFailed": StepStatus.FAILED,
        "InstallVerificationFailed": StepStatus.FAILED,
        "InvalidSignature": StepStatus.FAILED,
    }
)
"""OCPP 2.0.1 FirmwareStatusEnumType; Idle says nothing of a job."""
_LOG: Final = MappingProxyType(
    {
        "Uploading": StepStatus.UPLOADING,
        "Uploaded": StepStatus.UPLOADING,  # done when the file is here
        "BadMessage": StepStatus.FAILED,
        "NotSupportedOperation": StepStatus.FAILED,
        "PermissionDenied": StepStatus.FAILED,
        "UploadFailure": StepStatus.FAILED,
        "AcceptedCanceled": StepStatus.FAILED,
    }
)
"""OCPP 2.0.1 UploadLogStatusEnumType."""
_ORDER: Final = {status: number for number, status in enumerate(StepStatus)}


# --- begun and cancelled ---


def order(site: Site, decision: Decision, wish: StartJob | CancelJob, now: datetime) -> dict[str, Any] | Refused:
    """What the hub or the staff wants of jobs; the result for whoever asked."""
    return _start(site, decision, wish, now) if isinstance(wish, StartJob) else _cancel(site, decision, wish, now)


def _start(site: Site, decision: Decision, wish: StartJob, now: datetime) -> dict[str, Any] | Refused:
    if len(site.jobs) >= MAX_OPEN_JOBS:
        return Refused(reason=f"{MAX_OPEN_JOBS} jobs are open; wait for one to end, or cancel one")
    if not isinstance(wish.job, ApplyTemplateJob) and site.rules.offers is None:
        return Refused(reason="this agent has no [files]: stations could neither fetch firmware nor bring a log")
    if isinstance(wish.job, UpdateFirmwareJob) and wish.job.file_id not in site.firmware:
        return Refused(reason=f"there is no firmware {wish.job.file_id!r}; see `ohmstead-edge files list`")
    chosen = _choose(site, wish)
    if isinstance(chosen, Refused):
        return chosen
    rules = site.rules.jobs
    patience = rules.give_up_after if wish.give_up_after_s is None else timedelta(seconds=wish.give_up_after_s)
    begun = JobBegun(
        job_id=f"{site.rules.edge_id}-{site.epoch[:8]}-{site.last_seq[Stream.EVENT] + 1}",
        job=wish.job,
        station_ids=chosen,
        at_once=wish.at_once or rules.at_once,
        ends_at=now + patience,
    )
    decision.journal(site, now, begun)
    job = site.jobs[begun.job_id] = reopen(begun, now)
    _advance(site, decision, job, now)
    return {"job_id": begun.job_id, "stations": len(chosen)}


def reopen(begun: JobBegun, begun_at: datetime) -> OpenJob:
    """The job as it begins, all of its stations waiting."""
    return OpenJob(
        job_id=begun.job_id,
        job=begun.job,
        at_once=begun.at_once,
        ends_at=begun.ends_at,
        steps={station_id: Step(changed_at=begun_at) for station_id in begun.station_ids},
        waiting=dict.fromkeys(begun.station_ids),
    )


def _choose(site: Site, wish: StartJob) -> tuple[str, ...] | Refused:
    """The stations of the job, in order."""
    if unknown := [name for name in wish.station_ids if name not in site.stations]:
        return Refused(reason=f"there is no station {', '.join(unknown[:5])}")
    if not wish.station_ids and wish.match is None:
        return Refused(reason="name the stations, or what they have in common")
    candidates = wish.station_ids or site.stations
    chosen = sorted(
        {name for name in candidates if wish.match is None or fits(wish.match, site.stations[name])},
    )
    if not chosen:
        return Refused(reason="no station is like that")
    if len(chosen) > MAX_STATIONS:
        return Refused(reason=f"{len(chosen)} stations; a job takes {MAX_STATIONS}, so make it several")
    for job in site.jobs.values():
        taken = [name for name in chosen if name in job.waiting or name in job.active]
        if taken and type(job.job) is type(wish.job):
            return Refused(reason=f"{taken[0]} is in job {job.job_id} already")
    return tuple(chosen)


def _cancel(site: Site, decision: Decision, wish: CancelJob, now: datetime) -> dict[str, Any] | Refused:
    job = site.jobs.get(wish.job_id)
    if job is None:
        return Refused(reason=f"job {wish.job_id} is not open")
    asked = len(job.active)
    for station_id in (*job.waiting, *job.active):
        detail = "" if station_id in job.waiting else "it was asked already and may go on"
        _move(site, decision, job, station_id, StepStatus.CANCELLED, now, detail=detail)
    _end_if_over(site, decision, job, now)
    return {"job_id": job.job_id, "asked_already": asked}


# --- what comes back ---


def note_answer(
    site: Site,
    decision: Decision,
    station_id: str,
    operation: Operation | RawCall,
    answer: CommandAnswered,
    now: datetime,
) -> None:
    """A station answered a question that the site itself asked; whether it belongs to a job is found here."""
    for job in list(site.jobs.values()):
        step = job.at(station_id)
        if step is not None and is_of(operation, job.job, step):
            _note_answer(site, decision, job, station_id, step, operation, answer, now)
            _advance(site, decision, job, now)
            return


def _note_answer(
    site: Site,
    decision: Decision,
    job: OpenJob,
    station_id: str,
    step: Step,
    operation: Operation | RawCall,
    answer: CommandAnswered,
    now: datetime,
) -> None:
    has_told = answer.result is not None and "variables" in answer.result
    if not answer.is_accepted and not has_told:
        _note_refusal(site, decision, job, station_id, step, answer.detail, now)
        return
    match operation:
        case SetVariables() if isinstance(job.job, ApplyTemplateJob):
            step.statuses = tuple(str(each["status"]) for each in (answer.result or {})["variables"])
            _move(site, decision, job, station_id, StepStatus.READING_BACK, now)
            ask(site, decision, station_id, reading_question(job.job), now)
        case GetVariables() if isinstance(job.job, ApplyTemplateJob):
            outcome = outcome_of(job.job.settings, step.statuses, answer.result or {})
            status = StepStatus.DONE if outcome.is_good else StepStatus.FAILED
            _move(site, decision, job, station_id, status, now, detail=outcome.text, result=outcome.result)
        case GetDiagnostics() if not (answer.result or {}).get("file_name"):
            _move(site, decision, job, station_id, StepStatus.DONE, now, detail="it has nothing to bring")
        case UpdateFirmware() | GetLog() | GetDiagnostics() if step.status is StepStatus.ASKED:
            _move(site, decision, job, station_id, StepStatus.ACCEPTED, now, detail=answer.detail)
        case _:
            pass  # it began before it answered


def _note_refusal(
    site: Site, decision: Decision, job: OpenJob, station_id: str, step: Step, detail: str, now: datetime
) -> None:
    """Asked again where the station did not hear, or may know an older way; otherwise that is its answer."""
    if detail.startswith(UNKNOWN_TO_IT) and not step.is_plain and not isinstance(job.job, ApplyTemplateJob):
        step.is_plain = True
        _question(site, decision, job, station_id, step, now)
    elif detail.startswith(UNREACHED) and step.attempt < MAX_ATTEMPTS:
        _move(site, decision, job, station_id, StepStatus.WAITING, now, detail=detail)
    else:
        _move(site, decision, job, station_id, StepStatus.FAILED, now, detail=detail or "the station said no")


def note_firmware_status(site: Site, decision: Decision, event: FirmwareStatusReported, now: datetime) -> None:
    """OCPP 2.0.1 L01.FR.01; 1.6 names no request."""
    status = _FIRMWARE.get(event.status)
    if status is not None:
        _follow(site, decision, event.station_id, UpdateFirmwareJob, status, event.status, event.request_id, now)


def note_log_status(site: Site, decision: Decision, event: LogStatusReported, now: datetime) -> None:
    """OCPP 2.0.1 N01.FR.12; 1.6 DiagnosticsStatusNotification names no request."""
    status = _LOG.get(event.status)
    if status is not None:
        _follow(site, decision, event.station_id, GetLogJob, status, event.status, event.request_id, now)


def _follow(
    site: Site,
    decision: Decision,
    station_id: str,
    kind: type[UpdateFirmwareJob] | type[GetLogJob],
    status: StepStatus,
    word: str,
    request_id: int | None,
    now: datetime,
) -> None:
    """A station tells how far it is. Repetitions and steps back are signs of life, and no more."""
    for job in list(site.jobs.values()):
        step = job.at(station_id)
        if step is None or not isinstance(job.job, kind) or request_id not in (None, step.request_id):
            continue
        step.changed_at = now
        is_news = _ORDER[status] > _ORDER[step.status] or (word == "Uploaded" and step.detail != word)
        if status is StepStatus.FAILED or is_news:
            _move(site, decision, job, station_id, status, now, detail=word)
        if status is StepStatus.INSTALLED:
            _note_version(site, decision, job, site.station(station_id), now)
        _advance(site, decision, job, now)


def note_boot(site: Site, decision: Decision, station: Station, now: datetime) -> None:
    """What decides upon an update is the version that the station calls its own."""
    for job in list(site.jobs.values()):
        step = job.at(station.station_id)
        if step is None or not isinstance(job.job, UpdateFirmwareJob):
            continue
        if _note_version(site, decision, job, station, now):
            _advance(site, decision, job, now)
        elif step.status in (StepStatus.INSTALLING, StepStatus.INSTALLED):
            told = f"{STILL} {station.firmware_version or 'no version'}"
            if step.detail != told:
                _move(site, decision, job, station.station_id, step.status, now, detail=told)


def _note_version(site: Site, decision: Decision, job: OpenJob, station: Station, now: datetime) -> bool:
    """The step is done when the station has the job's version."""
    file = site.firmware.get(job.job.file_id) if isinstance(job.job, UpdateFirmwareJob) else None
    if file is None or station.firmware_version != file.version:
        return False
    _move(site, decision, job, station.station_id, StepStatus.DONE, now, detail=f"{file.version} is there")
    return True


def note_fetched(site: Site, decision: Decision, event: FileFetched, now: datetime) -> None:
    """The file server saw the station fetch: that is known of stations that tell nothing, too."""
    job = site.jobs.get(event.job_id)
    step = job.at(event.station_id) if job is not None else None
    if job is None or step is None:
        return
    step.changed_at = now
    status = StepStatus.DOWNLOADED if event.is_whole else StepStatus.DOWNLOADING
    if _ORDER[status] > _ORDER[step.status]:
        detail = f"{event.sent_bytes} bytes went out" if event.is_whole else ""
        _move(site, decision, job, event.station_id, status, now, detail=detail)


def note_brought(site: Site, decision: Decision, event: FileBrought, now: datetime) -> None:
    job = site.jobs.get(event.job_id)
    if job is None or job.at(event.station_id) is None or not isinstance(job.job, GetLogJob):
        return
    facts: dict[str, Any] = {"file": event.name, "size_bytes": event.size_bytes, "sha256": event.sha256}
    detail = f"{event.size_bytes} bytes"
    _move(site, decision, job, event.station_id, StepStatus.DONE, now, detail=detail, result=facts)
    _advance(site, decision, job, now)


# --- time ---


def tick(site: Site, decision: Decision, now: datetime) -> None:
    """What nobody tells of any more fails, what was not answered is asked again, and the next have their turn."""
    for job in list(site.jobs.values()):
        for station_id in list(job.active):
            _look_after(site, decision, job, station_id, job.steps[station_id], now)
        if now >= job.ends_at:
            for station_id in list(job.waiting):
                step = job.steps[station_id]
                detail = step.detail or "it was not connected when it had its turn"
                _move(site, decision, job, station_id, StepStatus.FAILED, now, detail=detail)
        _advance(site, decision, job, now)


def _look_after(site: Site, decision: Decision, job: OpenJob, station_id: str, step: Step, now: datetime) -> None:
    rules, silent = site.rules.jobs, now - step.changed_at
    match step.status:
        case StepStatus.ASKED | StepStatus.READING_BACK:
            if silent <= rules.answer_timeout or _is_asked(site, job, station_id, step):
                return
            is_last = step.attempt >= MAX_ATTEMPTS
            status = StepStatus.FAILED if is_last else StepStatus.WAITING
            _move(site, decision, job, station_id, status, now, detail="it did not answer")
        case StepStatus.INSTALLED if silent > rules.boot_patience:
            is_told = step.detail.startswith(STILL)
            status = StepStatus.FAILED if is_told else StepStatus.DONE
            detail = step.detail if is_told else "it says so, and has not booted since"
            _move(site, decision, job, station_id, status, now, detail=detail)
        case _ if silent > rules.step_timeout:
            detail = f"nothing was heard of it since it was {step.status}: {step.detail}".rstrip(": ")
            _move(site, decision, job, station_id, StepStatus.FAILED, now, detail=detail)
        case _:
            pass


def _is_asked(site: Site, job: OpenJob, station_id: str, step: Step) -> bool:
    """Whether the question is still on its way."""
    return any(
        command.is_own
        and command.station_id == station_id
        and command.operation is not None
        and is_of(command.operation, job.job, step)
        for command in site.commands.values()
    )


# --- beneath ---


def _advance(site: Site, decision: Decision, job: OpenJob, now: datetime) -> None:
    """Give the next stations their turn."""
    for station_id in list(job.waiting):
        if len(job.active) >= job.at_once:
            break
        station, step = site.stations.get(station_id), job.steps[station_id]
        is_too_early = step.attempt > 0 and now - step.changed_at < site.rules.jobs.answer_timeout
        if station is not None and station.is_online and not is_too_early:
            _question(site, decision, job, station_id, step, now)
    _end_if_over(site, decision, job, now)


def _question(site: Site, decision: Decision, job: OpenJob, station_id: str, step: Step, now: datetime) -> None:
    """Ask the station, or settle at once what need not be asked."""
    station = site.stations[station_id]
    question = first_question(site, job, station, step, now)
    if not isinstance(question, Question):
        _move(site, decision, job, station_id, question.status, now, detail=question.detail)
        return
    if step.status is not StepStatus.ASKED:  # the other way to ask is the same attempt
        step.attempt += 1
    step.request_id = question.request_id
    _move(site, decision, job, station_id, StepStatus.ASKED, now)
    ask(site, decision, station_id, question.operation, now)


def _move(
    site: Site,
    decision: Decision,
    job: OpenJob,
    station_id: str,
    status: StepStatus,
    now: datetime,
    *,
    detail: str = "",
    result: dict[str, Any] | None = None,
) -> None:
    step = job.steps[station_id]
    step.status, step.changed_at, step.detail = status, now, detail
    job.place(station_id, status)
    changed = JobStepChanged(
        job_id=job.job_id,
        station_id=station_id,
        status=status,
        attempt=step.attempt,
        detail=detail,
        request_id=step.request_id,
        result=result,
    )
    decision.journal(site, now, changed)


def _end_if_over(site: Site, decision: Decision, job: OpenJob, now: datetime) -> None:
    if job.waiting or job.active or job.job_id not in site.jobs:
        return
    del site.jobs[job.job_id]
    done, failed, cancelled = (
        job.counts.get(status, 0) for status in (StepStatus.DONE, StepStatus.FAILED, StepStatus.CANCELLED)
    )
    decision.journal(site, now, JobEnded(job_id=job.job_id, done=done, failed=failed, cancelled=cancelled))
