"""Firmware updates: fetched, verified, installed, told step by step (1.6 §5.19, whitepaper §4.3, 2.0.1 L01). Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from firmware_sim import crypto
from firmware_sim.blocks.files import FirmwareJob
from firmware_sim.functions import security
from firmware_sim.messages import BootReason, Reboot
from firmware_sim.orders import Download, Downloaded
from firmware_sim.station_model import StationModel

_ROOTS = ("ManufacturerRootCertificate", "ManufacturerRoot")
_INSTALLING_S = 5
"""An installation takes this long, of site time."""


def update(model: StationModel, job: FirmwareJob) -> str:
    """Take an update: Accepted, AcceptedCanceled when it replaces one, Rejected, InvalidCertificate."""
    state = model.firmware
    if state.is_installing:
        return "Rejected"
    if job.certificate is not None and not _is_trusted(model, job.certificate):
        security.note_event(model, "InvalidFirmwareSigningCertificate")
        return "InvalidCertificate"
    replaced, state.job = state.job, job
    state.ready_version = state.install_at = None
    state.starts_at = max(job.retrieve_at, model.now)
    model.note("firmware_update", request_id=job.request_id)
    if state.starts_at > model.now and not model.is_v16:
        tell(model, "DownloadScheduled")
    return "Accepted" if replaced is None else "AcceptedCanceled"


def downloaded(model: StationModel, event: Downloaded) -> None:
    """The file is here, or it is not."""
    state, job = model.firmware, model.firmware.job
    if job is None or job.url != event.job.url:
        return  # another update has taken its place
    if event.error:
        model.note("download_failed", error=event.error)
        _fail(model, "DownloadFailed")
        return
    tell(model, "Downloaded")
    if job.is_signed:
        if not event.is_signature_valid:
            _fail(model, "InvalidSignature")
            security.note_event(model, "InvalidFirmwareSignature")
            return
        tell(model, "SignatureVerified")
    state.ready_version = event.version or _next_version(state.version)
    state.install_at = max(job.install_at or model.now, model.now)
    if state.install_at > model.now and job.is_signed:
        tell(model, "InstallScheduled")
    fall_due(model)


def fall_due(model: StationModel) -> None:
    """Begin what it is time for; an installation waits for the last transaction to end (2.0.1 L01.FR.06)."""
    state, job = model.firmware, model.firmware.job
    if job is None:
        return
    if state.starts_at is not None and state.starts_at <= model.now:
        state.starts_at = None
        tell(model, "Downloading")
        model.out.append(
            Download(
                purpose="firmware",
                url=job.url,
                certificate=job.certificate,
                signature=job.signature,
                retries=job.retries,
                retry_interval_s=job.retry_interval_s,
            )
        )
    if state.install_at is None or state.install_at > model.now:
        return
    if state.is_installing:
        state.install_at = None
        model.boot_reason = BootReason.FIRMWARE_UPDATE
        if not model.is_v16:
            tell(model, "InstallRebooting")
        model.out.append(Reboot(hard=False))
    elif all(evse.transaction_id is None for evse in model.evses.values()):
        state.is_installing = True
        state.install_at = model.now + timedelta(seconds=_INSTALLING_S)
        tell(model, "Installing")


def rebooted(model: StationModel) -> None:
    """The station has started again: with the new firmware, if it was installing one."""
    state = model.firmware
    if not state.is_installing or state.ready_version is None:
        return
    state.version, state.ready_version = state.ready_version, None
    state.is_installing, state.install_at = False, None
    model.boot_reason = BootReason.FIRMWARE_UPDATE
    tell(model, "Installed")
    state.job = None
    security.note_event(model, "FirmwareUpdated", state.version, is_critical=not model.is_v16)
    model.note("firmware_installed", version=state.version)


def tell(model: StationModel, status: str) -> None:
    """The status of the update, in the message that its way of asking wants."""
    model.firmware.status = status
    tell_status(model)


def tell_status(model: StationModel, *, is_signed: bool | None = None) -> None:
    """Tell the status again, as a trigger wants; in 1.6 a signed update has a message of its own."""
    state, job = model.firmware, model.firmware.job
    request_id = None if job is None or state.status == "Idle" else job.request_id
    status = "Idle" if state.status == "Installed" and job is None else state.status
    if model.is_v16 and (is_signed if is_signed is not None else job is not None and job.is_signed):
        model.tell("SignedFirmwareStatusNotification", status=status, request_id=request_id)
    elif request_id is None or model.is_v16:
        model.tell("FirmwareStatusNotification", status=status)
    else:
        model.tell("FirmwareStatusNotification", status=status, request_id=request_id)


def next_due(model: StationModel) -> list[datetime]:
    """When the download or the installation begins."""
    state = model.firmware
    is_waiting = state.install_at is not None and state.install_at <= model.now
    due = [state.starts_at] if is_waiting else [state.starts_at, state.install_at]
    return [each for each in due if each is not None]


def _fail(model: StationModel, status: str) -> None:
    tell(model, status)
    model.firmware.job = None
    model.firmware.status = "Idle"


def _is_trusted(model: StationModel, certificate: str) -> bool:
    """Whether a signing certificate is one, and comes from the manufacturer when his root is installed."""
    roots = [each.pem for each in model.certificates.installed if each.use in _ROOTS]
    return crypto.is_valid_chain(certificate, roots, model.now)


def _next_version(version: str) -> str:
    """The version of an image that names none: the last number goes up."""
    head, dot, tail = version.rpartition(".")
    return f"{head}{dot}{int(tail) + 1}" if tail.isdecimal() else f"{version}.1"
