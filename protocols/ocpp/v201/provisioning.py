"""OCPP 2.0.1 B01 BootNotification and G02 Heartbeat."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from protocols.charger.commands import BootAnswer, Reply
from protocols.charger.events import BootReported
from protocols.ocpp.dialect import Payload, expect
from protocols.ocpp.reading import read_text, write_stamp


def read_boot_notification(station_id: str, payload: Any) -> BootReported:
    """Part 2 §1.4.1."""
    station = payload.chargingStation
    return BootReported(
        station_id=station_id,
        vendor=read_text(station.vendorName) or "",
        model=read_text(station.model) or "",
        serial_number=read_text(station.serialNumber),
        firmware_version=read_text(station.firmwareVersion),
        reason=payload.reason,
    )


def render_boot_notification(reply: Reply) -> Payload:
    """Part 2 §1.4.2."""
    answer = expect(reply, BootAnswer)
    return {
        "currentTime": write_stamp(answer.at),
        "interval": answer.heartbeat_interval_s,
        "status": answer.status,
    }


def answer_heartbeat(now: datetime) -> Payload:
    """Part 2, HeartbeatResponse."""
    return {"currentTime": write_stamp(now)}
