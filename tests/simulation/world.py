"""One run: an edge with its stations, a broker and a hub over simulated weeks, with the faults of its seed.

At the end everything is healed, and what was kept at the edge must be at the hub within a time that is stated here.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest import mock

from cloud.ingest import batches
from protocols.errors import BadEntry
from protocols.sync import codec
from tests.edge.domain.site_kit import START, new_site
from tests.simulation import client
from tests.simulation.ambient import ambient
from tests.simulation.broker import Network, SimulatedBroker
from tests.simulation.edge_side import BROKERS, EdgeSide
from tests.simulation.faults import DAY_S, FAULTS, Planned, focus_of, plan
from tests.simulation.hub_side import Database, HubSide
from tests.simulation.loop import SimulatedLoop
from tests.simulation.process import Process
from tests.simulation.stations import Stations
from tests.simulation.trace import Trace
from tests.simulation.witness import Witness

LASTS_S: Final = (3 * DAY_S, 15 * DAY_S)
DRAIN_S: Final = 4_000.0
"""From the healing to the last Ack: the longest back-off, a keepalive, an Ack's time-out and its longest doubling, half
an hour until somebody starts a killed hub again, and then round trips."""
BATCH_ENTRIES: Final = (1, 3)
"""In place of 500, drawn by the seed: so that a window is full with the entries of a day, or of hours."""
LOOK_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a run."""

    seed: int
    digest: str
    violations: tuple[str, ...]
    days: float
    faults: tuple[str, ...]
    sessions: int
    entries: int
    edge_starts: int
    turns: int
    drained_s: float
    lines: tuple[str, ...]
    met: dict[str, int]
    """How often the hub met what it is there to stand: gaps, duplicates, dead letters, an absent database."""


class EndedByItself(Exception):
    """A process that nobody killed."""


class World:
    """The parts, and who starts again what was killed."""

    def __init__(self, seed: int, folder: Path, database: Database, loop: SimulatedLoop) -> None:
        self.random = Random(seed)
        self.loop = loop
        self.trace = Trace(loop.time)
        self.network = Network(
            tuple(SimulatedBroker(name, loop, Random(self.random.getrandbits(64)), self.trace) for name in BROKERS)
        )
        self.witness = Witness(self.trace)
        self.edge = EdgeSide(folder, RULES, self.now, self.witness, self._new_process)
        hub_luck = Random(self.random.getrandbits(64))
        self.hub = HubSide(database, BROKERS, hub_luck, self.now, self.witness.hub_sends, self._new_process)
        self.stations = Stations(self.edge, Random(self.random.getrandbits(64)), self.now)
        self.is_copied = False
        self.wants_copy = False
        self.drained_s = 0.0
        self.on_edge_stopped: Callable[[], None] = lambda: None
        self._is_ending = False
        self._poisoned: dict[str, int] = {}

    def now(self) -> datetime:
        return START + timedelta(seconds=round(self.loop.time(), 3))

    def _new_process(self, name: str, sends: Callable[[str, bytes], None]) -> Process:
        return Process(name, self.trace, sends)

    async def run(self, lasts_s: float, planned: list[Planned]) -> None:
        self.witness.hub = self.hub.look()
        self.hub.start()
        self.edge.start()
        async with asyncio.TaskGroup() as tasks:
            keepers = [
                tasks.create_task(self._keep_edge(), name="keep-edge"),
                tasks.create_task(self._keep_hub(), name="keep-hub"),
            ]
            driving = tasks.create_task(self.stations.run(), name="stations")
            troubles = [tasks.create_task(self._trouble(each), name=each.kind) for each in planned]
            await asyncio.sleep(lasts_s)
            for trouble in troubles:
                trouble.cancel()
            self._heal()
            self.stations.is_open = False
            driving.cancel()
            await self._drain()
            self._is_ending = True
            for keeper in keepers:
                keeper.cancel()
        await self.edge.stop()
        await self.hub.stop()
        self.witness.hub.close()

    # --- faults ---

    async def _trouble(self, planned: Planned) -> None:
        await asyncio.sleep(planned.at_s)
        self.trace.note("world", "fault", planned.kind)
        await FAULTS[planned.kind](self, self.random)

    def poison(self, stream: str, after: int) -> None:
        """Of the entries of a stream that come now, one that the hub cannot take."""
        self._poisoned[stream] = after

    def _heal(self) -> None:
        self.trace.note("world", "healed")
        self.network.heal()
        self.hub.health.is_away = False
        self.hub.health.slow_s = self.hub.health.fails = self.hub.health.loses_answer = 0.0
        self.edge.clock_off = timedelta()
        self.wants_copy = False
        self._poisoned.clear()
        for side in (self.edge, self.hub):
            if side.process is not None:
                side.process.fuse = None

    async def _keep_edge(self) -> None:
        """Starts the edge again whenever it is gone, and puts a copy of its ledger there where that was lost."""
        while True:
            process = self.edge.process
            assert process is not None
            await process.ended()
            self._say_of_fault(process)
            await self.edge.stop()
            self.on_edge_stopped()
            if self.wants_copy and self.edge.put_back():
                self.trace.note("edge", "put back")
            self.wants_copy = False
            await asyncio.sleep(self.random.uniform(2, 600))
            self.edge.start()

    async def _keep_hub(self) -> None:
        while True:
            process = self.hub.process
            assert process is not None
            await process.ended()
            self._say_of_fault(process)
            await asyncio.sleep(self.random.uniform(2, 1_800))
            self.hub.start()

    def _say_of_fault(self, process: Process) -> None:
        """A process that ends by itself ends the run: started again it would do the same for simulated weeks."""
        if process.fault is not None and not self._is_ending:
            raise EndedByItself(f"the {process.name}: {_leaf(process.fault)!r}")

    # --- the end ---

    async def _drain(self) -> None:
        """Wait until all is told, as long as that may take."""
        healed_s = self.loop.time()
        while self.loop.time() - healed_s < DRAIN_S:
            await asyncio.sleep(LOOK_S)
            if self.edge.is_running and self.hub.is_running and not self.witness.behind(self.edge.ledger):
                self.drained_s = self.loop.time() - healed_s
                self._judge()  # at this very moment: in the next one the edge may keep something
                return
        behind = self.witness.behind(self.edge.ledger) if self.edge.is_running else "the edge is not there"
        self.witness.violated(f"not told within {DRAIN_S:.0f} s of healing: {behind}")
        self._judge()

    def _judge(self) -> None:
        if self.edge.is_running:
            self.witness.hold_against_hub(self.edge.ledger)
            self.witness.hold_bills()
        self.trace.note("world", "judged", len(self.witness.violations))

    # --- poison ---

    @contextlib.contextmanager
    def poisonous(self) -> Iterator[None]:
        """Makes chosen entries such that the hub cannot project them, each time that they come."""
        project = batches.project

        def troubled(entry: Any, origin: Any, changes: Any) -> None:
            identity = (origin.epoch, entry.stream.value, entry.seq)
            if identity not in self.witness.rejectable:
                left = self._poisoned.get(entry.stream.value)
                if left is not None:
                    self._poisoned[entry.stream.value] = left - 1
                    if left <= 1:
                        del self._poisoned[entry.stream.value]
                        self.witness.rejectable.add(identity)
                        self.trace.note("world", "poison", *identity[1:])
            if identity in self.witness.rejectable:
                raise BadEntry("poison") if entry.seq % 2 else ValueError("poison")
            project(entry, origin, changes)

        with mock.patch.object(batches, "project", troubled):
            yield


