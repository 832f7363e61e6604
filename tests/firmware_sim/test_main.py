"""The command line, as a process and in-process."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from firmware_sim.clock import unix_now_s
from firmware_sim.main import app
from tests.firmware_sim.csms import Csms

SHORT = """
description = "two chargers, three drivers, one outage"
seed = 3
start = 2026-03-02T08:00:00+01:00
duration_s = 1_500
[station_defaults]
password = "secret"
[[stations]]
id = "A"
ocpp = "1.6"
[[stations.evses]]
max_power_w = 22_000
[[stations]]
id = "B"
ocpp = "2.0.1"
[[stations.evses]]
max_power_w = 50_000
phases = 0
[[vehicles]]
name = "car"
battery_wh = 50_000
max_ac_power_w = 22_000
max_dc_power_w = 50_000
[[sessions]]
station = "A"
at_s = 60
id_token = "04A1B2C3D4E501"
vehicle = "car"
soc_percent = 20
energy_wh = 1_000
parked_s = 60
[[sessions]]
station = "A"
at_s = 600
id_token = "04A1B2C3D4E502"
vehicle = "car"
soc_percent = 20
[[sessions]]
station = "B"
at_s = 120
id_token = "04A1B2C3D4E503"
vehicle = "car"
soc_percent = 50
energy_wh = 2_000
parked_s = 0
leaves = "unplug"
card_first = true
[[faults]]
kind = "link_loss"
station = "B"
at_s = 200
for_s = 300
"""


async def run_sim(*arguments: str, interrupt_after: bytes | None = None) -> tuple[int, list[str], str]:
    """Run `ohmstead-sim`; with `interrupt_after`, SIGINT it once that text was on its stdout."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from firmware_sim.main import main; main()",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines = []
    async with asyncio.timeout(40):
        async for line in process.stdout:
            lines.append(line.decode().strip())
            if interrupt_after is not None and interrupt_after in line:
                process.send_signal(signal.SIGINT)
                interrupt_after = None
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, lines, errors.decode()


async def test_plays_tells_drains_and_sums_up(csms: Csms, tmp_path: Path) -> None:
    (tmp_path / "short.toml").write_text(SHORT)
    events, summary = tmp_path / "events.jsonl", tmp_path / "summary.json"
    code, lines, errors = await run_sim(
        "run",
        str(tmp_path / "short.toml"),
        *("--edge", csms.url, "--speed", "500", "--verbose"),
        *("--events", str(events), "--summary", str(summary), "--state", str(tmp_path / "state")),
    )
    assert (code, errors) == (0, "")
    body = json.loads(lines[-1])
    assert body == json.loads(summary.read_text())
    first, dc, unfinished = body["transactions"]
    assert (first["station"], first["meter_stop_wh"] - first["meter_start_wh"]) == ("A", 1_000)
    assert (dc["station"], dc["meter_stop_wh"] - dc["meter_start_wh"], dc["reason"]) == ("B", 2_000, "EVDisconnected")
    assert unfinished["reason"] == "EVDisconnected"  # the day was over before the car was full
    assert all(each["acknowledged_start"] and each["acknowledged_stop"] for each in body["transactions"])
    assert (body["undelivered"], body["never_accepted"]) == ({}, [])
    assert body["timeline"].startswith("2026-03-02T07:00:00Z@")
    told: list[dict[str, Any]] = [json.loads(line) for line in events.read_text().splitlines()]
    whats = {each["what"] for each in told}
    assert {"connected", "booted", "plugged", "authorized", "transaction_started"} <= whats
    assert {"queued", "replayed", "disconnected", "transaction_ended", "unplugged"} <= whats
    everything = "\n".join(lines[:-1]) + events.read_text()
    assert "04A1B2C3D4E5" not in everything
    assert "secret" not in everything
    assert sorted(each.name for each in (tmp_path / "state").iterdir()) == ["A.json", "B.json"]


async def test_says_so_when_not_everything_was_delivered(tmp_path: Path) -> None:
    (tmp_path / "short.toml").write_text(SHORT)
    code, lines, _ = await run_sim(
        "run", str(tmp_path / "short.toml"), "--edge", "ws://127.0.0.1:9", "--speed", "5000", "--drain-s", "0.2"
    )
    body = json.loads(lines[-1])
    assert code == 1
    assert body["never_accepted"] == ["A", "B"]


async def test_an_interrupt_ends_it_cleanly_and_quickly(csms: Csms) -> None:
    arguments = ("run", "day", "--edge", csms.url, "--speed", "60", "--verbose", "--stations", "CP01,CP03")
    code, lines, errors = await run_sim(*arguments, interrupt_after=b"booted")
    assert (code, errors) == (130, "")
    assert json.loads(lines[-1])["finished"] == 0
    async with asyncio.timeout(5):
        await csms.wait_for(lambda it: not it.peers)


async def test_takes_the_timeline_it_is_given(csms: Csms) -> None:
    timeline = f"2030-01-01T00:00:00Z@{unix_now_s()!r}x1000"
    code, lines, _ = await run_sim("run", "one", "--edge", csms.url, "--timeline", timeline, "--speed", "3")
    assert code == 0
    body = json.loads(lines[-1])
    assert body["timeline"] == timeline
    assert body["transactions"][0]["started_at"].startswith("2030-01-01T0")


def test_list_and_plan() -> None:
    listed = CliRunner().invoke(app, ["list"])
    assert listed.exit_code == 0
    assert listed.output.startswith("day ")
    planned = CliRunner().invoke(app, ["plan", "day"])
    assert planned.exit_code == 0
    assert "CP02 power_failure for 900 s" in planned.output
    assert "04A1B2C3D4E5" not in planned.output


def test_mistakes_are_told_in_words() -> None:
    for arguments in (
        ["plan", "nowhere"],
        ["run", "day", "--edge", "localhost:9000"],
        ["run", "day", "--edge", "ws://x", "--timeline", "soon"],
        ["run", "day", "--edge", "ws://x", "--stations", "CP99"],
        ["run", "day", "--edge", "ws://x", "--passwords", "/nowhere"],
        ["run", "day", "--edge", "ws://x", "--events", "/nowhere/at/all"],
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2, arguments
        assert "Traceback" not in result.output
