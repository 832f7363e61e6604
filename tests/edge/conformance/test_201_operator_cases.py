"""The certification cases of OCPP 2.0.1 for a CSMS that its operator begins: blocks A, B, C, D, E, F, G, H, I.

What is asked, key by key in the order of the standard's tables, what comes back, and what the station reports then.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from edge.chargers.credentials import hash_password
from protocols.charger.commands import Operation
from protocols.charger.operations.availability import (
    CancelReservation,
    ChangeAvailability,
    ClearCache,
    GetLocalListVersion,
    ListedToken,
    ReserveNow,
    SendLocalList,
)
from protocols.charger.operations.transactions import GetTransactionStatus, UnlockConnector, UpdateCost
from protocols.charger.operations.variables import (
    GetBaseReport,
    GetReport,
    GetVariables,
    Reset,
    SetNetworkProfile,
    SetVariables,
    TriggerMessage,
    VariableName,
    VariableSetting,
)
from protocols.ocpp.version import Version
from protocols.terms import AuthorizationStatus
from tests.edge.conformance.charge_point import ChargePoint, Refused, charge_point
from tests.edge.conformance.running_agent import PASSWORD, RunningAgent, token_of
from tests.edge.conformance.steps_16 import stamp
from tests.edge.conformance.steps_201 import Talk, booted, charging, connector, parked, register

V201 = Version.V201
WAITING, REJECTED = "WAITING", "REJECTED"
MORE_SETTINGS = "".join(
    f'\n[[stations]]\nid = "{station_id}"\npassword_hash = "{hash_password(PASSWORD)}"\nboot = "{boot}"\n'
    'evses = [{ id = 1, label = "x" }]\n'
    for station_id, boot in ((WAITING, "pending"), (REJECTED, "reject"))
)
HEARTBEAT = VariableName(component="OCPPCommCtrlr", variable="HeartbeatInterval")
OFFLINE = VariableName(component="OCPPCommCtrlr", variable="OfflineThreshold")
ACCEPTED = {"status": "Accepted"}


async def ask(
    agent: RunningAgent, point: ChargePoint, operation: Operation, answer: dict[str, Any] | None = None
) -> tuple[dict[str, Any], Any]:
    """Have it done: what the station was asked, and what came back."""
    action = _ACTIONS[operation.operation]
    if answer is not None:
        point.answers[action] = answer
    done = await agent.operate(point.station_id, operation)
    assert done.result is not None, done.problem
    return await point.asked(action), done


_ACTIONS = {
    "cancel_reservation": "CancelReservation",
    "change_availability": "ChangeAvailability",
    "clear_cache": "ClearCache",
    "get_base_report": "GetBaseReport",
    "get_local_list_version": "GetLocalListVersion",
    "get_report": "GetReport",
    "get_transaction_status": "GetTransactionStatus",
    "get_variables": "GetVariables",
    "reserve_now": "ReserveNow",
    "reset": "Reset",
    "send_local_list": "SendLocalList",
    "set_network_profile": "SetNetworkProfile",
    "set_variables": "SetVariables",
    "trigger_message": "TriggerMessage",
    "unlock_connector": "UnlockConnector",
    "update_cost": "CostUpdated",
}


def component(name: VariableName) -> dict[str, Any]:
    return {"component": {"name": name.component}, "variable": {"name": name.variable}}


# --- B: provisioning ---


async def test_tc_b_02_cold_boot_pending(agent: RunningAgent) -> None:
    """TC_B_02 Pending, and asked for its variables meanwhile; TC_B_30 SecurityError; TC_B_31 TriggerMessage."""
    async with charge_point(agent, WAITING, V201) as point:
        await booted(point, "Pending")
        with pytest.raises(Refused, match="SecurityError"):
            await connector(point, "Available")
        with pytest.raises(Refused, match="SecurityError"):
            await point.call("Authorize", idToken={"idToken": token_of("TC_B_06"), "type": "ISO14443"})
        asked, done = await ask(agent, point, GetBaseReport())
        report = {"requestId": asked["requestId"], "generatedAt": stamp(), "seqNo": 0, "tbc": False}
        assert (done.problem, await point.call("NotifyReport", **report)) == (None, {})
        await ask(agent, point, TriggerMessage(requested_message="StatusNotification", evse_id=1, connector_id=1))
        await connector(point, "Available")
        await agent.run("accept", WAITING)
        assert await point.asked("TriggerMessage") == {"requestedMessage": "BootNotification"}
        answer = await point.call(
            "BootNotification", reason="Triggered", chargingStation={"model": "CS", "vendorName": "Conformance"}
        )
        assert answer["status"] == "Accepted"
        await connector(point, "Available")


async def test_tc_b_30_cold_boot_rejected_security_error(agent: RunningAgent) -> None:
    async with charge_point(agent, REJECTED, V201) as point:
        answer = await booted(point, "Rejected")
        assert answer["interval"] > 0
        with pytest.raises(Refused, match="SecurityError"):
            await point.call("Heartbeat")


async def test_tc_b_06_get_variables(agent: RunningAgent, case: str) -> None:
    """TC_B_06 a single value, TC_B_07 several."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        told = [
            {"attributeStatus": "Accepted", "attributeValue": "60", **component(name)} for name in (OFFLINE, HEARTBEAT)
        ]
        asked, done = await ask(agent, point, GetVariables(names=(OFFLINE,)), {"getVariableResult": told[:1]})
        assert asked == {"getVariableData": [component(OFFLINE)]}
        assert done.result["result"]["variables"][0]["value"] == "60"
        asked, done = await ask(agent, point, GetVariables(names=(HEARTBEAT, OFFLINE)), {"getVariableResult": told})
        assert asked == {"getVariableData": [component(HEARTBEAT), component(OFFLINE)]}
        assert [each["variable"] for each in done.result["result"]["variables"]] == [
            "HeartbeatInterval",
            "OfflineThreshold",
        ]


