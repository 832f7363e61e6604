"""The sites' meters and power balances at the hub: the newest picture, its age, and whether it is the present."""

from __future__ import annotations

import dataclasses

import httpx
import pytest

from cloud.ingest.live_values import LiveValues
from cloud.ingest.presence import store_birth, store_lives, store_state
from cloud.store.engine import Store
from protocols.sync.present import EdgeState, FlowLive, Live, MeterLive, PhaseLive
from protocols.terms import BalancePart, MeterRole
from tests.cloud.conftest import StartHub, eventually
from tests.cloud.edge_double import connected
from tests.cloud.rest_kit import items, shown
from tests.cloud.samples import EDGE, EPOCH, birth, minute
from tests.kit import Broker

NOW = minute(118)
GRID = MeterLive(
    meter_id="GRID",
    role=MeterRole.FEEDER,
    profile_id="janitza_umg",
    vendor="Janitza",
    model="UMG 604",
    serial_number="70012",
    is_online=True,
    power_w=-4_800,
    power_read_at=minute(117),
    phases=(PhaseLive(phase="L1", power_w=-4_800, current_ma=20_800, voltage_mv=230_400),),
    energy_import_wh=81_230,
    energy_export_wh=20_400,
    frequency_mhz=50_010,
    power_factor_per_mille=-990,
    read_at=minute(117.5),
)
BAY = MeterLive(meter_id="BAY", role=MeterRole.EVSE, profile_id="eastron_sdm630", station_id="CP-1", evse_id=1)
ROOF = MeterLive(meter_id="ROOF", role=MeterRole.PV, profile_id="sunspec_inverter", is_online=True)
BALANCE = (
    FlowLive(part=BalancePart.GRID, power_w=-4_800, read_at=minute(117)),
    FlowLive(part=BalancePart.EVSES, power_w=0),
    FlowLive(part=BalancePart.REST),
)
METERS = "/v1/locations/site-1/meters"
POWER = "/v1/locations/site-1/power-balance"


def live(at_minute: float, *meters: MeterLive, balance: tuple[FlowLive, ...] = ()) -> Live:
    return Live(epoch=EPOCH, at=minute(at_minute), evses=(), meters=meters, balance=balance)


async def tell(store: Store, *lives: Live) -> None:
    values = LiveValues()
    for each in lives:
        values.hear(each)
    assert await store_lives(store, {(EDGE, EPOCH): values}, NOW) == []


async def document(api: httpx.AsyncClient, path: str) -> dict[str, object]:
    found: dict[str, object] = (await api.get(path)).json()
    return found


async def test_a_meter_is_shown_with_the_age_of_what_it_says(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(at=minute(118), meters=[GRID, BAY]), NOW, is_first=True)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH), NOW)
    bay, grid = await items(api, METERS)
    assert grid == {
        "edge_id": "edge-1",
        "meter_id": "GRID",
        "role": "feeder",
        "profile_id": "janitza_umg",
        "station_id": None,
        "evse_id": None,
        "vendor": "Janitza",
        "model": "UMG 604",
        "serial_number": "70012",
        "is_online": True,
        "power_w": -4_800,
        "power_read_at": shown(117),
        "power_age_s": 180,
        "phases": [{"phase": "L1", "power_w": -4_800, "current_ma": 20_800, "voltage_mv": 230_400}],
        "energy_import_wh": 81_230,
        "energy_export_wh": 20_400,
        "frequency_mhz": 50_010,
        "power_factor_per_mille": -990,
        "read_at": shown(117.5),
        "age_s": 150,
        "as_of": shown(118),
        "is_stale": False,
    }
    assert (bay["station_id"], bay["evse_id"], bay["is_online"], bay["age_s"]) == ("CP-1", 1, False, None)
    assert [each["meter_id"] for each in await items(api, f"{METERS}?role=evse")] == ["BAY"]
    assert [each["meter_id"] for each in await items(api, f"{METERS}?is_online=true")] == ["GRID"]
    assert [each["meter_id"] for each in await items(api, f"{METERS}?station_id=CP-1")] == ["BAY"]
    page = (await api.get(f"{METERS}?limit=1")).json()
    rest = (await api.get(f"{METERS}?limit=1&cursor={page['next_cursor']}")).json()
    assert [each["meter_id"] for each in (*page["items"], *rest["items"])] == ["BAY", "GRID"]


