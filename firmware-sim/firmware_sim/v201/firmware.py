"""Block L, firmware, and of block N the logs."""

from __future__ import annotations

from typing import Any

from firmware_sim.functions import publishing, updating
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.v16.firmware import Firmware as Firmware16
from firmware_sim.v16.firmware import job_of


class Firmware:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action; GetLog is the same in both versions."""
        return {
            "UpdateFirmware": self.update,
            "PublishFirmware": self.publish,
            "UnpublishFirmware": self.unpublish,
            "GetLog": Firmware16(self._desk).log,
        }

    def update(
        self,
        request_id: int,
        firmware: dict[str, Any],
        retries: int | None = None,
        retry_interval: int | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        job = job_of(request_id, firmware, "retrieve_date_time", retries, retry_interval)
        return {"status": self._desk.act(lambda model: updating.update(model, job))}

    def publish(
        self, location: str, checksum: str, request_id: int, retries: int | None = None, **_: Any
    ) -> dict[str, Any]:
        status = self._desk.act(
            lambda model: publishing.publish(
                model, request_id=request_id, url=location, checksum=checksum, retries=retries or 0
            )
        )
        return {"status": status}

    def unpublish(self, checksum: str, **_: Any) -> dict[str, Any]:
        return {"status": self._desk.act(lambda model: publishing.unpublish(model, checksum))}
