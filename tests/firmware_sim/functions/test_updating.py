"""Firmware: every step is told, in the words of the version, and the new version boots."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_sim import crypto
from firmware_sim.messages import (
    Answered,
    AuthorizeMessage,
    Plugged,
    Presented,
    Reboot,
    Rebooted,
    TokenAnswer,
    Triggered,
    Unplugged,
)
from firmware_sim.orders import Download, Downloaded
from firmware_sim.settings import OcppVersion
from tests.firmware_sim.certificates import authority, signature
from tests.firmware_sim.desk import LiveDesk, timestamp
from tests.firmware_sim.playbook import CARD, car

versions = pytest.mark.parametrize("version", list(OcppVersion))
newer = pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])
URL = "http://127.0.0.1:1/fw-2.0.0.bin"


def statuses(desk: LiveDesk) -> list[str]:
    return [each["status"] for each in desk.said("FirmwareStatusNotification", "SignedFirmwareStatusNotification")]


def update(desk: LiveDesk, *, at_s: float = 0, signed: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    if desk.version is OcppVersion.V16 and signed is None:
        return desk.request("UpdateFirmware", location=URL, retrieveDate=timestamp(at_s))
    firmware = {"location": URL, "retrieveDateTime": timestamp(at_s)} | (signed or {}) | more
    action = "SignedUpdateFirmware" if desk.version is OcppVersion.V16 else "UpdateFirmware"
    return desk.request(action, requestId=5, firmware=firmware)


def arrive(desk: LiveDesk, **what: Any) -> None:
    desk.happens(Downloaded(job=desk.of(Download)[-1], **what))


@versions
def test_an_update_from_end_to_end(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    expected = {} if version is OcppVersion.V16 else {"status": "Accepted"}
    assert update(desk, at_s=60) == expected
    desk.at(59)
    assert desk.of(Download) == []
    desk.at(60)
    assert desk.of(Download)[0].url == URL
    arrive(desk, version="2.0.0")
    desk.at(70)
    assert len(desk.of(Reboot)) == 1
    desk.happens(Rebooted())
    newer_ones = version is not OcppVersion.V16
    assert statuses(desk) == [
        *(["DownloadScheduled"] if newer_ones else []),
        "Downloading",
        "Downloaded",
        "Installing",
        *(["InstallRebooting"] if newer_ones else []),
        "Installed",
    ]
    assert desk.charger.firmware.version == "2.0.0"
    assert desk.charger.remembered().firmware == "2.0.0"


@versions
def test_a_download_that_fails(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    update(desk)
    desk.at(1)
    arrive(desk, error="HTTP 404")
    assert statuses(desk)[-1] == "DownloadFailed"
    assert desk.charger.firmware.version == "1.0.0"
    desk.outputs.clear()
    desk.happens(Triggered(what="FirmwareStatusNotification"))
    assert statuses(desk) == ["Idle"]


@versions
def test_signed_firmware_is_verified(version: OcppVersion) -> None:
    root = authority()
    key, certificate = root.signer()
    content = b"OHMSTEAD-FIRMWARE 3.0.0\n"
    signed = {"signingCertificate": certificate, "signature": signature(key, content)}
    desk = LiveDesk(version)
    desk.request("InstallCertificate", certificateType="ManufacturerRootCertificate", certificate=root.pem)
    assert update(desk, signed=signed) == {"status": "Accepted"}
    desk.at(1)
    job = desk.of(Download)[0]
    assert crypto.is_signed(content, job.signature or "", job.certificate or "")
    assert not crypto.is_signed(content + b"x", job.signature or "", job.certificate or "")
    arrive(desk, version="3.0.0", is_signature_valid=True)
    assert statuses(desk)[-2:] == ["SignatureVerified", "Installing"]


@versions
def test_a_wrong_signature_leaves_the_old_version(version: OcppVersion) -> None:
    _, certificate = authority().signer()
    desk = LiveDesk(version)
    update(desk, signed={"signingCertificate": certificate, "signature": "AAAA"})
    desk.at(1)
    arrive(desk, version="3.0.0", is_signature_valid=False)
    desk.at(100)
    assert statuses(desk)[-1] == "InvalidSignature"
    assert [each["type"] for each in desk.said("SecurityEventNotification")] == ["InvalidFirmwareSignature"]
    assert desk.charger.firmware.version == "1.0.0"


@versions
def test_a_signer_that_nobody_knows(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    desk.request("InstallCertificate", certificateType="ManufacturerRootCertificate", certificate=authority().pem)
    _, foreign = authority("another").signer()
    answer = update(desk, signed={"signingCertificate": foreign, "signature": "AAAA"})
    assert answer == {"status": "InvalidCertificate"}
    desk.at(10)
    assert desk.of(Download) == []


@versions
def test_installing_waits_for_the_last_driver(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    desk.happens(Plugged(evse_id=1, vehicle=car()))
    desk.happens(Presented(evse_id=1, id_token=CARD))
    desk.happens(Answered(message=desk.of(AuthorizeMessage)[-1], answer=TokenAnswer(status="Accepted")))
    update(desk)
    desk.at(10)
    arrive(desk, version="2.0.0")
    desk.at(300)
    assert "Installing" not in statuses(desk)
    desk.happens(Unplugged(evse_id=1))
    desk.at(301)
    assert statuses(desk)[-1] == "Installing"


@newer
def test_a_later_update_replaces_one_that_waits(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    update(desk, at_s=60)
    assert update(desk, at_s=90) == {"status": "AcceptedCanceled"}
    desk.at(80)
    assert desk.of(Download) == []


@newer
def test_publishing_to_others(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    ask = {"location": URL, "checksum": "d41d8cd98f00b204e9800998ecf8427e", "requestId": 3}
    assert desk.request("PublishFirmware", **ask) == {"status": "Accepted"}
    arrive(desk, md5=ask["checksum"])
    told = desk.said("PublishFirmwareStatusNotification")
    assert [each["status"] for each in told] == ["Downloading", "Downloaded", "ChecksumVerified", "Published"]
    assert len(told[-1]["location"]) == 1
    assert desk.request("UnpublishFirmware", checksum=ask["checksum"]) == {"status": "Unpublished"}
    assert desk.request("UnpublishFirmware", checksum=ask["checksum"]) == {"status": "NoFirmware"}
    desk.request("PublishFirmware", **ask)
    arrive(desk, md5="0" * 32)
    assert desk.said("PublishFirmwareStatusNotification")[-1]["status"] == "InvalidChecksum"