async def test_tc_b_09_set_variables(agent: RunningAgent, case: str) -> None:
    """TC_B_09 a single value, TC_B_10 several, one of which is rejected."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        good = {"attributeStatus": "Accepted", **component(OFFLINE)}
        one = SetVariables(settings=(VariableSetting(name=OFFLINE, value="123"),))
        asked, done = await ask(agent, point, one, {"setVariableResult": [good]})
        assert [list(each) for each in asked["setVariableData"]] == [["attributeValue", "component", "variable"]]
        assert done.problem is None
        two = SetVariables(settings=(*one.settings, VariableSetting(name=HEARTBEAT, value="0")))
        bad = {"attributeStatus": "Rejected", **component(HEARTBEAT)}
        _, done = await ask(agent, point, two, {"setVariableResult": [good, bad]})
        assert "HeartbeatInterval: Rejected" in done.problem


@pytest.mark.parametrize("base", ["ConfigurationInventory", "FullInventory", "SummaryInventory"])
async def test_tc_b_12_get_base_report(agent: RunningAgent, case: str, base: Any) -> None:
    """TC_B_12 ConfigurationInventory, TC_B_13 FullInventory, TC_B_14 SummaryInventory."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        asked, done = await ask(agent, point, GetBaseReport(report_base=base))
        assert (list(asked), asked["reportBase"], done.problem) == (["requestId", "reportBase"], base, None)
        item = {
            **component(OFFLINE),
            "variableAttribute": [{"type": "Actual", "value": "60", "mutability": "ReadWrite"}],
            "variableCharacteristics": {"dataType": "integer", "supportsMonitoring": True},
        }
        for seq_no in range(2):
            report = {"requestId": asked["requestId"], "generatedAt": stamp(), "seqNo": seq_no, "tbc": seq_no == 0}
            assert await point.call("NotifyReport", **report, reportData=[item]) == {}


