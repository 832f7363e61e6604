"""OCPP 2.0.1 functional block L: firmware, updated at stations and published by local controllers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocols.charger.events import FirmwarePublishingReported, FirmwareStatusReported
from protocols.charger.operations.firmware import PublishFirmware, UnpublishFirmware, UpdateFirmware
from protocols.ocpp.dialect import Payload, Result
from protocols.ocpp.reading import given, read_int, read_text, write_stamp
from protocols.ocpp.writing import filled, numbered, stamp


def write_update_firmware(operation: UpdateFirmware) -> Payload:
    """L01, L02 UpdateFirmwareRequest."""
    firmware = filled(
        location=operation.location,
        retrieveDateTime=write_stamp(operation.retrieve_at),
        installDateTime=stamp(operation.install_at),
        signingCertificate=operation.signing_certificate,
        signature=operation.signature,
    )
    return filled(
        retries=operation.retries,
        retryInterval=operation.retry_interval_s,
        requestId=numbered(operation.request_id),
        firmware=firmware,
    )


def read_firmware_status(station_id: str, payload: Any) -> FirmwareStatusReported:
    """L01 FirmwareStatusNotificationRequest."""
    return FirmwareStatusReported(
        station_id=station_id, status=payload.status, request_id=read_int(given(payload.requestId))
    )


def write_publish_firmware(operation: PublishFirmware) -> Payload:
    """L03 PublishFirmwareRequest."""
    return filled(
        location=operation.location,
        retries=operation.retries,
        checksum=operation.checksum,
        requestId=numbered(operation.request_id),
        retryInterval=operation.retry_interval_s,
    )


def read_publish_firmware_status(station_id: str, payload: Any) -> FirmwarePublishingReported:
    """L03 PublishFirmwareStatusNotificationRequest."""
    locations = (read_text(location) for location in given(payload.location, ()))
    return FirmwarePublishingReported(
        station_id=station_id,
        status=payload.status,
        locations=tuple(location for location in locations if location),
        request_id=read_int(given(payload.requestId)),
    )


def write_unpublish_firmware(operation: UnpublishFirmware) -> Payload:
    """L04 UnpublishFirmwareRequest."""
    return {"checksum": operation.checksum}


def read_unpublish_firmware(_operation: UnpublishFirmware, answers: Sequence[Payload]) -> Result:
    """L04 UnpublishFirmwareResponse."""
    status = read_text(answers[0].get("status")) or "no status"
    is_accepted = status == "Unpublished"
    return Result(is_accepted=is_accepted, detail="" if is_accepted else status)
