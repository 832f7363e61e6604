"""The certification cases of OCPP 2.0.1 for a CSMS: blocks A, L, M, N, O.

What of block A needs TLS is in test_201_tls_cases.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import InvalidStatus

from protocols.charger.operations.firmware import GetLog, PublishFirmware, UnpublishFirmware, UpdateFirmware
from protocols.charger.operations.messages import (
    ClearDisplayMessage,
    DisplayMessage,
    GetDisplayMessages,
    SetDisplayMessage,
)
from protocols.charger.operations.monitoring import (
    ClearVariableMonitoring,
    GetCustomerInformation,
    GetMonitoringReport,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
    VariableMonitor,
)
from protocols.charger.operations.variables import SetVariables, TriggerMessage, VariableName, VariableSetting
from protocols.ocpp.version import Version
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import RunningAgent, token_of
from tests.edge.conformance.steps_16 import stamp
from tests.edge.conformance.steps_201 import booted, charging, parked

V201 = Version.V201
PEM = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQw==\n-----END CERTIFICATE-----\n"
HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "ab" * 32, "issuerKeyHash": "cd" * 32, "serialNumber": "1f"}
PASSWORD_VARIABLE = VariableName(component="SecurityCtrlr", variable="BasicAuthPassword")
TEMPERATURE = VariableName(component="ChargingStation", variable="Temperature")
COMPONENT = {"component": {"name": "ChargingStation"}, "variable": {"name": "Temperature"}}
MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def today() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the operator's own clock


# --- A: security ---


async def test_tc_a_01_basic_authentication(agent: RunningAgent, case: str) -> None:
    """TC_A_01 right, TC_A_03 a wrong password."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
    with pytest.raises(InvalidStatus) as refused:
        async with charge_point(agent, case, V201, password="not-the-password"):
            pass
    assert refused.value.response.status_code == 401


async def test_tc_a_09_update_password(agent: RunningAgent, case: str) -> None:
    """TC_A_09 Accepted: it comes back with the new one; TC_A_10 Rejected: the old one goes on."""
    told = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    async with charge_point(agent, case, V201) as point:
        point.answers["SetVariables"] = {"setVariableResult": [{"attributeStatus": "Rejected", **told}]}
        await booted(point)
        refused = await agent.run("stations", "password", case)
        assert "Rejected" in refused.errors
        await point.asked("SetVariables")
    async with charge_point(agent, case, V201) as point:
        point.answers["SetVariables"] = {"setVariableResult": [{"attributeStatus": "Accepted", **told}]}
        await booted(point)
        given = await agent.run("stations", "password", case)
        assert given.status == 0, given.errors
        [data] = (await point.asked("SetVariables"))["setVariableData"]
        assert (data["component"], data["variable"]) == (told["component"], told["variable"])
    async with charge_point(agent, case, V201, password=data["attributeValue"]) as point:
        await booted(point)


@pytest.mark.parametrize("is_good", [True, False])
async def test_tc_a_11_update_charging_station_certificate(agent: RunningAgent, case: str, is_good: bool) -> None:
    """TC_A_11 Success, TC_A_14 the station finds it invalid."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        asked = TriggerMessage(requested_message="SignChargingStationCertificate")
        assert (await agent.operate(case, asked)).problem is None
        assert await point.asked("TriggerMessage") == {"requestedMessage": "SignChargingStationCertificate"}
        point.answers["CertificateSigned"] = {"status": "Accepted" if is_good else "Rejected"}
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Certification Lot")]
        subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, case)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        pem = csr.public_bytes(serialization.Encoding.PEM).decode()
        answer = await point.call("SignCertificate", csr=pem, certificateType="ChargingStationCertificate")
        assert answer == {"status": "Accepted"}
        sent = await point.asked("CertificateSigned")
        assert list(sent) == ["certificateChain", "certificateType"]
        assert x509.load_pem_x509_certificates(sent["certificateChain"].encode())[0].public_key() == key.public_key()
        if not is_good:
            event = {"type": "InvalidChargingStationCertificate", "timestamp": stamp()}
            assert await point.call("SecurityEventNotification", **event) == {}


async def test_tc_a_19_upgrade_security_profile(agent: RunningAgent, case: str) -> None:
    """Step 3 as an operation: what needs a reset first is taken. The whole case is in test_201_tls_cases."""
    name = VariableName(component="OCPPCommCtrlr", variable="NetworkConfigurationPriority")
    told = {"component": {"name": name.component}, "variable": {"name": name.variable}}
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        point.answers["SetVariables"] = {"setVariableResult": [{"attributeStatus": "RebootRequired", **told}]}
        done = await agent.operate(case, SetVariables(settings=(VariableSetting(name=name, value="1,0"),)))
        assert (done.problem, done.result["result"]["variables"][0]["status"]) == (None, "RebootRequired")


# --- L: firmware ---


async def tell_firmware(point: ChargePoint, request_id: int, *words: str) -> None:
    for word in words:
        told = await point.call("FirmwareStatusNotification", status=word, requestId=request_id)
        assert told == {}


@pytest.mark.parametrize(
    "words",
    [
        ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed"],
        ["Downloading", "Downloaded", "SignatureVerified", "InstallScheduled", "Installing", "Installed"],
        ["DownloadScheduled", "Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"],
        ["Downloading", "Downloaded", "InvalidSignature"],
        ["Downloading", "DownloadFailed"],
        ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallVerificationFailed"],
        ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallationFailed"],
        ["DownloadPaused", "Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"],
    ],
    ids=lambda words: words[-1],
)
async def test_tc_l_01_secure_firmware_update(agent: RunningAgent, case: str, words: list[str]) -> None:
    """TC_L_01 to TC_L_03, TC_L_06 to TC_L_09, TC_L_13."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        operation = UpdateFirmware(
            location="https://192.0.2.1/fw.bin",
            retrieve_at=today(),
            install_at=today() + timedelta(minutes=1),
            signing_certificate=PEM,
            signature="c2ln",
        )
        assert (await agent.operate(case, operation)).problem is None
        asked = await point.asked("UpdateFirmware")
        assert list(asked["firmware"]) == [
            *("location", "retrieveDateTime", "installDateTime", "signingCertificate", "signature"),
        ]
        await tell_firmware(point, asked["requestId"], *words)


