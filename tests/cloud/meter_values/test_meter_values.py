"""What was measured, as REST shows it: single readings from their blocks, and quarters, hours and days of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cloud.ingest.batches import store_batch
from cloud.ingest.presence import store_birth
from cloud.store.engine import Store
from protocols.sync.present import MeterLive
from protocols.sync.topics import EdgeAddress
from protocols.terms import Measurand, MeterRole
from tests.cloud.ingest.test_telemetry import block, curve, journal
from tests.cloud.rest_kit import items, shown
from tests.cloud.samples import EDGE, batch, birth, minute, telemetry_journal

NOW = minute(240)
POWER, REGISTER = Measurand.POWER, Measurand.ENERGY_REGISTER
VALUES = "/v1/charging-stations/CP-1/evses/1/meter-values"
ENERGY = "/v1/locations/site-1/energy"


@pytest.fixture
async def site(store: Store) -> Store:
    """CP-1 charges from minute 2 to 40, 100 Wh a minute, and CP-2 for a while; each has its registers begin at 0."""
    await store_birth(store, EDGE, birth(), minute(0), is_first=True)
    blocks = []
    for begin, end in ((2, 14), (15, 29), (31, 40)):
        told = [(at, 100 * (at - 2)) for at in range(begin, end + 1)]
        blocks.append(block(curve(told, REGISTER), curve([(at, 6_000) for at, _ in told], POWER)))
    blocks.append(block(curve([(50, 0), (55, 700)], REGISTER, "tx-2"), station="CP-1"))
    blocks.append(block(curve([(20, 0), (25, 1_000)], REGISTER, "tx-3"), station="CP-2"))
    await store_batch(store, EDGE, batch(journal(*blocks)), NOW)
    return store


async def read(api: httpx.AsyncClient, query: str, path: str = VALUES) -> list[dict[str, Any]]:
    return await items(api, f"{path}?limit=500&{query}")


@pytest.mark.usefixtures("site")
async def test_a_bucket_has_what_a_register_gained_since_the_one_before(api: httpx.AsyncClient) -> None:
    quarters = await read(api, f"measurand={REGISTER}")
    told = [(each["at"], each["value"], each["rollup"]["energy_wh"]) for each in quarters]
    assert told == [
        (shown(0), 1_200, 1_200),
        (shown(15), 2_700, 1_500),
        (shown(30), 3_800, 1_100),
        (shown(45), 700, 700),
    ]
    later = await read(api, f"measurand={REGISTER}&date_from={shown(15)}&date_to={shown(45)}")
    assert later == quarters[1:3], "the bucket before the first is looked at, too"
    (hour,) = await read(api, f"resolution=hour&measurand={REGISTER}")
    (day,) = await read(api, f"resolution=day&measurand={REGISTER}")
    assert (hour["rollup"]["energy_wh"], day["rollup"]["energy_wh"]) == (4_500, 4_500)
    assert (hour["at"], day["at"]) == (shown(0), "2026-03-01T23:00:00Z")
    assert hour["rollup"] == {
        "samples": 40,
        "first": 0,
        "last": 700,
        "minimum": 0,
        "maximum": 3_800,
        "energy_wh": 4_500,
        "blocks": 4,
        "dropped": 12,
        "filters": ["deadband-1"],
        "updated_at": shown(240),
    }


async def test_a_late_block_corrects_what_stands_behind_it(site: Store, api: httpx.AsyncClient) -> None:
    """Of a register that was told at minute 0 and 40 alone; then what lay between comes."""
    path = VALUES.replace("CP-1", "CP-2")
    told = [block(curve([(at, at * 10)], REGISTER, "tx-5"), station="CP-2") for at in (100, 140)]
    await store_batch(site, EDGE, batch(journal(*told, first_seq=6)), NOW)
    query = f"measurand={REGISTER}&date_from={shown(90)}"
    assert [each["rollup"]["energy_wh"] for each in await read(api, query, path)] == [0, 400]
    late = block(curve([(125, 1_250)], REGISTER, "tx-5"), station="CP-2")
    await store_batch(site, EDGE, batch(journal(late, first_seq=8)), NOW)
    assert [each["rollup"]["energy_wh"] for each in await read(api, query, path)] == [0, 250, 150]
    energy = await read(api, f"resolution=day&measurand={REGISTER}", path)
    assert [each["rollup"]["energy_wh"] for each in energy] == [1_400]


@pytest.mark.usefixtures("site")
async def test_the_mean_of_a_bucket_is_that_over_time(api: httpx.AsyncClient) -> None:
    quarters = await read(api, f"measurand={POWER}")
    assert [(each["value"], each["rollup"]["energy_wh"]) for each in quarters] == [(6_000, None)] * 3


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("limit", [1, 7, 500])
@pytest.mark.parametrize("query", ["", f"&measurand={POWER}", f"&date_from={shown(12)}&date_to={shown(35)}"])
async def test_readings_come_page_by_page_as_they_were_made(api: httpx.AsyncClient, limit: int, query: str) -> None:
    url, found = f"{VALUES}?resolution=raw&limit={limit}{query}", list[dict[str, Any]]()
    cursor = ""
    while True:
        page = (await api.get(f"{url}{cursor}")).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    first, last = (12, 34) if "date_from" in query else (2, 60)
    minutes = [at for at in (*range(2, 15), *range(15, 30), *range(31, 41)) if first <= at <= last]
    expected = [(shown(at), REGISTER, 100 * (at - 2), "tx-1") for at in minutes if POWER not in query]
    expected += [(shown(at), POWER, 6_000, "tx-1") for at in minutes]
    if not query:
        expected += [(shown(at), REGISTER, value, "tx-2") for at, value in ((50, 0), (55, 700))]
    told = [(each["at"], each["measurand"], each["value"], each["transaction_id"]) for each in found]
    assert sorted(told) == sorted(expected)
    assert told == sorted(told, key=lambda each: (each[0], each[1]))
    assert {each["context"] for each in found} == {"Sample.Periodic"}


async def test_readings_of_contract_1_0_are_read_alike(store: Store, api: httpx.AsyncClient) -> None:
    await store_birth(store, EDGE, birth(), minute(0), is_first=True)
    await store_batch(store, EDGE, batch(telemetry_journal(3)), NOW)
    found = await read(api, "resolution=raw")
    assert len(found) == 6
    assert found[1] == {
        "edge_id": "edge-1",
        "at": "2026-03-02T08:01:00.250000Z",
        "measurand": "Voltage",
        "phase": "L1-N",
        "value": 230_001,
        "transaction_id": "tx-1",
        "context": "Sample.Clock",
        "rollup": None,
    }
    assert [each["value"] for each in await read(api, "resolution=raw&phase=")] == [1_180, 1_360, 1_540]


@pytest.mark.usefixtures("site")
async def test_a_locations_energy_is_the_sum_of_its_evses(api: httpx.AsyncClient) -> None:
    quarters = await items(api, ENERGY)
    assert [(each["begins_at"], each["energy_wh"], each["evses"]) for each in quarters] == [
        (shown(0), 1_200, 1),
        (shown(15), 2_500, 2),
        (shown(30), 1_100, 1),
        (shown(45), 700, 1),
    ]
    (day,) = await items(api, f"{ENERGY}?resolution=day")
    assert day == {
        "begins_at": "2026-03-01T23:00:00Z",
        "energy_wh": 5_500,
        "exported_wh": 0,
        "evses": 2,
        "updated_at": shown(240),
    }
    page = (await api.get(f"{ENERGY}?limit=3")).json()
    rest = (await api.get(f"{ENERGY}?limit=3&cursor={page['next_cursor']}")).json()
    assert [*page["items"], *rest["items"]] == quarters
    assert await items(api, f"{ENERGY}?date_from={shown(15)}&date_to={shown(30)}") == quarters[1:2]


async def test_a_meter_of_the_site_is_asked_for_by_its_id(store: Store, api: httpx.AsyncClient) -> None:
    grid = MeterLive(meter_id="GRID", role=MeterRole.FEEDER, profile_id="janitza_umg")
    await store_birth(store, EDGE, birth(meters=[grid]), minute(0), is_first=True)
    assert await read(api, "", VALUES.replace("CP-1/evses/1", "GRID/evses/0")) == []


async def test_of_several_sites_with_such_a_station_one_is_named(store: Store, api: httpx.AsyncClient) -> None:
    for name, site_id in (("edge-1", "site-1"), ("edge-2", "site-2")):
        address = EdgeAddress(0, name)
        await store_birth(store, address, birth(address, site=site_id), minute(0), is_first=True)
    await store_batch(store, EDGE, batch(telemetry_journal(1)), NOW)
    answer = await api.get(VALUES)
    assert (answer.status_code, answer.json()["code"]) == (409, "several_sites")
    assert len(await read(api, "edge_id=edge-1")) == 2
    assert await read(api, "edge_id=edge-2") == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (VALUES.replace("CP-1", "CP-99"), 404),
        (f"{VALUES}?edge_id=edge-9", 404),
        (f"{VALUES}?resolution=week", 422),
        (f"{VALUES}?measurand=Nonsense", 422),
        (f"{VALUES}?resolution=raw&cursor=AAAA", 400),
        (f"{VALUES}?cursor=AAAA", 400),
        (ENERGY.replace("site-1", "nowhere"), 404),
        (f"{ENERGY}?resolution=raw", 422),
    ],
)
@pytest.mark.usefixtures("site")
async def test_what_cannot_be_asked(api: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await api.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
