"""A command's life: kept, sent, taken, finished; or expired, and then never sent."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from cloud.store.keys import Scope
from protocols.charger.operations.variables import GetVariables, VariableName
from protocols.sync.down import CallStation, Operate, RemoteStart, RemoteStop
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import CommandFinished, CommandTaken, Entry, Outcome
from tests.cloud.conftest import StartHub, eventually
from tests.cloud.edge_double import connected
from tests.cloud.samples import birth, event_journal, minute, money_journal
from tests.kit import Broker, wait_until

START = {"station_id": "CP-1", "evse_id": 1, "token_uid": "04A2B3C4"}


async def status_of(client: httpx.AsyncClient, command_id: str) -> object:
    return (await client.get(f"/v1/commands/{command_id}")).json()["status"]


async def issue(client: httpx.AsyncClient, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/v1/commands/{kind}", json=body)
    assert answer.status_code == 202, answer.text
    document: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/commands/{document['id']}"
    return document


async def test_a_remote_start_and_its_outcome(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth())
        await edge.acked(Stream.EVENT, 0)
        made = await issue(client, "remote-start", START)
        await wait_until(lambda: bool(edge.commands))
        command = edge.commands[0]
        assert (command.id, command.body) == (
            made["id"],
            RemoteStart(station_id="CP-1", evse_id=1, token_uid="04A2B3C4"),
        )
        assert (command.expires_at - command.issued_at).total_seconds() == 60
        await eventually(lambda: status_of(client, command.id), "sent")
        taken = CommandTaken(command_id=command.id, command="remote_start", expires_at=command.expires_at)
        finished = CommandFinished(command_id=command.id, outcome=Outcome.REJECTED, detail="the station said no")
        await edge.send([Entry(stream=Stream.EVENT, seq=1, at=minute(1), body=taken)])
        await edge.acked(Stream.EVENT, 1)
        assert await status_of(client, command.id) == "taken"
        await edge.send([Entry(stream=Stream.EVENT, seq=2, at=minute(2), body=finished)])
        await edge.acked(Stream.EVENT, 2)
        shown = (await client.get(f"/v1/commands/{command.id}")).json()
        assert (shown["status"], shown["detail"]) == ("rejected", "the station said no")
        assert (await client.get("/v1/commands?status=rejected")).json()["items"] == [shown]


async def test_a_remote_stop_needs_a_running_transaction(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.send(money_journal(1)[:1])
        await edge.acked(Stream.MONEY, 1)
        await issue(client, "remote-stop", {"transaction_id": "edge-1-tx-1"})
        await wait_until(lambda: bool(edge.commands))
        assert edge.commands[0].body == RemoteStop(transaction_id="edge-1-tx-1")
        await edge.send(money_journal(1)[1:])
        await edge.acked(Stream.MONEY, 4)
        over = await client.post("/v1/commands/remote-stop", json={"transaction_id": "edge-1-tx-1"})
        assert (over.status_code, over.json()["code"]) == (409, "transaction_over")
        unknown = await client.post("/v1/commands/remote-start", json={**START, "evse_id": 9})
        assert unknown.status_code == 404


async def test_while_the_broker_is_away_a_command_waits_or_expires_but_is_never_late(
    start_hub: StartHub, broker: Broker
) -> None:
    async with start_hub(broker) as hub, await hub.client() as client:
        async with connected(broker) as edge:
            await edge.is_born(birth())
            await edge.acked(Stream.EVENT, 0)
        broker.stop()

        async def is_away() -> object:
            return (await client.get("/readyz")).json()["missing"]

        await eventually(is_away, ["broker"])
        short = await issue(client, "remote-start", {**START, "expires_in_s": 1})
        patient = await issue(client, "remote-start", {**START, "expires_in_s": 600})
        assert await status_of(client, patient["id"]) == "queued"
        await eventually(lambda: status_of(client, short["id"]), "expired")
        broker.start()
        async with connected(broker) as edge:
            await eventually(lambda: status_of(client, patient["id"]), "sent")
            assert [command.id for command in edge.commands if command.id == short["id"]] == []
        assert await status_of(client, short["id"]) == "expired"


async def test_a_remote_start_goes_to_the_agent_of_a_node_that_has_the_station(
    start_hub: StartHub, broker: Broker
) -> None:
    other = EdgeAddress(0, "edge-2")
    async with (
        start_hub(broker) as hub,
        await hub.client() as client,
        connected(broker) as first,
        connected(broker, other) as second,
    ):
        for edge in (first, second):
            await edge.is_born(birth(edge.address, site=edge.address.edge_id))
            await edge.acked(Stream.EVENT, 0)
        unknown = await client.post("/v1/commands/remote-start", json=START)
        assert (unknown.status_code, unknown.json()["code"]) == (409, "station_ambiguous")
        await second.send(event_journal()[:1])
        await second.acked(Stream.EVENT, 1)
        issued = await issue(client, "remote-start", START)
        assert issued["edge_id"] == "edge-2"
        chosen = await issue(client, "remote-start", {**START, "edge_id": "edge-1"})
        assert chosen["edge_id"] == "edge-1"
        await wait_until(lambda: bool(second.commands and first.commands))


async def test_an_operation_is_answered_within_the_request(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth())
        await edge.send(event_journal())
        await edge.acked(Stream.EVENT, len(event_journal()))
        body = {"operation": "get_variables", "names": [{"variable": "HeartbeatInterval"}]}
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(client.post("/v1/charging-stations/CP-1/commands?wait_s=20", json=body))
            await wait_until(lambda: bool(edge.commands))
            (command,) = edge.commands
            names = (VariableName(variable="HeartbeatInterval"),)
            assert command.body == Operate(station_id="CP-1", operation=GetVariables(names=names))
            finished = CommandFinished(command_id=command.id, outcome=Outcome.ACCEPTED, result={"b": 1, "a": [2]})
            seq = len(event_journal()) + 1
            await edge.send([Entry(stream=Stream.EVENT, seq=seq, at=minute(2), body=finished)])
        answer = asking.result()
        assert answer.status_code == 200, answer.text
        assert answer.json()["operation"] == "get_variables"
        assert list(answer.json()["result"].items()) == [("b", 1), ("a", [2])]
        assert (await client.get("/v1/commands?operation=get_variables")).json()["items"] == [answer.json()]


async def test_an_operation_without_an_answer_is_followed_by_its_id(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth())
        await edge.send(event_journal())
        await edge.acked(Stream.EVENT, len(event_journal()))
        answer = await client.post("/v1/charging-stations/CP-1/commands?wait_s=0", json={"operation": "clear_cache"})
        assert answer.status_code == 202
        assert answer.headers["location"] == f"/v1/commands/{answer.json()['id']}"
        unknown = await client.post("/v1/charging-stations/NO/commands", json={"operation": "clear_cache"})
        assert unknown.status_code == 404
        for wrong, place in (
            ({"operation": "dance"}, "body"),
            ({"operation": "reset", "typo": 1}, "body.reset.typo"),
            ({"operation": "reset", "type": "Never"}, "body.reset.type"),
        ):
            refused = await client.post("/v1/charging-stations/CP-1/commands", json=wrong)
            assert refused.status_code == 422, refused.text
            assert place in [error["field"] for error in refused.json()["errors"]]


async def test_a_raw_call_is_for_admins_and_its_answer_comes_as_it_was(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth())
        await edge.send(event_journal())
        await edge.acked(Stream.EVENT, len(event_journal()))
        operator = await hub.client(scope=Scope.OPERATE)
        async with operator:
            refused = await operator.post("/v1/charging-stations/CP-1/ocpp/Reset", json={"type": "Hard"})
            assert (refused.status_code, refused.json()["code"]) == (403, "scope_too_small")
        path = "/v1/charging-stations/CP-1/ocpp/NotOfTheStandard?wait_s=0"
        assert (await client.post(path, json={"z": 1, "a": None})).status_code == 202
        await wait_until(lambda: bool(edge.commands))
        body = edge.commands[0].body
        assert body == CallStation(station_id="CP-1", action="NotOfTheStandard", payload={"z": 1, "a": None})
        assert list(body.payload) == ["z", "a"]
