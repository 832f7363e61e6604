"""The certification cases of OCPP 2.0.1 for a CSMS about authorisation by the list and the group that tokens are on
(C40, C43), and by contract certificates (C50, C51, C52), with a responder that the site asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from protocols.charger.operations.availability import ListedToken, SendLocalList
from protocols.ocpp.version import Version
from protocols.terms import AuthorizationStatus
from tests.edge.certificates.pki import issue
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.ocsp_responder import Contracts, contracts
from tests.edge.conformance.running_agent import RunningAgent, running_agent, token_of
from tests.edge.conformance.steps_201 import Talk, authorize, booted, connector, parked, register

V201 = Version.V201
CASES = ("TC_C_40", "TC_C_43", "TC_C_50", "TC_C_51", "TC_C_52", "ALSO_STRANGE", "ALSO_SILENT")
GROUP = {"idToken": "FLEET", "type": "Central"}
SECOND = token_of("TC_C_50")
"""Of the same group as all."""


@pytest.fixture(scope="module")
def operator() -> Iterator[Contracts]:
    """Whose contracts may charge."""
    with contracts() as there:
        yield there


@pytest.fixture(scope="module")
def agent(operator: Contracts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    """An agent that trusts the operator and may ask its responder."""
    folder = tmp_path_factory.mktemp("agent")
    operator.write_trusted(folder / "trusted.pem")
    more = f'[iso15118]\nocsp = true\nocsp_hosts = ["127.0.0.1"]\ntrusted_file = "{folder / "trusted.pem"}"\n'
    with running_agent(folder, CASES, more) as running:
        yield running


def emaid_of(case: str) -> str:
    return f"DE-OHM-C{case[-2:]:0>8}-X"


@pytest.fixture
async def emaid(agent: RunningAgent, case: str) -> str:
    """The contract of the case, which the site knows."""
    listed = agent.data / f"{case}.csv"
    listed.write_text(f"uid,contract_id\n{emaid_of(case)},{emaid_of(case)}\n", encoding="utf-8")
    told = await agent.run("tokens", "import", str(listed))
    assert told.status == 0, told.errors
    return emaid_of(case)


# --- C09: lists and groups ---


async def sent_list(agent: RunningAgent, point: ChargePoint, second: AuthorizationStatus) -> None:
    """Memory state: both tokens of the group are on the station's list."""
    tokens = (
        ListedToken(token_uid=token_of(point.station_id), group_id="FLEET"),
        ListedToken(token_uid=SECOND, group_id="FLEET", status=second),
    )
    assert (await agent.operate(point.station_id, SendLocalList(version=1, tokens=tokens))).problem is None
    infos = [each["idTokenInfo"] for each in (await point.asked("SendLocalList"))["localAuthorizationList"]]
    assert [info["status"] for info in infos] == ["Accepted", second]
    assert [info["groupIdToken"] for info in infos] == [GROUP, GROUP]


async def started_from_the_list(point: ChargePoint) -> Talk:
    """The station lets the first token begin by itself; the site hears of it with the transaction."""
    talk = Talk(point, point.station_id)
    await connector(point, "Occupied")
    await talk.started(state="EVConnected", meterValue=register(1000, "Transaction.Begin"))
    first = await talk.updated("Authorized", uid=token_of(point.station_id))
    assert (first["idTokenInfo"]["status"], first["idTokenInfo"]["groupIdToken"]) == ("Accepted", GROUP)
    await talk.updated("ChargingStateChanged", state="Charging")
    return talk


async def test_tc_c_40_authorization_by_group_id_success_with_local_authorization_list(
    agent: RunningAgent, case: str
) -> None:
    """The second token stops it from the list, without an Authorize."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        await sent_list(agent, point, AuthorizationStatus.ACCEPTED)
        talk = await started_from_the_list(point)
        stopped = await talk.updated("StopAuthorized", uid=SECOND, state="EVConnected")
        assert (stopped["idTokenInfo"]["status"], stopped["idTokenInfo"]["groupIdToken"]) == ("Accepted", GROUP)
        await parked(talk)
    [bill] = agent.bills(case)
    assert (bill.token_uid, bill.total_energy_wh) == (token_of(case), 2500)  # who began pays


async def test_tc_c_43_authorization_by_group_id_invalid_status_with_local_authorization_list(
    agent: RunningAgent, case: str
) -> None:
    """Invalid on the list, so the station asks: the site knows better, and the token stops it."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        await sent_list(agent, point, AuthorizationStatus.INVALID)
        talk = await started_from_the_list(point)
        info = await authorize(point, SECOND)
        assert (info["status"], info["groupIdToken"]) == ("Accepted", GROUP)
        stopped = await talk.updated("StopAuthorized", uid=SECOND, state="EVConnected")
        assert (stopped["idTokenInfo"]["status"], stopped["idTokenInfo"]["groupIdToken"]) == ("Accepted", GROUP)
        await parked(talk)
    [bill] = agent.bills(case)
    assert bill.token_uid == token_of(case)


