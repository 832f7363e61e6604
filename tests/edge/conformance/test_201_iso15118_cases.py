"""The certification cases of OCPP 2.0.1 for a CSMS with vehicles that speak ISO 15118: K15 to K17, M01, M02 and M06.

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
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.ocpp.version import Version
from tests.edge.certificates.pki import Issued, issue, respond
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import RunningAgent, token_of
from tests.edge.conformance.steps_16 import stamp
from tests.edge.conformance.steps_201 import Talk, authorize, booted, charging, connector, parked, register
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
NEEDS: Final = {"requestedEnergyTransfer": "AC_three_phase"}
MESSAGES_OF_15118_2: Final = "urn:iso:15118:2:2013:MsgDef"
EXI: Final = "dGVzdEVYSVJlcXVlc3REYXRh"


# --- K15 to K17 ---


async def offered(talk: Talk, evse: int = 1) -> dict[str, Any]:
    """The SetChargingProfile that the site sends next: a TxProfile for this transaction."""
    asked = await talk.point.asked("SetChargingProfile")
    profile: dict[str, Any] = asked["chargingProfile"]
    assert asked["evseId"] == evse
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert profile["transactionId"] == talk.transaction_id
    return profile


async def needing(talk: Talk, **more: Any) -> dict[str, Any]:
    """The vehicle tells its needs; what it is offered."""
    answer = await talk.point.call("NotifyEVChargingNeeds", evseId=1, chargingNeeds=NEEDS, **more)
    assert answer == {"status": "Accepted"}
    return await offered(talk)


async def planned(talk: Talk, schedule: dict[str, Any]) -> str:
    """The vehicle tells its plan; what the site says to it."""
    answer = await talk.point.call("NotifyEVChargingSchedule", timeBase=stamp(), chargingSchedule=schedule, evseId=1)
    return str(answer["status"])


def beyond(schedule: dict[str, Any]) -> dict[str, Any]:
    """The same with twice the limit."""
    periods = [{**period, "limit": period["limit"] * 2} for period in schedule["chargingSchedulePeriod"]]
    return {**schedule, "chargingSchedulePeriod": periods}


async def connected(point: ChargePoint) -> Talk:
    """State EVConnectedPreSession, then Authorized: nothing flows before the vehicle knows its schedule."""
    await booted(point)
    talk = Talk(point, f"{point.station_id}-1")
    await connector(point, "Occupied")
    await talk.started(state="EVConnected", meterValue=register(1000, "Transaction.Begin"))
    assert (await authorize(point))["status"] == "Accepted"
    answer = await talk.updated("Authorized", uid=token_of(point.station_id), evse=talk.evse)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    return talk


async def leveled(point: ChargePoint) -> Talk:
    """State ISO15118SmartCharging: offered, planned, charging."""
    talk = await connected(point)
    profile = await needing(talk, maxScheduleTuples=10)
    assert await planned(talk, profile["chargingSchedule"][0]) == "Accepted"
    await talk.updated("ChargingStateChanged", state="Charging", evse=talk.evse)
    return talk


def set_by_operator(talk: Talk, *limits_a: float) -> SetChargingProfile:
    """A TxProfile with as many schedules as limits, in A."""
    schedules = tuple(
        ChargingSchedule(rate_unit="A", periods=(SchedulePeriod(start_s=0, limit=limit),)) for limit in limits_a
    )
    profile = ChargingProfile(
        purpose="TxProfile", kind="Relative", schedules=schedules, charger_transaction_id=talk.transaction_id
    )
    return SetChargingProfile(evse_id=1, profile=profile)


async def test_tc_k_53_load_leveling_by_high_level_communication(agent: RunningAgent, case: str) -> None:
    """And what is sent begins on a whole second, as the vehicle will say it back."""
    async with charge_point(agent, case, V201) as point:
        talk = await connected(point)
        profile = await needing(talk, maxScheduleTuples=10)
        (schedule,) = profile["chargingSchedule"]
        assert datetime.fromisoformat(schedule["startSchedule"]).microsecond == 0
        assert len(schedule["chargingSchedulePeriod"]) <= 10
        assert await planned(talk, schedule) == "Accepted"
        await talk.updated("ChargingStateChanged", state="Charging", evse=talk.evse)
        await parked(talk)


async def test_tc_k_55_plan_exceeds_limits(agent: RunningAgent, case: str) -> None:
    """Rejected, offered anew (K16), and then planned within."""
    async with charge_point(agent, case, V201) as point:
        talk = await connected(point)
        first = (await needing(talk, maxScheduleTuples=10))["chargingSchedule"][0]
        assert await planned(talk, beyond(first)) == "Rejected"
        await talk.updated("ChargingStateChanged", state="Charging", evse=talk.evse)
        again = (await offered(talk))["chargingSchedule"][0]
        assert again["chargingSchedulePeriod"] == first["chargingSchedulePeriod"]
        assert await planned(talk, again) == "Accepted"
        await talk.updated("ChargingRateChanged", state="Charging", evse=talk.evse)
        await parked(talk)


async def test_tc_k_57_renegotiation_by_the_vehicle(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        talk = await leveled(point)
        profile = await needing(talk, maxScheduleTuples=1)
        assert await planned(talk, profile["chargingSchedule"][0]) == "Accepted"
        await talk.updated("ChargingRateChanged", state="Charging", evse=talk.evse)
        await parked(talk)


@pytest.mark.parametrize("limits_a", [(10.0,), (8.0, 10.0, 16.0)])
async def test_tc_k_58_renegotiation_by_the_csms(agent: RunningAgent, case: str, limits_a: tuple[float, ...]) -> None:
    """With one schedule, and with three of which the vehicle takes the last."""
    async with charge_point(agent, case, V201) as point:
        talk = await leveled(point)
        assert (await agent.operate(case, set_by_operator(talk, *limits_a))).problem is None
        schedules = (await offered(talk))["chargingSchedule"]
        assert [each["id"] for each in schedules] == list(range(1, len(limits_a) + 1))
        assert await planned(talk, beyond(schedules[-1])) == "Rejected"
        assert (await offered(talk))["chargingSchedule"] == schedules
        assert await planned(talk, schedules[-1]) == "Accepted"
        assert await planned(talk, beyond(schedules[0])) == "Accepted" if len(limits_a) > 1 else True
        await talk.updated("ChargingRateChanged", state="Charging", evse=talk.evse)
        await parked(talk)


@pytest.mark.parametrize("is_raw", [False, True])
async def test_tc_k_59_renegotiation_by_the_csms_and_needs_again(agent: RunningAgent, case: str, is_raw: bool) -> None:
    """What the operator set is offered again; of what went out raw the site knows nothing, and offers as before."""
    async with charge_point(agent, case, V201) as point:
        talk = await leveled(point)
        if is_raw:
            period = {"startPeriod": 0, "limit": 10.0}
            schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
            raw = {
                "id": 2,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative",
                "transactionId": talk.transaction_id,
                "chargingSchedule": [schedule],
            }
            done = await agent.call(case, "SetChargingProfile", {"evseId": 1, "chargingProfile": raw})
            assert done.result == {"status": "Accepted"}
        else:
            assert (await agent.operate(case, set_by_operator(talk, 10.0))).problem is None
        first = await offered(talk)
        again = await needing(talk, maxScheduleTuples=10)
        assert is_raw or again == first
        assert await planned(talk, again["chargingSchedule"][0]) == "Accepted"
        await parked(talk)


async def test_also_needs_before_a_transaction(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        answer = await point.call("NotifyEVChargingNeeds", evseId=1, chargingNeeds=NEEDS)
        assert answer["status"] == "Rejected"
        talk = await charging(point)
        await needing(talk)
        await parked(talk)


# --- M01, M02, M06 ---


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
