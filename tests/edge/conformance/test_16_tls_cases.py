"""The certification cases of OCPP 1.6 for central systems that need TLS: TC_074 whole, TC_083, TC_086, TC_087.

TLS is spoken by a real nginx before the agent, configured as deploy/nginx ships it.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import InvalidStatus

from protocols.charger.operations.variables import Reset, SetVariables, VariableName, VariableSetting
from tests.edge.certificates.pki import csr_of
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import RunningAgent
from tests.edge.conformance.steps_16 import booted
from tests.edge.conformance.tls_door import Door, key_pem, new_authority, tls_door
from tests.journeys.node import nginx_program

pytestmark = pytest.mark.skipif(
    nginx_program() is None, reason="no nginx on this machine (apt-get install nginx-light)"
)

OF_STATION = {"TC_087": "security_profile = 3"}


@pytest.fixture(scope="module")
def door(agent: RunningAgent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with tls_door(agent, tmp_path_factory.mktemp("door")) as opened:
        yield opened


async def certified(point: ChargePoint, folder: Path) -> Path:
    """A certificate of the site CA, with its chain and key in a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    assert await point.call("SignCertificate", csr=csr_of(point.station_id, key)) == {"status": "Accepted"}
    chain = (await point.asked("CertificateSigned"))["certificateChain"]
    (folder / "station.pem").write_text(chain + "\n" + key_pem(key))
    return folder / "station.pem"


async def test_tc_074_update_charge_point_certificate(
    agent: RunningAgent, case: str, door: Door, tmp_path: Path
) -> None:
    """With the certificate that the site gave it, a station needs no password any more."""
    async with charge_point(agent, case, port=door.port, tls=door.client()) as point:
        await booted(point)
        chain = await certified(point, tmp_path)
    async with charge_point(agent, case, password=None, port=door.port, tls=door.client(chain=chain)) as point:
        await booted(point)


async def by_hand(agent: RunningAgent, point: ChargePoint, action: str, **payload: str) -> None:
    """`ohmstead-edge call`, which the station takes."""
    told = await agent.run("call", point.station_id, action, json.dumps(payload))
    assert (json.loads(told.output), told.status) == ({"status": "Accepted"}, 0)
    asked = await point.asked(action)
    assert list(asked.items()) == list(payload.items())


async def turned_away(agent: RunningAgent, station_id: str, **how: Any) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with charge_point(agent, station_id, **how):
            pass
    assert refused.value.response.status_code == 401


async def test_tc_083_upgrade_charge_point_security_profile(
    agent: RunningAgent, case: str, door: Door, tmp_path: Path
) -> None:
    """From 1 to 2, and from there to 3, by raw calls: once the station has come with it, none below it is let in."""
    async with charge_point(agent, case) as point:
        await booted(point)
        await by_hand(agent, point, "ChangeConfiguration", key="SecurityProfile", value="2")
        await by_hand(agent, point, "Reset", type="Hard")
    for _ in range(2):
        async with charge_point(agent, case, port=door.port, tls=door.client()) as point:
            await booted(point)
        await turned_away(agent, case)
    async with charge_point(agent, case, port=door.port, tls=door.client()) as point:
        await booted(point)
        tls = door.client(chain=await certified(point, tmp_path))
        await by_hand(agent, point, "ChangeConfiguration", key="SecurityProfile", value="3")
        await by_hand(agent, point, "Reset", type="Hard")
    for _ in range(2):
        async with charge_point(agent, case, password=None, port=door.port, tls=tls) as point:
            await booted(point)
            await by_hand(agent, point, "ChangeConfiguration", key="SecurityProfile", value="1")
        await turned_away(agent, case)
        await turned_away(agent, case, port=door.port, tls=door.client())


async def test_also_upgrade_by_an_operation(agent: RunningAgent, case: str, door: Door) -> None:
    """TC_083 as an operator does it; what the station refuses changes nothing."""
    name = VariableName(component="SecurityCtrlr", variable="SecurityProfile")
    async with charge_point(agent, case, port=door.port, tls=door.client()) as point:
        await booted(point)
        point.answers["ChangeConfiguration"] = {"status": "Rejected"}
        done = await agent.operate(case, SetVariables(settings=(VariableSetting(name=name, value="3"),)))
        assert done.result["result"]["variables"][0]["status"] == "Rejected"
        point.answers["ChangeConfiguration"] = {"status": "RebootRequired"}
        done = await agent.operate(case, SetVariables(settings=(VariableSetting(name=name, value="2"),)))
        assert done.problem is None
        assert (await agent.operate(case, Reset(type="Immediate"))).problem is None
        assert await point.asked("Reset") == {"type": "Hard"}
    async with charge_point(agent, case, port=door.port, tls=door.client()) as point:
        await booted(point)
    await turned_away(agent, case)


async def test_tc_086_tls_server_side_certificate(agent: RunningAgent, case: str, door: Door) -> None:
    """TLS 1.2 and newer; the certificate names the host, and a station that trusts another authority stays away."""
    async with charge_point(agent, case, port=door.port, tls=door.client(highest=ssl.TLSVersion.TLSv1_2)) as point:
        await booted(point)
    stranger = Door(port=door.port, authority=new_authority())
    for client, why in (
        (door.client(highest=ssl.TLSVersion.TLSv1_1), "PROTOCOL_VERSION"),
        (stranger.client(), "CERTIFICATE_VERIFY_FAILED"),
    ):
        with pytest.raises(ssl.SSLError, match=why):
            async with charge_point(agent, case, port=door.port, tls=client):
                pass


async def test_tc_087_tls_client_side_certificate(agent: RunningAgent, case: str, door: Door, tmp_path: Path) -> None:
    """Profile 3: the site's certificate lets in, one of another authority, another station's, or none does not."""
    with pytest.raises(InvalidStatus) as refused:
        async with charge_point(agent, case, port=door.port, tls=door.client()):
            pass
    assert refused.value.response.status_code in (401, 403)
    foreign, theirs = tmp_path / "foreign.pem", new_authority(case)
    foreign.write_text(theirs.pem + key_pem(theirs.key))
    with pytest.raises(InvalidStatus) as refused:
        async with charge_point(agent, case, port=door.port, tls=door.client(chain=foreign)):
            pass
    assert refused.value.response.status_code == 400
    async with charge_point(agent, "TC_086") as other:
        of_another = await certified(other, tmp_path)
    with pytest.raises(InvalidStatus) as refused:
        async with charge_point(agent, case, port=door.port, tls=door.client(chain=of_another)):
            pass
    assert refused.value.response.status_code in (401, 403)