@pytest.mark.parametrize("status", ["RevokedCertificate", "InvalidCertificate", "AcceptedCanceled", "Rejected"])
async def test_tc_l_04_secure_firmware_update_answers(agent: RunningAgent, case: str, status: str) -> None:
    """TC_L_04, TC_L_05, TC_L_10, TC_L_11."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        point.answers["UpdateFirmware"] = {"status": status}
        operation = UpdateFirmware(
            location="https://192.0.2.1/fw.bin", retrieve_at=today(), signing_certificate=PEM, signature="c2ln"
        )
        done = await agent.operate(case, operation)
        assert (done.problem is None) == (status == "AcceptedCanceled")


@pytest.mark.parametrize("last", ["Published", "InvalidChecksum", "PublishFailed", "DownloadFailed"])
async def test_tc_l_17_publish_firmware(agent: RunningAgent, case: str, last: str) -> None:
    """TC_L_17, TC_L_19, TC_L_20, TC_L_24."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        operation = PublishFirmware(location="https://192.0.2.1/fw.bin", checksum=MD5)
        assert (await agent.operate(case, operation)).problem is None
        asked = await point.asked("PublishFirmware")
        assert list(asked) == ["location", "checksum", "requestId"]
        for word in ("Downloading", "Downloaded", last):
            more = {"location": ["http://192.0.2.2/fw.bin"]} if word == "Published" else {}
            told = {"status": word, "requestId": asked["requestId"], **more}
            assert await point.call("PublishFirmwareStatusNotification", **told) == {}


@pytest.mark.parametrize("status", ["Unpublished", "NoFirmware", "DownloadOngoing"])
async def test_tc_l_21_unpublish_firmware(agent: RunningAgent, case: str, status: str) -> None:
    """TC_L_21, TC_L_22, TC_L_23."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        point.answers["UnpublishFirmware"] = {"status": status}
        done = await agent.operate(case, UnpublishFirmware(checksum=MD5))
        assert await point.asked("UnpublishFirmware") == {"checksum": MD5}
        assert (done.problem is None) == (status == "Unpublished")


# --- N: diagnostics ---


@pytest.mark.parametrize(
    ("operation", "keys"),
    [
        (GetMonitoringReport(criteria=("ThresholdMonitoring",)), ["requestId", "monitoringCriteria"]),
        (GetMonitoringReport(names=(TEMPERATURE,)), ["requestId", "componentVariable"]),
        (
            GetMonitoringReport(criteria=("DeltaMonitoring",), names=(TEMPERATURE, TEMPERATURE)),
            ["requestId", "monitoringCriteria", "componentVariable"],
        ),
        (GetMonitoringReport(), ["requestId"]),
    ],
)
async def test_tc_n_01_get_monitoring_report(
    agent: RunningAgent, case: str, operation: GetMonitoringReport, keys: list[str]
) -> None:
    """TC_N_01 to TC_N_03, TC_N_47, TC_N_60."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        assert (await agent.operate(case, operation)).problem is None
        asked = await point.asked("GetMonitoringReport")
        assert list(asked) == keys
        monitor = {"id": 1, "transaction": False, "value": 80, "type": "UpperThreshold", "severity": 8}
        report = {"requestId": asked["requestId"], "seqNo": 0, "generatedAt": stamp()}
        told = await point.call(
            "NotifyMonitoringReport", **report, monitor=[{**COMPONENT, "variableMonitoring": [monitor]}]
        )
        assert told == {}


