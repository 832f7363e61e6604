"""What is deleted at the hub goes from every edge; what somebody could still charge by, or owes, stays."""

from __future__ import annotations

from decimal import Decimal

import httpx
from sqlalchemy import insert

from cloud.store.engine import Store
from cloud.store.keys import Scope
from cloud.store.tables import cdrs, sessions
from tests.cloud.conftest import StartHub
from tests.cloud.customers.test_customers import ANNA, WALLET, made, posted
from tests.cloud.edge_double import connected
from tests.cloud.ingest.test_money import told
from tests.cloud.rest_kit import OWN, as_key
from tests.cloud.samples import EDGE, birth, minute
from tests.cloud.tariffs.test_tariffs import NIGHT
from tests.kit import Broker, wait_until


async def test_it_goes_from_the_edges_too(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth())
        await client.post("/v1/tariffs", json=NIGHT)
        await made(client)
        await wait_until(lambda: bool(edge.accounts and edge.accounts[-1].contracts))
        for path in ("contracts/C-1", "customers/CU-1", "tariffs/night"):
            assert (await client.delete(f"/v1/{path}")).status_code == 204
            assert (await client.delete(f"/v1/{path}")).json()["code"] == "not_found"
        await wait_until(lambda: not edge.accounts[-1].contracts and not edge.accounts[-1].customers, 20)
        await wait_until(lambda: edge.tariffs[-1].tariffs == ())
        assert edge.tariffs[-1].version == 2


async def refused(api: httpx.AsyncClient, path: str) -> str:
    answer = await api.delete(f"/v1/{path}")
    assert answer.status_code == 409, answer.text
    return str(answer.json()["code"])


async def test_what_is_needed_stays(store: Store, api: httpx.AsyncClient) -> None:
    api.headers.update(await as_key(store, OWN, Scope.OPERATE))
    await api.post("/v1/tariffs", json=NIGHT)
    await made(api)
    assert await refused(api, "customers/CU-1") == "customer_in_use"
    assert await refused(api, "tariffs/night") == "tariff_in_use"
    await api.post("/v1/tokens", json={"uid": "04AA", "contract_id": "C-1"})
    assert await refused(api, "contracts/C-1") == "contract_in_use"
    await api.patch("/v1/tokens/04AA", json={"valid": False})
    assert (await told(store, posted(1, "-20.00").body)).dead == 0
    assert await refused(api, "contracts/C-1") == "contract_open"
    assert (await told(store, posted(2, "20.00").body, first=2)).dead == 0
    assert (await api.delete("/v1/contracts/C-1")).status_code == 204
    assert (await api.delete("/v1/tariffs/night")).status_code == 204
    assert (await api.delete("/v1/customers/CU-1")).status_code == 204
    assert (await api.post("/v1/customers", json=ANNA)).status_code == 201, "made anew"


async def test_a_contract_stays_while_something_is_to_be_billed(store: Store, api: httpx.AsyncClient) -> None:
    api.headers.update(await as_key(store, OWN, Scope.OPERATE))
    for name in ("C-1", "C-2"):
        if name == "C-1":
            await made(api)
        else:
            await api.post("/v1/contracts", json={**WALLET, "id": name})
    place = {"domain": OWN, "edge_id": EDGE.edge_id, "station_id": "CP-1", "evse_id": 1, "currency": "EUR"}
    running = {"id": "s-1", "contract_id": "C-1", "status": "ACTIVE", "meter_start_wh": 0, "tariff_id": "night"}
    waits = {
        "id": "b-1", "session_id": "s-2", "location_id": "L", "contract_id": "C-2", "status": "quarantined",
        "start_date_time": minute(1), "end_date_time": minute(2), "total_energy_wh": 0, "cost_excl_vat": Decimal(0),
        "cost_incl_vat": Decimal(0), "document": "{}", "received_at": minute(2),
    }  # fmt: skip
    async with store.write() as connection:
        times = {"start_date_time": minute(1), "updated_at": minute(1)}
        await connection.execute(insert(sessions).values(**place, **running, **times))
        await connection.execute(insert(cdrs).values(**place, **waits))
    assert await refused(api, "contracts/C-1") == "contract_open"
    assert await refused(api, "contracts/C-2") == "contract_open"


async def test_what_a_site_keeps_is_deleted_there(store: Store, api: httpx.AsyncClient) -> None:
    api.headers.update(await as_key(store, OWN, Scope.READ))
    assert (await api.delete("/v1/contracts/C-1")).json()["code"] == "scope_too_small"
    api.headers.update(await as_key(store, OWN, Scope.OPERATE))
    assert (await api.delete("/v1/contracts/C-1")).json()["code"] == "not_found"
