"""Every route of the OpenAPI document: no key 401, a smaller scope 403, another domain's key sees nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from sqlalchemy import func, insert, select

from cloud import app as web
from cloud.ingest.batches import store_batch
from cloud.ingest.presence import store_birth
from cloud.rollouts.order import RolloutOrder
from cloud.store.account_book import put_contract, put_customer
from cloud.store.columns import METADATA
from cloud.store.engine import Store
from cloud.store.keys import Scope
from cloud.store.rollout_tables import rollouts
from cloud.store.station_tables import deviations
from cloud.store.tables import commands, tokens
from cloud.store.tariffs import put as put_tariff
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.ocpi.tariff import Tariff
from protocols.sync.codec import decode_batch, encode_batch, encode_entry
from protocols.sync.present import FlowLive, MeterLive, PhaseLive
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Entry, Severity
from protocols.terms import BalancePart, MeterRole
from tests.cloud.rest_kit import FOREIGN, OWN, as_key, client_over, hub_over
from tests.cloud.samples import (
    EDGE,
    EPOCH,
    TARIFF,
    access_journal,
    batch,
    birth,
    device_journal,
    event_journal,
    minute,
    money_journal,
    telemetry_journal,
    till_journal,
)

OPEN_PATHS = {"/healthz", "/readyz", "/metrics"}
FREE = [{"price_components": [{"type": "FLAT", "price": "0.00"}]}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/tokens": {"uid": "NEW", "contract_id": "C"},
    "/v1/tokens/{uid}": {"valid": False},
    "/v1/customers": {"id": "NEW", "name": "Anna"},
    "/v1/customers/{customer_id}": {"name": "Anna"},
    "/v1/contracts": {"id": "NEW", "customer_id": "CU-1", "billing": "prepaid", "currency": "EUR"},
    "/v1/contracts/{contract_id}": {
        "customer_id": "CU-1",
        "billing": "prepaid",
        "currency": "EUR",
        "tariff_id": "night",
    },
    "/v1/filters/default": {},
    "/v1/edges/{edge_id}/filter": {"classes": {"meter": {"Frequency": {"max_s": 300}}}},
    "/v1/tariffs": {"currency": "EUR", "id": "NEW", "elements": FREE},
    "/v1/tariffs/{tariff_id}": {"currency": "EUR", "elements": FREE},
    "/v1/commands/remote-start": {"station_id": "CP-1", "evse_id": 1, "token_uid": "T"},
    "/v1/commands/remote-stop": {"transaction_id": "edge-1-tx-9"},
    "/v1/charging-stations/{station_id}/commands": {"operation": "reset"},
    "/v1/charging-stations/{station_id}/ocpp/{action}": {"type": "Soft"},
    "/v1/rollouts": {
        "what": {"kind": "operation", "operation": {"operation": "reset"}},
        "to": {"station_ids": ["CP-1"]},
    },
    "/v1/jobs": {"edge_id": "edge-1", "job": {"job": "get_log"}, "match": {"model": "*"}},
}
ROLLOUT = RolloutOrder.model_validate(BODIES["/v1/rollouts"])
NAMES = {
    "location_id": "site-1",
    "edge_id": "edge-1",
    "station_id": "CP-1",
    "evse_id": "1",
    "session_id": "edge-1-tx-1",
    "cdr_id": "edge-1-cdr-1",
    "uid": "04A2B3C4",
    "customer_id": "CU-1",
    "contract_id": "C-1",
    "tariff_id": "night",
    "payment_id": "edge-1-pay-1",
    "till_session_id": "edge-1-till-1",
    "command_id": "command-1",
    "alarm_row_id": f"edge-1-{EPOCH}-5",
    "deviation_id": "d-1",
    "job_id": "edge-1-job-1",
    "rollout_id": "rollout-1",
    "reservation": "edge-1-r1",
    "report": "monitors",
    "action": "Reset",
}


@pytest.fixture
async def api(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """The application over a database in which domain 0 has one of everything."""
    await fill(store)
    async with client_over(store) as client:
        yield client


async def fill(store: Store) -> None:
    feeder = MeterLive(
        meter_id="GRID", role=MeterRole.FEEDER, profile_id="janitza_umg", phases=(PhaseLive(phase="L1"),)
    )
    grid = FlowLive(part=BalancePart.GRID, power_w=7_000, read_at=minute(1))
    await store_birth(store, EDGE, birth(meters=[feeder], balance=[grid]), minute(1), is_first=True)
    alarm = AlarmRaised(alarm_id="a", alarm="door_open", severity=Severity.INFO, text="", station_id="CP-1")
    journal = [*event_journal(), Entry(stream=Stream.EVENT, seq=5, at=minute(5), body=alarm)]
    await store_batch(store, EDGE, batch(journal), minute(6))
    running = Entry(stream=Stream.MONEY, seq=9, at=minute(9), body=money_journal(9)[32].body)
    await store_batch(store, EDGE, batch([*money_journal(2), running]), minute(9))
    poison = encode_batch(EPOCH, Stream.EVENT, 6, [b"{}", encode_entry(event_journal()[0])[:-1] + b"}"])
    await store_batch(store, EDGE, decode_batch(poison), minute(9))
    await store_batch(store, EDGE, batch(device_journal(8)), minute(10))
    await store_batch(store, EDGE, batch(access_journal(16)), minute(10))
    await store_batch(store, EDGE, batch(till_journal(10)), minute(11))
    await store_batch(store, EDGE, batch(telemetry_journal(4)), minute(11))
    shared = {"edge_id": EDGE.edge_id, "domain": OWN, "detail": "", "issued_at": minute(1), "expires_at": minute(2)}
    async with store.write() as connection:
        await connection.execute(
            insert(commands).values(**shared, id="command-1", command="remote_start", status="sent", issued_by="k")
        )
        its = {"name": "", "kind": "operation", "document": ROLLOUT.model_dump_json(), "digest": "", "state": "running"}
        told = {"reason": "", "targets": 0, "stage": 0, "tolerated": 0, "is_watched": True, "issued_by": "k"}
        place = {"domain": OWN, "id": "rollout-1", "created_at": minute(1), "changed_at": minute(1)}
        await connection.execute(insert(rollouts).values(**place, **its, **told))
        kind = {"vendor": "V", "model": "M", "firmware_version": "1", "action": "A", "path": "/p", "problem": "bad"}
        times = {"remedy": "cut", "count": 2, "first_at": minute(1), "last_at": minute(2), "station_id": "CP-1"}
        place = {"domain": OWN, "id": "d-1", "edge_id": EDGE.edge_id}
        await connection.execute(insert(deviations).values(**place, **kind, **times))
        token = {"uid": "04A2B3C4", "contract_id": "C-1", "type": "RFID", "valid": True, "concurrent": False}
        place = {"domain": OWN, "source": "hub", "edge_id": "", "key": "04A2B3C4", "updated_at": minute(1)}
        await connection.execute(insert(tokens).values(**place, **token))
        await put_customer(connection, OWN, Customer(id="CU-1", name="Anna"), minute(1))
        # With a token that may charge: nothing of it can be deleted.
        terms = Contract(id="C-1", customer_id="CU-1", billing=Billing.PREPAID, currency="EUR", tariff_id="night")
        await put_contract(connection, OWN, terms, minute(1))
        night = Tariff(id="night", currency="EUR", elements=TARIFF.elements, last_updated=minute(1))
        await put_tariff(connection, OWN, night, minute(1))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Scope]]:
    """Method, path and needed scope of every operation that needs a key."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path in OPEN_PATHS:
                assert "security" not in operation
                continue
            scopes = [scope for entry in operation["security"] for scope in entry.get("ApiKey", [])]
            assert len(scopes) == 1, f"{method} {path} names its scope once"
            yield method.upper(), path, Scope(scopes[0])


