"""OCPP 1.6 §4.9 StatusNotification and §5.2 ChangeAvailability."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from protocols.charger.events import StatusReported
from protocols.charger.operations.availability import ChangeAvailability
from protocols.ocpp.dialect import Calls
from protocols.ocpp.reading import read_evse_id, read_stamp
from protocols.ocpp.v16.wording import only_connector
from protocols.terms import ChargingState, ConnectorStatus

_STATUSES: Final = MappingProxyType(
    {
        "Available": (ConnectorStatus.AVAILABLE, None),
        "Preparing": (ConnectorStatus.OCCUPIED, ChargingState.EV_CONNECTED),
        "Charging": (ConnectorStatus.OCCUPIED, ChargingState.CHARGING),
        "SuspendedEV": (ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EV),
        "SuspendedEVSE": (ConnectorStatus.OCCUPIED, ChargingState.SUSPENDED_EVSE),
        "Finishing": (ConnectorStatus.OCCUPIED, ChargingState.IDLE),
        "Reserved": (ConnectorStatus.RESERVED, None),
        "Unavailable": (ConnectorStatus.UNAVAILABLE, None),
        "Faulted": (ConnectorStatus.FAULTED, None),
    }
)
"""§7.7 ChargePointStatus in OCPP 2.0.1's two words."""


def read_status_notification(station_id: str, payload: Any) -> StatusReported:
    """§6.47. A 1.6 connector is an EVSE with one connector; connector 0 is the station itself."""
    evse_id = read_evse_id(payload.connectorId, name="connectorId", lowest=0)
    status, charging_state = _STATUSES[payload.status]
    error_code = payload.errorCode
    return StatusReported(
        station_id=station_id,
        evse_id=evse_id,
        connector_id=min(evse_id, 1),
        status=status,
        charging_state=charging_state,
        error_code=None if error_code == "NoError" else error_code,
        at=read_stamp(payload.timestamp),
    )


def render_change_availability(change: ChangeAvailability) -> Calls:
    """§6.9. Connector 0 is the station and all its connectors."""
    only_connector(change.connector_id)
    return [("ChangeAvailability", {"connectorId": change.evse_id or 0, "type": change.operational_status})]
