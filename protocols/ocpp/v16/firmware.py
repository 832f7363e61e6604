"""OCPP 1.6 §5.19 UpdateFirmware and §4.5 FirmwareStatusNotification; SignedUpdateFirmware and
SignedFirmwareStatusNotification of the security extension (L01). All their statuses are words of 2.0.1 too."""

from __future__ import annotations

from typing import Any

from protocols.charger.events import FirmwareStatusReported
from protocols.charger.operations.firmware import UpdateFirmware
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls, Payload, Result
from protocols.ocpp.reading import read_int, write_stamp
from protocols.ocpp.v16.wording import given_number, read_empty, read_status, within

_MAX_CERTIFICATE_LENGTH = 5500


def read_firmware_status(station_id: str, payload: Any) -> FirmwareStatusReported:
    """§6.25: it does not say which update it is about."""
    return FirmwareStatusReported(station_id=station_id, status=payload.status)


def read_signed_firmware_status(station_id: str, payload: Any) -> FirmwareStatusReported:
    """SignedFirmwareStatusNotification.req."""
    return FirmwareStatusReported(station_id=station_id, status=payload.status, request_id=read_int(payload.requestId))


def render_update_firmware(update: UpdateFirmware) -> Calls:
    """§6.55; signed firmware by SignedUpdateFirmware. Raises BadText for a signature without its certificate or the
    reverse, and for an installation time of unsigned firmware."""
    if update.signature is not None and update.signing_certificate is not None:
        return [("SignedUpdateFirmware", _signed(update, update.signing_certificate, update.signature))]
    if update.signature is not None or update.signing_certificate is not None:
        raise BadText("signed firmware needs both, signing_certificate and signature")
    if update.install_at is not None:
        raise BadText("when unsigned firmware is installed cannot be said in OCPP 1.6: leave install_at out")
    payload: Payload = {"location": update.location}
    if update.retries is not None:
        payload["retries"] = update.retries
    payload["retrieveDate"] = write_stamp(update.retrieve_at)
    if update.retry_interval_s is not None:
        payload["retryInterval"] = update.retry_interval_s
    return [("UpdateFirmware", payload)]


def read_update_firmware(update: UpdateFirmware, answers: Any) -> Result:
    """§6.56 has no status; SignedUpdateFirmware.conf has one."""
    return read_empty(update, answers) if update.signature is None else read_status(update, answers)


def _signed(update: UpdateFirmware, certificate: str, signature: str) -> Payload:
    """SignedUpdateFirmware.req."""
    payload: Payload = {}
    if update.retries is not None:
        payload["retries"] = update.retries
    if update.retry_interval_s is not None:
        payload["retryInterval"] = update.retry_interval_s
    payload["requestId"] = given_number(update.request_id, "request_id")
    firmware: Payload = {"location": update.location, "retrieveDateTime": write_stamp(update.retrieve_at)}
    if update.install_at is not None:
        firmware["installDateTime"] = write_stamp(update.install_at)
    firmware["signingCertificate"] = within(certificate, _MAX_CERTIFICATE_LENGTH, "the signing certificate")
    firmware["signature"] = signature
    payload["firmware"] = firmware
    return payload
