"""The certification cases of OCPP 2.0.1 for a CSMS, block K with vehicles that speak ISO 15118: K15, K16, K17."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import pytest

from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.ocpp.version import Version
from tests.edge.conformance.charge_point import ChargePoint, charge_point
from tests.edge.conformance.running_agent import RunningAgent, token_of
from tests.edge.conformance.steps_16 import stamp
from tests.edge.conformance.steps_201 import Talk, authorize, booted, charging, connector, parked, register

V201 = Version.V201
NEEDS: Final = {"requestedEnergyTransfer": "AC_three_phase"}


async def offered(talk: Talk, evse: int = 1) -> dict[str, Any]:
    """The SetChargingProfile that the site sends next: a TxProfile for this transaction."""
    asked = await talk.point.asked("SetChargingProfile")
    profile: dict[str, Any] = asked["chargingProfile"]
    assert asked["evseId"] == evse
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert profile["transactionId"] == talk.transaction_id
    return profile


async def needing(talk: Talk, **more: Any) -> dict[str, Any]:
    """The vehicle tells its needs; what it is offered."""
    answer = await talk.point.call("NotifyEVChargingNeeds", evseId=1, chargingNeeds=NEEDS, **more)
    assert answer == {"status": "Accepted"}
    return await offered(talk)


async def planned(talk: Talk, schedule: dict[str, Any]) -> str:
    """The vehicle tells its plan; what the site says to it."""
    answer = await talk.point.call("NotifyEVChargingSchedule", timeBase=stamp(), chargingSchedule=schedule, evseId=1)
    return str(answer["status"])


def beyond(schedule: dict[str, Any]) -> dict[str, Any]:
    """The same with twice the limit."""
    periods = [{**period, "limit": period["limit"] * 2} for period in schedule["chargingSchedulePeriod"]]
    return {**schedule, "chargingSchedulePeriod": periods}


async def connected(point: ChargePoint) -> Talk:
    """State EVConnectedPreSession, then Authorized: nothing flows before the vehicle knows its schedule."""
    await booted(point)
    talk = Talk(point, f"{point.station_id}-1")
    await connector(point, "Occupied")
    await talk.started(state="EVConnected", meterValue=register(1000, "Transaction.Begin"))
    assert (await authorize(point))["status"] == "Accepted"
    answer = await talk.updated("Authorized", uid=token_of(point.station_id), evse=talk.evse)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    return talk


async def leveled(point: ChargePoint) -> Talk:
    """State ISO15118SmartCharging: offered, planned, charging."""
    talk = await connected(point)
    profile = await needing(talk, maxScheduleTuples=10)
    assert await planned(talk, profile["chargingSchedule"][0]) == "Accepted"
    await talk.updated("ChargingStateChanged", state="Charging", evse=talk.evse)
    return talk


def set_by_operator(talk: Talk, *limits_a: float) -> SetChargingProfile:
    """A TxProfile with as many schedules as limits, in A."""
    schedules = tuple(
        ChargingSchedule(rate_unit="A", periods=(SchedulePeriod(start_s=0, limit=limit),)) for limit in limits_a
    )
    profile = ChargingProfile(
        purpose="TxProfile", kind="Relative", schedules=schedules, charger_transaction_id=talk.transaction_id
    )
    return SetChargingProfile(evse_id=1, profile=profile)


async def test_tc_k_53_load_leveling_by_high_level_communication(agent: RunningAgent, case: str) -> None:
    """And what is sent begins on a whole second, as the vehicle will say it back."""
    async with charge_point(agent, case, V201) as point:
        talk = await connected(point)
        profile = await needing(talk, maxScheduleTuples=10)
        (schedule,) = profile["chargingSchedule"]
        assert datetime.fromisoformat(schedule["startSchedule"]).microsecond == 0
        assert len(schedule["chargingSchedulePeriod"]) <= 10
        assert await planned(talk, schedule) == "Accepted"
        await talk.updated("ChargingStateChanged", state="Charging", evse=talk.evse)
        await parked(talk)


async def test_tc_k_55_plan_exceeds_limits(agent: RunningAgent, case: str) -> None:
    """Rejected, offered anew (K16), and then planned within."""
    async with charge_point(agent, case, V201) as point:
        talk = await connected(point)
        first = (await needing(talk, maxScheduleTuples=10))["chargingSchedule"][0]
        assert await planned(talk, beyond(first)) == "Rejected"
        await talk.updated("ChargingStateChanged", state="Charging", evse=talk.evse)
        again = (await offered(talk))["chargingSchedule"][0]
        assert again["chargingSchedulePeriod"] == first["chargingSchedulePeriod"]
        assert await planned(talk, again) == "Accepted"
        await talk.updated("ChargingRateChanged", state="Charging", evse=talk.evse)
        await parked(talk)


async def test_tc_k_57_renegotiation_by_the_vehicle(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        talk = await leveled(point)
        profile = await needing(talk, maxScheduleTuples=1)
        assert await planned(talk, profile["chargingSchedule"][0]) == "Accepted"
        await talk.updated("ChargingRateChanged", state="Charging", evse=talk.evse)
        await parked(talk)


@pytest.mark.parametrize("limits_a", [(10.0,), (8.0, 10.0, 16.0)])
async def test_tc_k_58_renegotiation_by_the_csms(agent: RunningAgent, case: str, limits_a: tuple[float, ...]) -> None:
    """With one schedule, and with three of which the vehicle takes the last."""
    async with charge_point(agent, case, V201) as point:
        talk = await leveled(point)
        assert (await agent.operate(case, set_by_operator(talk, *limits_a))).problem is None
        schedules = (await offered(talk))["chargingSchedule"]
        assert [each["id"] for each in schedules] == list(range(1, len(limits_a) + 1))
        assert await planned(talk, beyond(schedules[-1])) == "Rejected"
        assert (await offered(talk))["chargingSchedule"] == schedules
        assert await planned(talk, schedules[-1]) == "Accepted"
        assert await planned(talk, beyond(schedules[0])) == "Accepted" if len(limits_a) > 1 else True
        await talk.updated("ChargingRateChanged", state="Charging", evse=talk.evse)
        await parked(talk)


@pytest.mark.parametrize("is_raw", [False, True])
async def test_tc_k_59_renegotiation_by_the_csms_and_needs_again(agent: RunningAgent, case: str, is_raw: bool) -> None:
    """What the operator set is offered again; of what went out raw the site knows nothing, and offers as before."""
    async with charge_point(agent, case, V201) as point:
        talk = await leveled(point)
        if is_raw:
            period = {"startPeriod": 0, "limit": 10.0}
            schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
            raw = {
                "id": 2,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative",
                "transactionId": talk.transaction_id,
                "chargingSchedule": [schedule],
            }
            done = await agent.call(case, "SetChargingProfile", {"evseId": 1, "chargingProfile": raw})
            assert done.result == {"status": "Accepted"}
        else:
            assert (await agent.operate(case, set_by_operator(talk, 10.0))).problem is None
        first = await offered(talk)
        again = await needing(talk, maxScheduleTuples=10)
        assert is_raw or again == first
        assert await planned(talk, again["chargingSchedule"][0]) == "Accepted"
        await parked(talk)


async def test_also_needs_before_a_transaction(agent: RunningAgent, case: str) -> None:
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        answer = await point.call("NotifyEVChargingNeeds", evseId=1, chargingNeeds=NEEDS)
        assert answer["status"] == "Rejected"
        talk = await charging(point)
        await needing(talk)
        await parked(talk)


async def test_also_another_transaction_since_it_was_plugged_in(agent: RunningAgent, case: str) -> None:
    """Some stations begin a transaction for the cable and go on with another one: the offer is for that."""
    async with charge_point(agent, case, V201) as point:
        await booted(point)
        plugged = Talk(point, f"{case}-cable")
        await connector(point, "Occupied")
        await plugged.started(state="EVConnected")
        talk = Talk(point, f"{case}-card")
        assert (await authorize(point))["status"] == "Accepted"
        await talk.updated("Authorized", uid=token_of(case), evse=talk.evse)
        profile = await needing(talk, maxScheduleTuples=10)
        assert await planned(talk, profile["chargingSchedule"][0]) == "Accepted"
        await parked(talk)
