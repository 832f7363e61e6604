"""What a site's meters show reaches the hub: the present with its age, however the link is, and their telemetry."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from deploy.demo.site import Site
from edge.local.client import local_client
from firmware_sim.modbus.device import Device, DeviceClock, serving
from firmware_sim.modbus.misbehaviour import Kind
from protocols.site.requests import GetStatus
from protocols.terms import Measurand
from tests.journeys.harness import a_site
from tests.journeys.test_modbus_meters import METER
from tests.kit import wait_until

LOCATION: Final = "LOC-DEMO"
SPEED: Final = 60
HOUSE_W: Final = 1_200
SUN_W: Final = 6_000
CLOUDY_W: Final = 2_000


@dataclass(slots=True)
class MeteredSite:
    """A house and an inverter behind the feeder's meter; nobody charges."""

    site: Site
    grid: Device
    roof: Device

    async def meters(self) -> dict[str, dict[str, Any]]:
        return {each["meter_id"]: each for each in await self.site.hub.client.all(f"locations/{LOCATION}/meters")}

    async def balance(self) -> dict[str, Any]:
        return await self.site.hub.client.get(f"locations/{LOCATION}/power-balance")

    async def flows(self) -> dict[str, int | None]:
        return {flow["part"]: flow["power_w"] for flow in (await self.balance())["parts"]}

    async def at_edge(self) -> dict[str, Any]:
        edge = self.site.edge
        async with local_client("127.0.0.1", edge.local_port, edge.token_file) as client:
            found: dict[str, Any] = (await client.ask(GetStatus(id="1"), 10)).result
            return found

    async def measured(self, meter_id: str, resolution: str = "raw") -> dict[str, dict[str, Any]]:
        """The newest of each measurand of the whole meter, as the hub has it."""
        path = f"charging-stations/{meter_id}/evses/0/meter-values"
        told = await self.site.hub.client.all(path, resolution=resolution, phase="")
        return {each["measurand"]: each for each in sorted(told, key=lambda each: str(each["at"]))}


@contextlib.asynccontextmanager
async def a_metered_site(folder: Path) -> AsyncIterator[MeteredSite]:
    clock = DeviceClock(time.monotonic, SPEED)
    async with serving("janitza_umg", clock=clock) as grid, serving("sunspec_inverter", clock=clock) as roof:
        grid.set_load(HOUSE_W // 3, HOUSE_W // 3, HOUSE_W // 3)
        roof.shine(SUN_W)
        grid.measure(roof)
        blocks = [
            METER.format(id="GRID", port=grid.port, profile="janitza_umg", role="feeder"),
            METER.format(id="ROOF", port=roof.port, profile="sunspec_inverter", role="pv"),
        ]
        async with a_site(folder, speed=SPEED, polled="".join(blocks)) as site:
            await wait_until(partial(site.hub.client.all, "locations"), 20)
            yield MeteredSite(site, grid, roof)


async def test_the_hub_knows_what_a_sites_meters_show(tmp_path: Path) -> None:
    async with a_metered_site(tmp_path) as lot:
        await registers_and_power_are_in_the_telemetry(lot)
        await the_present_is_shown_and_how_old_it_is(lot)
        await a_meter_that_falls_silent_is_not_known(lot)


async def registers_and_power_are_in_the_telemetry(lot: MeteredSite) -> None:
    """As blocks of a quarter of an hour, which is 15 s here, and as what those come to."""
    power = (Measurand.POWER, Measurand.POWER_EXPORT)
    energy = (Measurand.ENERGY_REGISTER, Measurand.ENERGY_EXPORT_REGISTER)

    async def have_all() -> bool:
        both = [await lot.measured(each) for each in ("GRID", "ROOF")]
        return all(any(name in told for name in kinds) for told in both for kinds in (power, energy))

    await wait_until(have_all, 60)
    for meter_id, expected_w in (("GRID", HOUSE_W - SUN_W), ("ROOF", -SUN_W)):
        told = {name: each["value"] for name, each in (await lot.measured(meter_id)).items()}
        assert told.get(Measurand.POWER, 0) - told.get(Measurand.POWER_EXPORT, 0) == expected_w
    exported_wh = (await lot.measured("ROOF"))[Measurand.ENERGY_EXPORT_REGISTER]["value"]

    async def has_gained() -> bool:
        return bool((await lot.measured("ROOF"))[Measurand.ENERGY_EXPORT_REGISTER]["value"] > exported_wh)

    await wait_until(has_gained, 60)
    quarter = await lot.measured("ROOF", "quarter")
    assert quarter[Measurand.POWER_EXPORT]["value"] == SUN_W
    gained = quarter[Measurand.ENERGY_EXPORT_REGISTER]["rollup"]
    assert 0 < gained["energy_wh"] <= SUN_W // 2, "of a quarter of an hour, or two where the one between had no reading"


async def the_present_is_shown_and_how_old_it_is(lot: MeteredSite) -> None:
    """Also while the link is cut; at the end the sun gives `CLOUDY_W`."""
    known = {"grid": HOUSE_W - SUN_W, "pv": SUN_W, "evses": 0, "rest": HOUSE_W}

    async def is_present() -> bool:
        return await lot.flows() == known and not await is_stale()

    async def is_stale() -> bool:
        return bool((await lot.balance())["is_stale"])

    await wait_until(is_present, 20)
    shown, local = await lot.meters(), {each["meter_id"]: each for each in (await lot.at_edge())["meters"]}
    assert {name: each["role"] for name, each in shown.items()} == {"GRID": "feeder", "ROOF": "pv"}
    for name, each in shown.items():
        assert (each["power_w"], each["is_online"], each["is_stale"]) == (local[name]["power_w"], True, False)
        assert each["serial_number"] == local[name]["serial_number"]
        assert [phase["phase"] for phase in each["phases"]] == ["L1", "L2", "L3"]

    lot.site.wan.cut()
    await wait_until(is_stale, 20)
    lot.roof.shine(CLOUDY_W)
    before = await lot.balance()

    async def edge_knows() -> bool:
        flows = {flow["part"]: flow["power_w"] for flow in (await lot.at_edge())["balance"]}
        return bool(flows["pv"] == CLOUDY_W)

    await wait_until(edge_knows, 20)
    after = await lot.balance()
    assert after["as_of"] == before["as_of"]
    assert after["age_s"] > before["age_s"]
    assert {flow["part"]: flow["power_w"] for flow in after["parts"]} == known
    assert all(each["is_stale"] for each in (await lot.meters()).values())

    lot.site.wan.heal()
    known |= {"grid": HOUSE_W - CLOUDY_W, "pv": CLOUDY_W}
    await wait_until(is_present, 30)


async def a_meter_that_falls_silent_is_not_known(lot: MeteredSite) -> None:
    lot.grid.misbehave(Kind.SILENCE, times=None)

    async def is_unknown() -> bool:
        return await lot.flows() == {"grid": None, "pv": CLOUDY_W, "evses": 0, "rest": None}

    async def is_offline() -> bool:  # a meter's readings are too old a little before it is given up
        return not (await lot.meters())["GRID"]["is_online"]

    await wait_until(is_unknown, 30)
    await wait_until(is_offline, 30)
    grid = (await lot.meters())["GRID"]
    assert (grid["is_online"], grid["power_w"], grid["is_stale"]) == (False, None, False)
    assert grid["age_s"] > 0
