"""OCPP 1.6 §4.2 BootNotification, §4.6 Heartbeat and §5.14 Reset."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from protocols.charger.commands import BootAnswer, Reply
from protocols.charger.events import BootReported
from protocols.charger.operations.variables import Reset
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls, Payload, expect
from protocols.ocpp.reading import read_text, write_stamp

_RESETS: Final = MappingProxyType({"Immediate": "Hard", "OnIdle": "Soft"})
"""§7.39 ResetType."""


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
    return {"currentTime": write_stamp(answer.at), "interval": answer.heartbeat_interval_s, "status": answer.status}


def answer_heartbeat(now: datetime) -> Payload:
    """§6.30."""
    return {"currentTime": write_stamp(now)}


def render_reset(reset: Reset) -> Calls:
    """§6.39. Raises BadText for a single EVSE."""
    if reset.evse_id:
        raise BadText(f"EVSE {reset.evse_id} alone cannot be reset: OCPP 1.6 resets the whole station")
    return [("Reset", {"type": _RESETS[reset.type]})]
