"""The edge of the simulation: the agent, its ledger on a file and its uplink as they are, killed and started again."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.domain.rules import SiteRules
from edge.ledger.backup import back_up, put_back
from edge.ledger.day_sums import Summer, marks
from edge.ledger.ledger import Ledger
from edge.ledger.packing import Packer
from edge.ledger.restore import restore
from edge.ledger.rows import Rows
from edge.ledger.sealing import Sealer
from edge.ledger.sync_reading import sync_facts
from edge.ledger.trim import Retention, Trimmer
from edge.metrics import AgentMetrics
from edge.system_clock import SystemClock
from edge.uplink.metrics import UplinkMetrics
from edge.uplink.progress import Progress
from edge.uplink.settings import BrokerSettings, UplinkSettings
from edge.uplink.uplink import MqttUplink
from protocols.charger.commands import ChargerCommand
from protocols.sync.topics import EdgeAddress
from tests.simulation.process import Process
from tests.simulation.witness import Witness

EDGE_ID: Final = "edge-1"
ADDRESS: Final = EdgeAddress(0, EDGE_ID)
CLIENT_ID: Final = f"ohmstead-00-{EDGE_ID}"
BROKERS: Final = ("primary", "backup")
SETTINGS: Final = UplinkSettings(
    brokers=tuple(BrokerSettings(host=name) for name in BROKERS),
    live_active_s=43_200.0,
    resend_max_s=900.0,
    reconnect_max_s=1_800.0,
    probe_every_s=1_800.0,
    report_every_s=1_800.0,
)
RETENTION: Final = Retention(journal=timedelta(days=4), past_transactions=timedelta(days=90), waits_for_ack=True)
START_S: Final = 2.0


class WatchedLedger(Ledger):
    """Shows the witness what is on the disk after each commit."""

    witness: Witness

    def _write(self, rows: Rows) -> None:
        super()._write(rows)
        self.witness.look_at_ledger(self.connection, self.epoch)


class NoChargers:
    """The simulation's stations say things, and are told nothing."""

    def send(self, command: ChargerCommand) -> None:
        pass

    def status(self) -> dict[str, Any]:
        return {}


class EdgeSide:
    """`clock_off` is how wrong the box's wall clock is."""

    def __init__(
        self,
        folder: Path,
        rules: SiteRules,
        now: Callable[[], datetime],
        witness: Witness,
        new_process: Callable[[str, Callable[[str, bytes], None]], Process],
    ) -> None:
        self.path = folder / "ledger.sqlite"
        self.clock_off = timedelta()
        self.process: Process | None = None
        self.agent: Agent | None = None
        self.uplink: MqttUplink | None = None
        self.starts = 0
        self._copies = folder / "copies"
        self._copy: Path | None = None
        self._rules = rules
        self._now = now
        self._witness = witness
        self._new_process = new_process
        self._ledger: WatchedLedger | None = None
        self._registry = CollectorRegistry()

    def clock(self) -> datetime:
        return self._now() + self.clock_off

    @property
    def ledger(self) -> Ledger:
        assert self._ledger is not None
        return self._ledger

    @property
    def is_running(self) -> bool:
        return self.agent is not None and self.process is not None and not self.process.is_dead

    def start(self) -> None:
        """Open the ledger, read the site back, go on."""
        WatchedLedger.witness = self._witness
        ledger = self._ledger = WatchedLedger(self.path, EDGE_ID)
        self._witness.opened(ledger)
        ledger.forget_commands(self.clock())
        ledger.forget_jobs(self.clock())
        read_back = partial(restore, ledger, self._rules)
        registry = self._registry = CollectorRegistry()
        watch = SystemClock(
            monotonic_s=time.monotonic, is_synchronised=lambda: False, has_rtc=True, boot_id="the only boot"
        )
        again = partial(ledger.with_writer, read_back)
        agent = Agent(read_back(), ledger, self.clock, AgentMetrics(registry), again, watch)
        metrics = UplinkMetrics(registry)
        progress = Progress(partial(ledger.look, sync_facts), self.clock, datetime.date, metrics)
        uplink = MqttUplink(SETTINGS, ADDRESS, ledger, agent, agent, metrics, progress)
        agent.attach(chargers=NoChargers(), screens=None, uplink=uplink)
        self.starts += 1
        self.uplink = uplink
        process = self.process = self._new_process("edge", self._sends)
        process.start(self._main(agent, uplink, ledger))

    def _sends(self, topic: str, payload: bytes) -> None:
        self._witness.edge_sends(topic, payload)
        if self.uplink is not None:
            self._witness.look_at_window(self.uplink._publisher._streams)

    async def _main(self, agent: Agent, uplink: MqttUplink, ledger: Ledger) -> None:
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(agent.run(ready))
            await ready.wait()
            self.agent = agent
            tasks.create_task(uplink.run())
            tasks.create_task(Sealer(ledger, agent, self.clock).run())
            tasks.create_task(Summer(ledger, marks(ledger.connection), agent, self.clock, datetime.date).run())
            tasks.create_task(Packer(ledger, agent, self.clock).run())
            tasks.create_task(Trimmer(ledger, self.clock, RETENTION).run())

    async def stop(self) -> None:
        """What is left of a killed process: its file."""
        self.agent = None
        if faults := self._registry.get_sample_value("ohmstead_edge_uplink_faults_total"):
            self._witness.violated(f"{faults:.0f} sessions of the uplink ended by a fault of its own")
        self._registry = CollectorRegistry()
        if self.process is not None:
            self.process.kill("power")
            await self.process.ended()
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    # --- copies ---

    def back_up(self) -> None:
        """Somebody copies the ledger beside the running agent."""
        self._copy, _ = back_up(self.path, self._copies, self.clock() + timedelta(seconds=self.starts))

    def put_back(self) -> bool:
        """The disk is lost, and the last copy put in its place; to be called while the agent is stopped."""
        if self._copy is None:
            return False
        copy, self._copy = self._copy, None
        _in_thread(lambda: put_back(copy, self.path, EDGE_ID, self.clock(), is_foreign=False))
        return True

    def revert_to(self, saved: Path) -> None:
        """What no true disk may do: forget what it had on it."""
        for ending in ("-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        shutil.copy(saved, self.path)


def _in_thread(work: Callable[[], object]) -> None:
    """Do what runs an event loop of its own, and wait for it: nothing else happens meanwhile."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
