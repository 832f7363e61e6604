"""The meter at the grid connection of the demo's site: all chargers are behind it, and a house."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from deploy.demo.polled import Bay
from deploy.demo.servers import steady_port
from deploy.demo.site import Edge
from edge.local.client import local_client
from firmware_sim.fleet import Fleet
from firmware_sim.modbus.device import Device, DeviceClock, serving
from firmware_sim.vehicle import UJ_PER_WH
from protocols.ocpi.cdr import Cdr
from protocols.site.requests import GetStatus

METER_ID: Final = "GRID"
HOUSE_W: Final = (900, 700, 800)
APART_WH: Final = 500
"""The agent reads once a minute of the site's time."""
_BLOCK: Final = """
[[modbus]]
id = "{meter_id}"
address = "tcp://127.0.0.1:{port}"
profile = "janitza_umg"
poll_s = 0.1
slow_poll_s = 0.1
lost_after_s = 1
role = "feeder"
"""


@dataclass(slots=True, kw_only=True)
class Feeder:
    """`house_wh` and `shown_wh` are what the house had taken and the agent had read when the day began."""

    device: Device
    house_wh: Fraction = Fraction(0)
    shown_wh: int = 0

    @property
    def settings(self) -> str:
        """Its block of the agent's configuration."""
        return _BLOCK.format(meter_id=METER_ID, port=self.device.port)

    def supply(self, fleet: Fleet) -> None:
        """From now on the stations' energy flows through it."""
        for flow in fleet.flows():
            self.device.let_through(flow)

    def taken_by_house_wh(self) -> Fraction:
        return Fraction(sum(self.device.meter().house.energy_uj), UJ_PER_WH)

    async def begin(self, edge: Edge) -> bool:
        """Note where the agent's account of the day begins; False while it has not read the meter."""
        shown_wh = await self._shown_wh(edge)
        if shown_wh is None:
            return False
        self.house_wh, self.shown_wh = self.taken_by_house_wh(), shown_wh
        return True

    async def compare(self, edge: Edge, cdrs: Iterable[Cdr]) -> list[str]:
        """Whether all that the agent saw flow into the site is on a bill or went into the house; nobody charges now."""
        shown_wh = await self._shown_wh(edge)
        if shown_wh is None:
            return [f"the agent does not know what {METER_ID} shows"]
        rose_wh = shown_wh - self.shown_wh
        house_wh = self.taken_by_house_wh() - self.house_wh
        billed_wh = sum(cdr.total_energy_wh for cdr in cdrs)
        if abs(rose_wh - house_wh - billed_wh) <= APART_WH:
            return []
        return [f"the site was given {rose_wh} Wh: {float(house_wh):.0f} went into the house, {billed_wh} are billed"]

    async def _shown_wh(self, edge: Edge) -> int | None:
        meters = (await status_of(edge))["meters"]
        found: int | None = next(each["energy_import_wh"] for each in meters if each["meter_id"] == METER_ID)
        return found


async def status_of(edge: Edge) -> dict[str, Any]:
    """How the agent sees its site. Raises AgentUnreachable."""
    async with local_client("127.0.0.1", edge.local_port, edge.token_file) as client:
        found: dict[str, Any] = (await client.ask(GetStatus(id="1"))).result
        return found


@contextlib.asynccontextmanager
async def serving_feeder(bays: Iterable[Bay], clock: DeviceClock) -> AsyncIterator[Feeder]:
    """The meter in front of a house and these bays, which are there already."""
    async with serving("janitza_umg", port=steady_port(), clock=clock) as device:
        device.set_load(*HOUSE_W, is_steady=False)
        for bay in bays:
            device.measure(bay.device)
        yield Feeder(device=device)