async def every(api: httpx.AsyncClient) -> list[tuple[str, str, Scope]]:
    found = list(operations((await api.get("/openapi.json")).json()))
    assert len(found) >= 20
    return found


async def ask(api: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    # A command is asked for and not waited for: there is no edge here.
    params = {"wait_s": "0"} if method == "POST" and path.endswith(("/commands", "}", "/jobs", "/cancel")) else None
    return await api.request(method, path.format(**NAMES), headers=headers, json=BODIES.get(path), params=params)


async def test_without_a_key_or_with_a_wrong_one_every_route_is_closed(api: httpx.AsyncClient) -> None:
    for method, path, _ in await every(api):
        for headers in ({}, {"Authorization": "Bearer osk_a_b"}, {"Authorization": "Basic YTpi"}):
            answer = await ask(api, method, path, headers)
            assert answer.status_code == 401, f"{method} {path}"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"


async def test_each_scope_opens_what_it_includes_and_no_more(api: httpx.AsyncClient, store: Store) -> None:
    for scope in Scope:
        headers = await as_key(store, OWN, scope)
        for method, path, needed in await every(api):
            answer = await ask(api, method, path, headers)
            if scope.includes(needed):
                assert answer.status_code in (200, 201, 202, 409), f"{method} {path} {scope}: {answer.text}"
            else:
                assert (answer.status_code, answer.json()["code"]) == (403, "scope_too_small"), f"{method} {path}"


async def counts(store: Store) -> dict[str, int]:
    async with store.read() as connection:
        return {
            table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in METADATA.sorted_tables
            if "domain" in table.c and table.name != "api_keys"
        }


async def test_the_key_of_another_domain_sees_and_changes_nothing(api: httpx.AsyncClient, store: Store) -> None:
    """Attack 13: every route, every name that exists, with an admin's key of a third party."""
    headers = await as_key(store, FOREIGN, Scope.ADMIN)
    before = await counts(store)
    for method, path, _ in await every(api):
        answer = await ask(api, method, path, headers)
        if method == "POST" and path in ("/v1/tokens", "/v1/customers", "/v1/tariffs"):
            assert answer.status_code == 201, answer.text  # in its own domain
        elif method == "POST" and path == "/v1/contracts":
            assert answer.status_code == 422  # of a customer that is not its own
        elif path == "/v1/filters/default":
            assert answer.status_code == 200  # of its own domain
        elif method == "GET" and (path.count("/") == 2 or path.endswith("dead-letters")):
            assert answer.json() == {"items": [], "next_cursor": None}, path
        else:
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), f"{method} {path}"
        told = answer.text
        for name in (path.format(**NAMES), *NAMES.values(), "edge-1-tx-9"):
            told = told.replace(name, "")
        assert "edge-1-" not in told
    more = {"tokens": 1, "customers": 1, "tariffs": 1, "filters": 1, "documents": 4, "account_books": 1}
    assert await counts(store) == {name: count + more.get(name, 0) for name, count in before.items()}


