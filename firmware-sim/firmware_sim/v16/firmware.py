"""Firmware Management (OCPP 1.6 §5.9, §5.19), and the security extension's signed updates and logs (§4.3, §4.4)."""

from __future__ import annotations

from typing import Any

from firmware_sim.blocks.files import FirmwareJob
from firmware_sim.functions import logging_up, updating
from firmware_sim.messages import moment
from firmware_sim.ocpp_client import Desk, Routes


class Firmware:
    """Each method is one request; it returns the payload of the answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """The handlers by action."""
        return {
            "UpdateFirmware": self.update,
            "SignedUpdateFirmware": self.signed_update,
            "GetDiagnostics": self.diagnostics,
            "GetLog": self.log,
        }

    def update(
        self,
        location: str,
        retrieve_date: str,
        retries: int | None = None,
        retry_interval: int | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        job = FirmwareJob(
            request_id=None,
            url=location,
            retrieve_at=moment(retrieve_date),
            retries=retries or 0,
            retry_interval_s=10 if retry_interval is None else retry_interval,
        )
        self._desk.act(lambda model: updating.update(model, job))
        return {}

    def signed_update(
        self,
        request_id: int,
        firmware: dict[str, Any],
        retries: int | None = None,
        retry_interval: int | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        job = job_of(request_id, firmware, "retrieve_date_time", retries, retry_interval)
        return {"status": self._desk.act(lambda model: updating.update(model, job))}

    def diagnostics(
        self,
        location: str,
        retries: int | None = None,
        retry_interval: int | None = None,
        start_time: str | None = None,
        stop_time: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        _status, filename = self._desk.act(
            lambda model: logging_up.upload(
                model,
                request_id=None,
                kind="DiagnosticsLog",
                url=location,
                oldest=None if start_time is None else moment(start_time),
                latest=None if stop_time is None else moment(stop_time),
                retries=retries or 0,
                retry_interval_s=10 if retry_interval is None else retry_interval,
            )
        )
        return {"file_name": filename}

    def log(
        self,
        log: dict[str, Any],
        log_type: str,
        request_id: int,
        retries: int | None = None,
        retry_interval: int | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        oldest, latest = log.get("oldest_timestamp"), log.get("latest_timestamp")
        status, filename = self._desk.act(
            lambda model: logging_up.upload(
                model,
                request_id=request_id,
                kind=log_type,
                url=log["remote_location"],
                oldest=None if oldest is None else moment(oldest),
                latest=None if latest is None else moment(latest),
                retries=retries or 0,
                retry_interval_s=10 if retry_interval is None else retry_interval,
            )
        )
        return {"status": status, "filename": filename}


def job_of(
    request_id: int, told: dict[str, Any], retrieve_at: str, retries: int | None, retry_interval_s: int | None
) -> FirmwareJob:
    """A FirmwareType of 1.6 or 2.0.1; they differ in the name of one field."""
    install_at = told.get("install_date_time")
    return FirmwareJob(
        request_id=request_id,
        url=told["location"],
        retrieve_at=moment(told[retrieve_at]),
        install_at=None if install_at is None else moment(install_at),
        certificate=told.get("signing_certificate"),
        signature=told.get("signature"),
        retries=retries or 0,
        retry_interval_s=10 if retry_interval_s is None else retry_interval_s,
    )