RULES: Final = new_site().rules


def play(
    seed: int, database: Database, planted: Callable[[World], Any] | None = None, focus: str | None = None
) -> Outcome:
    """Run a seed from beginning to end. `planted` is a context that breaks the product for this run; `focus` is what
    most troubles are, where that is not left to the seed."""
    random = Random(f"run {seed}")
    lasts_s = random.uniform(*LASTS_S)
    planned = plan(random, lasts_s, focus or focus_of(seed))
    loop = SimulatedLoop(Random(random.getrandbits(64)))
    database.renew()
    with tempfile.TemporaryDirectory(prefix="ohmstead-simulation-", dir=database.path.parent) as folder:
        world = World(seed, Path(folder), database, loop)
        stack = contextlib.ExitStack()
        with stack:
            session, hub = client.edge_session(world.network), client.hub_client(world.network)
            stack.enter_context(ambient(loop, Random(random.getrandbits(64)), session, hub))
            stack.enter_context(mock.patch.object(codec, "MAX_BATCH_ENTRIES", random.choice(BATCH_ENTRIES)))
            stack.enter_context(world.poisonous())
            if planted is not None:
                stack.enter_context(planted(world))
            try:
                loop.run_until_complete(_whole(world, lasts_s, planned, database))
            except Exception as error:
                world.witness.violated(f"the run broke off: {_leaf(error)!r}")
            finally:
                loop.close()
    gc.collect()
    return Outcome(
        seed=seed,
        digest=world.trace.digest(),
        violations=tuple(world.witness.violations),
        days=lasts_s / DAY_S,
        faults=tuple(each.kind for each in planned),
        sessions=world.stations.sessions,
        entries=len(world.witness.truth),
        edge_starts=world.edge.starts,
        turns=loop.turns,
        drained_s=world.drained_s,
        lines=tuple(world.trace.lines),
        met=world.hub.met(),
    )


async def _whole(world: World, lasts_s: float, planned: list[Planned], database: Database) -> None:
    try:
        await world.run(lasts_s, planned)
    finally:
        await database.engines.aclose()


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