# --- C07: contract certificates ---


def shown(emaid: str) -> dict[str, Any]:
    return {"idToken": emaid, "type": "eMAID"}


async def charged(point: ChargePoint, emaid: str) -> None:
    """The transaction after an authorisation that was accepted."""
    talk = Talk(point, point.station_id)
    started = await talk.started(
        "Authorized", idToken=shown(emaid), state="Charging", meterValue=register(1000, "Transaction.Begin")
    )
    assert started["idTokenInfo"]["status"] == "Accepted"
    await parked(talk)


async def test_tc_c_50_contract_certificates_online_local_validation_accepted(
    agent: RunningAgent, case: str, operator: Contracts, emaid: str
) -> None:
    """The station has followed the chain and sends its hashes; what the responder said is remembered."""
    contract = operator.contract(emaid)
    hashed = operator.hashed(contract)
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        for _ in range(2):
            answer = await point.call("Authorize", idToken=shown(emaid), iso15118CertificateHashData=hashed)
            assert list(answer) == ["certificateStatus", "idTokenInfo"]
            assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("Accepted", "Accepted")
        assert operator.asked.count(contract.certificate.serial_number) == 1
        await charged(point, emaid)
    [bill] = agent.bills(case)
    assert (bill.token_uid, bill.contract_id) == (emaid, emaid)


async def test_tc_c_51_contract_certificates_online_local_validation_rejected(
    agent: RunningAgent, case: str, operator: Contracts, emaid: str
) -> None:
    contract = operator.contract(emaid)
    operator.revoked.add(contract.certificate.serial_number)
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        hashed = operator.hashed(contract)
        answer = await point.call("Authorize", idToken=shown(emaid), iso15118CertificateHashData=hashed)
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("CertificateRevoked", "Invalid")
        assert contract.certificate.serial_number in operator.asked


async def test_tc_c_52_contract_certificates_online_central_validation_accepted(
    agent: RunningAgent, case: str, operator: Contracts, emaid: str
) -> None:
    """The site follows the chain itself, and finds the responder in it."""
    contract = operator.contract(emaid)
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        answer = await point.call("Authorize", idToken=shown(emaid), certificate=operator.chain(contract))
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("Accepted", "Accepted")
        assert contract.certificate.serial_number in operator.asked
        await charged(point, emaid)
    assert len(agent.bills(case)) == 1


async def test_also_strange_certificates_let_nobody_charge(
    agent: RunningAgent, case: str, operator: Contracts, emaid: str
) -> None:
    """One that nobody signed whom the site trusts, another contract's, none at all; and a contract nobody knows."""
    stranger = issue(emaid.replace("-", ""), now=operator.now, responder=operator.url)
    others = operator.chain(operator.contract("DE-OHM-C99999999-X"))
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        for pem in (stranger.pem, others, "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"):
            answer = await point.call("Authorize", idToken=shown(emaid), certificate=pem)
            assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("CertChainError", "Invalid")
        chain = operator.chain(operator.contract("DE-OHM-C99999999-X"))
        answer = await point.call("Authorize", idToken=shown("DE-OHM-C99999999-X"), certificate=chain)
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("Accepted", "Unknown")


async def test_also_silent_responders_let_nobody_charge(
    agent: RunningAgent, case: str, operator: Contracts, emaid: str
) -> None:
    hashed = [{**each, "responderURL": "http://127.0.0.1:9/ocsp"} for each in operator.hashed(operator.contract(emaid))]
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        answer = await point.call("Authorize", idToken=shown(emaid), iso15118CertificateHashData=hashed)
        assert (answer["certificateStatus"], answer["idTokenInfo"]["status"]) == ("NoCertificateAvailable", "Invalid")