async def test_tc_b_18_get_custom_report(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        operation = GetReport(criteria=("Active", "Problem"), names=(VariableName(component="EVSE", variable="Power"),))
        asked, _ = await ask(agent, point, operation)
        assert list(asked) == ["requestId", "componentCriteria", "componentVariable"]
        _, done = await ask(agent, point, GetReport(criteria=("Enabled",)), {"status": "EmptyResultSet"})
        assert done.problem is None


@pytest.mark.parametrize("kind", ["OnIdle", "Immediate"])
@pytest.mark.parametrize("evse", [None, 1])
@pytest.mark.parametrize("is_charging", [False, True])
async def test_tc_b_20_reset(agent: RunningAgent, case: str, kind: Any, evse: int | None, is_charging: bool) -> None:
    """TC_B_20, TC_B_21, TC_B_22: the station; TC_B_25, TC_B_26, TC_B_27: an EVSE."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, f"{case}-{kind}-{evse}")
        if is_charging:
            await talk.started("Authorized", uid=token_of(case), state="Charging")
        word = "Scheduled" if is_charging and kind == "OnIdle" else "Accepted"
        asked, done = await ask(agent, point, Reset(type=kind, evse_id=evse), {"status": word})
        assert asked == {"type": kind} | ({"evseId": evse} if evse else {})
        assert done.problem is None
        if is_charging:
            await talk.ended("ResetCommand", "ImmediateReset" if kind == "Immediate" else "Local")
        await booted(point, reason="RemoteReset")


async def test_tc_b_42_set_network_profile(agent: RunningAgent, case: str) -> None:
    """TC_B_42 Accepted, TC_B_44 Failed."""
    data = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://edge.example/",
        "messageTimeout": 30,
        "securityProfile": 2,
        "ocppInterface": "Wired0",
    }
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        operation = SetNetworkProfile(configuration_slot=1, connection_data=data)
        asked, done = await ask(agent, point, operation)
        assert (asked, done.problem) == ({"configurationSlot": 1, "connectionData": data}, None)
        _, done = await ask(agent, point, operation, {"status": "Failed"})
        assert "Failed" in done.problem


# --- C, D: cache and list ---


async def test_tc_c_37_clear_authorization_cache(agent: RunningAgent, case: str) -> None:
    """TC_C_37 Accepted, TC_C_38 Rejected."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        asked, done = await ask(agent, point, ClearCache())
        assert (asked, done.problem) == ({}, None)
        _, done = await ask(agent, point, ClearCache(), {"status": "Rejected"})
        assert "Rejected" in done.problem


async def test_tc_d_01_send_local_list(agent: RunningAgent, case: str) -> None:
    """TC_D_01 full, TC_D_02 differential, TC_D_03 removed, TC_D_04 empty, TC_D_08 and TC_D_09 its version."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        tokens = (
            ListedToken(token_uid="D001001"),
            ListedToken(token_uid="D001002", status=AuthorizationStatus.BLOCKED),
        )
        asked, done = await ask(agent, point, SendLocalList(version=1, tokens=tokens))
        assert (list(asked), done.problem) == (["versionNumber", "updateType", "localAuthorizationList"], None)
        assert [each["idTokenInfo"]["status"] for each in asked["localAuthorizationList"]] == ["Accepted", "Blocked"]
        gone = SendLocalList(
            version=2, update_type="Differential", tokens=(ListedToken(token_uid="D001001", status=None),)
        )
        asked, _ = await ask(agent, point, gone)
        assert list(asked["localAuthorizationList"][0]) == ["idToken"]
        asked, _ = await ask(agent, point, SendLocalList(version=3))
        assert asked == {"versionNumber": 3, "updateType": "Full"}
        for version in (3, 0):
            _, done = await ask(agent, point, GetLocalListVersion(), {"versionNumber": version})
            assert done.result["result"] == {"version": version}


# --- E, F, G: transactions, remote control, availability ---


async def test_tc_e_29_check_transaction_status(agent: RunningAgent, case: str) -> None:
    """TC_E_29, TC_E_30 ongoing, TC_E_31 ended, TC_E_33 and TC_E_34 without an id."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = await charging(point)
        for is_ongoing, queued in ((True, True), (True, False), (False, True)):
            answer = {"ongoingIndicator": is_ongoing, "messagesInQueue": queued}
            operation = GetTransactionStatus(charger_transaction_id=talk.transaction_id)
            asked, done = await ask(agent, point, operation, answer)
            assert asked == {"transactionId": talk.transaction_id}
            assert done.result["result"] == {"is_ongoing": is_ongoing, "has_messages_queued": queued}
        for queued in (True, False):
            asked, done = await ask(agent, point, GetTransactionStatus(), {"messagesInQueue": queued})
            assert (asked, done.result["result"]["has_messages_queued"]) == ({}, queued)
        await parked(talk)


async def test_tc_f_06_remote_unlock_connector(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        asked, done = await ask(agent, point, UnlockConnector(evse_id=1), {"status": "Unlocked"})
        assert (asked, done.problem) == ({"evseId": 1, "connectorId": 1}, None)
        _, done = await ask(agent, point, UnlockConnector(evse_id=1), {"status": "UnlockFailed"})
        assert "UnlockFailed" in done.problem


@pytest.mark.parametrize(
    ("message", "evse"),
    [
        ("MeterValues", 1),
        ("MeterValues", None),
        ("TransactionEvent", 1),
        ("TransactionEvent", None),
        ("LogStatusNotification", None),
        ("FirmwareStatusNotification", None),
        ("Heartbeat", None),
        ("StatusNotification", 1),
        ("SignChargingStationCertificate", None),
    ],
)
async def test_tc_f_11_trigger_message(agent: RunningAgent, case: str, message: str, evse: int | None) -> None:
    """TC_F_11 to TC_F_15, TC_F_18, TC_F_20, TC_F_23, TC_F_24; TC_F_27 NotImplemented."""
    said: dict[str, dict[str, Any]] = {
        "MeterValues": {"evseId": 1, "meterValue": register(5000, "Trigger")},
        "LogStatusNotification": {"status": "Idle"},
        "FirmwareStatusNotification": {"status": "Idle"},
        "Heartbeat": {},
        "StatusNotification": {
            "timestamp": stamp(),
            "connectorStatus": "Available",
            "evseId": 1,
            "connectorId": 1,
        },
    }
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        operation = TriggerMessage(requested_message=message, evse_id=evse)
        asked, done = await ask(agent, point, operation)
        assert list(asked) == ["requestedMessage", "evse"][: 2 if evse else 1]
        assert done.problem is None
        if message in said:
            await point.call(message, **said[message])
        _, done = await ask(agent, point, operation, {"status": "NotImplemented"})
        assert "NotImplemented" in done.problem


@pytest.mark.parametrize(("evse", "connector_id"), [(None, None), (1, None), (1, 1)])
async def test_tc_g_03_change_availability(
    agent: RunningAgent, case: str, evse: int | None, connector_id: int | None
) -> None:
    """TC_G_03 to TC_G_08; TC_G_11, TC_G_14, TC_G_17 with a transaction: Scheduled."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = Talk(point, f"{case}-{evse}-{connector_id}")
        await talk.started("Authorized", uid=token_of(case), state="Charging")
        for word, answer in (("Inoperative", "Scheduled"), ("Operative", "Accepted")):
            operation = ChangeAvailability(
                operational_status="Inoperative" if word == "Inoperative" else "Operative",
                evse_id=evse,
                connector_id=connector_id,
            )
            asked, done = await ask(agent, point, operation, {"status": answer})
            assert list(asked) == ["operationalStatus", "evse"][: 2 if evse else 1]
            assert (asked["operationalStatus"], done.problem) == (word, None)
        await parked(talk)


# --- H, I: reservations, cost ---


def soon() -> datetime:
    """Reservations hold for a while at most."""
    return datetime.now(UTC) + timedelta(minutes=30)  # noqa: TID251 - the operator's own clock


async def test_tc_h_01_reserve_a_specific_evse(agent: RunningAgent, case: str) -> None:
    """TC_H_01 used, TC_H_07 not used, TC_H_17 cancelled, TC_H_20 the station gives it up, TC_H_22 rejected."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        reserve = ReserveNow(token_uid=token_of(case), expires_at=soon(), evse_id=1)
        asked, done = await ask(agent, point, reserve)
        assert (list(asked)[:2], done.problem) == (["id", "expiryDateTime"], None)
        await connector(point, "Reserved")
        talk = Talk(point, case)
        started = await talk.started("Authorized", uid=token_of(case), state="Charging", reservationId=asked["id"])
        assert started["idTokenInfo"]["status"] == "Accepted"
        await parked(talk)
        asked, _ = await ask(agent, point, reserve)
        cancelled, done = await ask(agent, point, CancelReservation(reservation_id=asked["id"]))
        assert (cancelled, done.problem) == ({"reservationId": asked["id"]}, None)
        for word in ("Expired", "Removed"):
            asked, _ = await ask(agent, point, reserve)
            update = {"reservationId": asked["id"], "reservationUpdateStatus": word}
            assert await point.call("ReservationStatusUpdate", **update) == {}
        _, done = await ask(agent, point, reserve, {"status": "Rejected"})
        assert "Rejected" in done.problem


async def test_tc_h_08_reserve_an_unspecified_evse(agent: RunningAgent, case: str) -> None:
    """TC_H_08; TC_H_15 with a connector of a type; TC_H_19 for a group."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        asked, done = await ask(agent, point, ReserveNow(token_uid=token_of(case), expires_at=soon()))
        assert ("evseId" in asked, done.problem) == (False, None)
        await ask(agent, point, CancelReservation(reservation_id=asked["id"]))
        typed = ReserveNow(token_uid=token_of(case), expires_at=soon(), connector_type="sType2", group_id="FLEET")
        asked, _ = await ask(agent, point, typed)
        assert list(asked) == ["id", "expiryDateTime", "connectorType", "idToken", "groupIdToken"]
        assert asked["connectorType"] == "sType2"


async def test_tc_i_01_running_total_cost(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = await charging(point)
        operation = UpdateCost(charger_transaction_id=talk.transaction_id, total_cost=Decimal("3.45"))
        asked, done = await ask(agent, point, operation, {})
        assert (asked, done.problem) == ({"totalCost": 3.45, "transactionId": talk.transaction_id}, None)
        await parked(talk)
