"""Firmware, logs, templates and variables over real sockets and real HTTP, with the operator at the command line."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from deploy.demo.processes import program
from deploy.demo.servers import block_until, die_with_parent, free_port
from edge.ledger import device_reading
from edge.ledger.database import open_reader
from protocols.charger.operations.variables import GetBaseReport
from protocols.ocpp.version import Version
from tests.edge.conformance import steps_16, steps_201
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import PATIENCE_S, RunningAgent, running_agent
from tests.edge.files.test_catalogue import Signer, ecdsa, make

PORT: Final = free_port()
MORE_SETTINGS: Final = f"""
[files]
host = "127.0.0.1"
port = {PORT}
public_url = "http://127.0.0.1:{PORT}"
firmware_roots = ["roots.pem"]

[device_model]
settle_s = 0
every_s = 0.1
"""
IMAGE: Final = bytes(number % 249 for number in range(300_000))


def job_of(told: str) -> str:
    """The id in what `jobs start` prints."""
    return told.split()[1]


async def shown(agent: RunningAgent, job_id: str, status: str, station_id: str) -> dict[str, Any]:
    """The job, once the station is so far."""
    ledger = open_reader(agent.data / "ledger.sqlite")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            job = device_reading.job(ledger, job_id)
            step = next(step for step in (job or {})["steps"] if step["station_id"] == station_id)
            if step["status"] == status:
                return dict(step)
            await asyncio.sleep(0.05)


def pem(*signers: Any) -> bytes:
    return b"".join(signer.certificate.public_bytes(Encoding.PEM) for signer in signers)


async def add_firmware(agent: RunningAgent, content: bytes, version: str, *more: str) -> str:
    """Put a firmware into the catalogue; its id."""
    path = agent.config.parent / f"fw-{version}.bin"
    path.write_bytes(content)
    what = ("--vendor", "Conform*", "--model", "C*", "--version", version, *more)
    added = await agent.run("files", "add", str(path), *what)
    assert added.status == 0, added.errors
    assert sha256(content).hexdigest() in added.output
    return added.output.split(":")[0]


async def fetch(url: str, part: int) -> bytes:
    """In parts, as a station with little memory does."""
    content = b""
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            answer = await http.get(url, headers={"Range": f"bytes={len(content)}-{len(content) + part - 1}"})
            assert answer.status_code == 206
            content += answer.content
            if len(content) == int(answer.headers["content-range"].rpartition("/")[2]):
                return content


async def boot_201(point: ChargePoint, version: str) -> None:
    station = {"model": "CS", "vendorName": "Conformance", "firmwareVersion": version}
    await point.call("BootNotification", reason="FirmwareUpdate", chargingStation=station)


def signers() -> tuple[Signer, Signer]:
    """A manufacturer's root, and who signs its firmware, both good today."""
    begins = datetime.now(UTC) - timedelta(days=1)  # noqa: TID251 - the agent's clock is the machine's
    root = make("maker", None, ec.generate_private_key(ec.SECP256R1()), is_authority=True, begins=begins)
    return root, make("line 1", root, ec.generate_private_key(ec.SECP256R1()), begins=begins)


async def test_also_firmware_is_verified_before_it_is_offered(agent: RunningAgent, case: str) -> None:
    root, leaf = signers()
    folder = agent.config.parent
    for name, content in (("roots.pem", pem(root)), ("chain.pem", pem(leaf)), ("signature", ecdsa(leaf, IMAGE + b"1"))):
        (folder / name).write_bytes(content)
    signed = ("--signature", str(folder / "signature"), "--certificate", str(folder / "chain.pem"))
    (folder / "bad.bin").write_bytes(IMAGE)
    what = ("--vendor", "V", "--model", "M", "--version", "9")
    refused = await agent.run("files", "add", str(folder / "bad.bin"), *what, *signed)
    assert (refused.status, refused.errors) == (
        1,
        "refused: the signature is not one of this file by this certificate\n",
    )
    file_id = await add_firmware(agent, IMAGE + b"1", "1.9", *signed)
    async with charge_point(agent, case, Version.V201) as point:
        await steps_201.booted(point)
        assert (await agent.run("jobs", "start", "update-firmware", "--file", file_id, "--stations", case)).status == 0
        firmware = (await point.asked("UpdateFirmware"))["firmware"]
        assert firmware["signingCertificate"].encode() == pem(leaf)
        assert base64.b64decode(firmware["signature"]) == (folder / "signature").read_bytes()
        assert await fetch(firmware["location"], 200_000) == IMAGE + b"1"
        in_use = await agent.run("files", "remove", file_id)
        assert "cancel that first" in in_use.errors