async def test_tc_n_05_set_monitoring_base_and_level(agent: RunningAgent, case: str) -> None:
    """TC_N_05; TC_N_16 the level, TC_N_17 rejected."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        for base in ("All", "FactoryDefault", "HardWiredOnly"):
            assert (await agent.operate(case, SetMonitoringBase(monitoring_base=base))).problem is None
            assert await point.asked("SetMonitoringBase") == {"monitoringBase": base}
        assert (await agent.operate(case, SetMonitoringLevel(severity=4))).problem is None
        assert await point.asked("SetMonitoringLevel") == {"severity": 4}
        point.answers["SetMonitoringLevel"] = {"status": "Rejected"}
        assert "Rejected" in ((await agent.operate(case, SetMonitoringLevel(severity=9))).problem or "")


async def test_tc_n_08_set_variable_monitoring(agent: RunningAgent, case: str) -> None:
    """TC_N_08 one, TC_N_09 several, TC_N_24 periodic; TC_N_18 and TC_N_44 cleared; TC_N_21, TC_N_48 to TC_N_50."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        upper = VariableMonitor(name=TEMPERATURE, type="UpperThreshold", value=80, severity=8)
        periodic = VariableMonitor(name=TEMPERATURE, type="Periodic", value=300, severity=9)
        results = [
            {"id": 1, "status": "Accepted", "type": "UpperThreshold", "severity": 8, **COMPONENT},
            {"id": 2, "status": "Accepted", "type": "Periodic", "severity": 9, **COMPONENT},
        ]
        for monitors in ((upper,), (upper, periodic)):
            point.answers["SetVariableMonitoring"] = {"setMonitoringResult": results[: len(monitors)]}
            done = await agent.operate(case, SetVariableMonitoring(monitors=monitors))
            data = (await point.asked("SetVariableMonitoring"))["setMonitoringData"]
            assert list(data[0]) == ["value", "type", "severity", "component", "variable"]
            assert (len(data), done.problem) == (len(monitors), None)
        for trigger, cleared in (("Alerting", False), ("Alerting", True), ("Periodic", False), ("Delta", False)):
            event = {
                "eventId": 1,
                "timestamp": stamp(),
                "trigger": trigger,
                "actualValue": "85",
                "cleared": cleared,
                "eventNotificationType": "CustomMonitor",
                "variableMonitoringId": 1,
                **COMPONENT,
            }
            assert await point.call("NotifyEvent", generatedAt=stamp(), seqNo=0, tbc=False, eventData=[event]) == {}
        point.answers["ClearVariableMonitoring"] = {
            "clearMonitoringResult": [{"id": 1, "status": "Accepted"}, {"id": 2, "status": "Rejected"}]
        }
        done = await agent.operate(case, ClearVariableMonitoring(monitor_ids=(1, 2)))
        assert await point.asked("ClearVariableMonitoring") == {"id": [1, 2]}
        assert "2: Rejected" in (done.problem or "")


@pytest.mark.parametrize("log_type", ["DiagnosticsLog", "SecurityLog"])
async def test_tc_n_25_retrieve_log_information(agent: RunningAgent, case: str, log_type: Any) -> None:
    """TC_N_25 diagnostics, TC_N_35 security; TC_N_34 rejected, TC_N_36 a second request."""
    operation = GetLog(remote_location="https://192.0.2.1/logs/", log_type=log_type)
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        point.answers["GetLog"] = {"status": "Accepted", "filename": "log.zip"}
        done = await agent.operate(case, operation)
        asked = await point.asked("GetLog")
        assert (list(asked), asked["logType"]) == (["logType", "requestId", "log"], log_type)
        assert done.result["result"] == {"file_name": "log.zip"}
        for word in ("Uploading", "Uploaded"):
            assert await point.call("LogStatusNotification", status=word, requestId=asked["requestId"]) == {}
        point.answers["GetLog"] = {"status": "AcceptedCanceled", "filename": "other.zip"}
        assert (await agent.operate(case, operation)).problem is None
        assert await point.call("LogStatusNotification", status="AcceptedCanceled", requestId=asked["requestId"]) == {}
        point.answers["GetLog"] = {"status": "Rejected"}
        assert "Rejected" in ((await agent.operate(case, operation)).problem or "")


