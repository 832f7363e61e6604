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
import subprocess
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from deploy.demo.hub_client import HubClient
from deploy.demo.processes import Child, ChildFailed, child, program
from deploy.demo.servers import start_broker
from deploy.demo.story import Story
from deploy.demo.verify import compare_with_chargers, compare_with_hub
from deploy.demo.wan import Wan, wan_link
from edge.ledger.reader import LedgerReader
from protocols.ocpi.cdr import Cdr
from protocols.timeline import Timeline

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
SPEED: Final = 600.0
WAN_CUT_AFTER: Final = timedelta(hours=3)
WAN_CUT_FOR: Final = timedelta(hours=3)
START_TIMEOUT_S: Final = 30.0
DRAIN_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.5
_EVER: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))


@dataclass(slots=True, kw_only=True)
class Site:
    """The running parts of the demo."""

    folder: Path
    timeline: Timeline
    hub: HubClient
    edge: Child
    wan: Wan
    ocpp_port: int
    local_port: int
    told: set[str] = field(default_factory=set)

    def now(self) -> datetime:
        return self.timeline.at(time.time())  # noqa: TID251 - the demo's own clock

    def cdrs(self) -> list[Cdr]:
        return list(LedgerReader(self.folder / "edge" / "ledger.sqlite").cdrs(*_EVER))


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
    async with _site(folder) as site:
        if is_headless:
            return await _tell(site)
        return await _show(site)


@contextlib.asynccontextmanager
async def _site(folder: Path) -> AsyncIterator[Site]:
    """Broker, hub, wide-area network and edge, each ready before the next one starts."""
    print("Starting the broker, the hub and the edge ...", flush=True)
    broker = start_broker()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(broker.close)
        start = _day_start()
        timeline = Timeline(origin=start - timedelta(minutes=30), anchor_s=time.time(), speed=SPEED)  # noqa: TID251
        environment = {"OHMSTEAD_TIMELINE": str(timeline)}
        hub_config = folder / "hub.toml"
        hub_config.write_text(
            f'data_dir = "{folder / "hub"}"\n[mqtt]\nport = {broker.port}\n[http]\nport = 0\n', encoding="utf-8"
        )
        hub_process = await stack.enter_async_context(
            child(
                "hub",
                program("ohmstead-cloud"),
                "run",
                "-c",
                str(hub_config),
                log=folder / "hub.log",
                environment=environment,
            )
        )
        url = await _hub_url(hub_process)
        key = _make_key(hub_config)
        hub = HubClient(url, key)
        stack.push_async_callback(hub.close)
        await _until(hub.is_ready, hub_process)
        wan = await stack.enter_async_context(wan_link("127.0.0.1", broker.port))
        edge, ports = await stack.enter_async_context(_edge(folder, wan.port, environment))
        yield Site(
            folder=folder,
            timeline=timeline,
            hub=hub,
            edge=edge,
            wan=wan,
            ocpp_port=ports["ocpp"],
            local_port=ports["local"],
        )


@contextlib.asynccontextmanager
async def _edge(
    folder: Path, broker_port: int, environment: dict[str, str]
) -> AsyncIterator[tuple[Child, dict[str, int]]]:
    config = folder / "edge.toml"
    shutil.copy(HERE / "edge.toml", config)
    command = program("ohmstead-edge")
    _run("tokens could not be imported", command, "tokens", "import", str(HERE / "tokens.csv"), "-c", str(config))
    environment = {**environment, "OHMSTEAD_EDGE_UPLINK__PORT": str(broker_port)}
    async with child(
        "edge", command, "run", "-c", str(config), log=folder / "edge.log", environment=environment
    ) as edge:
        listening = folder / "edge" / "listening.json"

        async def is_listening() -> bool:
            return listening.exists()

        await _until(is_listening, edge)
        yield edge, json.loads(listening.read_text(encoding="utf-8"))


def _day_start() -> datetime:
    scenario = resources.files("firmware_sim").joinpath("scenarios", "day.toml").read_text(encoding="utf-8")
    start: datetime = tomllib.loads(scenario)["start"]
    return start.astimezone(UTC)


