"""Rollouts over two sites and their living chargers: a canary fails, it is mended, the hub is killed in the middle, and
a site is cut off. Every charger does what it is asked once, and nothing late."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.processes import program
from deploy.demo.servers import steady_port
from deploy.demo.site import HERE, ONE_BROKER, Edge, Site, import_tokens
from firmware_sim import scenario as scenarios
from firmware_sim.fleet import Fleet
from firmware_sim.messages import Note
from tests.journeys.harness import PACE, SCENARIOS, SETTINGS, a_site, fleet_at
from tests.kit import wait_until

SPEED = 20.0
STATIONS = ("CP01", "CP02", "CP03")
ONE, TWO = "demo-site", "second-site"
AT_ONCE = {"OHMSTEAD_EDGE_DEVICE_MODEL__SETTLE_S": "0"}
RESET = {"kind": "operation", "operation": {"operation": "reset", "type": "OnIdle"}}
STAGES = [{"count": 1}, {"percent": 50}, {"percent": 100}]
TO_ALL = {"edge_ids": [ONE, TWO], "model": "?*"}
"""All stations that have ever told what they are: the others of the two sites have no power."""


class Resets(Counter[tuple[str, str]]):
    """How often each station has started anew because somebody asked, by the stations' own account."""

    def teller(self, edge_id: str) -> Any:
        def tell(station_id: str, note: Note) -> None:
            if note.what == "rebooted":
                self[edge_id, station_id] += 1

        return tell

    def all(self) -> dict[tuple[str, str], int]:
        return {(edge_id, name): self[edge_id, name] for edge_id in (ONE, TWO) for name in STATIONS}


@contextlib.asynccontextmanager
async def second_site(site: Site, folder: Path) -> AsyncIterator[Edge]:
    """Another edge with the same stations' names, at the same broker, by a way that is not cut."""
    folder.mkdir()
    config, ocpp_port, local_port = folder / "edge.toml", steady_port(), steady_port()
    broker = f'host = "127.0.0.1"\nport = {site.broker.port}\n'
    text = (HERE / "edge.toml").read_text(encoding="utf-8").replace(ONE_BROKER, broker)
    config.write_text(text.replace(f'"{ONE}"', f'"{TWO}"').replace('"LOC-DEMO"', '"LOC-TWO"'), encoding="utf-8")
    await import_tokens(config, HERE / "tokens.csv")
    ports = {"OHMSTEAD_EDGE_OCPP__PORT": str(ocpp_port), "OHMSTEAD_EDGE_LOCAL__PORT": str(local_port)}
    edge = Edge(
        name="second-edge",
        command=(program("ohmstead-edge"), "run", "-c", str(config)),
        log=folder.with_suffix(".log"),
        environment={"OHMSTEAD_TIMELINE": str(site.timeline), **SETTINGS, **AT_ONCE, **ports},
        config=config,
        data=folder / "edge",
        ocpp_port=ocpp_port,
        local_port=local_port,
    )
    await edge.start()
    try:
        yield edge
    finally:
        await edge.stop()


@contextlib.asynccontextmanager
async def two_sites(folder: Path) -> AsyncIterator[tuple[Site, dict[str, Fleet], Resets]]:
    day, resets = scenarios.load(str(SCENARIOS / "busy.toml")), Resets()
    async with a_site(folder, speed=SPEED, **AT_ONCE) as site, second_site(site, folder / "second") as second:
        there = Fleet(
            day.stations,
            edge_url=second.ocpp_url,
            timeline=site.timeline,
            state=folder / "there",
            teller=resets.teller(TWO),
            pace=PACE,
        )
        async with fleet_at(site, day, folder / "here", resets.teller(ONE)) as here, there:
            for fleet in (here, there):
                for station_id in STATIONS:
                    await fleet[station_id].connect()
            await wait_until(lambda: are_online(site, 6), 20)
            yield site, {ONE: here, TWO: there}, resets


