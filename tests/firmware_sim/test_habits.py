"""The habits that are not about frames, over a real socket; and scenarios that name them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call as call16

from firmware_sim import scenario as scenarios
from firmware_sim.habits import Habit
from firmware_sim.messages import Phase
from firmware_sim.settings import OcppVersion, OfflineAuthorize
from protocols.errors import BadText
from tests.firmware_sim.csms import Csms
from tests.firmware_sim.playbook import CARD, car, spec
from tests.firmware_sim.test_fleet import begin, fleet_of

versions = pytest.mark.parametrize("version", [OcppVersion.V16, OcppVersion.V201])


def misbehaving(version: OcppVersion, *habits: Habit, **changed: Any) -> Any:
    return spec(version, habits=frozenset(habits), offline_authorize=OfflineAuthorize.ANY, **changed)


async def charge_offline(station: Any, csms: Csms) -> None:
    """A whole session while the line is down, told when it is up again."""
    await station.connect()
    station.link_cut()
    station.plug(1, car())
    station.present(1, CARD)
    await station.wait_for(lambda it: any(each.phase is Phase.UPDATED for each in it.outbox.durable))
    station.unplug(1)
    csms.heard.clear()
    station.link_up()


def transaction_steps(csms: Csms) -> list[Any]:
    names = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")
    return [each for each in csms.heard if each.action in names]


@versions
async def test_a_burst_waits_for_no_answer(csms: Csms, version: OcppVersion) -> None:
    """The CSMS answers nothing of the burst before it has heard all of it."""
    async with fleet_of(csms, misbehaving(version, Habit.BURST), speed=600) as fleet:
        station = fleet["CP01"]
        await charge_offline(station, csms)
        waiting = len(station.outbox.durable)
        assert waiting >= 3
        assert await fleet.drain(10)
        assert len(transaction_steps(csms)) >= waiting - 1  # 1.6 has no word for one of them
        assert fleet.transactions()[0]["acknowledged_stop"]


async def test_events_out_of_order(csms: Csms) -> None:
    async with fleet_of(csms, misbehaving(OcppVersion.V201, Habit.OUT_OF_ORDER), speed=600) as fleet:
        await charge_offline(fleet["CP01"], csms)
        assert await fleet.drain(10)
    numbers = [each.payload["seqNo"] for each in csms.of("TransactionEvent")]
    assert numbers[:2] == [1, 0]
    assert sorted(numbers) == list(range(len(numbers)))


@versions
async def test_a_baseline_of_zero_after_an_offline_start(csms: Csms, version: OcppVersion) -> None:
    async with fleet_of(csms, misbehaving(version, Habit.ZERO_BASELINE), speed=600) as fleet:
        await charge_offline(fleet["CP01"], csms)
        assert await fleet.drain(10)
        assert fleet.transactions()[0]["meter_start_wh"] == 1_000  # the charger's own account stays right
    first = transaction_steps(csms)[0].payload
    if version is OcppVersion.V16:
        assert first["meterStart"] == 0
    else:
        assert first["meterValue"][0]["sampledValue"][0]["value"] == 0


async def test_a_start_that_comes_twice(csms: Csms) -> None:
    async with fleet_of(csms, misbehaving(OcppVersion.V16, Habit.DUPLICATE_START)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        await csms.wait_for(lambda it: len(it.of("StartTransaction")) == 2)
        first, second = csms.of("StartTransaction")
        assert first.payload == second.payload
        assert first.unique_id != second.unique_id


async def test_no_pong_ever(csms: Csms) -> None:
    async with fleet_of(csms, misbehaving(OcppVersion.V16, Habit.NO_PONG)) as fleet:
        await fleet["CP01"].connect()
        pong = await csms.peers["CP01"]._connection.ping()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await pong
        await fleet["CP01"].call("Heartbeat")  # and it lives


async def test_no_boot_after_a_restart(csms: Csms) -> None:
    async with fleet_of(csms, misbehaving(OcppVersion.V16, Habit.NO_BOOT)) as fleet:
        station = fleet["CP01"]
        for told in (3, 6):
            await station.connect()
            await csms.wait_for(lambda it, told=told: len(it.of("StatusNotification")) == told)
            station.power_cut()
        assert csms.of("BootNotification") == []


async def test_it_takes_requests_and_never_answers(csms: Csms) -> None:
    async with fleet_of(csms, misbehaving(OcppVersion.V16, Habit.MUTE)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        csms.peers["CP01"]._response_timeout = 0.3
        with pytest.raises(TimeoutError):
            await csms.peers["CP01"].call(call16.ChangeAvailability(connector_id=1, type="Inoperative"))
        assert not station.charger.evses[1].operative  # it did what it was asked, and says nothing


async def test_too_many_questions_bring_it_down(csms: Csms) -> None:
    async with fleet_of(csms, misbehaving(OcppVersion.V16, Habit.FRAIL), speed=20) as fleet:
        await fleet["CP01"].connect()
        peer = csms.peers["CP01"]
        for _ in range(3):
            await peer.call(call16.GetConfiguration(key=["HeartbeatInterval"]))
        assert len(csms.of("BootNotification")) == 1
        await peer.call(call16.GetConfiguration(key=["HeartbeatInterval"]))
        await csms.wait_for(lambda it: len(it.of("BootNotification")) == 2)


async def test_the_old_socket_stays_open_beside_the_new_one(csms: Csms) -> None:
    async with fleet_of(csms, misbehaving(OcppVersion.V16, Habit.STALE_SOCKET)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        old = csms.peers["CP01"]
        station.link_cut()
        station.link_up()
        await csms.wait_for(lambda it: it.peers["CP01"] is not old)
        await station.connect()
        assert csms.closes == []


async def test_paths(csms: Csms) -> None:
    habits = (Habit.TRAILING_SLASH, Habit.ENCODED_PATH)
    async with fleet_of(csms, misbehaving(OcppVersion.V16, *habits)) as fleet:
        await fleet["CP01"].connect()
    assert csms.paths == ["/%43%50%30%31/"]


async def test_a_register_that_begins_anew(csms: Csms) -> None:
    async with fleet_of(csms, spec(), speed=600) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await begin(station)
        await station.wait_for(lambda it: it.charger.evses[1].meter.register_wh > 1_000)
        station.reset_register(1)
        station.unplug(1)
        assert await fleet.drain(10)
    assert int(csms.of("StopTransaction")[0].payload["meterStop"]) < 1_000


def test_scenarios_name_them() -> None:
    text = """
duration_s = 60
[[stations]]
id = "CP01"
ocpp = "2.1"
misbehaves = ["no_zone", "burst"]
iso15118 = true
[[stations.evses]]
max_power_w = 11000
"""
    (station,) = scenarios.parse(text, "one").stations
    assert station.habits == {Habit.NO_ZONE, Habit.BURST}
    assert (station.ocpp, station.has_iso15118) == (OcppVersion.V21, True)
    with pytest.raises(BadText, match="'clumsy' is no misbehaviour; there are long_serial"):
        scenarios.parse(text.replace("burst", "clumsy"), "one")


def test_the_readme_names_each() -> None:
    readme = (Path(__file__).parents[2] / "firmware-sim" / "README.md").read_text()
    assert [each for each in Habit if f"`{each}`" not in readme] == []
