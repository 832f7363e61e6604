"""The certification cases of OCPP 2.0.1 for a CSMS, block M: certificates of stations and of vehicles.

The contract certificate service and the OCSP responder are real HTTP servers of the test.
"""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec
import pytest
from cryptography.x509 import ocsp

from edge.certificates.ocsp import named
from protocols.charger.operations.certificates import (
    CertificateHash,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
)
from protocols.ocpp.version import Version
from tests.edge.certificates.pki import Issued, issue, respond
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import RunningAgent
from tests.edge.conformance.steps_201 import booted
from tests.kit import free_port

V201 = Version.V201
PORT: Final = free_port()
MORE_SETTINGS: Final = f"""
[iso15118]
exi_url = "http://127.0.0.1:{PORT}/exi"
ocsp = true
ocsp_hosts = ["127.0.0.1"]
timeout_s = 2
"""
MESSAGES_OF_15118_2: Final = "urn:iso:15118:2:2013:MsgDef"
EXI: Final = "dGVzdEVYSVJlcXVlc3REYXRh"
USES = ["CSMSRootCertificate", "ManufacturerRootCertificate", "V2GRootCertificate", "MORootCertificate"]
LENGTHS: Final = {"SHA256": 64, "SHA384": 96, "SHA512": 128}


def hash_of(algorithm: str = "SHA256", serial_number: str = "1F") -> dict[str, Any]:
    """CertificateHashDataType, written as this station likes to: the site has to say it back just so."""
    length = LENGTHS[algorithm]
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": "Ab" * (length // 2),
        "issuerKeyHash": "cd" * (length // 2),
        "serialNumber": serial_number,
    }


