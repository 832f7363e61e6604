"""The machine's clocks side by side: what is told of them, and that it is decided before all else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.domain.clock_events import ClockLooked
from edge.domain.events import Ticked
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.ledger.sync_reading import sync_facts
from edge.metrics import AgentMetrics
from edge.system_clock import SystemClock, boottime_s, kernel_is_synchronised, machine_clock
from protocols.sync.clock import ClockQuality
from protocols.sync.codec import decode_entry
from protocols.sync.topics import Stream
from tests.edge.domain.site_kit import START, new_site


@dataclass
class Machine:
    """Its clocks are moved by hand."""

    monotonic_s: float = 1000.0
    wall: datetime = START
    is_synchronised: bool = True

    def pass_(self, seconds: float, step_s: float = 0.0, speed: float = 1.0) -> None:
        self.monotonic_s += seconds
        self.wall += timedelta(seconds=seconds * speed + step_s)

    def clock(self, speed: float = 1.0) -> SystemClock:
        return SystemClock(
            speed=speed,
            monotonic_s=lambda: self.monotonic_s,
            is_synchronised=lambda: self.is_synchronised,
            has_rtc=False,
            boot_id="boot-1",
        )


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_the_first_look_tells_and_then_only_what_has_parted(speed: float) -> None:
    machine = Machine()
    clock = machine.clock(speed)
    first = clock.look(machine.wall)
    assert first == ClockLooked(
        boot_id="boot-1", monotonic_ms=int(1_000_000 * speed), is_synchronised=True, has_rtc=False
    )
    machine.pass_(3600, speed=speed)
    assert clock.look(machine.wall) is None
    machine.pass_(1, step_s=0.9 * speed, speed=speed)
    assert clock.look(machine.wall) is None
    machine.pass_(1, step_s=0.2 * speed, speed=speed)  # slewing comes to a second, too
    assert clock.look(machine.wall) is not None
    assert clock.look(machine.wall) is None
    machine.pass_(1, step_s=-7200, speed=speed)
    assert clock.look(machine.wall) is not None


def test_the_kernel_is_asked_now_and_then_and_what_it_says_otherwise_is_told() -> None:
    machine = Machine()
    clock = machine.clock()
    assert clock.look(machine.wall) is not None
    machine.is_synchronised = False
    machine.pass_(5)
    assert clock.look(machine.wall) is None
    machine.pass_(6)
    looked = clock.look(machine.wall)
    assert looked is not None
    assert not looked.is_synchronised


def test_this_machine_answers() -> None:
    assert kernel_is_synchronised() in (True, False)
    looked = machine_clock(speed=1.0, is_played=False).look(START)
    assert looked is not None
    assert looked.boot_id
    assert 0 < looked.monotonic_ms <= boottime_s() * 1000 + 1
    played = machine_clock(speed=60.0, is_played=True).look(START)
    assert played is not None
    assert played.is_synchronised


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as opened:
        yield opened


async def kept(ledger: Ledger, machine: Machine) -> Agent:
    """An agent that decides one tick at a time."""
    site = restore(ledger, new_site().rules)
    clock = machine.clock()
    return Agent(site, ledger, lambda: machine.wall, AgentMetrics(CollectorRegistry()), watch=clock)


async def test_a_step_is_decided_before_what_is_decided_by_the_new_time(ledger: Ledger) -> None:
    machine = Machine(is_synchronised=False)
    agent = await kept(ledger, machine)
    await agent._work([(Ticked(), None, 0.0, None)])
    machine.pass_(10, step_s=7200)
    await agent._work([(Ticked(), None, 0.0, None)])
    rows = await ledger.read(Stream.EVENT, 0, 100, 1 << 20)
    told = [decode_entry(encoded) for _, encoded in rows]
    assert [entry.body.kind for entry in told] == ["clock_noted", "clock_noted", "alarm_raised"]
    assert [entry.at for entry in told[:2]] == [START, START + timedelta(seconds=7210)]


async def test_what_was_noted_is_known_after_a_start(ledger: Ledger) -> None:
    machine = Machine(is_synchronised=False)
    agent = await kept(ledger, machine)
    await agent._work([(Ticked(), None, 0.0, None)])
    machine.pass_(60, step_s=-7200)
    again = await kept(ledger, machine)
    await again._work([(Ticked(), None, 0.0, None)])
    noted = again.site.clock.noted
    assert noted is not None
    assert (noted.step_ms, noted.quality) == (-7_200_000, ClockQuality.STEPPED)
    facts = await ledger.look(sync_facts)
    assert facts.clock is not None
    assert (facts.clock.quality, facts.clock.noted_at) == (ClockQuality.STEPPED, machine.wall)
