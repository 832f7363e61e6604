"""A site of chargers that do what chargers in the field do wrong, one habit each, all at once: whoever charged is
billed once, and a bill that is issued is right."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from edge.chargers.credentials import hash_password
from firmware_sim.fleet import Fleet
from firmware_sim.habits import Habit
from firmware_sim.messages import Note
from firmware_sim.settings import EvseSpec, OcppVersion, OfflineAuthorize, StationSpec
from firmware_sim.station import Pace, Station
from firmware_sim.vehicle import Vehicle
from protocols.timeline import Timeline
from tests.edge.conformance.running_agent import PASSWORD, RunningAgent, running_agent, token_of
from tests.kit import wait_until

SPEED: Final = 60.0
"""Ten minutes of charging in ten seconds; readings every minute."""
CHARGED_WH: Final = 1_500

OFFLINE: Final = frozenset({Habit.ZERO_BASELINE, Habit.BURST, Habit.OUT_OF_ORDER})
"""Habits that show when a session was queued."""
SUSPECT: Final = frozenset(
    {
        Habit.ZERO_BASELINE,
        Habit.WH_AS_KWH,
        Habit.KWH_AS_WH,
        Habit.LOCAL_AS_Z,
        Habit.YEAR_1970,
        Habit.YEAR_2099,
        Habit.ZERO_TIMESTAMP,
        Habit.OUT_OF_ORDER,
    }
)
"""A person may have to look at these; all others are billed as if nothing were wrong."""
ONLY_16: Final = frozenset(
    {Habit.TRANSACTION_ZERO, Habit.TRANSACTION_MINUS_ONE, Habit.TRANSACTION_MISSING, Habit.UNKNOWN_STOP}
)
ONLY_201: Final = frozenset({Habit.SEQ_ZERO_AT_END, Habit.OUT_OF_ORDER})
LATER: Final = frozenset({Habit.NO_SUBPROTOCOL})
"""Refused unless the station's settings name a version: tried where those are."""

Chargers = dict[str, tuple[OcppVersion, Habit]]


def station_id(version: OcppVersion, habit: Habit) -> str:
    number = list(Habit).index(habit)
    return f"{version.value.removeprefix('ocpp').replace('.', '')}-{number:02d}"


def chosen() -> list[tuple[OcppVersion, Habit]]:
    """Every habit in every version that can have it."""
    found = [(OcppVersion.V16, habit) for habit in Habit if habit not in ONLY_201 | LATER]
    return found + [(OcppVersion.V201, habit) for habit in Habit if habit not in ONLY_16 | LATER]


async def session(station: Station, habit: Habit) -> None:
    """One session of that many watt-hours, with a lost line where the habit needs one."""
    await station.connect(30)
    if habit in OFFLINE:
        station.link_cut()
    car = Vehicle.at_percent(20, battery_wh=60_000, energy_wh=CHARGED_WH)
    station.plug(1, car)
    station.present(1, token_of(station.spec.station_id))
    await station.wait_for(lambda it: it.charger.evses[1].power_w > 0, 20)
    if habit is Habit.STALE_SOCKET:
        station.link_cut()
        station.link_up()
    await station.wait_for(lambda it: it.charger.evses[1].full_at is not None, 40)
    station.unplug(1)
    station.link_up()
    await station.wait_for(lambda it: it.is_drained and not it.outbox, 30)


async def play(folder: Path, chargers: Chargers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all of them charge against an agent of their own; fails with everything that is not right in the end."""
    origin = datetime(2026, 3, 2, 7, tzinfo=UTC)
    timeline = Timeline(origin=origin, anchor_s=time.time(), speed=SPEED)  # noqa: TID251  the anchor of this run
    monkeypatch.setenv("OHMSTEAD_TIMELINE", str(timeline))
    specs = [_spec(name, version, habit) for name, (version, habit) in chargers.items()]
    with running_agent(folder, chargers) as agent:
        url = f"ws://127.0.0.1:{agent.ocpp_port}"
        async with Fleet(specs, edge_url=url, timeline=timeline, pace=Pace(call_floor_s=10)) as fleet:
            async with asyncio.TaskGroup() as tasks:
                for name, (_, habit) in chargers.items():
                    tasks.create_task(session(fleet[name], habit))

            def problems() -> list[str]:
                return [
                    f"{name} {habit}: {problem}"
                    for name, (_, habit) in chargers.items()
                    for problem in wrong(agent, fleet[name], habit)
                ]

            with contextlib.suppress(TimeoutError):
                await wait_until(lambda: not problems(), 15)
            assert problems() == []


def _spec(name: str, version: OcppVersion, habit: Habit) -> StationSpec:
    evses = tuple(EvseSpec(evse_id=number, max_power_w=11_000, odometer_wh=500_000) for number in (1, 2))
    return StationSpec(
        station_id=name,
        ocpp=version,
        serial="OS-1",
        password=PASSWORD,
        offline_authorize=OfflineAuthorize.ANY,
        sample_interval_s=60,
        evses=evses,
        habits=frozenset({habit}),
    )


async def test_every_habit_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everyone = {station_id(*each): each for each in chosen()}
    await play(tmp_path, everyone, monkeypatch)


def wrong(agent: RunningAgent, station: Station, habit: Habit) -> list[str]:
    """What is not as it should be, of the only transaction of this station."""
    (told,) = station.transactions()
    charged_wh = told["meter_stop_wh"] - told["meter_start_wh"]
    bills = agent.bills(station.spec.station_id)
    if len(bills) != 1:
        return [f"{len(bills)} bills"]
    (bill,) = bills
    if bill.quarantine:
        return [] if habit in SUSPECT else [f"quarantined: {bill.quarantine}"]
    if bill.total_energy_wh != charged_wh:
        registers = f"{bill.meter_start_wh} to {bill.meter_stop_wh}"
        return [f"issued for {registers}, charged {told['meter_start_wh']} to {told['meter_stop_wh']}"]
    return []


async def test_a_station_that_names_no_version(tmp_path: Path) -> None:
    """It comes in where its settings say what it speaks, and is refused in words where they do not."""
    evses = '[{ id = 1, label = "one" }]'
    known = f'[[stations]]\nid = "KNOWN"\npassword_hash = "{hash_password(PASSWORD)}"\nevses = {evses}\n'
    known += 'default_version = "1.6"\n'
    refused: list[str] = []

    def tell(station: str, note: Note) -> None:
        if note.what == "connect_failed":
            refused.append(f"{station}: {note.detail['error']}")

    specs = [
        StationSpec(
            station_id=name,
            ocpp=OcppVersion.V16,
            password=PASSWORD,
            evses=(EvseSpec(evse_id=1, max_power_w=11_000),),
            habits=frozenset({Habit.NO_SUBPROTOCOL}),
        )
        for name in ("KNOWN", "OTHER")
    ]
    with running_agent(tmp_path, ["OTHER"], known) as agent:
        async with Fleet(specs, edge_url=f"ws://127.0.0.1:{agent.ocpp_port}", teller=tell) as fleet:
            await fleet["KNOWN"].connect(20)
            fleet["OTHER"].power_up()
            await wait_until(lambda: refused, 20)
    assert refused == ["OTHER: server rejected WebSocket connection: HTTP 400"]