@pytest.mark.parametrize(("is_report", "is_clear"), [(True, False), (True, True), (False, True)])
async def test_tc_n_27_customer_information(agent: RunningAgent, case: str, is_report: bool, is_clear: bool) -> None:
    """TC_N_27 to TC_N_32, TC_N_46, TC_N_62, TC_N_63: by token, number and certificate; TC_N_29 not accepted."""
    whose: list[dict[str, Any]] = [
        {"token_uid": token_of(case)},
        {"customer_identifier": "C-1"},
        {"customer_certificate": HASH},
    ]
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        for who in whose:
            operation = GetCustomerInformation(is_report=is_report, is_clear=is_clear, **who)
            assert (await agent.operate(case, operation)).problem is None
            asked = await point.asked("CustomerInformation")
            assert list(asked)[:3] == ["requestId", "report", "clear"]
            assert (asked["report"], asked["clear"], len(asked)) == (is_report, is_clear, 4)
            if is_report:
                told = {"requestId": asked["requestId"], "seqNo": 0, "generatedAt": stamp(), "data": "known: 1 charge"}
                assert await point.call("NotifyCustomerInformation", **told) == {}
        point.answers["CustomerInformation"] = {"status": "Rejected"}
        done = await agent.operate(case, GetCustomerInformation(customer_identifier="C-1"))
        assert "Rejected" in (done.problem or "")


# --- O: display messages ---


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"start_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"end_at": datetime(2030, 1, 1, tzinfo=UTC)},
        {"state": "Charging"},
        {"priority": "AlwaysFront", "language": "en", "format": "ASCII"},
    ],
    ids=str,
)
async def test_tc_o_01_set_display_message(agent: RunningAgent, case: str, fields: dict[str, Any]) -> None:
    """TC_O_01, TC_O_12 to TC_O_14, TC_O_25; TC_O_17 to TC_O_19 and TC_O_26 refused."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        operation = SetDisplayMessage(message=DisplayMessage(content="Welcome", **fields))
        assert (await agent.operate(case, operation)).problem is None
        message = (await point.asked("SetDisplayMessage"))["message"]
        assert (list(message)[:2], list(message)[-1]) == (["id", "priority"], "message")
        for word in ("NotSupportedPriority", "NotSupportedState", "NotSupportedMessageFormat", "Rejected"):
            point.answers["SetDisplayMessage"] = {"status": word}
            assert word in ((await agent.operate(case, operation)).problem or "")


async def test_tc_o_06_set_display_message_of_a_transaction(agent: RunningAgent, case: str) -> None:
    """TC_O_06, TC_O_27, TC_O_28; TC_O_10 UnknownTransaction."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = await charging(point)
        message = DisplayMessage(content="4 kWh so far", charger_transaction_id=talk.transaction_id)
        assert (await agent.operate(case, SetDisplayMessage(message=message))).problem is None
        assert (await point.asked("SetDisplayMessage"))["message"]["transactionId"] == talk.transaction_id
        point.answers["SetDisplayMessage"] = {"status": "UnknownTransaction"}
        done = await agent.operate(case, SetDisplayMessage(message=message))
        assert "UnknownTransaction" in (done.problem or "")
        await parked(talk)


@pytest.mark.parametrize(
    ("operation", "keys"),
    [
        (GetDisplayMessages(), ["requestId"]),
        (GetDisplayMessages(message_ids=(3,)), ["id", "requestId"]),
        (GetDisplayMessages(priority="InFront"), ["requestId", "priority"]),
        (GetDisplayMessages(state="Idle"), ["requestId", "state"]),
    ],
)
async def test_tc_o_02_get_display_messages(
    agent: RunningAgent, case: str, operation: GetDisplayMessages, keys: list[str]
) -> None:
    """TC_O_02, TC_O_07 to TC_O_09; TC_O_03 and TC_O_11 none; TC_O_04 and TC_O_05 cleared."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        assert (await agent.operate(case, operation)).problem is None
        asked = await point.asked("GetDisplayMessages")
        assert list(asked) == keys
        info = {"id": 3, "priority": "InFront", "message": {"format": "UTF8", "content": "Welcome"}}
        assert await point.call("NotifyDisplayMessages", requestId=asked["requestId"], messageInfo=[info]) == {}
        point.answers["GetDisplayMessages"] = {"status": "Unknown"}
        assert (await agent.operate(case, operation)).problem is None
        assert (await agent.operate(case, ClearDisplayMessage(message_id=3))).problem is None
        assert await point.asked("ClearDisplayMessage") == {"id": 3}
        point.answers["ClearDisplayMessage"] = {"status": "Unknown"}
        assert "Unknown" in ((await agent.operate(case, ClearDisplayMessage(message_id=3))).problem or "")
