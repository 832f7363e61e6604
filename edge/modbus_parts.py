"""What the composition root makes of the settings of polled chargers and meters."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from edge.chargers.modbus.device import DeviceSettings
from edge.chargers.modbus.meter_readings import MeterReadings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.polled_stations import PolledEvse, PolledStation, PolledStations
from edge.config import EdgeConfig
from edge.modbus_config import ModbusSettings
from edge.ports import Clock, Inbox
from protocols.modbus.catalogue import parsed


def polled_stations(
    config: EdgeConfig, inbox: Inbox, clock: Clock, registry: CollectorRegistry, is_well: Callable[[], bool]
) -> PolledStations | None:
    """None where there are none. Raises BadText for an address or device that cannot be."""
    if not config.modbus:
        return None
    stations = PolledStations(inbox, ModbusMetrics(registry), clock=clock, is_well=is_well)
    for device in config.modbus:
        if device.is_charger:
            stations.add(_station(device))
        else:
            readings = MeterReadings(device.id, is_reversed=device.reversed)
            stations.add_meter(device.address, parsed(device.profile), _settings(device), readings)
    return stations


def _settings(device: ModbusSettings) -> DeviceSettings:
    return DeviceSettings(
        device_id=device.id,
        unit_id=device.unit,
        variant=device.variant,
        evses=max((evse.number for evse in device.evses), default=1),
        fast_s=device.poll_s,
        slow_s=device.slow_poll_s,
        lost_after_s=device.lost_after_s,
    )


def _station(device: ModbusSettings) -> PolledStation:
    return PolledStation(
        address=device.address,
        parsed=parsed(device.profile),
        settings=_settings(device),
        evses=tuple(
            PolledEvse(evse_id=evse.id, number=evse.number, max_power_w=int(evse.max_power_kw * 1000))
            for evse in device.evses
        ),
    )
