"""Monitors, customers, displays, costs and logs: asked for, told, cleared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firmware_sim.messages import (
    Answered,
    AuthorizeMessage,
    ConnectorFaulted,
    FaultCleared,
    Plugged,
    Presented,
    TokenAnswer,
    Triggered,
    Unplugged,
)
from firmware_sim.orders import Upload, Uploaded
from firmware_sim.settings import OcppVersion
from tests.firmware_sim.desk import LiveDesk, timestamp
from tests.firmware_sim.playbook import CARD, car

versions = pytest.mark.parametrize("version", list(OcppVersion))
newer = pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])


def monitor(kind: str, value: float, **changed: Any) -> dict[str, Any]:
    known = {"severity": 5, "component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
    return known | {"type": kind, "value": value} | changed


def set_one(desk: LiveDesk, *wanted: dict[str, Any]) -> list[str]:
    told = desk.request("SetVariableMonitoring", setMonitoringData=list(wanted))["setMonitoringResult"]
    return [each["status"] for each in told]


def events(desk: LiveDesk) -> list[tuple[str, bool]]:
    told = [event for each in desk.said("NotifyEvent") for event in each["eventData"]]
    return [(each["trigger"], each["cleared"]) for each in told]


def charge(desk: LiveDesk) -> str:
    desk.happens(Plugged(evse_id=1, vehicle=car()))
    desk.happens(Presented(evse_id=1, id_token=CARD))
    desk.happens(Answered(message=desk.of(AuthorizeMessage)[-1], answer=TokenAnswer(status="Accepted")))
    return desk.charger.evses[1].transaction_id or ""


@newer
def test_a_threshold_is_crossed_and_comes_back(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    assert set_one(desk, monitor("UpperThreshold", 5_000)) == ["Accepted"]
    charge(desk)
    assert events(desk) == [("Alerting", False)]
    desk.at(60)
    assert len(events(desk)) == 1
    desk.happens(Unplugged(evse_id=1))
    assert events(desk) == [("Alerting", False), ("Alerting", True)]


@newer
def test_periodic_and_delta(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    assert set_one(desk, monitor("Periodic", 60), monitor("Delta", 10_000, severity=4)) == ["Accepted"] * 2
    desk.at(185)
    assert events(desk) == [("Periodic", False)] * 3
    charge(desk)
    assert events(desk)[3:] == [("Delta", False)]


@newer
def test_a_level_keeps_the_lesser_ones_back(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    set_one(desk, monitor("UpperThreshold", 5_000, severity=6))
    assert desk.request("SetMonitoringLevel", severity=5) == {"status": "Accepted"}
    charge(desk)
    assert events(desk) == []
    desk.happens(ConnectorFaulted(evse_id=2))
    desk.happens(FaultCleared(evse_id=2))
    assert events(desk) == [("Alerting", False), ("Alerting", True)]


@newer
def test_what_cannot_be_monitored(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    assert set_one(
        desk,
        monitor("UpperThreshold", 1),
        monitor("UpperThreshold", 2),
        monitor("Delta", -1),
        monitor("Periodic", 9, id=77),
        monitor("UpperThreshold", 1, variable={"name": "AvailabilityState"}),
        monitor("UpperThreshold", 1, variable={"name": "Nonsense"}),
        monitor("UpperThreshold", 1, component={"name": "Nonsense"}),
    ) == [
        "Accepted",
        "Duplicate",
        "Rejected",
        "Rejected",
        "UnsupportedMonitorType",
        "UnknownVariable",
        "UnknownComponent",
    ]


@newer
def test_reported_changed_and_cleared(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    set_one(desk, monitor("UpperThreshold", 1), monitor("Periodic", 9))
    assert desk.request("GetMonitoringReport", requestId=1, monitoringCriteria=["PeriodicMonitoring"]) == {
        "status": "Accepted"
    }
    (report,) = desk.said("NotifyMonitoringReport")
    assert [each["type"] for each in report["monitor"][0]["variableMonitoring"]] == ["Periodic"]
    assert set_one(desk, monitor("UpperThreshold", 2, id=1)) == ["Accepted"]
    assert desk.charger.monitors.by_id[1].value == 2
    cleared = desk.request("ClearVariableMonitoring", id=[1, 9])["clearMonitoringResult"]
    assert [each["status"] for each in cleared] == ["Accepted", "NotFound"]
    assert desk.request("SetMonitoringBase", monitoringBase="HardWiredOnly") == {"status": "Accepted"}
    assert desk.request("GetMonitoringReport", requestId=2) == {"status": "EmptyResultSet"}


@newer
def test_customers(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    charge(desk)
    token = {"idToken": CARD, "type": "ISO14443"}
    ask = {"requestId": 4, "report": True, "clear": True, "idToken": token}
    assert desk.request("CustomerInformation", **ask) == {"status": "Accepted"}
    (told,) = desk.said("NotifyCustomerInformation")
    assert "cache: yes" in told["data"]
    assert CARD not in desk.charger.accepted
    assert desk.request("CustomerInformation", requestId=5, report=True, clear=False) == {"status": "Invalid"}


def message(number: int, **changed: Any) -> dict[str, Any]:
    text = {"format": "UTF8", "content": f"text {number}"}
    return {"id": number, "priority": "NormalCycle", "message": text} | changed


@newer
def test_displays(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    running = charge(desk)
    for wanted, status in (
        (message(1), "Accepted"),
        (message(2, transactionId=running), "Accepted"),
        (message(3, transactionId="nobody"), "UnknownTransaction"),
        (message(4, message={"format": "HTML", "content": "x"}), "NotSupportedMessageFormat"),
        (message(5, endDateTime=timestamp(30)), "Accepted"),
    ):
        assert desk.request("SetDisplayMessage", message=wanted) == {"status": status}
    assert desk.request("GetDisplayMessages", requestId=1) == {"status": "Accepted"}
    told = desk.said("NotifyDisplayMessages")
    assert [each["messageInfo"][0]["id"] for each in told] == [1, 2, 5]
    assert [each["tbc"] for each in told] == [True, True, False]
    desk.at(31)
    desk.happens(Unplugged(evse_id=1))
    assert set(desk.charger.kept.displays) == {1}
    assert desk.request("ClearDisplayMessage", id=1) == {"status": "Accepted"}
    assert desk.request("ClearDisplayMessage", id=1) == {"status": "Unknown"}
    assert desk.request("GetDisplayMessages", requestId=2) == {"status": "Unknown"}


@newer
def test_costs_and_the_status_of_a_transaction(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    running = charge(desk)
    assert desk.request("CostUpdated", totalCost=1.25, transactionId=running) == {}
    assert desk.charger.kept.costs == {running: 1.25}
    told = desk.request("GetTransactionStatus", transactionId=running)
    assert told == {"ongoingIndicator": True, "messagesInQueue": False}
    assert desk.request("GetTransactionStatus") == {"messagesInQueue": False}


def test_a_1_6_display_shows_prices_and_costs() -> None:
    desk = LiveDesk(OcppVersion.V16, shows_costs=True)
    (key,) = desk.request("GetConfiguration", key=["CustomDisplayCostAndPrice"])["configurationKey"]
    assert (key["value"], key["readonly"]) == ("true", True)
    price = {"idToken": CARD, "priceText": "0.49 EUR/kWh"}
    assert show(desk, "SetUserPrice", price) == "Accepted"
    running = {
        "transactionId": 0,
        "timestamp": timestamp(30),
        "meterValue": 1000,
        "cost": 1.25,
        "state": "Charging",
        "chargingPrice": {"kWhPrice": 0.49},
    }
    assert show(desk, "RunningCost", running) == "Rejected"  # nothing runs
    charge(desk)
    desk.happens(Answered(message=desk.steps()[0], answer=TokenAnswer(status="Accepted", csms_id=17)))
    running["transactionId"] = 17
    assert show(desk, "RunningCost", running) == "Accepted"
    assert show(desk, "RunningCost", {**running, "cost": "1.25"}) == "Rejected"
    assert show(desk, "RunningCost", {**running, "state": "Parked"}) == "Rejected"
    assert show(desk, "FinalCost", {"transactionId": 17, "cost": 2}) == "Rejected"
    assert show(desk, "ConnectorUnplugged", {}) == "UnknownMessageId"
    assert [(each.message, each.data) for each in desk.charger.kept.shown] == [
        ("SetUserPrice", price),
        ("RunningCost", running),
    ]


def test_a_1_6_station_without_such_a_display_does_not_know_the_vendor() -> None:
    desk = LiveDesk(OcppVersion.V16)
    (key,) = desk.request("GetConfiguration", key=["CustomDisplayCostAndPrice"])["configurationKey"]
    assert key["value"] == "false"
    assert show(desk, "SetUserPrice", {"idToken": CARD, "priceText": "x"}) == "UnknownVendorId"


def show(desk: LiveDesk, message: str, data: dict[str, Any]) -> str:
    vendor = "org.openchargealliance.costmsg"
    answer = desk.request("DataTransfer", vendorId=vendor, messageId=message, data=json.dumps(data))
    return str(answer["status"])


@versions
def test_a_log_is_uploaded_and_told(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    charge(desk)
    ask = {"log": {"remoteLocation": "http://127.0.0.1:1/"}, "logType": "DiagnosticsLog", "requestId": 3}
    answer = desk.request("GetLog", **ask)
    assert (answer["status"], answer["filename"]) == ("Accepted", "CP01-DiagnosticsLog-1.log")
    job = desk.of(Upload)[0]
    assert b"transaction_started" in job.content
    assert CARD.encode() not in job.content  # ids are masked in logs
    assert desk.request("GetLog", **ask)["status"] == "AcceptedCanceled"
    desk.happens(Uploaded(job=job))
    desk.happens(Uploaded(job=desk.of(Upload)[1], error="PermissionDenied"))
    told = [each["status"] for each in desk.said("LogStatusNotification")]
    assert told == ["Uploading", "Uploading", "PermissionDenied"]
    desk.ask(Triggered(what="LogStatusNotification", is_extended=True))
    assert desk.said("LogStatusNotification")[-1]["status"] == "Idle"


def test_diagnostics_of_a_time() -> None:
    desk = LiveDesk(OcppVersion.V16)
    desk.at(100)
    desk.happens(ConnectorFaulted(evse_id=1))
    answer = desk.request("GetDiagnostics", location="ftp://127.0.0.1/", startTime=timestamp(50))
    assert answer == {"fileName": "CP01-DiagnosticsLog-1.log"}
    lines = desk.of(Upload)[0].content.decode().splitlines()
    assert lines
    assert all("booted" not in each for each in lines)
    desk.happens(Uploaded(job=desk.of(Upload)[0], error="NotSupportedOperation"))
    assert [each["status"] for each in desk.said("DiagnosticsStatusNotification")] == ["Uploading", "UploadFailed"]
