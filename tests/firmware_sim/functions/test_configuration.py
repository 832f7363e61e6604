"""Variables and keys: every way that setting one can end, and the reports."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_sim.orders import Reconnect
from firmware_sim.settings import OcppVersion
from tests.firmware_sim.desk import LiveDesk

newer = pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])


def variable(component: str, name: str, **more: Any) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}} | more


def set_one(desk: LiveDesk, component: str, name: str, value: str) -> str:
    told = desk.request("SetVariables", setVariableData=[variable(component, name, attributeValue=value)])
    return str(told["setVariableResult"][0]["attributeStatus"])


@newer
@pytest.mark.parametrize(
    ("component", "name", "value", "status"),
    [
        ("OCPPCommCtrlr", "HeartbeatInterval", "30", "Accepted"),
        ("OCPPCommCtrlr", "HeartbeatInterval", "0", "Rejected"),
        ("ClockCtrlr", "TimeZone", "Europe/Vienna", "RebootRequired"),
        ("ChargingStation", "Model", "Other", "Rejected"),
        ("SampledDataCtrlr", "TxUpdatedMeasurands", "Energy.Active.Import.Register,SoC", "Accepted"),
        ("SampledDataCtrlr", "TxUpdatedMeasurands", "Luck", "Rejected"),
        ("SecurityCtrlr", "SecurityProfile", "0", "Rejected"),
        ("SecurityCtrlr", "SecurityProfile", "2", "Rejected"),
        ("ChargingStation", "Nonsense", "1", "UnknownVariable"),
        ("Nonsense", "Nonsense", "1", "UnknownComponent"),
    ],
)
def test_setting_a_variable(version: OcppVersion, component: str, name: str, value: str, status: str) -> None:
    assert set_one(LiveDesk(version), component, name, value) == status


@newer
def test_getting_what_is_not_for_everybody(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    wanted = [
        variable("SecurityCtrlr", "BasicAuthPassword"),
        variable("OCPPCommCtrlr", "HeartbeatInterval", attributeType="MaxSet"),
        {"component": {"name": "EVSE", "evse": {"id": 2}}, "variable": {"name": "AvailabilityState"}},
        {"component": {"name": "EVSE", "evse": {"id": 9}}, "variable": {"name": "AvailabilityState"}},
    ]
    got = desk.request("GetVariables", getVariableData=wanted)["getVariableResult"]
    assert [each["attributeStatus"] for each in got] == [
        "Rejected",
        "NotSupportedAttributeType",
        "Accepted",
        "UnknownComponent",
    ]
    assert got[2]["attributeValue"] == "Available"


@newer
def test_a_full_report_comes_in_parts_and_is_whole(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    assert desk.request("GetBaseReport", requestId=7, reportBase="FullInventory") == {"status": "Accepted"}
    parts = desk.said("NotifyReport")
    assert [each["seqNo"] for each in parts] == list(range(len(parts)))
    assert [each["tbc"] for each in parts] == [True] * (len(parts) - 1) + [False]
    rows = [row for part in parts for row in part["reportData"]]
    assert len(rows) == sum(1 for each in desk.charger.device.table.values() if each.component)
    password = next(row for row in rows if row["variable"]["name"] == "BasicAuthPassword")
    assert "value" not in password["variableAttribute"][0]


@newer
def test_reports_of_some(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    wanted = [{"component": {"name": "EVSE"}, "variable": {"name": "Power"}}]
    assert desk.request("GetReport", requestId=1, componentVariable=wanted) == {"status": "Accepted"}
    (part,) = desk.said("NotifyReport")
    assert [row["component"]["evse"]["id"] for row in part["reportData"]] == [1, 2]
    assert desk.request("GetReport", requestId=2, componentCriteria=["Problem"]) == {"status": "EmptyResultSet"}
    assert desk.request("GetBaseReport", requestId=3, reportBase="SummaryInventory") == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("ConnectorPhaseRotation", "1.RST,2.SRT", "RebootRequired"),
        ("SupportedFeatureProfiles", "Core", "Rejected"),
        ("meterValuesSampledData", "Voltage", "Accepted"),
        ("MeterValuesSampledData", "Luck", "Rejected"),
        ("AuthorizationKey", "short", "Rejected"),
        ("SecurityProfile", "0", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
def test_changing_a_key(key: str, value: str, status: str) -> None:
    desk = LiveDesk(OcppVersion.V16)
    assert desk.request("ChangeConfiguration", key=key, value=value) == {"status": status}


def test_all_keys_fit_and_no_password_is_among_the_values() -> None:
    desk = LiveDesk(OcppVersion.V16)
    told = {each["key"]: each for each in desk.request("GetConfiguration")["configurationKey"]}
    assert told["NumberOfConnectors"] == {"key": "NumberOfConnectors", "readonly": True, "value": "2"}
    assert told["AuthorizationKey"] == {"key": "AuthorizationKey", "readonly": False}
    core = {
        "AuthorizeRemoteTxRequests", "ClockAlignedDataInterval", "ConnectionTimeOut", "ConnectorPhaseRotation",
        "GetConfigurationMaxKeys", "HeartbeatInterval", "LocalAuthorizeOffline", "LocalPreAuthorize",
        "MeterValuesAlignedData", "MeterValuesSampledData", "MeterValueSampleInterval", "NumberOfConnectors",
        "ResetRetries", "StopTransactionOnEVSideDisconnect", "StopTransactionOnInvalidId", "StopTxnAlignedData",
        "StopTxnSampledData", "SupportedFeatureProfiles", "TransactionMessageAttempts",
        "TransactionMessageRetryInterval", "UnlockConnectorOnEVSideDisconnect", "LocalAuthListEnabled",
        "LocalAuthListMaxLength", "SendLocalListMaxLength", "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit", "ChargingScheduleMaxPeriods", "MaxChargingProfilesInstalled",
    }  # fmt: skip
    assert core <= told.keys()  # every key that OCPP 1.6 §9 requires of its profiles


def test_a_new_password_is_for_the_next_connection() -> None:
    desk = LiveDesk(OcppVersion.V16)
    as_hex = b"a-new-password-2".hex()
    assert desk.request("ChangeConfiguration", key="AuthorizationKey", value=as_hex) == {"status": "Accepted"}
    assert desk.of(Reconnect) == [Reconnect(password="a-new-password-2")]
    assert "a-new-password" not in repr(desk.notes("security_event"))
    assert desk.said("SecurityEventNotification")[0]["type"] == "ReconfigurationOfSecurityParameters"


@newer
def test_network_profiles(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    connection = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://other.example/ocpp",
        "messageTimeout": 30,
        "securityProfile": 1,
        "ocppInterface": "Wired0",
    }
    ask = {"configurationSlot": 1, "connectionData": connection}
    assert desk.request("SetNetworkProfile", **ask) == {"status": "Accepted"}
    assert desk.request("SetNetworkProfile", **ask | {"configurationSlot": 9}) == {"status": "Failed"}
    weak = connection | {"securityProfile": 0}
    assert desk.request("SetNetworkProfile", configurationSlot=1, connectionData=weak) == {"status": "Rejected"}
