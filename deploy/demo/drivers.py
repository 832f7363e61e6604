"""Who comes to the demo's two chargers on Modbus, and when."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from deploy.demo.feeder import Feeder, serving_feeder
from deploy.demo.polled import Bay
from deploy.demo.site import Site
from firmware_sim.modbus.device import DeviceClock

CARDS: Final = {"CP09": "04A1B2C3D4E513", "CP10": "04A1B2C3D4E514"}
PLAN: Final = {
    "CP09": ((0.4, 7_000), (2.5, 9_000), (5.0, 6_000), (7.5, 8_000)),
    "CP10": ((0.7, 21_000), (3.2, 30_000), (6.1, 18_000)),
}
"""Hours after the beginning of the day, and what the car wants in Wh. In the second of each the hub is out of reach."""
PARKED_FOR: Final = timedelta(minutes=10)
BETWEEN: Final = timedelta(minutes=10)
"""The next driver comes with the same card: it was away for some readings then."""
PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.05

Tell = Callable[[datetime, str, str], None]
"""When, where, what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What the agent reads over Modbus."""

    bays: tuple[Bay, ...]
    feeder: Feeder

    @property
    def settings(self) -> str:
        """Their blocks of the agent's configuration."""
        return "".join(bay.settings for bay in self.bays) + self.feeder.settings


@contextlib.asynccontextmanager
async def polled_devices(speed: float) -> AsyncIterator[Polled]:
    """An AC and a DC charger with card readers and the feeder's meter, on ports of their own."""
    clock = DeviceClock(time.monotonic, speed)
    bays = (
        Bay(station_id="CP09", profile="phoenix_charx", max_power_kw=11, label="E1", clock=clock),
        Bay(station_id="CP10", profile="alpitronic_hyc", max_power_kw=150, tariff="dc", label="E2", clock=clock),
    )
    async with contextlib.AsyncExitStack() as stack:
        for number, bay in enumerate(bays, 1):
            stack.push_async_callback(bay.close)
            await bay.serve(odometer_wh=8_888_888 * number)
        yield Polled(bays=bays, feeder=await stack.enter_async_context(serving_feeder(bays, clock)))


async def drive(site: Site, polled: Polled, day_start: datetime, tell: Tell) -> None:
    """Let all drivers come and go."""
    async with asyncio.TaskGroup() as tasks:
        for bay in polled.bays:
            tasks.create_task(_queue(site, bay, day_start, tell))


async def _queue(site: Site, bay: Bay, day_start: datetime, tell: Tell) -> None:
    """One after the other: a car is plugged in, the card shown, and fetched a while after it is full.

    The agent has a charger paused whenever it is nobody's: before that, the one before is not done with.
    """
    card, place = CARDS[bay.station_id], f"{bay.station_id}*1"
    for hours, energy_wh in PLAN[bay.station_id]:
        await _until(bay.is_paused)
        await site.sleep_until(max(site.now() + BETWEEN, day_start + timedelta(hours=hours)))
        began_wh = bay.arrive(energy_wh)
        bay.device.present_card(card)
        tell(site.now(), place, f"car plugged in, card …{card[-4:]} at the reader (Modbus)")
        await _until(bay.is_full)
        await site.sleep_until(site.now() + PARKED_FOR)
        visit = bay.leave(card, began_wh)
        tell(site.now(), place, f"car fetched after {float(visit.ended_wh - began_wh):.0f} Wh by its meter")
    await _until(bay.is_paused)


async def _until(is_so: Callable[[], bool]) -> None:
    """Or until it would take too long: what has gone wrong is then found in the bills."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if is_so():
                    return
                await asyncio.sleep(_LOOK_S)
