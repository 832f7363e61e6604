"""The operator at chargers that know no transactions: a real agent obeys in their place, by the commands of OCPP."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

from firmware_sim.modbus.device import serving
from protocols.charger.operations.availability import CancelReservation, ChangeAvailability, ReserveNow
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import UnlockConnector
from protocols.charger.operations.variables import Reset
from tests.journeys.lot import CARD, DEVICE, SPEED, WATCHDOG_S, Lot, lot_of
from tests.kit import wait_until

LOOKS = 50
"""After so many requests a device was looked at several times, all of it."""
HALF = ChargingProfile(
    purpose="TxProfile",
    schedules=(ChargingSchedule(rate_unit="W", periods=(SchedulePeriod(start_s=0, limit=5_520.0),)),),
)
NOTHING = ChargingProfile(
    purpose="TxProfile",
    schedules=(ChargingSchedule(rate_unit="W", periods=(SchedulePeriod(start_s=0, limit=0.0),)),),
)


async def state_of(lot: Lot, station_id: str) -> str:
    return str((await lot.bay(station_id))["state"])


async def test_reserved_limited_paused_unlocked_and_taken_out_of_service(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        profiles = {"KEBA1": "keba_p30_p40", "ABB1": "abb_terra_ac"}
        devices = {
            name: await stack.enter_async_context(serving(profile, speed=SPEED, watchdog_s=WATCHDOG_S))
            for name, profile in profiles.items()
        }
        blocks = [DEVICE.format(id=name, port=devices[name].port, profile=profiles[name]) for name in profiles]
        lot = await stack.enter_async_context(lot_of(tmp_path, devices, blocks, devices))
        keba, abb = devices["KEBA1"], devices["ABB1"]

        # reserved for the app: the card is turned away, and its owner may come
        now = datetime.fromisoformat((await lot.status())["site_time"])
        wish = ReserveNow(token_uid="APP-1", expires_at=now + timedelta(hours=6), evse_id=1)
        assert (await lot.operate("KEBA1", wish))["outcome"] == "accepted"
        assert await state_of(lot, "KEBA1") == "reserved"
        keba.plug()
        keba.present_card(CARD)
        await wait_until(lambda: lot.is_occupied("KEBA1"))
        assert (await lot.bay("KEBA1"))["transaction_id"] is None
        await lot.start("KEBA1", "APP-1")
        assert (await lot.stations())["KEBA1"]["reservations"] == []

        # limited, paused and let go on
        await lot.charged("KEBA1", 100)
        assert (await lot.operate("KEBA1", SetChargingProfile(evse_id=1, profile=HALF)))["outcome"] == "accepted"
        await wait_until(lambda: keba.outlet().limit == 8_000)
        await lot.operate("KEBA1", SetChargingProfile(evse_id=1, profile=NOTHING))
        await wait_until(lambda: keba.outlet().power_w == 0)
        assert (await lot.bay("KEBA1"))["transaction_id"] is not None
        await lot.operate("KEBA1", ClearChargingProfile(evse_id=1))
        await wait_until(lambda: keba.outlet().power_w > 10_000)

        # out of service once it has ended
        out = ChangeAvailability(operational_status="Inoperative", evse_id=1)
        told = await lot.operate("KEBA1", out)
        assert (told["outcome"], told["detail"]) == ("accepted", "Scheduled")
        await wait_until(lambda: is_state(lot, "KEBA1", "charging"))
        keba.unplug()
        assert (await lot.bill("KEBA1")).token_uid == "APP-1"
        await wait_until(lambda: is_state(lot, "KEBA1", "unavailable"))
        keba.plug()
        keba.present_card(CARD)
        looks = keba.core.reads
        await wait_until(lambda: keba.core.reads > looks + LOOKS)
        assert (await lot.bay("KEBA1"))["transaction_id"] is None
        await lot.operate("KEBA1", ChangeAvailability(operational_status="Operative", evse_id=1))
        await wait_until(lambda: is_state(lot, "KEBA1", "occupied"))

        # the other one: a reservation taken back, a cable let go, and what nobody can do
        made = await lot.operate("ABB1", ReserveNow(token_uid=CARD, expires_at=now + timedelta(hours=6), evse_id=1))
        (kept,) = (await lot.stations())["ABB1"]["reservations"]
        assert made["outcome"] == "accepted"
        await lot.operate("ABB1", CancelReservation(reservation_id=kept["reservation_id"]))
        assert await state_of(lot, "ABB1") == "free"
        abb.plug()
        await wait_until(lambda: abb.outlet().power_w == 0)
        assert (await lot.operate("ABB1", UnlockConnector(evse_id=1)))["outcome"] == "accepted"
        assert not abb.outlet().is_locked
        refused = await lot.operate("KEBA1", UnlockConnector(evse_id=1))
        assert refused["outcome"] == "rejected"
        assert "no register for its lock" in refused["detail"]
        assert (await lot.operate("ABB1", Reset()))[
            "detail"
        ] == "rejected: ABB1 is a Modbus charger: reset is for OCPP stations"


async def is_state(lot: Lot, station_id: str, state: str) -> bool:
    return await state_of(lot, station_id) == state
