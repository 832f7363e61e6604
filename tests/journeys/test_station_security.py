"""A station's security over a real agent: events and alarms, certificates up to their renewal, passwords."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from deploy.demo.processes import program, spawn
from edge.certificates.ocsp import named
from edge.chargers.credentials import hash_password
from protocols.timeline import Timeline
from tests.edge.certificates.pki import csr_of, issue, respond
from tests.edge.chargers.scripted import basic
from tests.kit import free_port, wait_until

PASSWORD = "0123456789abcdef0123456789abcdef"
CONFIG = f"""
edge_id = "edge-1"
data_dir = "data"
currency = "EUR"
default_tariff = "standard"

[location]
id = "L"
name = "Site"
country_code = "DE"
party_id = "OHM"
time_zone = "Europe/Berlin"

[ocpp]
host = "127.0.0.1"
port = 0

[local]
port = 0

[certificates]
valid_days = 20

[[tariffs]]
id = "standard"
last_updated = 2026-01-01T00:00:00Z
[[tariffs.elements]]
price_components = [{{ type = "ENERGY", price = 0.5 }}]

[[stations]]
id = "CS-1"
password_hash = "{hash_password(PASSWORD)}"
evses = [{{ id = 1, label = "1" }}]
"""


@dataclass
class Station:
    """Answers the site's calls by `answers`, keeps them, and asks."""

    socket: ClientConnection
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _replies: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _count: int = 0

    async def listen(self) -> None:
        try:
            async for message in self.socket:
                frame = json.loads(message)
                if frame[0] == 2:
                    self.asked.append((frame[2], frame[3]))
                    answer = self.answers.get(frame[2], {"status": "Accepted"})
                    await self.socket.send(json.dumps([3, frame[1], answer]))
                else:
                    self._replies.pop(frame[1]).set_result(frame[2:])
        except ConnectionClosed:
            pass

    async def call(self, action: str, /, **payload: Any) -> Any:
        self._count += 1
        future = self._replies[f"m{self._count}"] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([2, f"m{self._count}", action, payload]))
        async with asyncio.timeout(20):
            return (await future)[0]

    def was_asked(self, action: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.asked if name == action]

    async def has_been_asked(self, action: str, times: int = 1, timeout_s: float = 10) -> dict[str, Any]:
        await wait_until(lambda: len(self.was_asked(action)) >= times, timeout_s)
        return self.was_asked(action)[-1]


