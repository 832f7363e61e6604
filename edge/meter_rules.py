"""What the settings say of the site's own meters and inverters."""

from __future__ import annotations

from datetime import timedelta

from edge.config import EdgeConfig
from edge.domain.meter_book import MeterRules
from edge.modbus_config import ModbusSettings
from protocols.modbus.catalogue import parsed
from protocols.modbus.register import Group
from protocols.terms import EvseRef, Measurand, MeterRole
from protocols.timeline import Timeline


def meter_rules(config: EdgeConfig) -> dict[str, MeterRules]:
    """By id. They are read in real time, whatever the pace of the site's own."""
    speed = Timeline.parse(config.timeline).speed if config.timeline else 1
    return {device.id: _rules(device, speed) for device in config.modbus if not device.is_charger}


def _rules(device: ModbusSettings, speed: float) -> MeterRules:
    """A reading is the present until the next one is overdue by as much as makes a device lost."""
    read_every_s = {
        register.measurand: device.poll_s if register.group is Group.FAST else device.slow_poll_s
        for register in parsed(device.profile).profile.registers.values()
        if register.measurand is not None
    }
    behind = None
    if device.behind_station is not None and device.behind_evse is not None:
        behind = EvseRef(device.behind_station, device.behind_evse)
    return MeterRules(
        meter_id=device.id,
        role=MeterRole(device.role or MeterRole.LOAD),
        profile_id=device.profile,
        behind=behind,
        fresh_for={
            measurand: timedelta(seconds=(every_s + device.lost_after_s) * speed)
            for measurand, every_s in read_every_s.items()
        },
        counts_energy=(Measurand.ENERGY_EXPORT_REGISTER if device.reversed else Measurand.ENERGY_REGISTER)
        in read_every_s,
        is_compared=device.compare,
        may_sleep=device.sleeps,
    )
