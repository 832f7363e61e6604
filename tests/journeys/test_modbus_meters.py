"""The site's own meters over Modbus: a real agent reads them, shows what they show, and holds chargers against them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from edge.ledger.journal import read_entries
from firmware_sim.modbus.device import DeviceClock, serving
from firmware_sim.modbus.misbehaviour import Kind
from protocols.sync.blocks import TelemetryBlock
from protocols.sync.codec import decode_entry
from protocols.sync.topics import Stream
from tests.journeys.lot import DEVICE, SPEED, WATCHDOG_S, Lot, lot_of
from tests.kit import wait_until

METER = """
[[modbus]]
id = "{id}"
address = "tcp://127.0.0.1:{port}"
profile = "{profile}"
poll_s = 0.1
slow_poll_s = 0.5
lost_after_s = 1
role = "{role}"
"""
BEHIND = 'behind_station = "KEBA1"\nbehind_evse = 1\n'


@contextlib.asynccontextmanager
async def a_metered_lot(folder: Path) -> AsyncIterator[Lot]:
    """A charger, the meter behind it, the feeder's meter and an inverter. What charger and house take, less what
    the sun gives, flows through the feeder."""
    async with contextlib.AsyncExitStack() as stack:
        clock = DeviceClock(time.monotonic, SPEED)
        serve = partial(serving, clock=clock)
        keba = await stack.enter_async_context(serve("keba_p30_p40", watchdog_s=WATCHDOG_S))
        grid = await stack.enter_async_context(serve("janitza_umg"))
        bay = await stack.enter_async_context(serve("siemens_pac2200"))
        roof = await stack.enter_async_context(serve("sunspec_inverter"))
        grid.set_load(400, 300, 500)
        bay.set_load(0, 0, 0)
        roof.shine(6_000)
        bay.measure(keba)
        grid.measure(keba)
        grid.measure(roof)
        blocks = [
            DEVICE.format(id="KEBA1", port=keba.port, profile="keba_p30_p40"),
            METER.format(id="GRID", port=grid.port, profile="janitza_umg", role="feeder"),
            METER.format(id="BAY", port=bay.port, profile="siemens_pac2200", role="evse") + BEHIND,
            METER.format(id="ROOF", port=roof.port, profile="sunspec_inverter", role="pv"),
        ]
        devices = {"KEBA1": keba, "GRID": grid, "BAY": bay, "ROOF": roof}
        yield await stack.enter_async_context(lot_of(folder, devices, blocks, ["KEBA1"]))


async def flows(lot: Lot) -> dict[str, int | None]:
    return {flow["part"]: flow["power_w"] for flow in (await lot.status())["balance"]}


async def meter(lot: Lot, meter_id: str) -> dict[str, Any]:
    return next(each for each in (await lot.status())["meters"] if each["meter_id"] == meter_id)


def kept_of(lot: Lot) -> set[tuple[str, int]]:
    """Of whom meter values are kept."""
    uri = f"file:{lot.edge.ledger}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        bodies = [decode_entry(entry).body for _, entry in read_entries(database, Stream.TELEMETRY, 0, 10**6)]
        packed = {(body.station_id, body.evse_id) for body in bodies if isinstance(body, TelemetryBlock)}
        return packed | set(database.execute("SELECT DISTINCT station_id, evse_id FROM readings"))


async def open_alarms(lot: Lot) -> list[str]:
    return [alarm["id"] for alarm in (await lot.status())["alarms"]]


async def test_meters_are_read_shown_and_told_to_be_old(tmp_path: Path) -> None:
    async with a_metered_lot(tmp_path) as lot:
        keba = lot.devices["KEBA1"]

        async def is_all_known() -> bool:
            return None not in (await flows(lot)).values()

        await wait_until(is_all_known, 20)
        known = await flows(lot)
        assert known["pv"] == 6_000
        assert known["grid"] == 1_200 - 6_000
        assert known["rest"] == 1_200
        keba.plug()
        await lot.start("KEBA1", "APP-1")
        await lot.charged("KEBA1", 500)

        async def flow_adds_up() -> bool:
            found = await flows(lot)
            return bool(found["evses"] and found["rest"] == 1_200 and found["grid"] == found["evses"] - 4_800)

        await wait_until(flow_adds_up, 20)
        told = json.loads(await lot.run("meters", "--json"))
        assert [each["online"] for each in told["meters"]] == [True, True, True]
        assert [len(each["phases"]) for each in told["meters"]] == [3, 3, 3]
        listed = await lot.run("meters")
        assert "evse KEBA1*1" in listed
        assert "rest 1.2 kW" in listed

        lot.devices["GRID"].misbehave(Kind.SILENCE, times=None)

        async def is_grid_unknown() -> bool:
            found = await flows(lot)
            return found["grid"] is None and found["rest"] is None and found["pv"] == 6_000

        await wait_until(is_grid_unknown, 20)
        await wait_until(lambda: _has_alarm(lot, "meter_silent:GRID"), 20)
        grid = await meter(lot, "GRID")
        assert (grid["online"], grid["power_w"]) == (False, None)
        assert grid["read_at"] is not None
        lot.devices["GRID"].behave()
        await wait_until(is_all_known, 20)
        await wait_until(lambda: _has_no_alarm(lot), 20)
        keba.unplug()
        await lot.bill("KEBA1")
        assert kept_of(lot) >= {("GRID", 0), ("BAY", 0), ("ROOF", 0), ("KEBA1", 1)}


async def test_a_charger_whose_meter_shows_more_is_found_and_its_bill_waits(tmp_path: Path) -> None:
    async with a_metered_lot(tmp_path) as lot:
        keba, bay = lot.devices["KEBA1"], lot.devices["BAY"]
        keba.plug()
        await lot.start("KEBA1", "APP-1")
        await lot.charged("KEBA1", 300)
        bay.set_load(2_500, 2_500, 2_500)  # something else is behind that meter, or the charger tells too little
        await wait_until(lambda: _has_alarm(lot, "meters_disagree:KEBA1*1"), 90)
        keba.unplug()

        def bills() -> list[Any]:
            return [cdr for cdr in lot.edge.cdrs() if cdr.station_id == "KEBA1"]

        await wait_until(bills, 20)
        (cdr,) = bills()
        assert "meter BAY" in cdr.quarantine[0]
        assert "the meter behind it shows" in cdr.quarantine[0]


async def _has_alarm(lot: Lot, alarm_id: str) -> bool:
    lot.edge.check()
    return alarm_id in await open_alarms(lot)


async def _has_no_alarm(lot: Lot) -> bool:
    return not await open_alarms(lot)
