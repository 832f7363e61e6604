"""Network connection profiles (OCPP 2.0.1 B09): kept, and refused where they would be weaker. Pure."""

from __future__ import annotations

from typing import Any

from firmware_sim.station_model import StationModel

_SLOTS = range(1, 4)


def set_profile(model: StationModel, slot: int, connection: dict[str, Any]) -> str:
    """SetNetworkProfile: Accepted, Rejected for a weaker security profile, Failed for a slot that is not there."""
    security = model.device.find(("SecurityCtrlr", "SecurityProfile", "", 0))
    current = 0 if isinstance(security, str) else int(model.device.kept(security))
    if connection["security_profile"] < current or not str(connection["ocpp_csms_url"]).startswith(("ws://", "wss://")):
        return "Rejected"
    if slot not in _SLOTS:
        return "Failed"
    model.kept.network_profiles[slot] = dict(connection)
    model.note("network_profile", slot=slot)
    return "Accepted"