async def are_online(site: Site, count: int) -> bool:
    shown = await site.hub.client.all("charging-stations")
    return sum(1 for each in shown if each["is_online"] and each["model"]) == count


async def state_of(site: Site, rollout: dict[str, Any]) -> tuple[str, dict[str, int]]:
    shown = await site.hub.client.get(f"rollouts/{rollout['id']}")
    return shown["state"], shown["counts"]


async def reaches(site: Site, rollout: dict[str, Any], state: str, **counts: int) -> None:
    seen: Any = None

    async def is_there() -> bool:
        nonlocal seen
        seen = await state_of(site, rollout)
        return bool(seen == (state, counts))

    try:
        await wait_until(is_there, 40)
    except TimeoutError as error:
        targets = await site.hub.client.all(f"rollouts/{rollout['id']}/targets")
        raise AssertionError(f"{seen} is not {(state, counts)}: {targets}") from error


@pytest.mark.timeout(300)
async def test_a_canary_that_fails_and_a_hub_that_is_killed(tmp_path: Path) -> None:
    async with two_sites(tmp_path) as (site, fleets, resets):
        hub = site.hub.client

        # The canary is not connected: the rollout stops, and nobody else is told.
        fleets[ONE]["CP01"].link_cut()
        await wait_until(lambda: are_online(site, 5), 20)
        rollout = await hub.post(
            "rollouts", what=RESET, to=TO_ALL, first=["CP01"], stages=STAGES, at_once=1, expires_in_s=1_200
        )
        await reaches(site, rollout, "stopped", failed=1, waiting=5)
        (alarm,) = await hub.all("alarms", alarm="rollout_stopped", status="open")
        assert "stage 1" in alarm["text"]
        assert not resets.total()
        assert len(await hub.all("commands", operation="reset")) == 1

        # It is mended and goes on. The hub is killed as it has just told somebody, and does not tell them again.
        fleets[ONE]["CP01"].link_up()
        await wait_until(lambda: are_online(site, 6), 20)
        await hub.post(f"rollouts/{rollout['id']}/resume?retry_failed=true")
        for count in (1, 3):
            await wait_until(lambda count=count: resets.total() >= count, 30)
            await site.hub.kill()
            await site.hub.start()
        await reaches(site, rollout, "finished", done=6)
        assert resets.all() == dict.fromkeys(resets.all(), 1)
        assert await hub.all("alarms", alarm="rollout_stopped", status="open") == []


@pytest.mark.timeout(300)
async def test_a_site_that_is_cut_off_does_nothing_late(tmp_path: Path) -> None:
    async with two_sites(tmp_path) as (site, _, resets):
        hub = site.hub.client
        site.wan.cut()
        late = await hub.post("rollouts", what=RESET, to=TO_ALL, expires_in_s=60)
        await reaches(site, late, "finished", done=3, expired=3)
        site.wan.heal()
        # Commands come in order: when what was asked for later is done, what was asked for before has come, too.
        await wait_until(lambda: are_online(site, 6), 30)
        heard = await hub.post("rollouts", what=RESET, to={"edge_ids": [ONE], "model": "?*"}, expires_in_s=1_200)
        await reaches(site, heard, "finished", done=3)
        assert await state_of(site, late) == ("finished", {"done": 3, "expired": 3})
        assert resets.all() == dict.fromkeys(resets.all(), 1)

        # A template, by a job at each edge.
        setting = {"name": {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval"}, "value": "137"}
        template = {"job": "apply_template", "name": "fleet", "settings": [setting]}
        await wait_until(lambda: are_online(site, 6), 20)
        applied = await hub.post(
            "rollouts", what={"kind": "job", "job": template}, to=TO_ALL, stages=STAGES, expires_in_s=1_200
        )
        await reaches(site, applied, "finished", done=6)
        jobs = await hub.all("jobs", kind="apply_template")
        assert sorted((each["edge_id"], each["stations"]) for each in jobs) == [(ONE, 1), (ONE, 2), (TWO, 3)]
