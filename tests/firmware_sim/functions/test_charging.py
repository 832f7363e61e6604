"""Smart charging: what is set is reckoned, obeyed by the car, cleared and reported."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_sim.functions import charging
from firmware_sim.habits import Habit
from firmware_sim.messages import (
    Answered,
    AuthorizeMessage,
    ConnectorState,
    Plugged,
    Presented,
    RemoteStart,
    TokenAnswer,
    Unplugged,
)
from firmware_sim.settings import OcppVersion
from firmware_sim.v201.smart_charging import external
from tests.firmware_sim.desk import LiveDesk, timestamp
from tests.firmware_sim.playbook import CARD, car

versions = pytest.mark.parametrize("version", list(OcppVersion))
newer = pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])
_PURPOSES_16 = {"ChargingStationMaxProfile": "ChargePointMaxProfile"}


def profile(version: OcppVersion, *periods: tuple[int, float], **changed: Any) -> dict[str, Any]:
    """A profile in the version's own words; `unit`, `purpose`, `kind`, `level`, `number`, `start_s` … change it."""
    purpose = changed.get("purpose", "TxDefaultProfile")
    schedule: dict[str, Any] = {
        "chargingRateUnit": changed.get("unit", "W"),
        "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
    }
    if "start_s" in changed:
        schedule["startSchedule"] = timestamp(changed["start_s"])
    if "duration_s" in changed:
        schedule["duration"] = changed["duration_s"]
    told: dict[str, Any] = {
        "stackLevel": changed.get("level", 0),
        "chargingProfileKind": changed.get("kind", "Absolute"),
    }
    if "recurrency" in changed:
        told["recurrencyKind"] = changed["recurrency"]
    number = changed.get("number", 1)
    if version is OcppVersion.V16:
        told |= {"chargingProfilePurpose": _PURPOSES_16.get(purpose, purpose), "chargingProfileId": number}
        return told | {"chargingSchedule": schedule}
    told |= {"chargingProfilePurpose": purpose, "id": number, "chargingSchedule": [schedule | {"id": 1}]}
    return told | ({"transactionId": changed["transaction_id"]} if "transaction_id" in changed else {})


def put(desk: LiveDesk, evse_id: int, *periods: tuple[int, float], **changed: Any) -> str:
    told = profile(desk.version, *periods, **changed)
    names = ("connectorId", "csChargingProfiles") if desk.version is OcppVersion.V16 else ("evseId", "chargingProfile")
    return str(desk.request("SetChargingProfile", **dict(zip(names, (evse_id, told), strict=True)))["status"])


def charge(desk: LiveDesk, evse_id: int = 1) -> str:
    """A session on an EVSE, begun now; its transactionId of the charger."""
    desk.happens(Plugged(evse_id=evse_id, vehicle=car()))
    desk.happens(Presented(evse_id=evse_id, id_token=CARD))
    asked = desk.of(AuthorizeMessage)[-1]
    desk.happens(Answered(message=asked, answer=TokenAnswer(status="Accepted")))
    running = desk.charger.evses[evse_id].transaction_id
    assert running is not None
    return running


def composite(desk: LiveDesk, evse_id: int, duration_s: int, unit: str) -> list[tuple[int, float]]:
    place = "connectorId" if desk.version is OcppVersion.V16 else "evseId"
    told = desk.request("GetCompositeSchedule", **{place: evse_id, "duration": duration_s, "chargingRateUnit": unit})
    assert told["status"] == "Accepted"
    schedule = told["chargingSchedule"] if desk.version is OcppVersion.V16 else told["schedule"]
    assert schedule["chargingRateUnit"] == unit
    return [(each["startPeriod"], each["limit"]) for each in schedule["chargingSchedulePeriod"]]


