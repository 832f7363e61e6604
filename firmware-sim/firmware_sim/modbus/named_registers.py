"""Registers that live although no section of a profile names them: known by their names alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from firmware_sim.modbus.bits import Cell, Raw
from firmware_sim.modbus.outlet import Outlet
from protocols.modbus.reads import Point
from protocols.terms import ConnectorStatus

AC_HIGHEST_MA: Final = 16_000
Tell = Callable[[Outlet, Point], Cell]


def _since_plug(outlet: Outlet, _: Point) -> Cell:
    return Fraction(outlet.at_us - outlet.plugged_at_us, 1000) if outlet.plugged_at_us is not None else Fraction(0)


def _charging_time(outlet: Outlet, _: Point) -> Cell:
    return Fraction(outlet.charging_us, 1000)


def _highest(outlet: Outlet, _: Point) -> Cell:
    return Fraction(AC_HIGHEST_MA if outlet.counts_watts else outlet.highest)


def _lock_state(outlet: Outlet, _: Point) -> Cell:
    """ABB: 1 a cable at the EVSE, 0x10 it is locked, 0x100 at the vehicle too."""
    return Raw((0x101 if outlet.vehicle else 0) | (0x10 if outlet.is_locked else 0))


def _relay_state(outlet: Outlet, _: Point) -> Cell:
    return Raw(0 if not outlet.power_w else 5 if outlet.used_phases == 1 else 1)


def _is_present(outlet: Outlet, _: Point) -> Cell:
    return Raw(int(outlet.vehicle is not None))


def _soc(outlet: Outlet, _: Point) -> Cell:
    return Fraction(outlet.vehicle.soc_percent) if outlet.vehicle is not None else None


def _is_operative(outlet: Outlet, _: Point) -> Cell:
    return Raw(int(outlet.status not in (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)))


BY_NAME: Final[Mapping[str, Tell]] = MappingProxyType(
    {
        "availability": _is_operative,
        "cable_max_current": _highest,
        "charge_time": _charging_time,
        "connection_time": _since_plug,
        "ev_presence": _is_present,
        "ev_soc": _soc,
        "hw_max_current": _highest,
        "lock_state": _lock_state,
        "max_charging_current": _highest,
        "max_current": _highest,
        "max_power_dc": lambda outlet, _: Fraction(outlet.applied),
        "min_current": lambda outlet, _: Fraction(outlet.lowest),
        "relay_state": _relay_state,
        "session_charge_time": _charging_time,
        "session_duration": _charging_time,
        "station_active_max_current": _highest,
    }
)