async def test_a_cursor_carries_no_rights(api: httpx.AsyncClient, store: Store) -> None:
    own, foreign = await as_key(store, OWN, Scope.READ), await as_key(store, FOREIGN, Scope.READ)
    cursor = (await api.get("/v1/cdrs?limit=1", headers=own)).json()["next_cursor"]
    assert cursor
    assert (await api.get(f"/v1/cdrs?limit=1&cursor={cursor}", headers=foreign)).json()["items"] == []


async def test_every_answer_fits_its_model(api: httpx.AsyncClient, store: Store) -> None:
    """The documents are written by hand for speed; this holds them to the models in the OpenAPI document."""
    headers = await as_key(store, OWN, Scope.ADMIN)
    checked = 0
    for resource in web.SLICES:
        for route in resource.routes().routes:
            if not isinstance(route, APIRoute) or route.response_model is None:
                continue
            for method in route.methods or ():
                answer = await ask(api, method, route.path, headers)
                if answer.status_code < 300:
                    shown = TypeAdapter(route.response_model).validate_json(answer.text).model_dump()
                    assert set(shown) == set(answer.json()), route.path
                    checked += 1
    assert checked >= 18


def test_every_operation_is_described_with_an_example() -> None:
    with contextlib.closing(_NoStore()) as nothing:
        document = web.build(hub_over(nothing), "0").openapi()  # type: ignore[arg-type]
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description"), f"{method} {path}"
            if path in OPEN_PATHS:
                continue
            if method == "delete":  # what is gone is not shown
                assert "204" in operation["responses"], path
                continue
            good = next(value for status, value in operation["responses"].items() if status.startswith("2"))
            name = good["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
            if name.endswith("Page"):
                name = schemas[name]["properties"]["items"]["items"]["$ref"].rsplit("/", 1)[1]
            assert schemas[name].get("examples") or name == "Letter", name


class _NoStore:
    def close(self) -> None:
        pass
