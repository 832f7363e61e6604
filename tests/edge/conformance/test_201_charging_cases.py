"""The certification cases of OCPP 2.0.1 for a CSMS, block K: smart charging."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetChargingProfiles,
    GetCompositeSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import StartTransaction
from protocols.ocpp.version import Version
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import RunningAgent, token_of
from tests.edge.conformance.steps_16 import stamp
from tests.edge.conformance.steps_201 import Talk, booted, charging, parked

V201 = Version.V201
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
PERIODS = [{"startPeriod": 0, "limit": 6.0}]
SCHEDULE = {
    "id": 1,
    "startSchedule": "2026-01-01T00:00:00Z",
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": PERIODS,
}


def schedule(limit: float = 6, **more: Any) -> ChargingSchedule:
    return ChargingSchedule(rate_unit="A", periods=(SchedulePeriod(start_s=0, limit=limit),), **more)


def profile(purpose: Any, **more: Any) -> ChargingProfile:
    return ChargingProfile(purpose=purpose, schedules=(schedule(start_at=MIDNIGHT),), **more)


async def placed(agent: RunningAgent, point: ChargePoint, operation: SetChargingProfile) -> dict[str, Any]:
    """Set, and accepted; what the station was told of it."""
    done = await agent.operate(point.station_id, operation)
    assert done.problem is None
    asked = await point.asked("SetChargingProfile")
    told: dict[str, Any] = asked["chargingProfile"]
    assert list(asked) == ["evseId", "chargingProfile"]
    assert asked["evseId"] == operation.evse_id
    assert list(told)[:4] == ["id", "stackLevel", "chargingProfilePurpose", "chargingProfileKind"]
    return told


@pytest.mark.parametrize(
    ("evse", "purpose"),
    [(1, "TxDefaultProfile"), (0, "TxDefaultProfile"), (0, "ChargingStationMaxProfile")],
)
async def test_tc_k_01_set_charging_profile(agent: RunningAgent, case: str, evse: int, purpose: Any) -> None:
    """TC_K_01 TxDefaultProfile of an EVSE, TC_K_10 of all, TC_K_03 ChargingStationMaxProfile."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        told = await placed(agent, point, SetChargingProfile(evse_id=evse, profile=profile(purpose)))
        assert told["chargingProfilePurpose"] == purpose
        assert told["chargingSchedule"][0]["chargingSchedulePeriod"] == PERIODS


async def test_tc_k_04_replace_charging_profile(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        first = await placed(agent, point, SetChargingProfile(evse_id=1, profile=profile("TxDefaultProfile")))
        again = profile("TxDefaultProfile", profile_id=first["id"])
        second = await placed(agent, point, SetChargingProfile(evse_id=1, profile=again))
        assert second["id"] == first["id"]


async def test_tc_k_05_clear_charging_profile(agent: RunningAgent, case: str) -> None:
    """TC_K_05 by its id, TC_K_06 by stack level and purpose, TC_K_08 where there is none."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        told = await placed(agent, point, SetChargingProfile(evse_id=1, profile=profile("TxDefaultProfile")))
        assert (await agent.operate(case, ClearChargingProfile(profile_id=told["id"]))).problem is None
        assert await point.asked("ClearChargingProfile") == {"chargingProfileId": told["id"]}
        fitting = ClearChargingProfile(evse_id=1, purpose="TxDefaultProfile", stack_level=0)
        point.answers["ClearChargingProfile"] = {"status": "Unknown"}
        done = await agent.operate(case, fitting)
        asked = await point.asked("ClearChargingProfile")
        assert list(asked["chargingProfileCriteria"]) == ["evseId", "chargingProfilePurpose", "stackLevel"]
        assert "Unknown" in (done.problem or "")


async def test_tc_k_15_set_charging_profile_not_supported(agent: RunningAgent, case: str) -> None:
    """Told by a CALLERROR, as the case has it, and by a status."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        operation = SetChargingProfile(evse_id=1, profile=profile("TxDefaultProfile"))
        point.errors["SetChargingProfile"] = ("NotSupported", "no smart charging", {})
        assert "NotSupported" in ((await agent.operate(case, operation)).problem or "")
        del point.errors["SetChargingProfile"]
        point.answers["SetChargingProfile"] = {"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedRequest"}}
        assert "UnsupportedRequest" in ((await agent.operate(case, operation)).problem or "")


