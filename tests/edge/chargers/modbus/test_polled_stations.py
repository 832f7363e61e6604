"""Polled chargers as stations: events go to the site in their order, wishes to the poller in the device's own words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.fleet import Fleet
from edge.chargers.hardware import Hardware
from edge.chargers.modbus.desired import Desired
from edge.chargers.modbus.device import DeviceSettings
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.polled_stations import PolledEvse, PolledStation, PolledStations, desired_of
from edge.domain.events import SiteEvent, SiteReply
from edge.ports import CallFailed, OnReply, Overloaded
from firmware_sim.modbus.device import serving
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import (
    CommandAnswered,
    MeterValuesReported,
    StationConnected,
    StationDisconnected,
    SteeringReported,
)
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import UnlockConnector
from protocols.charger.operations.variables import Reset
from protocols.modbus import catalogue
from tests.kit import wait_until

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Site:
    """Takes events, while it has room."""

    def __init__(self) -> None:
        self.events: list[SiteEvent] = []
        self.is_full = False

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: Callable[[], bool] | None = None) -> None:
        if self.is_full:
            raise Overloaded
        self.events.append(event)

    async def ask(self, event: SiteEvent) -> SiteReply:
        raise NotImplementedError


def polled(site: Site, profile: str = "keba_p30_p40", address: str = "tcp://127.0.0.1:1") -> PolledStations:
    stations = PolledStations(site, ModbusMetrics(CollectorRegistry()), clock=lambda: NOW, is_well=lambda: True)
    stations.add(
        PolledStation(
            address=address,
            parsed=catalogue.parsed(profile),
            settings=DeviceSettings(device_id="K1"),
            evses=(PolledEvse(evse_id=1, number=1, max_power_w=11_000),),
        )
    )
    return stations


def limit(limit_w: float, evse_id: int = 1) -> ChargerCommand:
    schedule = ChargingSchedule(rate_unit="W", periods=(SchedulePeriod(start_s=0, limit=limit_w),))
    profile = ChargingProfile(purpose="TxDefaultProfile", schedules=(schedule,))
    operation = SetChargingProfile(evse_id=evse_id, profile=profile)
    return ChargerCommand(command_id="c", station_id="K1", operation=operation)


@pytest.mark.parametrize(
    ("profile", "limit_w", "desired"),
    [
        ("keba_p30_p40", 0, Desired(is_paused=True)),
        ("keba_p30_p40", 11_000, Desired(limit=16_000)),  # the rating: 16 A
        ("keba_p30_p40", 6_900, Desired(limit=10_000)),
        ("keba_p30_p40", 6_899, Desired(limit=9_998)),
        ("compleo_ebox_pro", 6_899, Desired(limit=6_899)),  # told in W
        ("alpitronic_hyc", 11_000, Desired(limit=11_000)),
    ],
)
def test_a_limit_in_the_words_of_the_device(profile: str, limit_w: int, desired: Desired) -> None:
    assert desired_of(catalogue.load(profile), limit_w, 11_000) == desired


def test_a_wish_waits_for_a_device_that_was_not_found_yet() -> None:
    site = Site()
    stations = polled(site, "keba_p30_p40")
    stations.send(limit(6_900))
    stations.send(limit(0, evse_id=7))
    assert site.events == []


def test_what_is_no_limit_is_refused() -> None:
    site = Site()
    polled(site).send(ChargerCommand(command_id="c1", station_id="K1", operation=Reset()))
    assert site.events == [
        CommandAnswered(
            station_id="K1",
            command_id="c1",
            is_accepted=False,
            detail="K1 is a Modbus charger: reset is for OCPP stations",
        )
    ]


def test_what_a_full_site_could_not_take_comes_later_in_its_order_and_readings_do_not() -> None:
    site = Site()
    stations = polled(site)
    site.is_full = True
    lost = StationDisconnected(station_id="K1")
    steered = SteeringReported(station_id="K1", evse_id=1, setpoint="x", is_followed=True)
    reading = MeterValuesReported(station_id="K1", evse_id=1, charger_transaction_id=None, samples=())
    for event in (lost, reading, steered):
        stations._tell(event)
    site.is_full = False
    stations._tell_waiting()
    assert site.events == [lost, steered]


async def test_each_command_goes_the_way_that_its_station_is_reached() -> None:
    site = Site()
    fleet = Fleet(site, ChargerMetrics(CollectorRegistry()))
    hardware = Hardware(fleet, polled(site))
    hardware.send(ChargerCommand(command_id="c1", station_id="K1", operation=Reset()))
    assert len(site.events) == 1
    hardware.send(ChargerCommand(command_id="c2", station_id="CP01", operation=Reset()))
    assert len(site.events) == 1
    assert "modbus" in hardware.status()
    assert hardware.status().keys() > fleet.status().keys()
    hardware.disconnect("K1", "for nothing")
    with pytest.raises(CallFailed, match="K1 is a Modbus charger: Reset is for OCPP stations"):
        await hardware.call("K1", "Reset", {}, 1.0)
    with pytest.raises(CallFailed, match="NotConnected"):
        await hardware.call("CP01", "Reset", {}, 1.0)


async def test_a_lock_is_opened_at_the_charger_and_one_that_is_not_there_is_told() -> None:
    async with serving("abb_terra_ac") as device:
        device.plug()
        assert device.outlet().is_locked
        site = Site()
        stations = polled(site, "abb_terra_ac", address=f"tcp://{device.host}:{device.port}")
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(stations.run())
            await wait_until(lambda: any(isinstance(event, StationConnected) for event in site.events))
            stations.send(limit(0))
            await wait_until(lambda: device.outlet().power_w == 0)  # while something flows, no charger lets it go
            for command_id, evse_id in (("c1", 1), ("c2", 7)):
                operation = UnlockConnector(evse_id=evse_id)
                stations.send(ChargerCommand(command_id=command_id, station_id="K1", operation=operation))
            await wait_until(lambda: len(answers(site)) == 2)
            running.cancel()
        assert not device.outlet().is_locked
        opened, unknown = answers(site)
        assert (opened.command_id, opened.is_accepted) == ("c1", True)
        assert (unknown.command_id, unknown.is_accepted, unknown.detail) == ("c2", False, "K1 has no EVSE 7")


def answers(site: Site) -> list[CommandAnswered]:
    return [event for event in site.events if isinstance(event, CommandAnswered)]
