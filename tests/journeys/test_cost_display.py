"""A driver at an OCPP 1.6 charger with a display sees the price, what it costs so far, and what was billed; also when
the agent was killed and has only its ledger to know by that the charger can show it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.site import Site
from edge.local.client import local_client
from firmware_sim import scenario as scenarios
from firmware_sim.station import Station
from firmware_sim.vehicle import Vehicle
from protocols.charger.operations.variables import GetVariables, VariableName
from protocols.site.requests import OperateStation
from tests.journeys.harness import SCENARIOS, a_site, fleet_at

CARD = "04A1B2C3D4E505"
CAR = Vehicle.at_percent(20, battery_wh=60_000)
KEY = VariableName(variable="CustomDisplayCostAndPrice")


def shown(station: Station, message: str) -> list[dict[str, Any]]:
    return [each.data for each in station.charger.kept.shown if each.message == message]


async def ask_for_key(site: Site, station_id: str) -> None:
    """As `ohmstead-edge command` has it done; an inventory of the whole station would find it, too."""
    asked = OperateStation(id="1", station_id=station_id, operation=GetVariables(names=(KEY,)), timeout_s=15.0)
    async with local_client("127.0.0.1", site.edge.local_port, site.edge.token_file) as client:
        answer = await client.ask(asked, 20)
    assert answer.problem is None, answer.problem


@pytest.mark.parametrize("kills", [0, 1])
async def test_the_price_the_cost_and_the_bill_are_shown(tmp_path: Path, kills: int) -> None:
    day = scenarios.load(str(SCENARIOS / "busy.toml")).only(frozenset({"CP01", "CP02"}))
    plates = tuple(replace(plate, shows_costs=plate.station_id == "CP01") for plate in day.stations)
    async with (
        a_site(tmp_path, speed=20.0, OHMSTEAD_EDGE_OCPP__RUNNING_COST_EVERY_S="60") as site,
        fleet_at(site, replace(day, stations=plates), tmp_path / "chargers") as fleet,
    ):
        station, plain = fleet["CP01"], fleet["CP02"]
        for each in (station, plain):
            await each.connect()
            await ask_for_key(site, each.charger.spec.station_id)
        for _ in range(kills):
            await site.edge.kill()
            await site.edge.start()
            await station.wait_for(lambda it: it.charger.online, 60)
        station.plug(1, CAR)
        station.present(1, CARD)
        await station.wait_for(lambda it: bool(shown(it, "SetUserPrice")), 60)
        (price,) = shown(station, "SetUserPrice")
        assert price["idToken"] == CARD
        assert "EUR" in price["priceText"]
        await station.wait_for(lambda it: len(shown(it, "RunningCost")) >= 3, 120)
        first, *_, last = shown(station, "RunningCost")
        assert first["state"] == "Charging"
        assert first["chargingPrice"]["kWhPrice"] > 0
        assert last["cost"] >= first["cost"]
        assert last["meterValue"] > first["meterValue"] >= day.stations[0].evses[0].odometer_wh
        station.present(1, CARD)
        await station.wait_for(lambda it: bool(shown(it, "FinalCost")), 60)
        (final,) = shown(station, "FinalCost")
        (bill,) = [cdr for cdr in site.edge.cdrs() if cdr.station_id == "CP01"]
        assert Decimal(str(final["cost"])) == bill.total_cost.incl_vat >= Decimal(str(last["cost"]))
        assert str(bill.total_cost.incl_vat) in final["priceText"]
        assert not plain.charger.kept.shown
