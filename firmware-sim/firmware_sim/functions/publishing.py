"""Firmware published to other stations, as a local controller does it (OCPP 2.0.1 L03, L04). Pure."""

from __future__ import annotations

from typing import Any

from firmware_sim.orders import Download, Downloaded
from firmware_sim.station_model import StationModel


def publish(model: StationModel, *, request_id: int, url: str, checksum: str, retries: int) -> str:
    """PublishFirmware: fetch the file, hold it against its MD5, offer it."""
    state = model.publishing
    if state.checksum is not None and state.checksum not in state.published:
        return "Rejected"  # one is under way
    state.request_id, state.checksum, state.url = request_id, checksum, url
    _tell(model, "Downloading")
    model.out.append(Download(purpose="publish", url=url, retries=retries))
    return "Accepted"


def downloaded(model: StationModel, event: Downloaded) -> None:
    """The file is here, or it is not."""
    state = model.publishing
    if state.checksum is None or state.url != event.job.url:
        return
    if event.error:
        _fail(model, "DownloadFailed")
        return
    _tell(model, "Downloaded")
    if event.md5.lower() != state.checksum.lower():
        _fail(model, "InvalidChecksum")
        return
    _tell(model, "ChecksumVerified")
    state.published[state.checksum] = f"http://{model.spec.station_id.lower()}.local/firmware/{state.checksum}"
    _tell(model, "Published")


def unpublish(model: StationModel, checksum: str) -> str:
    """UnpublishFirmware."""
    return "NoFirmware" if model.publishing.published.pop(checksum, None) is None else "Unpublished"


def tell_status(model: StationModel) -> None:
    """Tell the status again, as a trigger wants."""
    _tell(model, model.publishing.status)


def _tell(model: StationModel, status: str) -> None:
    state = model.publishing
    state.status = status
    payload: dict[str, Any] = {"status": status}
    if status != "Idle" and state.request_id is not None:
        payload["request_id"] = state.request_id
    if status == "Published" and state.checksum is not None:
        payload["location"] = [state.published[state.checksum]]
    model.tell("PublishFirmwareStatusNotification", **payload)


def _fail(model: StationModel, status: str) -> None:
    _tell(model, status)
    model.publishing.checksum = None
    model.publishing.status = "Idle"
