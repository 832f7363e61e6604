"""Chargers that speak Modbus: a real agent runs their transactions, and every one ends in one exact bill."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from fractions import Fraction
from functools import partial
from pathlib import Path

from firmware_sim.modbus.device import Device, serving
from firmware_sim.modbus.misbehaviour import Kind
from protocols.ocpi.cdr import Cdr
from tests.journeys.lot import CARD, DEVICE, SPEED, WATCHDOG_S, Lot, lot_of
from tests.kit import wait_until


@contextlib.asynccontextmanager
async def a_lot(folder: Path, **profiles: str) -> AsyncIterator[Lot]:
    """An agent with chargers of these profiles, all living `SPEED` times as fast as we do."""
    async with contextlib.AsyncExitStack() as stack:
        devices = {
            station_id: await stack.enter_async_context(serving(profile, speed=SPEED, watchdog_s=WATCHDOG_S))
            for station_id, profile in profiles.items()
        }
        blocks = [
            DEVICE.format(id=station_id, port=device.port, profile=profiles[station_id])
            for station_id, device in devices.items()
        ]
        yield await stack.enter_async_context(lot_of(folder, devices, blocks, devices))


def is_paused(device: Device) -> bool:
    return device.outlet().limit == 0


def expect_exact(cdr: Cdr, began_wh: Fraction, ended_wh: Fraction) -> None:
    """The device counts in tenths of a watt-hour, the bill in whole ones."""
    assert abs(cdr.meter_start_wh - began_wh) < 1
    assert abs(cdr.meter_stop_wh - ended_wh) < 1
    assert cdr.total_energy_wh == cdr.meter_stop_wh - cdr.meter_start_wh
    assert cdr.total_cost.excl_vat == (cdr.total_energy_wh * cdr.lines[0].price / 1000).quantize(
        cdr.total_cost.excl_vat
    )


async def test_plug_card_charge_unplug_is_one_exact_bill(tmp_path: Path) -> None:
    async with a_lot(tmp_path, KEBA1="keba_p30_p40") as lot:
        device, began_wh = lot.devices["KEBA1"], lot.register_wh("KEBA1")
        device.plug()
        device.present_card(CARD)
        await lot.charged("KEBA1", 300)
        station = (await lot.stations())["KEBA1"]
        assert (station["vendor"], station["modbus"]["profile"]) == ("KEBA", "keba_p30_p40")
        assert station["evses"][0]["state"] == "charging"
        assert (await lot.status())["chargers"]["modbus"]["devices"]["connected"] == 1
        device.unplug()
        cdr = await lot.bill("KEBA1")
        expect_exact(cdr, began_wh, lot.register_wh("KEBA1"))
        assert (cdr.token_uid, cdr.contract_id, cdr.stop_reason) == (CARD, "C-1", "EVDisconnected")
        assert (await lot.status())["alarms"] == []


async def test_nothing_flows_before_a_token_is_accepted(tmp_path: Path) -> None:
    async with a_lot(tmp_path, KEBA1="keba_p30_p40") as lot:
        device = lot.devices["KEBA1"]
        await wait_until(lambda: not device.outlet().enabled)
        began_wh = lot.register_wh("KEBA1")
        device.plug()
        await wait_until(lambda: device.core.reads > 200)
        assert lot.register_wh("KEBA1") == began_wh
        assert not lot.edge.cdrs()


async def test_start_and_stop_on_the_command_line_where_there_is_no_reader(tmp_path: Path) -> None:
    async with a_lot(tmp_path, ALFEN1="alfen_eve") as lot:
        device = lot.devices["ALFEN1"]
        await wait_until(partial(is_paused, device))
        began_wh = lot.register_wh("ALFEN1")
        device.plug()
        await wait_until(lambda: lot.is_occupied("ALFEN1"))
        told = await lot.run("start", "ALFEN1*1", "--token", "APP-1")
        transaction_id = (await lot.bay("ALFEN1"))["transaction_id"]
        assert told == f"transaction {transaction_id} has begun"
        await lot.charged("ALFEN1", 200)
        listed = await lot.run("chargers")
        assert "charging" in listed
        assert f"Modbus alfen_eve tcp://127.0.0.1:{device.port}" in listed
        told = await lot.run("stop", "ALFEN1 bay")
        cdr = await lot.bill("ALFEN1")
        assert told == f"ended with {cdr.total_energy_wh} Wh"
        expect_exact(cdr, began_wh, lot.register_wh("ALFEN1"))
        assert (cdr.token_uid, cdr.stop_reason) == ("APP-1", "Remote")


async def test_the_agent_is_killed_mid_session_and_it_is_one_exact_bill(tmp_path: Path) -> None:
    async with a_lot(tmp_path, KEBA1="keba_p30_p40", ABB1="abb_terra_ac") as lot:
        keba, abb = lot.devices["KEBA1"], lot.devices["ABB1"]
        await wait_until(lambda: not keba.outlet().enabled and abb.outlet().limit == 0)
        began_wh = {station_id: lot.register_wh(station_id) for station_id in lot.devices}
        keba.plug()
        keba.present_card(CARD)
        abb.plug()
        await lot.start("ABB1", "APP-1")
        for station_id in lot.devices:
            await lot.charged(station_id, 250)
        await lot.edge.kill()
        await asyncio.sleep(0.5)  # the chargers go on by themselves
        await lot.edge.start()
        for station_id in lot.devices:
            await wait_until(partial(lot.is_online, station_id), 20)
            so_far_wh = int(lot.register_wh(station_id) - began_wh[station_id])
            await lot.charged(station_id, so_far_wh + 100)
        keba.unplug()
        expect_exact(await lot.bill("KEBA1"), began_wh["KEBA1"], lot.register_wh("KEBA1"))
        await lot.stop("ABB1")
        cdr = await lot.bill("ABB1")
        assert abs(cdr.total_energy_wh - (lot.register_wh("ABB1") - began_wh["ABB1"])) <= 1
        assert len(lot.edge.cdrs()) == 2


async def test_a_link_that_is_lost_and_a_power_cut_cost_nothing_and_nobody(tmp_path: Path) -> None:
    async with a_lot(tmp_path, KEBA1="keba_p30_p40") as lot:
        device, began_wh = lot.devices["KEBA1"], lot.register_wh("KEBA1")
        device.plug()
        device.present_card(CARD)
        await lot.charged("KEBA1", 150)
        device.misbehave(Kind.SILENCE, times=None)
        await wait_until(lambda: lot.is_lost("KEBA1"), 20)
        device.behave()
        await wait_until(lambda: lot.is_online("KEBA1"), 20)
        await lot.charged("KEBA1", 300)
        device.reboot()
        await lot.charged("KEBA1", 450)
        device.unplug()
        expect_exact(await lot.bill("KEBA1"), began_wh, lot.register_wh("KEBA1"))


async def test_a_vehicle_that_is_replaced_between_two_readings_is_another_bill(tmp_path: Path) -> None:
    async with a_lot(tmp_path, CHARX1="phoenix_charx") as lot:
        device, began_wh = lot.devices["CHARX1"], lot.register_wh("CHARX1")
        device.plug()
        device.present_card(CARD)
        await lot.charged("CHARX1", 300)
        replaced_wh = lot.register_wh("CHARX1")
        device.unplug()
        device.plug()
        device.present_card("B0B0B0B0")
        await wait_until(lambda: len(lot.edge.cdrs()) == 1, 20)
        (cdr,) = lot.edge.cdrs()
        assert (cdr.token_uid, cdr.stop_reason) == (CARD, "EVDisconnected")
        assert 300 <= cdr.total_energy_wh <= replaced_wh - began_wh + 1
        await wait_until(lambda: device.outlet().power_w == 0)
        assert (await lot.bay("CHARX1"))["transaction_id"] is None  # nobody knows that card
