"""The certification cases of OCPP 1.6 for central systems, security extension: TC_073 to TC_088.

What needs TLS is in test_16_tls_cases.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import InvalidStatus

from protocols.charger.operations.certificates import (
    CertificateHash,
    CertificateUse,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
)
from protocols.charger.operations.firmware import GetLog, UpdateFirmware
from protocols.charger.operations.variables import SetVariables, TriggerMessage, VariableName, VariableSetting
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import PASSWORD, RunningAgent
from tests.edge.conformance.steps_16 import booted, stamp, status

FILES = "http://192.0.2.1/files/"
PEM = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQw==\n-----END CERTIFICATE-----\n"
HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "ab" * 32, "issuerKeyHash": "cd" * 32, "serialNumber": "1f"}
WRITTEN = {"SHA256": 64, "SHA384": 96, "SHA512": 128}


def today() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the operator's own clock


async def test_tc_073_update_charge_point_password_for_http_basic_authentication(
    agent: RunningAgent, case: str
) -> None:
    """Set by hand: the station comes in with it from then on, and the site keeps none of it but a hash."""
    secret = "6e65772d70617373776f72642d303031"
    async with charge_point(agent, case) as point:
        await booted(point)
        raw = await agent.call(case, "ChangeConfiguration", {"key": "AuthorizationKey", "value": secret})
        assert raw.result == {"status": "Accepted"}
        asked = await point.asked("ChangeConfiguration")
        assert list(asked.items()) == [("key", "AuthorizationKey"), ("value", secret)]
    async with charge_point(agent, case, password=secret) as point:
        await booted(point)
        point.answers["ChangeConfiguration"] = {"status": "Rejected"}
        for value in ("a-password-it-refused", "short"):
            raw = await agent.call(case, "ChangeConfiguration", {"key": "AuthorizationKey", "value": value})
            assert raw.result == {"status": "Rejected"}
    for wrong in (PASSWORD, "a-password-it-refused"):
        with pytest.raises(InvalidStatus) as refused:
            async with charge_point(agent, case, password=wrong):
                pass
        assert refused.value.response.status_code == 401
    kept = [path for path in agent.data.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert kept == []
    assert secret not in (agent.data.parent / "edge.log").read_text()


async def test_also_password_made_by_the_site(agent: RunningAgent, case: str) -> None:
    """TC_073 as an operator does it: nobody sees the password, and it is the only one once the station came with it."""
    async with charge_point(agent, case) as point:
        await booted(point)
        told = await agent.run("stations", "password", case)
        assert told.status == 0, told.errors
        asked = await point.asked("ChangeConfiguration")
        assert asked["key"] == "AuthorizationKey"
        assert asked["value"] not in told.output
    async with charge_point(agent, case, password=asked["value"]) as point:
        await booted(point)
    with pytest.raises(InvalidStatus) as refused:
        async with charge_point(agent, case):
            pass
    assert refused.value.response.status_code == 401


async def test_tc_074_update_charge_point_certificate_by_request_of_central_system(
    agent: RunningAgent, case: str
) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        asked = TriggerMessage(requested_message="SignChargingStationCertificate")
        assert (await agent.operate(case, asked)).problem is None
        assert await point.asked("ExtendedTriggerMessage") == {"requestedMessage": "SignChargePointCertificate"}
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Certification Lot")]
        subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, case)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        pem = csr.public_bytes(serialization.Encoding.PEM).decode()
        assert await point.call("SignCertificate", csr=pem) == {"status": "Accepted"}
        chain = (await point.asked("CertificateSigned"))["certificateChain"]
        leaf, issuer = x509.load_pem_x509_certificates(chain.encode())[:2]
        leaf.verify_directly_issued_by(issuer)
        assert leaf.public_key() == key.public_key()
        assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == case


@pytest.mark.parametrize(
    ("use", "word"),
    [
        ("ManufacturerRootCertificate", "ManufacturerRootCertificate"),
        ("CSMSRootCertificate", "CentralSystemRootCertificate"),
    ],
)
async def test_tc_075_install_a_certificate_on_the_charge_point(
    agent: RunningAgent, case: str, use: CertificateUse, word: str
) -> None:
    """TC_075_1 ManufacturerRootCertificate, TC_075_2 CentralSystemRootCertificate."""
    async with charge_point(agent, case) as point:
        await booted(point)
        raw = await agent.call(case, "InstallCertificate", {"certificateType": word, "certificate": PEM})
        assert raw.result == {"status": "Accepted"}
        assert await point.asked("InstallCertificate") == {"certificateType": word, "certificate": PEM}
        point.answers["GetInstalledCertificateIds"] = {"status": "Accepted", "certificateHashData": [HASH]}
        done = await agent.operate(case, GetInstalledCertificateIds(certificate_types=(use,)))
        assert await point.asked("GetInstalledCertificateIds") == {"certificateType": word}
        [told] = done.result["result"]["certificates"]
        assert (told["certificate_type"], told["serial_number"]) == (use, "1f")
        point.answers["InstallCertificate"] = {"status": "Rejected"}
        refused = await agent.operate(case, InstallCertificate(certificate_type=use, certificate=PEM))
        assert "Rejected" in (refused.problem or "")


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_tc_076_delete_a_specific_certificate(agent: RunningAgent, case: str, algorithm: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        digest = "a" * WRITTEN[algorithm]
        certificate = CertificateHash(
            hash_algorithm=algorithm,  # type: ignore[arg-type]
            issuer_name_hash=digest,
            issuer_key_hash=digest,
            serial_number="1f",
        )
        assert (await agent.operate(case, DeleteCertificate(certificate=certificate))).problem is None
        asked = (await point.asked("DeleteCertificate"))["certificateHashData"]
        assert list(asked) == ["hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber"]
        assert asked["hashAlgorithm"] == algorithm


async def test_tc_077_invalid_charge_point_certificate_security_event(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["CertificateSigned"] = {"status": "Rejected"}
        await booted(point)
        raw = await agent.call(case, "CertificateSigned", {"certificateChain": PEM})
        assert raw.result == {"status": "Rejected"}
        event = {"type": "InvalidChargePointCertificate", "timestamp": stamp()}
        assert await point.call("SecurityEventNotification", **event) == {}


async def test_tc_078_invalid_central_system_certificate_security_event(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["InstallCertificate"] = {"status": "Rejected"}
        await booted(point)
        call = {"certificateType": "CentralSystemRootCertificate", "certificate": PEM}
        assert (await agent.call(case, "InstallCertificate", call)).result == {"status": "Rejected"}
        event = {"type": "InvalidCentralSystemCertificate", "timestamp": stamp(), "techInfo": "expired"}
        assert await point.call("SecurityEventNotification", **event) == {}


async def test_tc_079_get_security_log(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["GetLog"] = {"status": "Accepted", "filename": "security.log"}
        await booted(point)
        done = await agent.operate(case, GetLog(remote_location=FILES, log_type="SecurityLog"))
        assert done.result["result"] == {"file_name": "security.log"}
        asked = await point.asked("GetLog")
        assert list(asked) == ["logType", "requestId", "log"]
        assert asked["log"] == {"remoteLocation": FILES}
        for word in ("Uploading", "Uploaded"):
            assert await point.call("LogStatusNotification", status=word, requestId=asked["requestId"]) == {}


async def signed_update(agent: RunningAgent, point: ChargePoint) -> int:
    """The number of an update that the station takes."""
    await booted(point)
    update = UpdateFirmware(
        location=f"{FILES}fw.bin",
        retrieve_at=today(),
        install_at=today() + timedelta(hours=1),
        signing_certificate=PEM,
        signature="c2lnbmVk",
    )
    assert (await agent.operate(point.station_id, update)).problem is None
    asked = await point.asked("SignedUpdateFirmware")
    assert list(asked) == ["requestId", "firmware"]
    assert list(asked["firmware"]) == [
        *("location", "retrieveDateTime", "installDateTime", "signingCertificate", "signature")
    ]
    return int(asked["requestId"])


async def signed_firmware(point: ChargePoint, request_id: int, *words: str) -> None:
    for word in words:
        assert await point.call("SignedFirmwareStatusNotification", status=word, requestId=request_id) == {}


async def test_tc_080_secure_firmware_update(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        number = await signed_update(agent, point)
        await signed_firmware(point, number, "Downloading", "Downloaded", "SignatureVerified")
        await status(point, "Unavailable")
        await signed_firmware(point, number, "Installing", "InstallRebooting")
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (
            await point.call("SecurityEventNotification", type="FirmwareUpdated", timestamp=stamp(), techInfo="2.0")
            == {}
        )
        await signed_firmware(point, number, "Installed")


async def test_tc_081_secure_firmware_update_invalid_signature(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        number = await signed_update(agent, point)
        await signed_firmware(point, number, "Downloading", "Downloaded", "InvalidSignature")
        event = {"type": "InvalidFirmwareSignature", "timestamp": stamp()}
        assert await point.call("SecurityEventNotification", **event) == {}


async def test_tc_083_upgrade_charge_point_security_profile_accepted(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        name = VariableName(component="SecurityCtrlr", variable="SecurityProfile")
        done = await agent.operate(case, SetVariables(settings=(VariableSetting(name=name, value="2"),)))
        assert done.problem is None
        assert await point.asked("ChangeConfiguration") == {"key": "SecurityProfile", "value": "2"}


@pytest.mark.parametrize("password", [None, "another-password"])
async def test_tc_085_basic_authentication_username_and_password(
    agent: RunningAgent, case: str, password: str | None
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with charge_point(agent, case, password=password):
            pass
    assert refused.value.response.status_code == 401
    async with charge_point(agent, case) as point:
        await booted(point)


async def test_tc_088_websocket_subprotocol_negotiation(agent: RunningAgent, case: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with charge_point(agent, case, subprotocols=["ocpp0.1"]):
            pass
    assert refused.value.response.status_code == 400
    assert b"ocpp1.6" in (refused.value.response.body or b"")
    async with charge_point(agent, case, subprotocols=["ocpp0.1", "ocpp1.6"]) as point:
        await booted(point)


async def test_also_trigger_a_message_that_only_the_extension_knows(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (await agent.operate(case, TriggerMessage(requested_message="LogStatusNotification"))).problem is None
        assert await point.asked("ExtendedTriggerMessage") == {"requestedMessage": "LogStatusNotification"}
        assert await point.call("LogStatusNotification", status="Idle") == {}
