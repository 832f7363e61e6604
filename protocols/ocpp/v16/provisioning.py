"""OCPP 1.6 §4.2 BootNotification and §4.6 Heartbeat."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from protocols.charger.commands import BootAnswer, Reply
from protocols.charger.events import BootReported
from protocols.ocpp.dialect import Payload, expect
from protocols.ocpp.reading import read_text, write_stamp


def read_boot_notification(station_id: str, payload: Any) -> BootReported:
    """§6.7. The serial is the charge point's; older stations only name that of the charge box."""
    return BootReported(
        station_id=station_id,
        vendor=read_text(payload.chargePointVendor) or "",
        model=read_text(payload.chargePointModel) or "",
        serial_number=read_text(payload.chargePointSerialNumber) or read_text(payload.chargeBoxSerialNumber),
        firmware_version=read_text(payload.firmwareVersion),
    )


def render_boot_notification(reply: Reply) -> Payload:
    """§6.8."""
    answer = expect(reply, BootAnswer)
    return {"currentTime": write_stamp(answer.at), "interval": answer.heartbeat_interval_s, "status": "Accepted"}


def answer_heartbeat(now: datetime) -> Payload:
    """§6.30."""
    return {"currentTime": write_stamp(now)}
