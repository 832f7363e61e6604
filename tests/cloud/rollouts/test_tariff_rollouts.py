"""New tariffs go from edge to edge: who was not reached prices as before, and a rollout that is cancelled never was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloud.ingest import desired_tariffs
from cloud.store.engine import Store
from cloud.store.keys import Scope
from protocols.sync.codec import decode
from protocols.sync.down import DesiredTariffs
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import DocumentApplied, Entry
from tests.cloud.conftest import StartHub
from tests.cloud.edge_double import EdgeDouble, connected
from tests.cloud.rest_kit import OWN, as_key, client_over
from tests.cloud.rollouts.rollout_kit import World, bring_fleet
from tests.cloud.samples import EDGE, birth, minute
from tests.kit import Broker, wait_until

TWO = [{"count": 1}, {"percent": 100}]


def night(price: str, tariff_id: str = "night") -> dict[str, Any]:
    elements = [{"price_components": [{"type": "ENERGY", "price": price}]}]
    return {"id": tariff_id, "currency": "EUR", "elements": elements}


def prices_of(document: DesiredTariffs) -> dict[str, str]:
    return {each.id: str(each.elements[0].price_components[0].price) for each in document.tariffs}


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    async with client_over(store) as client:
        client.headers.update(await as_key(store, OWN, Scope.OPERATE))
        await bring_fleet(store, {"a": ("CP1",), "b": ("CP2",), "c": ("CP3",)})
        for tariff in (night("0.25"), night("0.50", "day")):
            assert (await client.post("/v1/tariffs", json=tariff)).status_code == 201
        yield World(store, client)


async def begin(world: World, **more: Any) -> str:
    brought = {"kind": "tariffs", "tariffs": [night("0.30"), night("0.10", "sunday")]}
    return await world.begin(what=brought, to={}, first=["b"], stages=TWO, **more)


async def wanted(world: World) -> tuple[int, dict[str, dict[str, str]]]:
    """The version, and what each edge is to have."""
    found = await desired_tariffs.read(world.store, OWN)
    return found.version, {each: prices_of(decode(DesiredTariffs, found.of(each))) for each in ("a", "b", "c")}


BEFORE, AFTER = {"night": "0.25", "day": "0.50"}, {"night": "0.30", "day": "0.50", "sunday": "0.10"}


async def test_edge_after_edge_and_then_they_are_the_hubs_own(world: World) -> None:
    rollout_id = await begin(world)
    assert (await wanted(world))[1] == dict.fromkeys("abc", BEFORE)
    await world.move()
    version, found = await wanted(world)
    assert found == {"a": BEFORE, "b": AFTER, "c": BEFORE}
    for edge_id in "ac":
        await world.applied(edge_id, version)
    await world.move(seconds=5)
    assert await world.states(rollout_id) == {"b": "sent", "a": "waiting", "c": "waiting"}
    await world.applied("b", version)
    await world.move(seconds=5)
    version, found = await wanted(world)
    assert found == dict.fromkeys("abc", AFTER)
    shown = (await world.api.get("/v1/tariffs/night")).json()
    assert shown["tariff"]["elements"][0]["price_components"][0]["price"] == "0.25"
    for edge_id in "abc":
        await world.applied(edge_id, version)
    await world.move(seconds=5)
    assert (await world.shown(rollout_id))["state"] == "finished"
    shown = (await world.api.get("/v1/tariffs/night")).json()
    assert shown["tariff"]["elements"][0]["price_components"][0]["price"] == "0.30"
    later, found = await wanted(world)
    assert found == dict.fromkeys("abc", AFTER)
    assert later > version
    assert (await world.ask(rollout_id, "resume", retry_failed=True)).status_code == 409


async def test_a_refusal_stops_it_and_cancelled_all_have_what_they_had(world: World) -> None:
    rollout_id = await begin(world)
    await world.move()
    version, _ = await wanted(world)
    await world.applied("b", version - 1, version, "tariff night: no such thing")
    await world.move(seconds=5)
    stopped = await world.shown(rollout_id)
    assert stopped["state"] == "stopped"
    assert (await world.targets(rollout_id))[0]["detail"] == "tariff night: no such thing"
    await world.ask(rollout_id, "cancel")
    later, found = await wanted(world)
    assert later > version
    assert found == dict.fromkeys("abc", BEFORE)
    await begin(world)


async def test_another_change_meanwhile_holds_for_all(world: World) -> None:
    await begin(world)
    await world.move()
    assert (await world.api.put("/v1/tariffs/day", json=night("0.60", "day"))).status_code == 200
    _, found = await wanted(world)
    assert (found["a"]["day"], found["b"]["day"], found["b"]["night"]) == ("0.60", "0.60", "0.30")


async def test_one_at_a_time(world: World) -> None:
    await begin(world)
    brought = {"kind": "tariffs", "tariffs": [night("0.31")]}
    refused = await world.api.post("/v1/rollouts", json={"what": brought})
    assert (refused.status_code, refused.json()["code"]) == (409, "tariffs_under_way")
    narrowed = await world.api.post("/v1/rollouts", json={"what": brought, "to": {"edge_ids": ["a"]}})
    assert (narrowed.status_code, narrowed.json()["code"]) == (422, "unknown_target")


async def test_over_a_broker_the_canary_alone_is_told_first(start_hub: StartHub, broker: Broker) -> None:
    other = EdgeAddress(0, "edge-2")

    async def says(edge: EdgeDouble, seq: int, version: int) -> None:
        told = DocumentApplied(document="tariffs", version=version)
        await edge.send([Entry(stream=Stream.EVENT, seq=seq, at=minute(seq), body=told)])
        await edge.acked(Stream.EVENT, seq)

    async with (
        start_hub(broker) as hub,
        await hub.client() as client,
        connected(broker) as first,
        connected(broker, other) as second,
    ):
        for edge, site in ((first, "site-1"), (second, "site-2")):
            await edge.is_born(birth(edge.address, site=site))
            await edge.acked(Stream.EVENT, 0)
        await client.post("/v1/tariffs", json=night("0.25"))
        await wait_until(lambda: bool(first.tariffs) and bool(second.tariffs))
        await says(first, 1, 1)
        await says(second, 1, 1)
        order = {"what": {"kind": "tariffs", "tariffs": [night("0.30")]}, "first": ["edge-2"], "stages": TWO}
        rollout = (await client.post("/v1/rollouts", json=order)).json()
        await wait_until(lambda: prices_of(second.tariffs[-1]) == {"night": "0.30"})
        await says(first, 2, second.tariffs[-1].version)
        assert {tuple(prices_of(each).items()) for each in first.tariffs} == {(("night", "0.25"),)}
        await says(second, 2, second.tariffs[-1].version)
        await wait_until(lambda: prices_of(first.tariffs[-1]) == {"night": "0.30"})
        await says(first, 3, first.tariffs[-1].version)

        async def is_finished() -> bool:
            shown = (await client.get(f"/v1/rollouts/{rollout['id']}")).json()
            return bool(shown["state"] == "finished")

        await wait_until(is_finished)
        assert EDGE.edge_id in {each["edge_id"] for each in (await client.get("/v1/edges")).json()["items"]}