async def test_the_balance_is_stale_when_its_edge_is_away(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(at=minute(118), balance=BALANCE), NOW, is_first=True)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH), NOW)
    present = await document(api, POWER)
    assert present == {
        "location_id": "site-1",
        "edge_id": "edge-1",
        "as_of": shown(118),
        "age_s": 120,
        "is_stale": False,
        "parts": [
            {"part": "grid", "power_w": -4_800, "read_at": shown(117), "age_s": 180},
            {"part": "evses", "power_w": 0, "read_at": None, "age_s": None},
            {"part": "rest", "power_w": None, "read_at": None, "age_s": None},
        ],
    }
    await store_state(store, EDGE, EdgeState(status="offline", epoch=EPOCH), NOW)
    assert await document(api, POWER) == {**present, "is_stale": True}


async def test_newer_news_wins_whatever_its_order(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(at=minute(1), meters=[GRID, ROOF], balance=BALANCE), NOW, is_first=True)
    newest = dataclasses.replace(GRID, power_w=1)
    grid = FlowLive(part=BalancePart.GRID, power_w=1, read_at=minute(3))
    await tell(store, live(3, newest, balance=(grid,)), live(2, GRID, ROOF, balance=BALANCE))
    await tell(store, live(2.5, GRID, balance=BALANCE))
    found = await items(api, METERS)
    assert [(each["power_w"], each["as_of"]) for each in found] == [(1, shown(3)), (None, shown(2))]
    parts = (await document(api, POWER))["parts"]
    assert isinstance(parts, list)
    assert [part["power_w"] for part in parts] == [1, 0, None]


async def test_live_values_of_another_epoch_change_nothing(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(at=minute(1)), NOW, is_first=True)
    values = LiveValues()
    values.hear(live(2, GRID, balance=BALANCE))
    assert await store_lives(store, {(EDGE, "another"): values}, NOW) == []
    assert await items(api, METERS) == []


async def test_what_the_site_has_no_more_goes_with_the_next_birth(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(at=minute(1), meters=[GRID, BAY], balance=BALANCE), NOW, is_first=True)
    await store_birth(store, EDGE, birth(at=minute(2), meters=[BAY]), NOW, is_first=False)
    assert [each["meter_id"] for each in await items(api, METERS)] == ["BAY"]
    gone = await document(api, POWER)
    assert gone == {**gone, "edge_id": None, "as_of": None, "age_s": None, "is_stale": False, "parts": []}


@pytest.mark.parametrize("path", ["meters", "power-balance"])
async def test_a_location_that_is_not_there(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(f"/v1/locations/nowhere/{path}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no location 'nowhere' in your domain.")


async def test_live_values_come_over_the_broker(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, connected(broker) as edge, await hub.client() as client:
        await edge.is_born(birth())

        async def is_met() -> object:
            return (await client.get(METERS)).status_code

        await eventually(is_met, 200)
        await edge.shows(live(100, GRID, balance=BALANCE))

        async def seen() -> object:
            meters, balance = (await client.get(METERS)).json(), (await client.get(POWER)).json()
            powers = [each["power_w"] for each in meters["items"]]
            return powers, [part["power_w"] for part in balance["parts"]], balance["is_stale"]

        await eventually(seen, ([-4_800], [-4_800, 0, None], False))
        await edge.says(EdgeState(status="offline", epoch=EPOCH))
        await eventually(seen, ([-4_800], [-4_800, 0, None], True))
