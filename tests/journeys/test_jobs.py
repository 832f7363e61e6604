"""A fleet gets new firmware, brings its logs and takes a template: ordered at the hub, done by living chargers."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.demo.processes import program
from deploy.demo.servers import free_port
from deploy.demo.site import Site
from firmware_sim import scenario as scenarios
from tests.journeys.harness import SCENARIOS, a_site, fleet_at
from tests.kit import wait_until

STATIONS = ("CP01", "CP03")
"""One of OCPP 1.6, one of 2.0.1."""
IMAGE = b"OHMSTEAD-FIRMWARE 9.9.1\n" + bytes(number % 253 for number in range(400_000))


async def at_the_desk(site: Site, settings: dict[str, str], *command: str) -> str:
    """`ohmstead-edge` on the site's own machine."""
    process = await asyncio.create_subprocess_exec(
        *(program("ohmstead-edge"), *command, "-c", str(site.edge.config)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **settings},
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    return told.decode()


async def done(site: Site, job: dict[str, Any], stations: Sequence[str] = STATIONS) -> list[dict[str, Any]]:
    """Order a job at the hub; the stations of it once it has ended."""
    command = await site.hub.client.post(
        "jobs?wait_s=30", edge_id="demo-site", job=job, station_ids=list(stations), expires_in_s=3600
    )
    assert command["status"] == "accepted", command
    job_id = command["result"]["job_id"]

    async def is_over() -> bool:
        return any(each["id"] == job_id for each in await site.hub.client.all("jobs", status="ended"))

    await wait_until(is_over, 60)
    return await site.hub.client.all(f"jobs/{job_id}/stations")


async def test_firmware_logs_and_a_template(tmp_path: Path) -> None:
    port = free_port()
    settings = {
        "OHMSTEAD_EDGE_FILES__PUBLIC_URL": f"http://127.0.0.1:{port}",
        "OHMSTEAD_EDGE_FILES__PORT": str(port),
        "OHMSTEAD_EDGE_DEVICE_MODEL__SETTLE_S": "0",
    }
    day = scenarios.load(str(SCENARIOS / "busy.toml"))
    async with a_site(tmp_path, speed=20.0, **settings) as site, fleet_at(site, day, tmp_path / "chargers") as fleet:
        for station_id in STATIONS:
            await fleet[station_id].connect()

        async def are_here() -> bool:
            online = {
                each["station_id"] for each in await site.hub.client.all("charging-stations") if each["is_online"]
            }
            return set(STATIONS) <= online

        await wait_until(are_here, 20)
        image = tmp_path / "image.bin"
        image.write_bytes(IMAGE)
        what = ("--vendor", "*", "--model", "*", "--version", "9.9.1")
        file_id = (await at_the_desk(site, settings, "files", "add", str(image), *what)).split(":")[0]

        steps = await done(site, {"job": "update_firmware", "file_id": file_id})
        assert [(step["status"], step["detail"]) for step in steps] == [("done", "9.9.1 is there")] * 2, steps
        known = {
            each["station_id"]: each["firmware_version"] for each in await site.hub.client.all("charging-stations")
        }
        assert [known[station_id] for station_id in STATIONS] == ["9.9.1", "9.9.1"]

        logs = await done(site, {"job": "get_log"})
        assert [step["status"] for step in logs] == ["done", "done"], logs
        for step in logs:
            path = site.edge.data / "files" / "uploads" / step["result"]["file"]
            assert path.stat().st_size == step["result"]["size_bytes"] > 0

        setting = {"name": {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval"}, "value": "137"}
        rows = await done(site, {"job": "apply_template", "name": "fleet", "settings": [setting]})
        for step in rows:
            (row,) = step["result"]["variables"]
            assert (row["status"], row["read"], row["is_equal"]) == ("Accepted", "137", True), rows
        variables = await site.hub.client.all("variables", variable="HeartbeatInterval", value="137")
        assert {each["station_id"] for each in variables} == set(STATIONS)
