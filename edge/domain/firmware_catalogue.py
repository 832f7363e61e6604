"""The catalogue of firmware: what the staff brought, and jobs may give to stations."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from edge.domain.decision import Decision
from edge.domain.events import Done, FirmwareFileAdded, FirmwareFileRemoved, Refused
from edge.domain.site import Site
from protocols.charger.jobs import UpdateFirmwareJob
from protocols.sync.upkeep import FirmwareAdded, FirmwareRemoved

MAX_FIRMWARE_FILES: Final = 200


def add(site: Site, decision: Decision, event: FirmwareFileAdded, now: datetime) -> None:
    file = event.file
    if file.file_id not in site.firmware and len(site.firmware) >= MAX_FIRMWARE_FILES:
        decision.reply = Refused(reason=f"the catalogue holds {MAX_FIRMWARE_FILES} files; remove some first")
        return
    site.firmware[file.file_id] = file
    decision.journal(site, now, FirmwareAdded(file=file))
    decision.reply = Done(text=f"{file.file_id}: {file.vendor} {file.model} {file.version} is in the catalogue")


def remove(site: Site, decision: Decision, event: FirmwareFileRemoved, now: datetime) -> None:
    if event.file_id not in site.firmware:
        decision.reply = Refused(reason=f"there is no firmware {event.file_id!r}; see `ohmstead-edge files list`")
        return
    for job in site.jobs.values():
        if isinstance(job.job, UpdateFirmwareJob) and job.job.file_id == event.file_id:
            decision.reply = Refused(reason=f"job {job.job_id} brings it to stations; cancel that first")
            return
    del site.firmware[event.file_id]
    decision.journal(site, now, FirmwareRemoved(file_id=event.file_id))
    decision.reply = Done(text=f"{event.file_id} is removed")
