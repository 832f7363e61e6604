"""Security events: into the log, and to the CSMS (OCPP 1.6 security whitepaper §5.7, 2.0.1 A04). Pure."""

from __future__ import annotations

from firmware_sim.blocks.kept import SecurityEvent
from firmware_sim.messages import iso
from firmware_sim.station_model import StationModel


def note_event(model: StationModel, kind: str, tech_info: str = "", *, is_critical: bool = True) -> None:
    """Something that concerns security has happened; a critical event is told, the others are only logged."""
    model.kept.security_log.append(SecurityEvent(kind=kind, at=model.now, tech_info=tech_info))
    model.note("security_event", kind=kind)
    if not is_critical:
        return
    model.tell("SecurityEventNotification", type=kind, timestamp=iso(model.now), tech_info=tech_info or kind)