@versions
def test_the_car_obeys_to_the_second(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    charge(desk)
    assert desk.charger.evses[1].power_w == 10_998
    assert put(desk, 0, (0, 6_900), (65, 0), (95, 4_200), start_s=0) == "Accepted"
    assert desk.charger.evses[1].power_w == 6_900
    desk.at(64)
    assert desk.charger.evses[1].power_w == 6_900
    desk.at(65)
    assert desk.charger.evses[1].power_w == 0
    assert desk.charger.evses[1].state is ConnectorState.SUSPENDED_EVSE
    desk.at(95)
    assert desk.charger.evses[1].power_w == 4_200


@versions
def test_amperes_count_per_phase(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    charge(desk)
    put(desk, 1, (0, 10), unit="A", start_s=0)
    assert desk.charger.evses[1].power_w == 6_900


@versions
def test_the_higher_level_holds_and_the_lowest_purpose(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    running = charge(desk)
    put(desk, 0, (0, 8_000), number=1, level=0, start_s=0)
    put(desk, 0, (0, 9_000), number=2, level=1, start_s=0)
    assert desk.charger.evses[1].offered_w == 9_000
    tx = {"purpose": "TxProfile", "kind": "Relative", "number": 3, "transaction_id": running}
    assert put(desk, 1, (0, 10_000), **tx) == "Accepted"
    assert desk.charger.evses[1].offered_w == 10_000  # in the place of the default
    put(desk, 0, (0, 7_000), number=4, purpose="ChargingStationMaxProfile", start_s=0)
    assert desk.charger.evses[1].offered_w == 7_000
    desk.happens(Unplugged(evse_id=1))
    assert {each.profile_id for each in desk.charger.profiles.all} == {1, 2, 4}


@versions
def test_the_station_limit_is_shared(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    put(desk, 0, (0, 12_000), purpose="ChargingStationMaxProfile", start_s=0)
    charge(desk, 1)
    assert desk.charger.evses[1].offered_w == 11_000
    charge(desk, 2)
    assert [evse.offered_w for evse in desk.charger.evses.values()] == [6_000, 6_000]


@versions
def test_daily_schedules_come_back(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    put(desk, 0, (0, 5_000), (3_600, 11_000), kind="Recurring", recurrency="Daily", start_s=-86_400 * 3)
    assert composite(desk, 1, 90_000, "W") == [(0, 5_000), (3_600, 11_000), (86_400, 5_000)]


@versions
def test_the_composite_schedule_is_what_is_obeyed(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    put(desk, 0, (0, 8_000), (100, 5_000), number=1, start_s=0, duration_s=200)
    put(desk, 0, (0, 6_000), number=2, purpose="ChargingStationMaxProfile", start_s=50)
    expected = [(0, 8_000), (50, 6_000), (100, 5_000), (200, 6_000)]
    assert composite(desk, 1, 300, "W") == expected
    assert composite(desk, 1, 300, "A") == [(start, round(limit / 690, 1)) for start, limit in expected]
    charge(desk)
    for (start, limit), (end, _) in zip(expected, [*expected[1:], (300, 0)], strict=True):
        desk.at(start)
        assert desk.charger.evses[1].offered_w == limit
        desk.at(end - 0.5)
        assert desk.charger.evses[1].offered_w == limit


@versions
@pytest.mark.parametrize(
    "changed",
    [
        {"level": 10},
        {"kind": "Recurring"},
        {"purpose": "TxProfile", "kind": "Relative", "transaction_id": "nobody"},
        {"purpose": "ChargingStationMaxProfile", "kind": "Relative"},
    ],
)
def test_what_is_refused(version: OcppVersion, changed: dict[str, Any]) -> None:
    assert put(LiveDesk(version), 0, (0, 5_000), **changed) == "Rejected"


@versions
def test_refusals_of_shape_and_place(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    assert put(desk, 9, (0, 5_000), start_s=0) == "Rejected"
    assert put(desk, 1, (10, 5_000), start_s=0) == "Rejected"
    assert put(desk, 1, *((at, 5_000) for at in range(25)), start_s=0) == "Rejected"


@versions
@pytest.mark.parametrize(
    ("habit", "changed", "limit"),
    [
        (Habit.REFUSES_A, {"unit": "A"}, 10),
        (Habit.REFUSES_W, {"unit": "W"}, 5_000),
        (Habit.REFUSES_ZERO, {}, 0),
        (Habit.REFUSES_RELATIVE, {"kind": "Relative"}, 5_000),
        (Habit.REFUSES_ABSOLUTE, {"kind": "Absolute"}, 5_000),
    ],
)
def test_dialects(version: OcppVersion, habit: Habit, changed: dict[str, Any], limit: float) -> None:
    assert put(LiveDesk(version), 0, (0, limit), start_s=0, **changed) == "Accepted"
    assert put(LiveDesk(version, habits=frozenset({habit})), 0, (0, limit), start_s=0, **changed) == "Rejected"


@versions
def test_one_who_says_yes_and_does_not_obey(version: OcppVersion) -> None:
    desk = LiveDesk(version, habits=frozenset({Habit.IGNORES_PROFILES}))
    charge(desk)
    assert put(desk, 0, (0, 0), start_s=0) == "Accepted"
    assert desk.charger.evses[1].power_w == 10_998


@versions
def test_cleared_by_what_it_is(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    put(desk, 1, (0, 5_000), number=1, level=1, start_s=0)
    put(desk, 2, (0, 5_000), number=2, level=2, start_s=0)
    if version is OcppVersion.V16:
        by_id, by_level, everything = {"id": 7}, {"connectorId": 2, "stackLevel": 2}, {}
    else:
        by_id = {"chargingProfileId": 7}
        by_level = {"chargingProfileCriteria": {"evseId": 2, "stackLevel": 2}}  # type: ignore[dict-item]
        everything = {"chargingProfileCriteria": {}}  # type: ignore[dict-item]
    assert desk.request("ClearChargingProfile", **by_id) == {"status": "Unknown"}
    assert desk.request("ClearChargingProfile", **by_level) == {"status": "Accepted"}
    assert [each.profile_id for each in desk.charger.profiles.all] == [1]
    assert desk.request("ClearChargingProfile", **everything) == {"status": "Accepted"}
    assert desk.charger.profiles.all == []


@newer
def test_reports_what_it_has(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    put(desk, 1, (0, 5_000), number=1, level=1, start_s=0)
    put(desk, 2, (0, 6_000), number=2, level=2, start_s=0)
    wanted = {"chargingProfilePurpose": "TxDefaultProfile"}
    assert desk.request("GetChargingProfiles", requestId=9, chargingProfile=wanted) == {"status": "Accepted"}
    first, second = desk.said("ReportChargingProfiles")
    assert (first["evseId"], first["tbc"], second["evseId"], second["tbc"]) == (1, True, 2, False)
    assert first["chargingProfile"] == [profile(version, (0, 5_000), number=1, level=1, start_s=0)]
    none = desk.request("GetChargingProfiles", requestId=9, evseId=2, chargingProfile={"stackLevel": 1})
    assert none == {"status": "NoProfiles"}


@newer
def test_a_car_that_speaks_iso15118_says_what_it_needs(version: OcppVersion) -> None:
    desk = LiveDesk(version, has_iso15118=True)
    running = charge(desk, 2)
    (needs,) = desk.said("NotifyEVChargingNeeds")
    assert needs["chargingNeeds"]["requestedEnergyTransfer"] == "DC"
    put(desk, 2, (0, 40_000), purpose="TxProfile", kind="Relative", transaction_id=running)
    (schedule,) = desk.said("NotifyEVChargingSchedule")
    assert schedule["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 40_000


@newer
def test_limits_of_others_are_told(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    charge(desk)
    desk.act(lambda model: charging.external_limit(model, 0, external(0, 5_000), is_grid_critical=True))
    assert desk.charger.evses[1].offered_w == 5_000
    assert desk.said("NotifyChargingLimit")[0]["chargingLimit"]["isGridCritical"] is True
    desk.request("ClearChargingProfile", chargingProfileCriteria={})
    assert desk.charger.evses[1].offered_w == 5_000  # not the CSMS's to clear
    desk.act(lambda model: charging.external_limit(model, 0, None, is_grid_critical=False))
    assert desk.charger.evses[1].offered_w == 11_000
    assert len(desk.said("ClearedChargingLimit")) == 1


@versions
def test_a_profile_with_the_remote_start(version: OcppVersion) -> None:
    desk = LiveDesk(version)
    desk.happens(Plugged(evse_id=1, vehicle=car()))
    told = profile(version, (0, 6_900), purpose="TxProfile", kind="Relative")
    if version is OcppVersion.V16:
        answer = desk.request("RemoteStartTransaction", idTag=CARD, connectorId=1, chargingProfile=told)
    else:
        token = {"idToken": CARD, "type": "ISO14443"}
        ask = {"idToken": token, "remoteStartId": 1, "evseId": 1, "chargingProfile": told}
        answer = desk.request("RequestStartTransaction", **ask)
    assert answer["status"] == "Accepted"
    assert desk.charger.evses[1].power_w == 6_900


def test_remote_starts_without_a_profile_are_as_before() -> None:
    desk = LiveDesk(OcppVersion.V16)
    desk.happens(Plugged(evse_id=1, vehicle=car()))
    assert desk.ask(RemoteStart(id_token=CARD, evse_id=1)) == "Accepted"
    assert desk.charger.evses[1].power_w == 10_998
