"""Behind wss: the server is checked, and the station shows the certificate that it was given."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ocpp.v201 import call as call201

from firmware_sim.fleet import Fleet
from firmware_sim.messages import Note
from firmware_sim.settings import OcppVersion
from tests.firmware_sim import csms as csms_module
from tests.firmware_sim.certificates import authority
from tests.firmware_sim.playbook import spec
from tests.firmware_sim.test_fleet import fleet_of


async def test_from_a_password_to_a_certificate(tmp_path: Path) -> None:
    root = authority()
    async with csms_module.running(tls=root.server_context(tmp_path)) as csms:
        plate = spec(OcppVersion.V201, password="a-password-of-16", roots=root.pem)
        async with fleet_of(csms, plate) as fleet:
            await fleet["CP01"].connect()
            assert csms.certificates == [None]
            peer = csms.peers["CP01"]
            install = call201.InstallCertificate(certificate_type="CSMSRootCertificate", certificate=root.pem)
            assert (await peer.call(install)).status == "Accepted"
            name = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "SecurityProfile"}}
            (told,) = (
                await peer.call(call201.SetVariables(set_variable_data=[name | {"attribute_value": "3"}]))
            ).set_variable_result
            assert told["attribute_status"] == "Accepted"
            await peer.call(call201.TriggerMessage(requested_message="SignChargingStationCertificate"))
            await csms.wait_for(lambda it: len(it.of("SignCertificate")) == 1)
            chain = root.sign_request(csms.of("SignCertificate")[0].payload["csr"])
            assert (await peer.call(call201.CertificateSigned(certificate_chain=chain))).status == "Accepted"
            await csms.wait_for(lambda it: len(it.certificates) == 2)
    assert csms.certificates[1]["subject"][:1] == ((("commonName", "OS-1001"),),)
    assert csms.invalid == []


async def test_a_server_that_nobody_vouches_for_is_not_talked_to(tmp_path: Path) -> None:
    told: list[Note] = []
    refused = asyncio.Event()

    def tell(_: str, note: Note) -> None:
        if note.what == "connect_failed":
            told.append(note)
            refused.set()

    async with csms_module.running(tls=authority().server_context(tmp_path)) as csms:
        plate = spec(roots=authority("another").pem)
        async with Fleet([plate], edge_url=csms.url, teller=tell) as fleet, asyncio.timeout(10):
            fleet["CP01"].power_up()
            await refused.wait()
        assert "certificate verify failed" in str(told[0].detail["error"])
        assert csms.paths == []
