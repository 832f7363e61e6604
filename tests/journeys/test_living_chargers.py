"""The operator's jobs against simulated chargers that do everything for real: they fetch the firmware from the edge,
verify it, restart with it, bring their logs, take a template, and charge by the profile that they were given."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from edge.ledger import device_reading
from edge.ledger.database import open_reader
from firmware_sim.fleet import Fleet
from firmware_sim.settings import EvseSpec, OcppVersion, StationSpec
from firmware_sim.station import Pace
from firmware_sim.vehicle import Vehicle
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.timeline import Timeline
from tests.edge.conformance.running_agent import PASSWORD, RunningAgent, running_agent, token_of
from tests.edge.conformance.test_jobs_end_to_end import job_of
from tests.kit import free_port, wait_until

STATIONS: Final = {"CP-16": OcppVersion.V16, "CP-201": OcppVersion.V201}
IMAGE: Final = b"OHMSTEAD-FIRMWARE 2.0.0\n" + bytes(number % 251 for number in range(400_000))
SPEED: Final = 20.0


@asynccontextmanager
async def living(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[RunningAgent, Fleet]]:
    """An agent with a file server, and a charger of each version that has booted."""
    port = free_port()
    more = f'\n[files]\nhost = "127.0.0.1"\nport = {port}\npublic_url = "http://127.0.0.1:{port}"\n'
    more += "\n[device_model]\nsettle_s = 0\nevery_s = 0.1\n"
    origin = datetime(2026, 3, 2, 7, tzinfo=UTC)
    timeline = Timeline(origin=origin, anchor_s=time.time(), speed=SPEED)  # noqa: TID251  the anchor of this run
    monkeypatch.setenv("OHMSTEAD_TIMELINE", str(timeline))
    specs = [
        StationSpec(
            station_id=name,
            ocpp=version,
            serial="OS-1",
            password=PASSWORD,
            sample_interval_s=20,
            evses=tuple(EvseSpec(evse_id=number, max_power_w=11_000) for number in (1, 2)),
        )
        for name, version in STATIONS.items()
    ]
    with running_agent(folder, STATIONS, more) as agent:
        url = f"ws://127.0.0.1:{agent.ocpp_port}"
        async with Fleet(specs, edge_url=url, timeline=timeline, pace=Pace(call_floor_s=10)) as fleet:
            for station in fleet.stations.values():
                await station.connect(30)
            yield agent, fleet


async def ended(agent: RunningAgent, job_id: str) -> dict[str, dict[str, Any]]:
    """The steps of a job by station, once every one is over."""
    ledger = open_reader(agent.data / "ledger.sqlite")
    steps: dict[str, dict[str, Any]] = {}

    def is_over() -> bool:
        told = (device_reading.job(ledger, job_id) or {}).get("steps", ())
        steps.update({step["station_id"]: dict(step) for step in told})
        return len(steps) == len(STATIONS) and all(step["status"] in ("done", "failed") for step in steps.values())

    try:
        await wait_until(is_over, 60)
    except TimeoutError:
        pytest.fail(f"not over: {steps}", pytrace=False)
    return steps


async def test_firmware_logs_and_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with living(tmp_path, monkeypatch) as (agent, fleet):
        image = tmp_path / "fw.bin"
        image.write_bytes(IMAGE)
        kind = ("--vendor", "Ohmstead", "--model", "Sim*", "--version", "2.0.0")
        added = await agent.run("files", "add", str(image), *kind)
        assert added.status == 0, added.errors
        file_id = added.output.split(":")[0]
        both = ("--stations", ",".join(STATIONS))

        logs = await agent.run("jobs", "start", "get-log", *both)
        for name, step in (await ended(agent, job_of(logs.output))).items():
            assert step["status"] == "done", (name, step)
            brought = (agent.data / "files" / "uploads" / step["result"]["file"]).read_bytes()
            assert b"booted" in brought

        template = tmp_path / "templates.toml"
        template.write_text(
            '[[templates]]\nname = "site"\nmatch = { vendor = "Ohmstead" }\n'
            'variables = [{ component = "TxCtrlr", variable = "EVConnectionTimeOut", value = 90 }]\n'
        )
        taken = await agent.run("jobs", "start", "apply-template", str(template), *both)
        assert taken.status == 0, taken.errors
        assert {step["status"] for step in (await ended(agent, job_of(taken.output))).values()} == {"done"}
        assert {each.charger.settings.connection_timeout_s for each in fleet.stations.values()} == {90}

        update = await agent.run("jobs", "start", "update-firmware", "--file", file_id, *both)
        assert update.status == 0, update.errors
        assert {step["status"] for step in (await ended(agent, job_of(update.output))).values()} == {"done"}
        assert {each.charger.firmware.version for each in fleet.stations.values()} == {"2.0.0"}


@pytest.mark.parametrize("name", list(STATIONS))
async def test_a_car_charges_by_the_profile_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async with living(tmp_path, monkeypatch) as (agent, fleet):
        station = fleet[name]
        station.plug(1, Vehicle.at_percent(20, battery_wh=60_000))
        station.present(1, token_of(name))
        await station.wait_for(lambda it: it.charger.evses[1].power_w > 10_000, 20)
        schedule = ChargingSchedule(rate_unit="W", periods=(SchedulePeriod(start_s=0, limit=6_900.0),))
        profile = ChargingProfile(purpose="TxDefaultProfile", schedules=(schedule,))
        answer = await agent.operate(name, SetChargingProfile(evse_id=1, profile=profile))
        assert answer.problem is None, answer
        await station.wait_for(lambda it: it.charger.evses[1].power_w == 6_900, 20)
        async with asyncio.timeout(20):
            while (await agent.station(name))["evses"][0]["power_w"] != 6_900:
                await asyncio.sleep(0.05)
