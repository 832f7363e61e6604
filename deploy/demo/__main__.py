"""`make demo`: a broker, the hub, one site with eight charging stations and a speeded-up day, all on this machine.

With a terminal it opens the wall display (q ends everything). Without one, or with HEADLESS=1, it tells the day in
lines and exits 0 only if every bill of the edge is at the hub exactly once and equal.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tomllib
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from deploy.demo.processes import Child, ChildFailed, child, program
from deploy.demo.site import Site, running_site
from deploy.demo.story import Story
from deploy.demo.verify import compare_all, compare_with_chargers

ROOT: Final = Path(__file__).parent.parent.parent
SPEED: Final = 600.0
WAN_CUT_AFTER: Final = timedelta(hours=3)
WAN_CUT_FOR: Final = timedelta(hours=3)
DRAIN_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.5


def main() -> None:
    is_headless = os.environ.get("HEADLESS") == "1" or not (sys.stdin.isatty() and sys.stdout.isatty())
    try:
        sys.exit(asyncio.run(_until_signal(_demo(is_headless=is_headless))))
    except (ChildFailed, TimeoutError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        sys.exit(1)


async def _until_signal(demo: Coroutine[Any, Any, int]) -> int:
    """Run the demo; SIGINT and SIGTERM end it, and with it all it has started."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(demo)
        stopped = False

        def stop() -> None:
            nonlocal stopped
            stopped = True
            running.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        try:
            return await running
        except asyncio.CancelledError:
            if stopped:
                print("\nThe demo was stopped.", file=sys.stderr)
                return 130
            raise


async def _demo(*, is_headless: bool) -> int:
    folder = ROOT / ".run" / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print("Starting the broker, the hub and the edge ...", flush=True)
    async with running_site(folder, origin=_day_start() - timedelta(minutes=30), speed=SPEED) as site:
        if is_headless:
            return await _tell(site)
        return await _show(site)


def _day_start() -> datetime:
    scenario = resources.files("firmware_sim").joinpath("scenarios", "day.toml").read_text(encoding="utf-8")
    start: datetime = tomllib.loads(scenario)["start"]
    return start.astimezone(UTC)


# --- the wall display ---


async def _show(site: Site) -> int:
    """The wall display in this terminal until q, the day behind it."""
    async with _simulator(site) as _, asyncio.TaskGroup() as tasks:
        weather = tasks.create_task(_wan_weather(site, None))
        display = await asyncio.create_subprocess_exec(
            *(program("ohmstead-ui"), "bigscreen", "--edge", site.edge.local_url),
            *("--token-file", str(site.edge.token_file), "--timeline", str(site.timeline)),
        )
        try:
            code = await display.wait()
        finally:
            if display.returncode is None:
                display.terminate()
                await display.wait()
            weather.cancel()
    print(f"The demo has ended. Its logs are in {site.folder.relative_to(ROOT)}.")
    return code


@contextlib.asynccontextmanager
async def _simulator(site: Site) -> AsyncIterator[Child]:
    async with child(
        "simulator",
        *(program("ohmstead-sim"), "run", "day", "--edge", site.edge.ocpp_url),
        *("--timeline", str(site.timeline), "--events", str(site.folder / "events.jsonl")),
        *("--summary", str(site.folder / "summary.json")),
        log=site.folder / "simulator.log",
    ) as running:
        yield running


async def _wan_weather(site: Site, story: Story | None) -> None:
    """Three hours without the wide-area network."""
    cut_at = _day_start() + WAN_CUT_AFTER
    await site.sleep_until(cut_at)
    site.wan.cut()
    if story is not None:
        story.headline(cut_at, "THE WIDE-AREA NETWORK IS CUT. The hub hears nothing; charging and billing go on.")
    await site.sleep_until(cut_at + WAN_CUT_FOR)
    site.wan.heal()
    if story is not None:
        text = "THE WIDE-AREA NETWORK IS BACK. The edge sends what the hub has missed."
        story.headline(cut_at + WAN_CUT_FOR, text)


# --- the story ---


async def _tell(site: Site) -> int:
    story = Story(ZoneInfo("Europe/Berlin"))
    hub = site.hub.client
    curl = f"curl -s -H 'Authorization: Bearer {hub.key}' '{hub.url}/v1/cdrs?limit=3'"
    story.say(f"The hub is at {hub.url} (API: {hub.url}/docs). While the demo runs, try:\n\n  {curl}\n")
    story.say(f"Ten hours from 08:00 at eight charging stations, {SPEED:.0f} times as fast:\n")
    async with _simulator(site) as simulator, asyncio.TaskGroup() as tasks:
        weather = tasks.create_task(_wan_weather(site, story))
        await _follow(site, story, simulator)
        weather.cancel()
    if simulator.process.returncode:
        story.say(f"The simulator ended with status {simulator.process.returncode}:\n{simulator.tail()}")
        return 1
    return await _judge(site, story)


async def _follow(site: Site, story: Story, simulator: Child) -> None:
    """Tell what the chargers do and which bills come of it, until the simulator has ended its day."""
    events = site.folder / "events.jsonl"
    position = 0
    while True:
        is_over = simulator.has_ended
        site.edge.check()
        if events.exists():
            with events.open("rb") as file:
                file.seek(position)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    position += len(line)
                    story.event(line.decode())
        await _tell_bills(site, story)
        if is_over:
            return
        await asyncio.sleep(POLL_S)


async def _tell_bills(site: Site, story: Story) -> None:
    new = [cdr for cdr in site.edge.cdrs() if cdr.id not in story.told]
    if not new:
        return
    at_hub = {item["id"] for item in await site.hub.client.all("cdrs")}
    for cdr in new:
        story.told.add(cdr.id)
        story.bill(cdr, is_at_hub=cdr.id in at_hub)


async def _judge(site: Site, story: Story) -> int:
    """Compare the three accounts of the day."""
    cdrs = site.edge.cdrs()
    problems = await compare_all(site.edge, site.hub)
    for _ in range(int(DRAIN_TIMEOUT_S / POLL_S)):
        if not problems:
            break
        await asyncio.sleep(POLL_S)
        problems = await compare_all(site.edge, site.hub)
    summary = json.loads((site.folder / "summary.json").read_text(encoding="utf-8"))
    problems += compare_with_chargers(summary["transactions"], cdrs)
    total = sum(cdr.total_cost.incl_vat for cdr in cdrs)
    energy_wh = sum(cdr.total_energy_wh for cdr in cdrs)
    story.say(
        f"\nThe day is over: {len(summary['transactions'])} transactions by the chargers' account,"
        f" {len(cdrs)} bills at the edge, {energy_wh / 1000:.3f} kWh, {total} EUR."
    )
    if problems:
        story.say("\n".join(["SOMETHING IS WRONG:", *problems]))
        return 1
    story.say(
        "Every transaction is billed once, and every bill is at the hub exactly once and equal. Nothing is missing."
    )
    return 0


if __name__ == "__main__":
    main()
