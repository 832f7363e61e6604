"""`make demo`: a broker, the hub, one site with ten charging stations and a speeded-up day, all on this machine.

Eight of the stations speak OCPP; two, and the meter of the site's feeder, are polled over Modbus. With a terminal it
opens the wall display (q ends everything). Without one, or with HEADLESS=1, it tells the day in lines and exits 0 only
if every bill of the edge is at the hub exactly once and equal, the bills are what the chargers counted, and the feeder
gave as much.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from deploy.demo.day import Day, a_day, day_start, scenario_of_the_day
from deploy.demo.drivers import Polled, polled_devices
from deploy.demo.processes import ChildFailed, program
from deploy.demo.site import Site, running_site
from deploy.demo.story import Story
from firmware_sim.scenario import Scenario
from firmware_sim.story import silent

ROOT: Final = Path(__file__).parent.parent.parent
SPEED: Final = 600.0
WAN_CUT_AFTER: Final = timedelta(hours=3)
WAN_CUT_FOR: Final = timedelta(hours=3)
POLL_S: Final = 0.5


def main() -> None:
    is_headless = os.environ.get("HEADLESS") == "1" or not (sys.stdin.isatty() and sys.stdout.isatty())
    code = 1
    try:
        code = asyncio.run(_until_signal(_demo(is_headless=is_headless)))
    except* (ChildFailed, TimeoutError) as errors:
        for error in _single(errors):
            print(f"\nThe demo failed: {error}", file=sys.stderr)
    sys.exit(code)


def _single(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Those within, however deep."""
    within = (_single(each) if isinstance(each, BaseExceptionGroup) else [each] for each in errors.exceptions)
    return [each for several in within for each in several]


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
    logging.basicConfig(filename=folder / "simulator.log", level=logging.WARNING)  # the terminal is the display's
    print("Starting the broker, the hub and the edge ...", flush=True)
    scenario = scenario_of_the_day()
    origin = day_start(scenario) - timedelta(minutes=30)
    async with (
        polled_devices(SPEED) as polled,
        running_site(folder, origin=origin, speed=SPEED, polled=polled.settings) as site,
    ):
        return await (_tell if is_headless else _show)(site, polled, scenario)


# --- the wall display ---


async def _show(site: Site, polled: Polled, scenario: Scenario) -> int:
    """The wall display in this terminal until q, the day behind it."""
    async with a_day(site, polled, scenario, silent, lambda *_: None) as day, asyncio.TaskGroup() as tasks:
        weather = tasks.create_task(_wan_weather(day, None))
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


async def _wan_weather(day: Day, story: Story | None) -> None:
    """Three hours without the wide-area network."""
    cut_at = day.begin + WAN_CUT_AFTER
    await day.site.sleep_until(cut_at)
    day.site.wan.cut()
    if story is not None:
        story.headline(cut_at, "THE WIDE-AREA NETWORK IS CUT. The hub hears nothing; charging and billing go on.")
    await day.site.sleep_until(cut_at + WAN_CUT_FOR)
    day.site.wan.heal()
    if story is not None:
        text = "THE WIDE-AREA NETWORK IS BACK. The edge sends what the hub has missed."
        story.headline(cut_at + WAN_CUT_FOR, text)


# --- the story ---


async def _tell(site: Site, polled: Polled, scenario: Scenario) -> int:
    story = Story(ZoneInfo("Europe/Berlin"))
    hub = site.hub.client
    curl = f"curl -s -H 'Authorization: Bearer {hub.key}' '{hub.url}/v1/cdrs?limit=3'"
    story.say(f"The hub is at {hub.url} (API: {hub.url}/docs). While the demo runs, try:\n\n  {curl}\n")
    async with a_day(site, polled, scenario, story.note, story.line) as day, asyncio.TaskGroup() as tasks:
        story.say(
            f"Ten hours from {story.time(day.begin)} at ten charging stations, two of them on Modbus,"
            f" {SPEED:.0f} times as fast:\n"
        )
        weather = tasks.create_task(_wan_weather(day, story))
        while not day.playing.done():
            await _tell_bills(site, story)
            await asyncio.wait([day.playing], timeout=POLL_S)
        weather.cancel()
        problems = await day.problems()
        await _tell_bills(site, story)
        return _judge(day, story, problems)


async def _tell_bills(site: Site, story: Story) -> None:
    site.edge.check()
    new = [cdr for cdr in site.edge.cdrs() if cdr.id not in story.told]
    if not new:
        return
    at_hub = {item["id"] for item in await site.hub.client.all("cdrs")}
    for cdr in new:
        story.told.add(cdr.id)
        story.bill(cdr, is_at_hub=cdr.id in at_hub)


def _judge(day: Day, story: Story, problems: list[str]) -> int:
    """The exit code, after the accounts of the day were compared."""
    cdrs = day.site.edge.cdrs()
    total = sum(cdr.total_cost.incl_vat for cdr in cdrs)
    energy_wh = sum(cdr.total_energy_wh for cdr in cdrs)
    story.say(
        f"\nThe day is over: {day.transactions} transactions by the chargers' account,"
        f" {len(cdrs)} bills at the edge, {energy_wh / 1000:.3f} kWh, {total} EUR."
    )
    if problems:
        story.say("\n".join(["SOMETHING IS WRONG:", *problems]))
        return 1
    story.say(
        "Every transaction is billed once, and every bill is at the hub exactly once and equal.\n"
        "What the feeder's meter shows is what is billed and what the house took. Nothing is missing."
    )
    return 0


if __name__ == "__main__":
    main()
