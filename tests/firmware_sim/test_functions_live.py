"""Whole operations over a socket: a CSMS asks, and the station does what takes its time."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from ocpp.v16 import call as call16
from ocpp.v201 import call as call201

from firmware_sim.settings import OcppVersion
from tests.firmware_sim.certificates import authority, signature
from tests.firmware_sim.csms import Csms
from tests.firmware_sim.file_server import Files, serving_files
from tests.firmware_sim.playbook import car, spec
from tests.firmware_sim.test_fleet import fleet_of

versions = pytest.mark.parametrize("version", [OcppVersion.V16, OcppVersion.V201])
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def files() -> Iterator[Files]:
    with serving_files() as running:
        yield running


def statuses(csms: Csms, *actions: str) -> list[str]:
    return [each.payload["status"] for each in csms.of(*actions)]


@versions
async def test_signed_firmware_over_a_line_that_breaks(csms: Csms, files: Files, version: OcppVersion) -> None:
    image = b"OHMSTEAD-FIRMWARE 9.9.9\n" + b"x" * 300_000
    root = authority()
    key, certificate = root.signer()
    files.offered["/fw"] = image
    files.breaks_after = [120_000]
    firmware = {
        "location": files.url + "/fw",
        "retrieve_date_time": LONG_AGO,
        "signing_certificate": certificate,
        "signature": signature(key, image),
    }
    async with fleet_of(csms, spec(version), speed=20) as fleet:
        await fleet["CP01"].connect()
        fleet["CP01"].charger.firmware.version = "1.0.0"
        ask = {"request_id": 8, "firmware": firmware, "retries": 2, "retry_interval": 1}
        module: Any = call16.SignedUpdateFirmware if version is OcppVersion.V16 else call201.UpdateFirmware
        assert (await csms.peers["CP01"].call(module(**ask))).status == "Accepted"
        told = ("SignedFirmwareStatusNotification", "FirmwareStatusNotification")
        await csms.wait_for(lambda it: "Installed" in statuses(it, *told))
    names = [name for name in statuses(csms, *told) if name != "InstallRebooting"]
    assert names == ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]
    assert [wanted for _, _, wanted in files.requests] == [None, "bytes=120000-"]
    boot = csms.of("BootNotification")[-1].payload
    assert boot.get("firmwareVersion", boot.get("chargingStation", {}).get("firmwareVersion")) == "9.9.9"


@versions
async def test_a_log_arrives(csms: Csms, files: Files, version: OcppVersion) -> None:
    async with fleet_of(csms, spec(version)) as fleet:
        await fleet["CP01"].connect()
        module: Any = call16 if version is OcppVersion.V16 else call201
        log = {"remote_location": files.url + "/in/"}
        ask = module.GetLog(log=log, log_type="DiagnosticsLog", request_id=2)
        answer = await csms.peers["CP01"].call(ask)
        await csms.wait_for(lambda it: "Uploaded" in statuses(it, "LogStatusNotification"))
    assert statuses(csms, "LogStatusNotification") == ["Uploading", "Uploaded"]
    assert b"booted" in files.uploaded[f"/in/{answer.filename}"]


@versions
async def test_a_certificate_is_asked_for_and_taken(csms: Csms, version: OcppVersion) -> None:
    root = authority()
    async with fleet_of(csms, spec(version)) as fleet:
        await fleet["CP01"].connect()
        peer = csms.peers["CP01"]
        if version is OcppVersion.V16:
            trigger: Any = call16.ExtendedTriggerMessage(requested_message="SignChargePointCertificate")
        else:
            trigger = call201.TriggerMessage(requested_message="SignChargingStationCertificate")
        assert (await peer.call(trigger)).status == "Accepted"
        await csms.wait_for(lambda it: len(it.of("SignCertificate")) == 1)
        chain = root.sign_request(csms.of("SignCertificate")[0].payload["csr"])
        signed: Any = call16 if version is OcppVersion.V16 else call201
        assert (await peer.call(signed.CertificateSigned(certificate_chain=chain))).status == "Accepted"


async def test_a_new_password_comes_with_the_next_connection(csms: Csms) -> None:
    async with fleet_of(csms, spec(password="old-password-0001")) as fleet:
        await fleet["CP01"].connect()
        change = call16.ChangeConfiguration(key="AuthorizationKey", value="new-password-0001")
        assert (await csms.peers["CP01"].call(change)).status == "Accepted"
        await csms.wait_for(lambda it: len(it.authorizations) == 2)
    assert base64.b64decode((csms.authorizations[1] or "").removeprefix("Basic ")) == b"CP01:new-password-0001"


async def test_anything_can_be_said_by_hand(csms: Csms) -> None:
    async with fleet_of(csms, spec(OcppVersion.V201)) as fleet:
        station = fleet["CP01"]
        await station.connect()
        await station.call("NotifyEvent", generated_at=LONG_AGO, seq_no=0, event_data=[EVENT])
        assert csms.of("NotifyEvent")[0].payload["eventData"][0]["actualValue"] == "1"


EVENT = {
    "event_id": 1,
    "timestamp": LONG_AGO,
    "trigger": "Alerting",
    "actual_value": "1",
    "event_notification_type": "CustomMonitor",
    "component": {"name": "A"},
    "variable": {"name": "B"},
}


@versions
async def test_while_the_boot_is_pending_it_can_be_asked(csms: Csms, version: OcppVersion) -> None:
    csms.accepts_boot = False
    async with fleet_of(csms, spec(version)) as fleet:
        station = fleet["CP01"]
        station.power_up()
        await station.wait_for(lambda it: it.charger.is_pending)
        peer = csms.peers["CP01"]
        if version is OcppVersion.V16:
            answer = await peer.call(call16.RemoteStartTransaction(id_tag="A", connector_id=1))
            known = await peer.call(call16.GetConfiguration(key=["HeartbeatInterval"]))
            assert known.configuration_key[0]["value"] == "300"
        else:
            token = {"id_token": "A", "type": "ISO14443"}
            answer = await peer.call(call201.RequestStartTransaction(id_token=token, remote_start_id=1))
            await peer.call(call201.GetBaseReport(request_id=1, report_base="SummaryInventory"))
            await csms.wait_for(lambda it: any(not each.payload["tbc"] for each in it.of("NotifyReport")))
        assert answer.status == "Rejected"
        assert csms.of("StatusNotification") == []
        csms.accepts_boot = True
        trigger: Any = call16 if version is OcppVersion.V16 else call201
        assert (await peer.call(trigger.TriggerMessage(requested_message="BootNotification"))).status == "Accepted"
        await station.wait_for(lambda it: it.charger.online)


async def test_a_remote_start_may_have_to_be_asked_for(csms: Csms) -> None:
    async with fleet_of(csms, spec()) as fleet:
        station = fleet["CP01"]
        await station.connect()
        peer = csms.peers["CP01"]
        await peer.call(call16.ChangeConfiguration(key="AuthorizeRemoteTxRequests", value="true"))
        station.plug(1, car())
        assert (await peer.call(call16.RemoteStartTransaction(id_tag="REMOTE", connector_id=1))).status == "Accepted"
        await csms.wait_for(lambda it: len(it.of("StartTransaction")) == 1)
        assert [each.payload for each in csms.of("Authorize")] == [{"idTag": "REMOTE"}]