async def test_also_update_goes_its_way(agent: RunningAgent, case: str) -> None:
    file_id = await add_firmware(agent, IMAGE, "2.0")
    async with charge_point(agent, case, Version.V201) as point:
        await steps_201.booted(point)
        started = await agent.run("jobs", "start", "update-firmware", "--file", file_id, "--stations", case)
        assert started.status == 0, started.errors
        job_id = job_of(started.output)
        asked = await point.asked("UpdateFirmware")
        request_id, url = asked["requestId"], asked["firmware"]["location"]
        assert await fetch(url, 70_000) == IMAGE
        await shown(agent, job_id, "downloaded", case)
        for status in ("Downloaded", "Installing"):
            await point.call("FirmwareStatusNotification", status=status, requestId=request_id)
        await shown(agent, job_id, "installing", case)
        await boot_201(point, "2.0")
        assert (await shown(agent, job_id, "done", case))["detail"] == "2.0 is there"
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(url)).status_code == 410
        listed = await agent.run("jobs", "list")
        assert "1 done" in listed.output
        told = await agent.run("jobs", "show", job_id, "--json")
        assert json.loads(told.output)["steps"][0]["status"] == "done"


async def test_also_diagnostics_come_from_a_station_that_knows_no_get_log(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["GetConfiguration"] = {}
        await steps_16.booted(point)
        point.errors["GetLog"] = ("NotImplemented", "", {})
        point.answers["GetDiagnostics"] = {"fileName": "diag.zip"}
        started = await agent.run("jobs", "start", "get-log", "--stations", case)
        job_id = job_of(started.output)
        asked = await point.asked("GetDiagnostics")
        await point.call("DiagnosticsStatusNotification", status="Uploading")
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.put(asked["location"] + "diag.zip", content=IMAGE)
        assert answer.status_code == 201
        step = await shown(agent, job_id, "done", case)
        assert step["result"]["sha256"] == sha256(IMAGE).hexdigest()
        assert (agent.data / "files" / "uploads" / step["result"]["file"]).read_bytes() == IMAGE


async def test_also_template_is_taken_by_those_who_can(agent: RunningAgent, case: str) -> None:
    template = agent.config.parent / "templates.toml"
    template.write_text(
        '[[templates]]\nname = "fleet"\nmatch = { vendor = "Conf*" }\nvariables = [\n'
        '  { variable = "HeartbeatInterval", value = 300 },\n  { variable = "Foo", value = true },\n]\n'
    )
    async with charge_point(agent, case) as point:
        point.answers["GetConfiguration"] = {}
        await steps_16.booted(point)
        key = {"key": "HeartbeatInterval", "readonly": False, "value": "300"}
        point.answers["GetConfiguration"] = {"configurationKey": [key], "unknownKey": ["Foo"]}
        started = await agent.run("jobs", "start", "apply-template", str(template), "--stations", case)
        assert started.status == 0, started.errors
        changes = [await point.asked("ChangeConfiguration") for _ in range(2)]
        assert [(each["key"], each["value"]) for each in changes] == [("HeartbeatInterval", "300"), ("Foo", "true")]
        step = await shown(agent, job_of(started.output), "failed", case)
        # It said Accepted to both, and does not know the second when it is asked: that is found out.
        rows = {row["variable"]: row for row in step["result"]["variables"]}
        assert (rows["HeartbeatInterval"]["is_equal"], rows["Foo"]["read"]) == (True, None)


async def test_also_variables_are_asked_for_once_after_a_boot(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, Version.V201) as point:
        await steps_201.booted(point)
        async with asyncio.timeout(30):  # with the next tick
            while True:
                try:
                    asked = await point.asked("GetBaseReport")
                    break
                except TimeoutError:
                    pass
        for number, is_more in ((0, True), (1, False)):
            item = {
                "component": {"name": "EVSE", "evse": {"id": 1}},
                "variable": {"name": f"V{number}"},
                "variableAttribute": [{"value": str(number), "mutability": "ReadOnly"}],
                "variableCharacteristics": {"dataType": "integer", "supportsMonitoring": False},
            }
            await point.call(
                "NotifyReport",
                requestId=asked["requestId"],
                generatedAt="2026-01-01T00:00:00Z",
                seqNo=number,
                tbc=is_more,
                reportData=[item],
            )
        told = await agent.run("variables", case, "--json")
        variables = json.loads(told.output)["variables"]
        assert [(each["variable"], each["value"]) for each in variables] == [("V0", "0"), ("V1", "1")]


async def test_also_keys_of_an_old_station_are_variables(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["GetConfiguration"] = {}
        await steps_16.booted(point)
        keys = [
            {"key": "X", "readonly": True, "value": "7"},
            {"key": "AuthorizationKey", "readonly": False, "value": "s"},
        ]
        point.answers["GetConfiguration"] = {"configurationKey": keys}
        assert (await agent.operate(case, GetBaseReport())).problem is None
        told = await agent.run("variables", case, "--json")
        variables = json.loads(told.output)["variables"]
        assert {each["variable"]: each["value"] for each in variables} == {"X": "7", "BasicAuthPassword": None}


@contextmanager
def run_again(agent: RunningAgent) -> Iterator[tuple[RunningAgent, int]]:
    """The agent once more on its folder; its process is the test's to kill."""
    listening = agent.data / "listening.json"
    listening.unlink(missing_ok=True)
    with (agent.config.parent / "edge.log").open("ab") as log:
        command = [program("ohmstead-edge"), "run", "-c", str(agent.config)]
        process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent)
    try:
        block_until(lambda: listening.exists() or process.poll() is not None, 30)
        ports = json.loads(listening.read_text(encoding="utf-8"))
        yield replace(agent, ocpp_port=ports["ocpp"], local_port=ports["local"]), process.pid
    finally:
        process.kill()
        process.wait(20)


async def test_also_killed_the_agent_takes_a_job_up_where_it_was(tmp_path: Path) -> None:
    station, port = "KILLED", free_port()
    more = MORE_SETTINGS.replace(str(PORT), str(port))
    with running_agent(tmp_path, {station}, more) as prepared:
        file_id = await add_firmware(prepared, IMAGE, "2.0")
    with run_again(prepared) as (agent, pid):
        async with charge_point(agent, station, Version.V201) as point:
            await steps_201.booted(point)
            started = await agent.run("jobs", "start", "update-firmware", "--file", file_id, "--stations", station)
            job_id = job_of(started.output)
            asked = await point.asked("UpdateFirmware")
            await point.call("FirmwareStatusNotification", status="Downloading", requestId=asked["requestId"])
            await shown(agent, job_id, "downloading", station)
            half = {"Range": "bytes=0-149999"}
            async with httpx.AsyncClient(trust_env=False) as http:
                begun = (await http.get(asked["firmware"]["location"], headers=half)).content
            os.kill(pid, signal.SIGKILL)
    with run_again(prepared) as (agent, _):
        async with charge_point(agent, station, Version.V201) as point:
            async with httpx.AsyncClient(trust_env=False) as http:  # the address is as good as it was
                rest = (await http.get(asked["firmware"]["location"], headers={"Range": "bytes=150000-"})).content
            assert begun + rest == IMAGE
            await shown(agent, job_id, "downloaded", station)
            await point.call("FirmwareStatusNotification", status="Installing", requestId=asked["requestId"])
            await boot_201(point, "2.0")
            assert (await shown(agent, job_id, "done", station))["attempt"] == 1
