"""Rollouts over both databases: stages, stops, retries, windows, expiry; each target is told once, whoever moves it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import event, insert, update

from cloud.store.engine import Store
from cloud.store.keys import Scope
from cloud.store.tables import charging_stations, edges, sessions
from tests.cloud.rest_kit import FOREIGN, OWN, as_key, client_over, items
from tests.cloud.rollouts.rollout_kit import RESET, World, bring_fleet
from tests.cloud.samples import minute

FIVE = {"a": ("CP1", "CP2"), "b": ("CP3", "CP4", "CP5")}
STAGED = [{"count": 1}, {"percent": 50, "wait_s": 600}, {"percent": 100}]


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    async with client_over(store) as client:
        client.headers.update(await as_key(store, OWN, Scope.OPERATE))
        await bring_fleet(store, FIVE)
        yield World(store, client)


async def test_stage_after_stage_until_all_are_done(world: World) -> None:
    rollout_id = await world.begin(stages=STAGED)
    await world.move()
    assert [each["station_id"] for each in await world.told()] == ["CP1"]
    await world.outcome("CP1", "accepted")
    await world.move(seconds=1)
    assert sorted(each["station_id"] for each in await world.told()) == ["CP1", "CP2", "CP3"]
    await world.all_done()
    await world.move(seconds=599)
    waiting = await world.shown(rollout_id)
    assert (waiting["stage"], waiting["counts"]) == (2, {"done": 3, "waiting": 2})
    assert waiting["next_stage_at"] is not None
    await world.move(seconds=600)
    assert len(await world.told()) == 5
    await world.all_done()
    await world.move(seconds=1)
    ended = await world.shown(rollout_id)
    assert (ended["state"], ended["counts"]) == ("finished", {"done": 5})
    assert [stage["counts"] for stage in ended["stages"]] == [{"done": 1}, {"done": 2}, {"done": 2}]
    shown = [(event["state"], event["counts"].get("done", 0)) for event in await world.events("rollout")]
    assert shown[0] == ("running", 0)
    assert shown[-1] == ("finished", 5)
    assert shown == sorted(shown, key=lambda each: each[1])


async def test_a_canary_that_fails_stops_it_and_mended_it_goes_through(world: World) -> None:
    rollout_id = await world.begin(stages=STAGED, name="resets", first=["CP4"])
    await world.move()
    await world.outcome("CP4", "failed", "Timeout: the station gave no answer")
    await world.move(minutes=1)
    stopped = await world.shown(rollout_id)
    assert (stopped["state"], stopped["counts"]) == ("stopped", {"failed": 1, "waiting": 4})
    assert "1 of the 1 targets of stage 1" in stopped["reason"]
    (alarm,) = await items(world.api, "/v1/alarms?status=open")
    assert (alarm["alarm"], alarm["edge_id"]) == ("rollout_stopped", "")
    await world.move(days=2)
    assert len(await world.told()) == 1

    assert (await world.ask(rollout_id, "resume", retry_failed=True)).status_code == 200
    assert await items(world.api, "/v1/alarms?status=open") == []
    for _ in range(4):  # three stages, and the wait between two of them
        await world.move(hours=1)
        await world.all_done()
    await world.move(hours=1)
    assert (await world.shown(rollout_id))["state"] == "finished"
    told = await world.told()
    assert Counter(each["station_id"] for each in told) == {"CP1": 1, "CP2": 1, "CP3": 1, "CP4": 2, "CP5": 1}
    assert len({each["id"] for each in told}) == 6


async def test_who_resumes_without_a_retry_has_seen_the_failures(world: World) -> None:
    rollout_id = await world.begin(stages=[{"count": 2}, {"percent": 100}])
    await world.move()
    await world.outcome("CP1", "rejected", "no")
    await world.move()
    assert (await world.shown(rollout_id))["state"] == "stopped"
    await world.outcome("CP2", "accepted")
    await world.ask(rollout_id, "resume")
    await world.move(seconds=1)
    assert (await world.shown(rollout_id))["counts"] == {"failed": 1, "done": 1, "sent": 3}
    await world.outcome("CP3", "failed", "no")
    await world.move(seconds=1)
    assert (await world.shown(rollout_id))["state"] == "stopped", "the next stage tolerates nothing"


async def test_paused_is_not_told_and_cancelled_is_for_ever(world: World) -> None:
    rollout_id = await world.begin(at_once=1)
    await world.move()
    assert (await world.ask(rollout_id, "pause")).json()["state"] == "paused"
    await world.all_done()
    await world.move(minutes=1)
    assert (await world.shown(rollout_id))["counts"] == {"done": 1, "waiting": 4}
    await world.ask(rollout_id, "resume")
    await world.move()
    assert len(await world.told()) == 2
    cancelled = (await world.ask(rollout_id, "cancel")).json()
    assert cancelled["counts"] == {"done": 1, "sent": 1, "skipped": 3}
    await world.all_done()
    await world.move(minutes=1)
    assert (await world.shown(rollout_id))["counts"] == {"done": 2, "skipped": 3}, "what was told is heard of"
    for verb in ("pause", "resume", "cancel"):
        refused = await world.ask(rollout_id, verb, **({"retry_failed": True} if verb == "resume" else {}))
        assert (refused.status_code, refused.json()["code"]) == (409, "rollout_state")


async def test_expired_counts_as_failed_until_the_journal_says_better(world: World) -> None:
    rollout_id = await world.begin(expires_in_s=60, stop={"max_failures": 5})
    await world.move()
    (first, *_) = await world.told()
    assert first["expires_at"] - first["issued_at"] == timedelta(seconds=60)
    for name in ("CP1", "CP2", "CP3", "CP4"):
        await world.outcome(name, "accepted")
    await world.move(seconds=60)
    assert (await world.states(rollout_id))["CP5"] == "sent", "its outcome may be on its way"
    await world.move(seconds=20)
    assert (await world.shown(rollout_id))["counts"] == {"done": 4, "expired": 1}
    assert (await world.shown(rollout_id))["state"] == "finished"
    await world.outcome("CP5", "accepted")  # the edge was cut off, and had done it in time
    await world.move(hours=2)
    assert (await world.shown(rollout_id))["counts"] == {"done": 5}


async def test_at_once_bounds_what_is_under_way(world: World) -> None:
    rollout_id = await world.begin(at_once=2)
    for done in (0, 2, 4):
        await world.move(seconds=1)
        assert (await world.shown(rollout_id))["counts"].get("done", 0) == done
        assert len(await world.told()) == min(5, done + 2)
        await world.all_done()


async def test_only_within_the_hours_of_each_place(store: Store, world: World) -> None:
    await bring_fleet(store, {"tokyo": ("CP9",)}, zone="Asia/Tokyo")
    # The samples' minute 120 is 08:00 UTC: 17:00 in Tokyo.
    local = (world.now + timedelta(hours=9)).time()
    window = {"start": local.isoformat(), "end": (world.now + timedelta(hours=9, minutes=5)).time().isoformat()}
    rollout_id = await world.begin(window=window, expires_in_s=3_600)
    await world.move()
    (only,) = await world.told()
    assert only["station_id"] == "CP9"
    assert only["expires_at"] == world.now + timedelta(minutes=5), "not executed after its hours either"
    await world.move(minutes=10)
    assert len(await world.told()) == 1
    await world.move(hours=8, minutes=50)
    assert len(await world.told()) == 6
    assert (await world.states(rollout_id))["CP9"] == "expired"


async def test_one_job_for_the_stations_of_an_edge_and_what_stops_it_recalls_it(world: World) -> None:
    job = {"kind": "job", "job": {"job": "get_log"}, "give_up_after_s": 3_600}
    rollout_id = await world.begin(what=job, stages=[{"count": 1}, {"percent": 100}], at_once=3)
    await world.move()
    (canary,) = await world.told()
    assert orjson.loads(canary["body"])["station_ids"] == ["CP1"]
    await world.outcome("a", "accepted", job_id="job-1", stations=1)
    await world.move()
    await world.job_step("job-1", "CP1", "done", detail="12 bytes")
    await world.move()
    told = {each["edge_id"]: orjson.loads(each["body"]) for each in (await world.told()) if each["id"] != canary["id"]}
    assert told["a"]["station_ids"] == ["CP2"]
    assert told["b"]["station_ids"] == ["CP3", "CP4", "CP5"]
    assert (told["b"]["at_once"], told["b"]["give_up_after_s"]) == (3, 3_600)
    await world.outcome("b", "accepted", job_id="job-2", stations=3)
    await world.outcome("a", "rejected", "16 jobs are open")
    await world.move()
    assert (await world.shown(rollout_id))["state"] == "stopped"
    (recalled,) = [each for each in await world.told() if each["command"] == "cancel_job"]
    assert (recalled["edge_id"], orjson.loads(recalled["body"])["job_id"]) == ("b", "job-2")
    await world.job_step("job-2", "CP3", "done")
    await world.job_step("job-2", "CP4", "cancelled", attempt=1, detail="it was asked already and may go on")
    await world.job_step("job-2", "CP5", "cancelled", attempt=0)
    await world.move()
    assert await world.states(rollout_id) == {
        "CP1": "done", "CP2": "failed", "CP3": "done", "CP4": "failed", "CP5": "waiting",
    }  # fmt: skip
    await world.outcome("b", "accepted")
    await world.ask(rollout_id, "resume", retry_failed=True)
    await world.move(seconds=1)
    again = {
        each["edge_id"]: orjson.loads(each["body"])["station_ids"]
        for each in await world.told()
        if each["command"] == "start_job" and each["status"] == "queued"
    }
    assert again == {"a": ["CP2"], "b": ["CP4", "CP5"]}


async def test_running_transactions_are_stopped(store: Store, world: World) -> None:
    common = {"domain": OWN, "evse_id": 1, "contract_id": "C", "start_date_time": minute(1), "meter_start_wh": 0}
    more = {"tariff_id": "t", "currency": "EUR", "updated_at": minute(1)}
    async with store.write() as connection:
        for number, (edge_id, name, status) in enumerate(
            (("a", "CP1", "ACTIVE"), ("a", "CP2", "COMPLETED"), ("b", "CP3", "ACTIVE"))
        ):
            row = {"id": f"tx-{number}", "edge_id": edge_id, "station_id": name, "status": status}
            await connection.execute(insert(sessions).values(**common, **more, **row))
    await world.begin(what={"kind": "remote_stop"}, to={"location_ids": ["at-a", "at-b"]})
    await world.move()
    assert [(each["command"], each["transaction_id"]) for each in await world.told()] == [
        ("remote_stop", "tx-0"),
        ("remote_stop", "tx-2"),
    ]


async def test_the_same_key_asks_for_the_same_rollout(world: World) -> None:
    order = {"what": RESET, "to": {"model": "V2"}}
    headers = {"Idempotency-Key": "night-1"}

    async def ask(body: dict[str, Any]) -> httpx.Response:
        return await world.api.post("/v1/rollouts", json=body, headers=headers)

    first, second = await ask(order), await ask(order)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    other = await ask({**order, "at_once": 1})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert len(await items(world.api, "/v1/rollouts")) == 1
    same = await asyncio.gather(*(ask_new(world, "night-2") for _ in range(4)))  # noqa: TID251 - at the same moment
    assert sorted(each.status_code for each in same) == [200, 200, 200, 201]
    assert len({each.json()["id"] for each in same}) == 1


async def ask_new(world: World, key: str) -> httpx.Response:
    order = {"what": RESET, "to": {"model": "V2"}}
    return await world.api.post("/v1/rollouts", json=order, headers={"Idempotency-Key": key})


async def test_two_processes_tell_each_target_once(world: World, database_url: str) -> None:
    """Two stores are two processes, as far as a database can tell."""
    rollout_id = await world.begin(at_once=2)
    async with contextlib.aclosing(Store.open(database_url)) as other:
        drivers = [world.driver(), World(other, world.api).driver()]
        for _ in range(4):
            await asyncio.gather(*(each.move_all() for each in drivers))  # noqa: TID251 - side by side
            under_way = [each for each in await world.told() if each["status"] == "queued"]
            assert len(under_way) <= 2
            await world.all_done()
        for each in drivers:
            await each.move_all()
    assert (await world.shown(rollout_id))["state"] == "finished"
    assert Counter(each["station_id"] for each in await world.told()) == dict.fromkeys(sum(FIVE.values(), ()), 1)


async def test_what_cannot_be_is_refused(store: Store, world: World) -> None:
    await bring_fleet(store, {"c": ("CP1",)})

    async def code(**order: Any) -> tuple[int, str]:
        answer = await world.api.post("/v1/rollouts", json={"to": {"model": "V2"}, "what": RESET, **order})
        return answer.status_code, answer.json()["code"]

    assert await code(to={}) == (422, "no_targets")
    assert await code(to={"model": "V9"}) == (422, "no_targets")
    assert await code(to={"station_ids": ["CP7"]}) == (404, "not_found")
    assert await code(to={"station_ids": ["CP1"]}) == (409, "station_ambiguous")
    assert await code(first=["CP7"]) == (422, "unknown_target")
    assert await code(what={"kind": "call", "action": "Reset", "payload": {}}) == (403, "scope_too_small")
    assert await code(stages=[{"count": 1}]) == (422, "invalid_request")
    assert await code(what={"kind": "tariffs", "tariffs": [{"id": "x"}]}, to={}) == (422, "bad_tariff")
    assert await items(world.api, "/v1/rollouts") == []
    assert (
        await world.api.post("/v1/rollouts", json={"to": {"station_ids": ["CP1"], "edge_ids": ["c"]}, "what": RESET})
    ).status_code == 201


async def test_another_domain_sees_and_moves_nothing(store: Store, world: World) -> None:
    rollout_id = await world.begin()
    async with client_over(store) as client:
        client.headers.update(await as_key(store, FOREIGN, Scope.ADMIN))
        assert await items(client, "/v1/rollouts") == []
        for path in ("", "/targets"):
            assert (await client.get(f"/v1/rollouts/{rollout_id}{path}")).status_code == 404
        for verb in ("pause", "resume", "cancel"):
            assert (await client.post(f"/v1/rollouts/{rollout_id}/{verb}")).status_code == 404
        nobody = await client.post("/v1/rollouts", json={"what": RESET, "to": {"model": "V2"}})
        assert nobody.json()["code"] == "no_targets"


async def test_targets_are_paged_and_filtered(world: World) -> None:
    rollout_id = await world.begin(at_once=2, first=["CP5", "CP2"])
    await world.move()
    page = (await world.api.get(f"/v1/rollouts/{rollout_id}/targets?limit=3")).json()
    assert [(each["number"], each["station_id"], each["state"]) for each in page["items"]] == [
        (1, "CP5", "sent"),
        (2, "CP2", "sent"),
        (3, "CP1", "waiting"),
    ]
    rest = (await world.api.get(f"/v1/rollouts/{rollout_id}/targets?cursor={page['next_cursor']}")).json()
    assert [each["station_id"] for each in rest["items"]] == ["CP3", "CP4"]
    assert len(await items(world.api, f"/v1/rollouts/{rollout_id}/targets?state=waiting&edge_id=b")) == 2
    command = page["items"][0]["command_id"]
    assert (await world.api.get(f"/v1/commands/{command}")).json()["station_id"] == "CP5"


async def test_a_station_is_told_by_the_agent_that_has_it_now(store: Store, world: World) -> None:
    """The agents of a node share their stations and their location."""
    node = {"domain": OWN, "location_id": "node", "station_id": "CP8", "model": "N"}
    async with store.write() as connection:
        for edge_id, is_online in (("node-1", True), ("node-2", False)):
            await connection.execute(insert(charging_stations).values(**node, edge_id=edge_id, is_online=is_online))
    rollout_id = await world.begin(to={"station_ids": ["CP8"]})
    await world.move()
    await world.outcome("CP8", "rejected", "station CP8 is not connected")
    moved = charging_stations.c
    async with store.write() as connection:
        for edge_id, is_online in (("node-1", False), ("node-2", True)):
            change = update(charging_stations).where(moved.station_id == "CP8", moved.edge_id == edge_id)
            await connection.execute(change.values(is_online=is_online))
    await world.move()
    await world.ask(rollout_id, "resume", retry_failed=True)
    await world.move(seconds=1)
    assert [each["edge_id"] for each in await world.told()] == ["node-1", "node-2"]
    assert (await world.targets(rollout_id))[0]["edge_id"] == "node-2"


async def test_what_an_edge_no_longer_names_is_no_target(store: Store, world: World) -> None:
    """Unless it is connected: an edge may let in whom it did not know."""
    births = orjson.dumps({"evses": [{"station_id": "CP1", "evse_id": 1}]}).decode()
    async with store.write() as connection:
        await connection.execute(update(edges).where(edges.c.edge_id == "a").values(birth=births))
    assert [each["station_id"] for each in await world.targets(await world.begin())] == [
        "CP1",
        "CP2",
        "CP3",
        "CP4",
        "CP5",
    ]
    gone = update(charging_stations).where(charging_stations.c.edge_id == "a").values(is_online=False)
    async with store.write() as connection:
        await connection.execute(gone)
    assert [each["station_id"] for each in await world.targets(await world.begin())] == ["CP1", "CP3", "CP4", "CP5"]


class _Killed(Exception):
    pass


@pytest.mark.parametrize("dies_at", range(1, 13))
async def test_a_process_that_dies_at_any_statement_has_told_all_or_none(world: World, dies_at: int) -> None:
    """As a kill leaves it: what its transaction wrote is not there."""
    rollout_id = await world.begin(stages=STAGED[:1] + STAGED[2:])
    executed = deaths = 0

    def die(*_: object) -> None:
        nonlocal executed, deaths
        executed += 1
        if executed == dies_at:
            deaths += 1
            raise _Killed

    engine = world.store.writer.sync_engine
    for _ in range(6):
        executed = 0
        event.listen(engine, "before_cursor_execute", die)
        try:
            with contextlib.suppress(_Killed):
                await world.driver().move_all()
        finally:
            event.remove(engine, "before_cursor_execute", die)
        targets = {each["station_id"]: each["command_id"] for each in await world.targets(rollout_id)}
        told = {each["station_id"]: each["id"] for each in await world.told()}
        assert told == {name: command for name, command in targets.items() if command is not None}
        await world.move(seconds=1)
        await world.all_done()
    assert deaths
    assert (await world.shown(rollout_id))["state"] == "finished"
    assert Counter(each["station_id"] for each in await world.told()) == dict.fromkeys(sum(FIVE.values(), ()), 1)