def installed(use: str, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    """CertificateHashDataChainType."""
    told = {"certificateHashData": hash_of(**more), "certificateType": use}
    return told | ({"childCertificateHashData": list(children)} if children else {})


# --- M03 to M05: on the station ---


@pytest.mark.parametrize("use", USES)
async def test_tc_m_01_install_certificate(agent: RunningAgent, case: str, use: Any) -> None:
    """TC_M_01 to TC_M_04; TC_M_05 Failed."""
    pem = issue("Root", is_ca=True).pem
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        operation = InstallCertificate(certificate_type=use, certificate=pem)
        assert (await agent.operate(case, operation)).problem is None
        assert await point.asked("InstallCertificate") == {"certificateType": use, "certificate": pem}
        point.answers["InstallCertificate"] = {"status": "Failed"}
        assert "Failed" in ((await agent.operate(case, operation)).problem or "")


@pytest.mark.parametrize("algorithm", LENGTHS)
@pytest.mark.parametrize("uses", [*([use] for use in USES), ["V2GCertificateChain"], USES[:2], []], ids=str)
async def test_tc_m_12_retrieve_certificates(agent: RunningAgent, case: str, uses: Any, algorithm: str) -> None:
    """TC_M_12 to TC_M_18; TC_M_19 none."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        told = [installed(use, algorithm=algorithm) for use in uses or USES]
        if "V2GCertificateChain" in uses or not uses:
            sub_cas = (hash_of(algorithm, "2a"), hash_of(algorithm, "2b"))
            told.append(installed("V2GCertificateChain", *sub_cas, algorithm=algorithm))
        point.answers["GetInstalledCertificateIds"] = {"status": "Accepted", "certificateHashDataChain": told}
        operation = GetInstalledCertificateIds(certificate_types=tuple(uses))
        done = await agent.operate(case, operation)
        assert await point.asked("GetInstalledCertificateIds") == ({"certificateType": uses} if uses else {})
        found = done.result["result"]["certificates"]
        assert [each["certificate_type"] for each in found] == [each["certificateType"] for each in told]
        assert {each["hash_algorithm"] for each in found} == {algorithm}
        assert [len(each["children"]) for each in found] == [
            len(each.get("childCertificateHashData", ())) for each in told
        ]
        point.answers["GetInstalledCertificateIds"] = {"status": "NotFound"}
        done = await agent.operate(case, operation)
        assert done.result["result"] == {"certificates": []}


@pytest.mark.parametrize("algorithm", LENGTHS)
@pytest.mark.parametrize("status", ["Accepted", "Failed", "NotFound"])
async def test_tc_m_20_delete_certificate(agent: RunningAgent, case: str, status: str, algorithm: str) -> None:
    """Installed, found and deleted by the very hashes that the station told (M04.FR.07). TC_M_20 Success, TC_M_21
    Failed."""
    use = "CSMSRootCertificate"
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        operation = InstallCertificate(certificate_type=use, certificate=issue("Root", is_ca=True).pem)
        assert (await agent.operate(case, operation)).problem is None
        told = [installed(use, algorithm=algorithm)]
        point.answers["GetInstalledCertificateIds"] = {"status": "Accepted", "certificateHashDataChain": told}
        done = await agent.operate(case, GetInstalledCertificateIds(certificate_types=(use,)))
        (found,) = done.result["result"]["certificates"]
        named_so = {name: found[name] for name in CertificateHash.__dataclass_fields__}
        point.answers["DeleteCertificate"] = {"status": status}
        done = await agent.operate(case, DeleteCertificate(certificate=CertificateHash(**named_so)))
        assert await point.asked("DeleteCertificate") == {"certificateHashData": hash_of(algorithm)}
        assert (done.problem is None) == (status == "Accepted")
        assert done.problem is None or status in done.problem


# --- M01, M02, M06: asked of others ---


class Services:
    """An OCSP responder that knows the certificates of one sub-CA, and a contract certificate service."""

    def __init__(self) -> None:
        now = datetime.now(UTC)  # noqa: TID251 - the agent judges freshness by the machine's clock
        self.now = now
        self.root = issue("V2G Root", is_ca=True, now=now)
        self.sub = issue("V2G Sub", self.root, is_ca=True, now=now)
        self.leaf = issue("SECC", self.sub, now=now)
        self.fresh_since = now
        self.is_down = False
        self.wanted: list[dict[str, Any]] = []

    def hashed(self, certificate: Issued, issuer: Issued, path: str = "/ocsp") -> dict[str, Any]:
        """OCSPRequestDataType."""
        asked = named(certificate.certificate, issuer.certificate, f"http://127.0.0.1:{PORT}{path}")
        return {
            "hashAlgorithm": asked.hash_algorithm,
            "issuerNameHash": asked.issuer_name_hash,
            "issuerKeyHash": asked.issuer_key_hash,
            "serialNumber": asked.serial_number,
            "responderURL": asked.responder_url,
        }

    def answer(self, path: str, body: bytes) -> bytes | None:
        if self.is_down:
            return None
        if path == "/exi":
            wanted = msgspec.json.decode(body)
            self.wanted.append(wanted)
            known = wanted["exiRequest"] == EXI
            return msgspec.json.encode(
                {"status": "Accepted", "exiResponse": f"{wanted['action']}=="} if known else {"status": "Failed"}
            )
        by = {"/ocsp": self.sub, "/root": self.root}.get(path)
        return None if by is None else respond(body, by, now=self.fresh_since)


@pytest.fixture
def services() -> Iterator[Services]:
    there = Services()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = there.answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(503 if answer is None else 200)
            self.send_header("Content-Length", str(len(answer or b"")))
            self.end_headers()
            with suppress(BrokenPipeError):
                self.wfile.write(answer or b"")

        def log_message(self, *_: object) -> None:
            """Nothing: the test says what matters."""

    with ThreadingHTTPServer(("127.0.0.1", PORT), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield there
        server.shutdown()
        thread.join()


async def test_tc_m_24_certificate_status(agent: RunningAgent, case: str, services: Services) -> None:
    """Of each certificate of the station's chain, one after the other; and once more, from what is fresh."""
    chain = (
        services.hashed(services.leaf, services.sub),
        services.hashed(services.sub, services.root, "/root"),
        services.hashed(services.leaf, services.sub),
    )
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        for asked in chain:
            answer = await point.call("GetCertificateStatus", ocspRequestData=asked)
            assert list(answer) == ["status", "ocspResult"]
            assert answer["status"] == "Accepted"
            told = ocsp.load_der_ocsp_response(b64decode(answer["ocspResult"], validate=True))
            assert told.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
            assert f"{told.serial_number:x}" == asked["serialNumber"]


@pytest.mark.parametrize("why", ["down", "stale", "unknown"])
async def test_tc_m_25_certificate_status_failed(agent: RunningAgent, case: str, services: Services, why: str) -> None:
    """The responder is down, says something old, or is none."""
    services.is_down = why == "down"
    if why == "stale":
        services.fresh_since -= timedelta(days=2)
    path = "/elsewhere" if why == "unknown" else "/ocsp"
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        asked = services.hashed(services.leaf, services.sub, path)
        answer = await point.call("GetCertificateStatus", ocspRequestData=asked)
        assert (answer["status"], "ocspResult" in answer) == ("Failed", False)
        assert answer["statusInfo"]["additionalInfo"]


async def contract_certificate(point: ChargePoint, action: str, exi: str = EXI) -> dict[str, Any]:
    return await point.call(
        "Get15118EVCertificate", iso15118SchemaVersion=MESSAGES_OF_15118_2, action=action, exiRequest=exi
    )


async def test_tc_m_26_contract_certificate_installed(agent: RunningAgent, case: str, services: Services) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        answer = await contract_certificate(point, "Install")
        assert list(answer.items()) == [("status", "Accepted"), ("exiResponse", "Install==")]
    assert services.wanted == [
        {
            "stationId": case,
            "iso15118SchemaVersion": MESSAGES_OF_15118_2,
            "action": "Install",
            "exiRequest": EXI,
        }
    ]


@pytest.mark.parametrize("is_down", [False, True])
async def test_tc_m_27_contract_certificate_failed(
    agent: RunningAgent, case: str, services: Services, is_down: bool
) -> None:
    """The service does not know the vehicle, or does not answer."""
    services.is_down = is_down
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        answer = await contract_certificate(point, "Install", "bm9ib2R5")
        assert (answer["status"], answer["exiResponse"]) == ("Failed", "")
        assert answer["statusInfo"]["additionalInfo"]


async def test_tc_m_28_contract_certificate_updated(agent: RunningAgent, case: str, services: Services) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        answer = await contract_certificate(point, "Update")
        assert list(answer.items()) == [("status", "Accepted"), ("exiResponse", "Update==")]
    assert services.wanted[0]["action"] == "Update"