async def test_tc_k_19_recurring_profile(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        daily = profile("TxDefaultProfile", kind="Recurring", recurrency="Daily")
        told = await placed(agent, point, SetChargingProfile(evse_id=1, profile=daily))
        assert (told["chargingProfileKind"], told["recurrencyKind"]) == ("Recurring", "Daily")
        assert "startSchedule" in told["chargingSchedule"][0]


@pytest.mark.parametrize(
    ("operation", "keys"),
    [
        (GetChargingProfiles(evse_id=0, purpose="ChargingStationMaxProfile"), ["chargingProfilePurpose"]),
        (GetChargingProfiles(evse_id=2, purpose="TxProfile"), ["chargingProfilePurpose"]),
        (GetChargingProfiles(purpose="TxDefaultProfile"), ["chargingProfilePurpose"]),
        (GetChargingProfiles(evse_id=0), []),
        (GetChargingProfiles(evse_id=1), []),
        (GetChargingProfiles(), []),
        (GetChargingProfiles(profile_ids=(1,)), ["chargingProfileId"]),
        (GetChargingProfiles(evse_id=1, stack_level=0), ["stackLevel"]),
        (GetChargingProfiles(evse_id=1, sources=("CSO",)), ["chargingLimitSource"]),
        (GetChargingProfiles(evse_id=1, purpose="TxDefaultProfile"), ["chargingProfilePurpose"]),
        (
            GetChargingProfiles(evse_id=1, purpose="TxDefaultProfile", stack_level=0),
            ["chargingProfilePurpose", "stackLevel"],
        ),
    ],
)
async def test_tc_k_29_get_charging_profiles(
    agent: RunningAgent, case: str, operation: GetChargingProfiles, keys: list[str]
) -> None:
    """TC_K_29 to TC_K_36."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        assert (await agent.operate(case, operation)).problem is None
        asked = await point.asked("GetChargingProfiles")
        assert list(asked["chargingProfile"]) == keys
        assert asked.get("evseId") == operation.evse_id
        told = {
            "id": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": [SCHEDULE],
        }
        report = {"requestId": asked["requestId"], "chargingLimitSource": "CSO", "evseId": 1}
        assert await point.call("ReportChargingProfiles", **report, chargingProfile=[told], tbc=True) == {}
        assert await point.call("ReportChargingProfiles", **report, chargingProfile=[told]) == {}


async def test_tc_k_37_remote_start_with_charging_profile(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        limits = ChargingProfile(purpose="TxProfile", kind="Relative", schedules=(schedule(),))
        start = StartTransaction(evse_id=1, token_uid=token_of(case), profile=limits)
        assert (await agent.operate(case, start)).problem is None
        asked = await point.asked("RequestStartTransaction")
        assert list(asked) == ["evseId", "remoteStartId", "idToken", "chargingProfile"]
        told = asked["chargingProfile"]
        assert (told["chargingProfilePurpose"], "transactionId" in told) == ("TxProfile", False)
        talk = Talk(point, case)
        info = {"remoteStartId": asked["remoteStartId"]}
        await talk.say("Started", "RemoteStart", evse=talk.evse, idToken=asked["idToken"], info=info)
        await parked(talk)


@pytest.mark.parametrize("evse", [1, 0])
async def test_tc_k_43_get_composite_schedule(agent: RunningAgent, case: str, evse: int) -> None:
    """TC_K_43 of an EVSE, TC_K_44 of the station."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        answer = {
            "evseId": evse,
            "duration": 300,
            "scheduleStart": stamp(),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": PERIODS,
        }
        point.answers["GetCompositeSchedule"] = {"status": "Accepted", "schedule": answer}
        done = await agent.operate(case, GetCompositeSchedule(evse_id=evse, duration_s=300, rate_unit="A"))
        asked = await point.asked("GetCompositeSchedule")
        assert list(asked.items()) == [("duration", 300), ("chargingRateUnit", "A"), ("evseId", evse)]
        assert done.result["result"]["schedule"]["periods"][0]["limit"] == 6