async def _hub_url(hub: Child) -> str:
    """The hub says on its standard output where it listens."""
    found: list[str] = []

    async def is_told() -> bool:
        for line in hub.log.read_text(encoding="utf-8", errors="replace").splitlines():
            found.extend(
                word.strip("'\"") for word in line.replace("=", " ").split() if word.strip("'\"").startswith("http://")
            )
        return bool(found)

    await _until(is_told, hub)
    return found[0].rstrip("/")


def _make_key(hub_config: Path) -> str:
    options = ("--domain", "0", "--scope", "operate", "--quiet")
    return _run(
        "hub's key could not be made", program("ohmstead-cloud"), "key", "create", "-c", str(hub_config), *options
    )


def _run(problem: str, *command: str) -> str:
    """Run a command to its end and return what it printed. Raises ChildFailed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ChildFailed(f"the {problem}: {done.stderr}")
    return done.stdout.strip()


async def _until(is_ready: Callable[[], Awaitable[bool]], process: Child) -> None:
    async with asyncio.timeout(START_TIMEOUT_S):
        while not await is_ready():
            process.check()
            await asyncio.sleep(0.05)


# --- the wall display ---


async def _show(site: Site) -> int:
    """The wall display in this terminal until q, the day behind it."""
    async with _simulator(site) as _, asyncio.TaskGroup() as tasks:
        weather = tasks.create_task(_wan_weather(site, None))
        display = await asyncio.create_subprocess_exec(
            *(program("ohmstead-ui"), "bigscreen", "--edge", f"ws://127.0.0.1:{site.local_port}"),
            *("--token-file", str(site.folder / "edge" / "local.token")),
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
        *(program("ohmstead-sim"), "run", "day", "--edge", f"ws://127.0.0.1:{site.ocpp_port}"),
        *("--timeline", str(site.timeline), "--events", str(site.folder / "events.jsonl")),
        *("--summary", str(site.folder / "summary.json")),
        log=site.folder / "simulator.log",
    ) as running:
        yield running


async def _wan_weather(site: Site, story: Story | None) -> None:
    """Three hours without the wide-area network."""
    cut_at = _day_start() + WAN_CUT_AFTER
    await _sleep_until(site, cut_at)
    site.wan.cut()
    if story is not None:
        story.headline(cut_at, "THE WIDE-AREA NETWORK IS CUT. The hub hears nothing; charging and billing go on.")
    await _sleep_until(site, cut_at + WAN_CUT_FOR)
    site.wan.heal()
    if story is not None:
        text = "THE WIDE-AREA NETWORK IS BACK. The edge sends what the hub has missed."
        story.headline(cut_at + WAN_CUT_FOR, text)


async def _sleep_until(site: Site, at: datetime) -> None:
    await asyncio.sleep(max(0.0, site.timeline.real_s((at - site.now()).total_seconds())))


# --- the story ---


async def _tell(site: Site) -> int:
    story = Story(ZoneInfo("Europe/Berlin"))
    curl = f"curl -s -H 'Authorization: Bearer {site.hub.key}' '{site.hub.url}/v1/cdrs?limit=3'"
    story.say(f"The hub is at {site.hub.url} (API: {site.hub.url}/docs). While the demo runs, try:\n\n  {curl}\n")
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
    new = [cdr for cdr in site.cdrs() if cdr.id not in site.told]
    if not new:
        return
    at_hub = {item["id"] for item in await site.hub.all("cdrs")}
    for cdr in new:
        site.told.add(cdr.id)
        story.bill(cdr, is_at_hub=cdr.id in at_hub)


async def _judge(site: Site, story: Story) -> int:
    """Compare the three accounts of the day."""
    cdrs = site.cdrs()
    problems = compare_with_hub(cdrs, await site.hub.all("cdrs"))
    for _ in range(int(DRAIN_TIMEOUT_S / POLL_S)):
        if not problems:
            break
        await asyncio.sleep(POLL_S)
        problems = compare_with_hub(cdrs, await site.hub.all("cdrs"))
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