@dataclass
class Running:
    """An agent, and its command line."""

    folder: Path
    environment: dict[str, str]

    @property
    def port(self) -> int:
        return int(json.loads((self.folder / "data" / "listening.json").read_text())["ocpp"])

    async def edge(self, *arguments: str, status: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            program("ohmstead-edge"), *arguments, "-c", str(self.folder / "edge.toml"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == status, err.decode()
        return out.decode() + err.decode()

    @asynccontextmanager
    async def station(
        self, version: str = "ocpp2.0.1", password: str = PASSWORD, *, over_tls: bool = False
    ) -> AsyncIterator[Station]:
        """With `over_tls` it comes as from a proxy where TLS ends."""
        proxied = {"X-Forwarded-Proto": "https"} if over_tls else {}
        async with connect(
            f"ws://127.0.0.1:{self.port}/CS-1",
            subprotocols=[version],  # type: ignore[list-item]
            additional_headers=basic("CS-1", password) | proxied,
            proxy=None,
        ) as socket:
            station = Station(socket)
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(station.listen())
                if version == "ocpp2.0.1":
                    named = {"vendorName": "V", "model": "M"}
                    await station.call("BootNotification", reason="PowerUp", chargingStation=named)
                else:
                    await station.call("BootNotification", chargePointVendor="V", chargePointModel="M")
                yield station
                listening.cancel()

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        listening = self.folder / "data" / "listening.json"
        command = (program("ohmstead-edge"), "run", "--config", str(self.folder / "edge.toml"))
        child = await spawn("edge", *command, log=self.folder / "log", environment=self.environment)
        try:
            await wait_until(lambda: listening.exists() or child.has_ended, 40)
            child.check()
            yield
        finally:
            await child.stop()


@pytest.fixture
def site(tmp_path: Path) -> Running:
    (tmp_path / "edge.toml").write_text(CONFIG)
    return Running(tmp_path, {})


async def test_a_certificate_from_the_request_to_the_ledger(site: Running) -> None:
    assert "Take" in await site.edge("ca", "init", "--organization", "Stadtwerke")
    assert "already" in await site.edge("ca", "init", "--organization", "Other", status=1)
    async with site.run(), site.station() as station:
        refused = await station.call("SignCertificate", csr=csr_of("CS-2"))
        assert refused["status"] == "Rejected"
        assert "certificate_refused:CS-1" in await site.edge("alarms", "list")
        assert await station.call("SignCertificate", csr=csr_of("CS-1")) == {"status": "Accepted"}
        signed = await station.has_been_asked("CertificateSigned")
        leaf, issuing = x509.load_pem_x509_certificates(signed["certificateChain"].encode())
        assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "CS-1"
        root = x509.load_pem_x509_certificates((await site.edge("ca", "export")).encode())[0]
        leaf.verify_directly_issued_by(issuing)
        issuing.verify_directly_issued_by(root)

        async def is_in_use() -> bool:
            return "in use" in await site.edge("certificates", "list")

        await wait_until(is_in_use)
        assert "certificate_refused" not in await site.edge("alarms", "list")

        held = {
            "certificateType": "CSMSRootCertificate",
            "certificateHashData": {
                "hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bbcc", "serialNumber": "77",
            },
        }  # fmt: skip
        station.answers["GetInstalledCertificateIds"] = {"status": "Accepted", "certificateHashDataChain": [held]}
        fields = {"certificate_type": "CSMSRootCertificate", "certificate": "PEM"}
        await site.edge("command", "CS-1", "install_certificate", json.dumps(fields))
        await station.has_been_asked("GetInstalledCertificateIds")

        async def is_told() -> bool:
            installed = json.loads(await site.edge("certificates", "list", "--json"))["installed"]
            return bool(installed and installed[0]["certificates"][0]["serial_number"] == "77")

        await wait_until(is_told)
        (issued,) = json.loads(await site.edge("certificates", "list", "CS-1", "--json"))["issued"]
        assert "revoked" in await site.edge("certificates", "revoke", "CS-1", issued["serial_number"])
        assert "REVOKED" in await site.edge("certificates", "list")
    keys = [
        path for path in (site.folder / "data").rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    ]
    assert {path.name for path in keys} == {"root.key", "issuing.key"}


async def test_a_certificate_is_renewed_by_itself(site: Running) -> None:
    """Its 20 days are within the 30 of `renew_days` from the first."""
    anchor_s = time.time()  # noqa: TID251 - the clock of whoever plays
    now = datetime.fromtimestamp(anchor_s, UTC)
    site.environment = {"OHMSTEAD_TIMELINE": str(Timeline(origin=now, anchor_s=anchor_s, speed=500))}
    await site.edge("ca", "init", "--organization", "Stadtwerke")
    async with site.run(), site.station() as station:
        await station.call("SignCertificate", csr=csr_of("CS-1"))
        first = await station.has_been_asked("CertificateSigned")
        renewal = ("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
        await wait_until(lambda: renewal in station.asked, 40)
        await station.call("SignCertificate", csr=csr_of("CS-1"))
        assert await station.has_been_asked("CertificateSigned", 2) != first


async def test_a_16_station_has_the_same(site: Running) -> None:
    await site.edge("ca", "init", "--organization", "Stadtwerke")
    async with site.run(), site.station("ocpp1.6") as station:
        assert await station.call("SignCertificate", csr=csr_of("CS-1")) == {"status": "Accepted"}
        signed = await station.has_been_asked("CertificateSigned")
        assert list(signed) == ["certificateChain"]
        at = "2026-03-02T06:00:00Z"
        assert await station.call("SecurityEventNotification", type="TamperDetectionActivated", timestamp=at) == {}


async def test_security_events_and_their_alarms(site: Running) -> None:
    alarm = "security_event_TamperDetectionActivated:CS-1"
    async with site.run(), site.station() as station:
        for event_type in ("StartupOfTheDevice", "TamperDetectionActivated", "TamperDetectionActivated"):
            event = {"type": event_type, "timestamp": "2026-03-02T06:00:00Z", "techInfo": "door"}
            assert await station.call("SecurityEventNotification", **event) == {}
        assert alarm in await site.edge("alarms", "list")
        listed = json.loads(await site.edge("security", "CS-1", "--json"))
        assert {event["type"]: event["count"] for event in listed} == {
            "StartupOfTheDevice": 1,
            "TamperDetectionActivated": 2,
        }
        assert "is cleared" in await site.edge("alarms", "clear", alarm)
        assert "no alarm" in await site.edge("alarms", "clear", alarm, status=1)


@pytest.mark.parametrize(
    ("version", "action", "read"),
    [
        ("ocpp2.0.1", "SetVariables", lambda asked: asked["setVariableData"][0]["attributeValue"]),
        ("ocpp1.6", "ChangeConfiguration", lambda asked: asked["value"]),
    ],
)
async def test_a_password_is_changed_and_the_station_can_always_come_in(
    site: Running, version: str, action: str, read: Callable[[dict[str, Any]], str]
) -> None:
    async with site.run():
        async with site.station(version) as station:
            component = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
            refused = {"setVariableResult": [{"attributeStatus": "Rejected", **component}], "status": "Rejected"}
            accepted = {"setVariableResult": [{"attributeStatus": "Accepted", **component}], "status": "Accepted"}
            version_201 = version == "ocpp2.0.1"
            station.answers[action] = _only(refused, version_201)
            assert "did not take" in await site.edge("stations", "password", "CS-1", status=1)
            rejected = read(station.was_asked(action)[-1])
            station.answers[action] = _only(accepted, version_201)
            assert "new password" in await site.edge("stations", "password", "CS-1")
            new = read(await station.has_been_asked(action, 2))
        assert await enters(site, version, rejected) == 401
        assert await enters(site, version, PASSWORD) == 101, "it has not come with the new one yet"
    async with site.run():
        assert await enters(site, version, PASSWORD) == 101, "and the agent was restarted"
        assert await enters(site, version, new) == 101
        assert await enters(site, version, PASSWORD) == 401, "it has come with the new one"
    async with site.run():
        assert await enters(site, version, PASSWORD) == 401
        assert await enters(site, version, new) == 101
    for path in (path for path in site.folder.rglob("*") if path.is_file()):
        assert new.encode() not in path.read_bytes(), f"the password stands in {path}"
    frames = await site.edge("frames", "--json")
    assert action in frames
    assert new not in frames


def _only(answer: dict[str, Any], is_201: bool) -> dict[str, Any]:
    wanted = "setVariableResult" if is_201 else "status"
    return {wanted: answer[wanted]}


async def enters(site: Running, version: str = "ocpp2.0.1", password: str = PASSWORD, *, over_tls: bool = False) -> int:
    try:
        async with site.station(version, password, over_tls=over_tls):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_a_raised_security_profile_outlives_the_agent(site: Running) -> None:
    """What was offered and what was adopted are both kept; other settings are newer, and staff may open it."""
    settings = site.folder / "edge.toml"
    proxied = '[ocpp]\ntrusted_proxies = ["127.0.0.1"]\nproxy_tls = true\n'
    settings.write_text(CONFIG.replace("[ocpp]\n", proxied))
    async with site.run():
        async with site.station("ocpp1.6"):
            raised = json.dumps({"key": "SecurityProfile", "value": "2"})
            assert "Accepted" in await site.edge("call", "CS-1", "ChangeConfiguration", raised)
        assert await enters(site, "ocpp1.6") == 101, "it has not come with the new one yet"
    async with site.run():
        assert await enters(site, "ocpp1.6", over_tls=True) == 101
        assert await enters(site, "ocpp1.6") == 401
    async with site.run():
        assert await enters(site, "ocpp1.6") == 401, "and the agent was restarted"
        assert "profile 1" in await site.edge("stations", "forget-profile", "CS-1")
        assert await enters(site, "ocpp1.6") == 101
        assert "not configured" in await site.edge("stations", "forget-profile", "CS-9", status=1)
    async with site.run():
        assert await enters(site, "ocpp1.6") == 101


async def test_what_is_not_configured_is_answered_with_failed(site: Running) -> None:
    hashed = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa" * 32, "issuerKeyHash": "bb" * 32, "serialNumber": "1"}
    data = {**hashed, "responderURL": "http://127.0.0.1:1/"}
    async with site.run(), site.station() as station:
        exi = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "AA=="}
        answer = await station.call("Get15118EVCertificate", **exi)
        assert (answer["status"], answer["exiResponse"]) == ("Failed", "")
        assert (await station.call("GetCertificateStatus", ocspRequestData=data))["status"] == "Failed"
        token = {"idToken": "DEOHMC1", "type": "eMAID"}
        answer = await station.call("Authorize", idToken=token, iso15118CertificateHashData=[data])
        assert answer["certificateStatus"] == "NoCertificateAvailable"
        assert answer["idTokenInfo"]["status"] == "Unknown"
        assert (await station.call("SignCertificate", csr=csr_of("CS-1")))["status"] == "Rejected"


async def test_what_is_configured_is_carried_to_who_knows(site: Running) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - responders go by the machine's clock
    root = issue("Root", is_ca=True, now=now)
    contract = issue("DEOHMC00000001", root, now=now)
    port, facts = free_port(), {"revoked": False}

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        if request.path == "/ocsp":
            return web.Response(body=respond(body, root, now=now, fresh_for=None, revoked=facts["revoked"]))
        return web.json_response({"status": "Accepted", "exiResponse": json.loads(body)["exiRequest"][::-1]})

    (site.folder / "trusted.pem").write_text(root.pem)
    settings = f"""
[iso15118]
exi_url = "http://127.0.0.1:{port}/exi"
ocsp = true
ocsp_hosts = ["127.0.0.1"]
trusted_file = "{site.folder / "trusted.pem"}"
"""
    (site.folder / "edge.toml").write_text(CONFIG + settings)
    (site.folder / "cards.csv").write_text("uid,contract_id\nDEOHMC00000001,C-1\n")
    await site.edge("tokens", "import", str(site.folder / "cards.csv"))
    application = web.Application()
    application.router.add_route("POST", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    hashed = named(contract.certificate, root.certificate, f"http://127.0.0.1:{port}/ocsp")
    data = {
        "hashAlgorithm": hashed.hash_algorithm,
        "issuerNameHash": hashed.issuer_name_hash,
        "issuerKeyHash": hashed.issuer_key_hash,
        "serialNumber": hashed.serial_number,
        "responderURL": hashed.responder_url,
    }
    token = {"idToken": "DEOHMC00000001", "type": "eMAID"}
    try:
        async with site.run(), site.station() as station:
            exi = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "ABC="}
            assert await station.call("Get15118EVCertificate", **exi) == {"status": "Accepted", "exiResponse": "=CBA"}
            status = await station.call("GetCertificateStatus", ocspRequestData=data)
            assert status["status"] == "Accepted"
            allowed = await station.call("Authorize", idToken=token, iso15118CertificateHashData=[data])
            assert (allowed["certificateStatus"], allowed["idTokenInfo"]["status"]) == ("Accepted", "Accepted")
            chain = await station.call("Authorize", idToken=token, certificate=contract.pem)
            assert (chain["certificateStatus"], chain["idTokenInfo"]["status"]) == ("Accepted", "Accepted")
            facts["revoked"] = True
            refused = await station.call("Authorize", idToken=token, iso15118CertificateHashData=[data])
            assert (refused["certificateStatus"], refused["idTokenInfo"]["status"]) == ("CertificateRevoked", "Invalid")
    finally:
        await runner.cleanup()