@pytest.mark.parametrize("is_charging", [False, True])
async def test_tc_k_48_external_charging_limit(agent: RunningAgent, case: str, is_charging: bool) -> None:
    """TC_K_48 set, TC_K_50 and TC_K_51 released."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = await charging(point) if is_charging else None
        limit = {"chargingLimitSource": "EMS", "isGridCritical": False}
        assert await point.call("NotifyChargingLimit", chargingLimit=limit, evseId=1) == {}
        assert await point.call("NotifyChargingLimit", chargingLimit=limit, chargingSchedule=[SCHEDULE]) == {}
        if talk is not None:
            await talk.updated("ChargingRateChanged", state="Charging")
        assert await point.call("ClearedChargingLimit", chargingLimitSource="EMS", evseId=1) == {}
        assert await point.call("ClearedChargingLimit", chargingLimitSource="EMS") == {}
        if talk is not None:
            await parked(talk)


async def test_tc_k_52_external_charging_limit_with_its_profile(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        limit = {"chargingLimitSource": "EMS", "isGridCritical": False}
        assert await point.call("NotifyChargingLimit", chargingLimit=limit, chargingSchedule=[SCHEDULE]) == {}
        purpose = "ChargingStationExternalConstraints"
        assert (await agent.operate(case, GetChargingProfiles(evse_id=0, purpose=purpose))).problem is None
        asked = await point.asked("GetChargingProfiles")
        assert asked["chargingProfile"] == {"chargingProfilePurpose": purpose}
        told = {
            "id": -1,
            "stackLevel": 0,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Absolute",
            "chargingSchedule": [SCHEDULE],
        }
        report = {"requestId": asked["requestId"], "chargingLimitSource": "EMS", "evseId": 0}
        assert await point.call("ReportChargingProfiles", **report, chargingProfile=[told]) == {}


async def test_tc_k_60_set_tx_profile_with_a_transaction(agent: RunningAgent, case: str) -> None:
    """And one above it."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = await charging(point)
        limits = profile("TxProfile", charger_transaction_id=talk.transaction_id)
        told = await placed(agent, point, SetChargingProfile(evse_id=1, profile=limits))
        assert told["transactionId"] == talk.transaction_id
        above = profile("TxProfile", charger_transaction_id=talk.transaction_id, stack_level=1)
        other = await placed(agent, point, SetChargingProfile(evse_id=1, profile=above))
        assert other["id"] != told["id"]
        await parked(talk)


async def test_tc_k_02_tx_profile_without_a_transaction(agent: RunningAgent, case: str) -> None:
    """Refused here, where it could do no good; sent raw it is the station that refuses."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        done = await agent.operate(case, SetChargingProfile(evse_id=1, profile=profile("TxProfile")))
        assert "needs a running transaction" in (done.problem or "")
        told = {
            "id": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "transactionId": "nobody-s",
            "chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": PERIODS}],
        }
        point.answers["SetChargingProfile"] = {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
        raw = await agent.call(case, "SetChargingProfile", {"evseId": 1, "chargingProfile": told})
        assert raw.result == point.answers["SetChargingProfile"]


async def test_tc_k_70_several_profiles(agent: RunningAgent, case: str) -> None:
    """TxDefaultProfile and ChargingStationMaxProfile beside each other, each with an id of its own."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        talk = await charging(point)
        first = await placed(agent, point, SetChargingProfile(evse_id=1, profile=profile("TxDefaultProfile")))
        most = profile("ChargingStationMaxProfile")
        second = await placed(agent, point, SetChargingProfile(evse_id=0, profile=most))
        assert first["id"] != second["id"]
        assert second["chargingProfileKind"] == "Absolute"
        await parked(talk)
