"""Jobs, variables and reports at the hub: from the journal to REST, and orders down to the edge."""

from __future__ import annotations

import asyncio
from typing import Any

from protocols.charger.jobs import GetLogJob, StationPattern
from protocols.sync.down import CancelJob, StartJob
from protocols.sync.topics import Stream
from protocols.sync.up import CommandFinished, Entry, Outcome
from protocols.sync.upkeep import JobEnded, ReportKept, VariableReading, VariablesRead
from tests.cloud.conftest import StartHub
from tests.cloud.edge_double import connected
from tests.cloud.samples import birth, device_journal, event_journal, minute
from tests.kit import Broker, wait_until


def entry(seq: int, body: Any) -> Entry:
    return Entry(stream=Stream.EVENT, seq=seq, at=minute(20), body=body)


async def test_what_an_edge_tells_is_shown(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth())
        await edge.send([*event_journal(), *device_journal(5)])
        await edge.acked(Stream.EVENT, 12)

        async def got(path: str) -> Any:
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            return answer.json()

        job = await got("/v1/jobs/edge-1-job-1")
        assert job["counts"] == {"done": 1, "waiting": 1}
        assert job["job"]["name"] == "fleet"
        assert [each["id"] for each in (await got("/v1/jobs?status=open&kind=apply_template"))["items"]] == [job["id"]]
        (step,) = (await got("/v1/jobs/edge-1-job-1/stations?status=done"))["items"]
        assert (step["station_id"], step["result"]) == ("CP-1", {"variables": [{"is_equal": True}]})
        assert (await got("/v1/firmware?model=M"))["items"][0]["version"] == "2"
        variables = (await got("/v1/charging-stations/CP-1/variables"))["items"]
        assert [(each["variable"], each["value"], each["unit"]) for each in variables] == [
            ("HeartbeatInterval", "300", None),
            ("Power", "11", "kW"),
        ]
        assert (await got("/v1/variables?variable=Power&value=11&station_id=CP-1"))["items"] == variables[1:]
        assert (await got("/v1/variables?model=nope"))["items"] == []
        report = await got("/v1/charging-stations/CP-1/reports/monitors")
        assert (report["is_complete"], len(report["items"])) == (True, 1)

        reading = VariableReading("EVSE", "Power", "22", evse_id=1)
        whole = VariablesRead(station_id="CP-1", variables=(reading,), report_id=8, is_complete=True)
        parts = [
            ReportKept(station_id="CP-1", report="monitors", request_id=9, seq_no=number, is_last=False, items=())
            for number in (0, 1)
        ]
        ended = JobEnded(job_id="edge-1-job-1", done=1, failed=1, cancelled=0)
        await edge.send([entry(13, whole), entry(14, parts[0]), entry(15, parts[1]), entry(16, ended)])
        await edge.acked(Stream.EVENT, 16)
        (left,) = (await got("/v1/charging-stations/CP-1/variables"))["items"]
        assert (left["value"], left["unit"], left["mutability"]) == ("22", "kW", "ReadOnly")
        assert (await got("/v1/charging-stations/CP-1/reports/monitors"))["is_complete"] is False
        assert (await got("/v1/jobs?status=open"))["items"] == []


async def test_a_job_is_ordered_and_cancelled(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth())
        await edge.send([*event_journal(), *device_journal(5)])
        await edge.acked(Stream.EVENT, 12)
        order = {"edge_id": "edge-1", "job": {"job": "get_log"}, "match": {"model": "M*"}, "at_once": 2}
        asking = asyncio.ensure_future(client.post("/v1/jobs", json=order))  # noqa: TID251 - a test of its own
        await wait_until(lambda: bool(edge.commands))
        command = edge.commands[0]
        assert command.body == StartJob(job=GetLogJob(), match=StationPattern(model="M*"), at_once=2)
        done = CommandFinished(
            command_id=command.id, outcome=Outcome.ACCEPTED, result={"job_id": "edge-1-x-9", "stations": 2}
        )
        await edge.send([entry(13, done)])
        answer = await asking
        assert (answer.status_code, answer.json()["result"]) == (200, {"job_id": "edge-1-x-9", "stations": 2})

        answer = await client.post("/v1/jobs/edge-1-job-1/cancel?wait_s=0")
        assert answer.status_code == 202
        await wait_until(lambda: len(edge.commands) == 2)
        assert edge.commands[1].body == CancelJob(job_id="edge-1-job-1")

        assert (await client.post("/v1/jobs", json={**order, "edge_id": "nobody"})).status_code == 404
        nobody = {"edge_id": "edge-1", "job": {"job": "get_log"}}
        assert (await client.post("/v1/jobs", json=nobody)).json()["code"] == "no_stations"
        mistyped = {**order, "match": {"modell": "M*"}}  # would be all stations, if it were let through
        assert (await client.post("/v1/jobs", json=mistyped)).status_code == 422
        assert (await client.post("/v1/jobs/none/cancel")).status_code == 404
