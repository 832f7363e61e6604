"""A charging profile in the words of a model, or the reason why it cannot be told (field quirk 11)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from protocols.charger.operations.smart_charging import (
    ChargingProfile,
    ChargingSchedule,
    GetCompositeSchedule,
    SchedulePeriod,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import StartTransaction
from protocols.charger.operations.variables import Reset
from protocols.errors import BadText
from protocols.ocpp.quirks import catalogue
from protocols.ocpp.quirks.charging_profiles import adapted
from protocols.ocpp.quirks.model import BY_THE_BOOK, Quirks

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def quirks(quirk_id: str) -> Quirks:
    return next(quirks for quirks in catalogue.all_quirks() if quirks.id == quirk_id)


def asked(*limits: tuple[int, float], unit: str = "W", phases: int | None = None, **more: Any) -> SetChargingProfile:
    periods = tuple(SchedulePeriod(start_s=start, limit=limit, number_phases=phases) for start, limit in limits)
    schedule = ChargingSchedule(rate_unit=unit, periods=periods, start_at=AT)
    profile = ChargingProfile(**({"purpose": "TxDefaultProfile", "schedules": (schedule,)} | more))
    return SetChargingProfile(evse_id=1, profile=profile)


def told(operation: SetChargingProfile, quirk_id: str) -> ChargingProfile:
    result = adapted(operation, quirks(quirk_id))
    assert isinstance(result, SetChargingProfile)
    return result.profile


@pytest.mark.parametrize(
    ("limit_w", "phases", "limit_a"),
    [(11_040.0, None, 16.0), (11_000.0, 3, 15.9), (3_680.0, 1, 16.0), (4_200.0, None, 6.0)],
)
def test_watts_become_amperes_and_never_more(limit_w: float, phases: int | None, limit_a: float) -> None:
    profile = told(asked((0, limit_w), phases=phases), "abb_terra_ac")
    assert profile.schedules[0].rate_unit == "A"
    assert profile.schedules[0].periods[0].limit == limit_a
    assert profile.schedules[0].start_at == AT


def test_a_limit_that_it_would_misunderstand_is_refused() -> None:
    with pytest.raises(BadText, match="no limit under 6 A"):
        told(asked((0, 16.0), (60, 0.0), unit="A"), "abb_terra_ac")


def test_absolute_becomes_relative_where_nothing_changes_with_time() -> None:
    profile = told(asked((0, 16.0), unit="A"), "evbox_elvi")
    assert (profile.kind, profile.schedules[0].start_at) == ("Relative", None)
    with pytest.raises(BadText, match="changes with time"):
        told(asked((0, 16.0), (60, 10.0), unit="A"), "evbox_elvi")


def test_purposes_and_stack_levels_that_it_does_not_take() -> None:
    with pytest.raises(BadText, match="takes no ChargingStationMaxProfile; it takes TxDefaultProfile, TxProfile"):
        told(asked((0, 16.0), unit="A", purpose="ChargingStationMaxProfile"), "abb_terra_ac")
    assert told(asked((0, 16.0), unit="A", stack_level=5), "abb_terra_ac").stack_level == 0


def test_by_the_book_nothing_changes() -> None:
    for operation in (asked((0, 1.0)), Reset(), StartTransaction(evse_id=1, token_uid="T")):
        assert adapted(operation, BY_THE_BOOK) == operation
    question = GetCompositeSchedule(evse_id=1, duration_s=60, rate_unit="W")
    assert adapted(question, quirks("abb_terra_ac")) == GetCompositeSchedule(evse_id=1, duration_s=60, rate_unit="A")
    start = StartTransaction(evse_id=1, token_uid="T", profile=asked((0, 11_040.0)).profile)
    changed = adapted(start, quirks("wallbox_pulsar"))
    assert isinstance(changed, StartTransaction)
    assert changed.profile is not None
    assert changed.profile.kind == "Relative"
