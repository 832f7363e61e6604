"""Chargers that speak Modbus, and their drivers: simulated devices whose own meters know what was charged."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from deploy.demo.servers import steady_port
from firmware_sim.modbus.device import Device, DeviceClock, serving
from firmware_sim.vehicle import UJ_PER_WH, Vehicle

WATCHDOG_S: Final = 60_000
"""The agent feeds watchdogs in its own real time, and the devices live faster: a minute and a half are meant."""
_BLOCK: Final = """
[[modbus]]
id = "{station_id}"
address = "tcp://127.0.0.1:{port}"
profile = "{profile}"
poll_s = 0.1
lost_after_s = 1
end_after_min = 1440 # a second of the machine is ten minutes here
[[modbus.evses]]
id = 1
label = "{label}"
max_power_kw = {max_power_kw}
tariff = "{tariff}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One driver's, by the charger's own meter."""

    token_uid: str
    began_wh: Fraction
    ended_wh: Fraction


@dataclass(slots=True, kw_only=True)
class Bay:
    """A charger without OCPP, with one EVSE. It keeps its port whatever stands there."""

    station_id: str
    profile: str
    max_power_kw: int
    tariff: str = "ac"
    label: str = ""
    clock: DeviceClock
    port: int = field(default_factory=steady_port)
    visits: list[Visit] = field(default_factory=list)
    device: Device = field(init=False)
    _line: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def serve(self, **settings: Any) -> None:
        """Put a device there; `settings` are those of `serving`."""
        self.device = await self._line.enter_async_context(
            serving(self.profile, port=self.port, clock=self.clock, watchdog_s=WATCHDOG_S, evses=1, **settings)
        )

    async def close(self) -> None:
        """Take it away."""
        await self._line.aclose()

    @property
    def settings(self) -> str:
        """Its block of the agent's configuration."""
        return _BLOCK.format(
            station_id=self.station_id,
            port=self.port,
            profile=self.profile,
            label=self.label or self.station_id,
            max_power_kw=self.max_power_kw,
            tariff=self.tariff,
        )

    @property
    def register_wh(self) -> Fraction:
        return Fraction(self.device.outlet().total_uj, UJ_PER_WH)

    def is_paused(self) -> bool:
        return self.device.outlet().offered_w == 0

    def is_full(self) -> bool:
        vehicle = self.device.outlet().vehicle
        return vehicle is not None and vehicle.missing_uj == 0

    def arrive(self, energy_wh: int) -> Fraction:
        """A driver plugs in a car that wants so much. Returns what the meter shows then."""
        began_wh = self.register_wh
        self.device.plug(Vehicle.at_percent(20, battery_wh=80_000, energy_wh=energy_wh, max_dc_power_w=50_000))
        return began_wh

    def leave(self, token_uid: str, began_wh: Fraction) -> Visit:
        """The driver goes, and it is noted what there was."""
        self.device.unplug()
        visit = Visit(token_uid=token_uid, began_wh=began_wh, ended_wh=self.register_wh)
        self.visits.append(visit)
        return visit
