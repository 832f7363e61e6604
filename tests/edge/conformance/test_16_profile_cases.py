"""The certification cases of OCPP 1.6 for central systems beyond Core: local lists, firmware and diagnostics,
reservations, remote trigger, smart charging (TC_042 to TC_059, TC_066, TC_067)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from protocols.charger.operations.availability import (
    CancelReservation,
    GetLocalListVersion,
    ListedToken,
    ReserveNow,
    SendLocalList,
)
from protocols.charger.operations.firmware import GetDiagnostics, UpdateFirmware
from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetCompositeSchedule,
    Purpose,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import StartTransaction
from protocols.charger.operations.variables import TriggerMessage
from protocols.site.view import Answer
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import RunningAgent, token_of
from tests.edge.conformance.steps_16 import authorize, booted, charging, parked, stamp, start, status

FILES = "http://192.0.2.1/files/"


def soon(hours: float = 1) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)  # noqa: TID251 - the operator's own clock


def profile(purpose: Purpose, limit: float = 16, **more: Any) -> ChargingProfile:
    schedule = ChargingSchedule(rate_unit="A", periods=(SchedulePeriod(start_s=0, limit=limit),), duration_s=3600)
    return ChargingProfile(purpose=purpose, schedules=(schedule,), kind="Relative", profile_id=41, **more)


def why(answer: Answer) -> str:
    """Why something was not done."""
    assert answer.problem is not None
    return answer.problem


# --- local lists ---


async def test_tc_042_1_get_local_list_version_not_supported(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["GetLocalListVersion"] = {"listVersion": -1}
        await booted(point)
        done = await agent.operate(case, GetLocalListVersion())
        assert done.result["result"] == {"version": -1}


async def test_tc_042_2_get_local_list_version_empty(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["GetLocalListVersion"] = {"listVersion": 0}
        await booted(point)
        assert (await agent.operate(case, GetLocalListVersion())).result["result"] == {"version": 0}
        assert await point.asked("GetLocalListVersion") == {}


async def test_tc_043_1_send_local_authorization_list_not_supported(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["SendLocalList"] = {"status": "NotSupported"}
        await booted(point)
        assert "NotSupported" in why(await agent.operate(case, SendLocalList(version=1)))


async def test_tc_043_3_send_local_authorization_list_failed(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["SendLocalList"] = {"status": "Failed"}
        await booted(point)
        assert "Failed" in why(await agent.operate(case, SendLocalList(version=1)))


async def test_tc_043_4_send_local_authorization_list_full(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        tokens = (ListedToken(token_uid="D001001"), ListedToken(token_uid="D001002"))
        assert (await agent.operate(case, SendLocalList(version=1, tokens=tokens))).problem is None
        asked = await point.asked("SendLocalList")
        assert (asked["listVersion"], asked["updateType"]) == (1, "Full")
        assert [entry["idTag"] for entry in asked["localAuthorizationList"]] == ["D001001", "D001002"]


async def test_tc_043_5_send_local_authorization_list_differential(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        tokens = (ListedToken(token_uid="D001001"), ListedToken(token_uid="D001002", status=None))
        send = SendLocalList(version=2, update_type="Differential", tokens=tokens)
        assert (await agent.operate(case, send)).problem is None
        asked = await point.asked("SendLocalList")
        assert asked["localAuthorizationList"][1] == {"idTag": "D001002"}


# --- firmware and diagnostics ---


async def update_firmware(agent: RunningAgent, point: ChargePoint) -> None:
    point.answers["UpdateFirmware"] = {}
    await booted(point)
    update = UpdateFirmware(location=f"{FILES}fw.bin", retrieve_at=soon(0), retries=1, retry_interval_s=10)
    assert (await agent.operate(point.station_id, update)).problem is None
    asked = await point.asked("UpdateFirmware")
    assert list(asked) == ["location", "retries", "retrieveDate", "retryInterval"]


async def firmware(point: ChargePoint, *words: str) -> None:
    for word in words:
        assert await point.call("FirmwareStatusNotification", status=word) == {}


async def test_tc_044_1_firmware_update_download_and_install(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await update_firmware(agent, point)
        await firmware(point, "Downloading", "Downloaded")
        await status(point, "Unavailable")
        await firmware(point, "Installing")
    async with charge_point(agent, case) as point:
        await booted(point)
        await firmware(point, "Installed")


async def test_tc_044_2_firmware_update_download_failed(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await update_firmware(agent, point)
        await firmware(point, "Downloading", "DownloadFailed")


async def test_tc_044_3_firmware_update_installation_failed(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await update_firmware(agent, point)
        await firmware(point, "Downloading", "Downloaded", "Installing", "InstallationFailed")


async def test_tc_045_1_get_diagnostics(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["GetDiagnostics"] = {"fileName": "diag.zip"}
        await booted(point)
        done = await agent.operate(case, GetDiagnostics(remote_location=FILES, retries=1, retry_interval_s=10))
        assert done.result["result"] == {"file_name": "diag.zip"}
        assert list(await point.asked("GetDiagnostics")) == ["location", "retries", "retryInterval"]
        for word in ("Uploading", "Uploaded"):
            assert await point.call("DiagnosticsStatusNotification", status=word) == {}


# --- reservations ---


async def reserve(agent: RunningAgent, point: ChargePoint, evse_id: int | None = 1) -> int:
    """A reservation that the station accepts; its number."""
    await booted(point)
    done = await agent.operate(
        point.station_id, ReserveNow(token_uid=token_of(point.station_id), expires_at=soon(), evse_id=evse_id)
    )
    assert done.problem is None
    asked = await point.asked("ReserveNow")
    assert list(asked) == ["connectorId", "expiryDate", "idTag", "parentIdTag", "reservationId"]
    assert asked["connectorId"] == (evse_id or 0)
    return int(asked["reservationId"])


async def test_tc_046_reservation_of_a_connector_transaction(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        number = await reserve(agent, point)
        await status(point, "Reserved")
        assert (await authorize(point))["status"] == "Accepted"
        await status(point, "Preparing")
        started = await start(point, reservationId=number)
        assert started["idTagInfo"]["status"] == "Accepted"
        await status(point, "Charging")
        await parked(point, started["transactionId"])


async def test_tc_047_reservation_of_a_connector_expire(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await reserve(agent, point)
        await status(point, "Reserved")
        await status(point, "Available")
        assert await agent.transaction(case) is None


@pytest.mark.parametrize("word", ["Faulted", "Occupied", "Unavailable", "Rejected"])
async def test_tc_048_reservation_of_a_connector_refused(agent: RunningAgent, case: str, word: str) -> None:
    """TC_048_1 Faulted, TC_048_2 Occupied, TC_048_3 Unavailable, TC_048_4 Rejected."""
    async with charge_point(agent, case) as point:
        point.answers["ReserveNow"] = {"status": word}
        await booted(point)
        done = await agent.operate(case, ReserveNow(token_uid=token_of(case), expires_at=soon(), evse_id=1))
        assert word in why(done)


async def test_tc_049_reservation_of_a_charge_point_transaction(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        number = await reserve(agent, point, evse_id=None)
        assert (await authorize(point))["status"] == "Accepted"
        await status(point, "Preparing")
        started = await start(point, reservationId=number)
        assert started["idTagInfo"]["status"] == "Accepted"
        await parked(point, started["transactionId"])


async def test_tc_051_cancel_reservation(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        number = await reserve(agent, point)
        await status(point, "Reserved")
        assert (await agent.operate(case, CancelReservation(reservation_id=number))).problem is None
        assert await point.asked("CancelReservation") == {"reservationId": number}
        await status(point, "Available")


async def test_tc_052_cancel_reservation_rejected(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["CancelReservation"] = {"status": "Rejected"}
        await booted(point)
        raw = await agent.call(case, "CancelReservation", {"reservationId": 7})
        assert raw.result == {"status": "Rejected"}


# --- remote trigger ---


@pytest.mark.parametrize(
    "message",
    [
        *("MeterValues", "Heartbeat", "StatusNotification", "DiagnosticsStatusNotification"),
        *("FirmwareStatusNotification", "BootNotification"),
    ],
)
async def test_tc_054_trigger_message(agent: RunningAgent, case: str, message: str) -> None:
    said: dict[str, dict[str, Any]] = {
        "MeterValues": {
            "connectorId": 1,
            "meterValue": [{"timestamp": stamp(), "sampledValue": [{"value": "7", "context": "Trigger"}]}],
        },
        "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
        "DiagnosticsStatusNotification": {"status": "Idle"},
        "FirmwareStatusNotification": {"status": "Idle"},
        "BootNotification": {"chargePointVendor": "Conformance", "chargePointModel": "CP"},
    }
    async with charge_point(agent, case) as point:
        await booted(point)
        evse_id = 1 if message in ("MeterValues", "StatusNotification") else None
        done = await agent.operate(case, TriggerMessage(requested_message=message, evse_id=evse_id))
        assert done.problem is None
        asked = await point.asked("TriggerMessage")
        assert asked == {"requestedMessage": message, **({"connectorId": 1} if evse_id else {})}
        await point.call(message, **said.get(message, {}))


async def test_tc_055_trigger_message_rejected(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        point.answers["TriggerMessage"] = {"status": "Rejected"}
        await booted(point)
        assert "Rejected" in why(await agent.operate(case, TriggerMessage(requested_message="MeterValues", evse_id=1)))


# --- smart charging ---


async def test_tc_056_central_smart_charging_tx_default_profile(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        setting = SetChargingProfile(evse_id=1, profile=profile("TxDefaultProfile"))
        assert (await agent.operate(case, setting)).problem is None
        asked = await point.asked("SetChargingProfile")
        assert list(asked) == ["connectorId", "csChargingProfiles"]
        told = asked["csChargingProfiles"]
        assert told["chargingProfilePurpose"] == "TxDefaultProfile"
        assert told["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 16}]


async def test_tc_057_central_smart_charging_tx_profile(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        transaction_id = await charging(point)
        told = profile("TxProfile", charger_transaction_id=str(transaction_id))
        assert (await agent.operate(case, SetChargingProfile(evse_id=1, profile=told))).problem is None
        asked = (await point.asked("SetChargingProfile"))["csChargingProfiles"]
        assert (asked["chargingProfilePurpose"], asked["transactionId"]) == ("TxProfile", transaction_id)
        await parked(point, transaction_id)


async def test_tc_059_remote_start_transaction_with_charging_profile(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        await status(point, "Preparing")
        asked = StartTransaction(evse_id=1, token_uid=token_of(case), profile=profile("TxProfile"))
        assert (await agent.operate(case, asked)).problem is None
        told = await point.asked("RemoteStartTransaction")
        assert list(told) == ["connectorId", "idTag", "chargingProfile"]
        assert told["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
        started = await start(point)
        await status(point, "Charging")
        await parked(point, started["transactionId"])


async def test_tc_066_get_composite_schedule(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (
            await agent.operate(case, SetChargingProfile(evse_id=1, profile=profile("TxDefaultProfile")))
        ).problem is None
        point.answers["GetCompositeSchedule"] = {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": stamp(),
            "chargingSchedule": {
                "duration": 300,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
            },
        }
        done = await agent.operate(case, GetCompositeSchedule(evse_id=1, duration_s=300, rate_unit="A"))
        assert done.result["result"]["schedule"]["periods"] == [{"start_s": 0, "limit": 16}]


async def test_tc_067_clear_charging_profile(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case) as point:
        await booted(point)
        assert (
            await agent.operate(case, SetChargingProfile(evse_id=1, profile=profile("TxDefaultProfile")))
        ).problem is None
        assert (await agent.operate(case, ClearChargingProfile(profile_id=41))).problem is None
        assert await point.asked("ClearChargingProfile") == {"id": 41}
        point.answers["ClearChargingProfile"] = {"status": "Unknown"}
        assert "Unknown" in why(await agent.operate(case, ClearChargingProfile(profile_id=41)))
