"""Stages, the rule that stops, and the hours of the day."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cloud.rollouts.order import RolloutOrder, Stage, StopRule, Window, stages_of

ALL = Stage(percent=100)
RESET = {"kind": "operation", "operation": {"operation": "reset"}}


def test_a_stage_says_how_far_the_rollout_goes() -> None:
    stages = (Stage(count=1), Stage(percent=10), Stage(percent=50), ALL)
    assert stages_of(stages, 20) == [0, 1] + [2] * 8 + [3] * 10
    assert stages_of(stages, 3) == [0, 2, 3]
    assert stages_of((Stage(count=5), ALL), 3) == [0, 0, 0]


@given(
    st.lists(
        st.one_of(st.integers(1, 50).map(lambda n: Stage(count=n)), st.floats(0.1, 100).map(lambda p: Stage(percent=p)))
    ),
    st.integers(1, 300),
)
def test_every_target_has_one_stage_and_none_goes_back(stages: list[Stage], targets: int) -> None:
    found = stages_of([*stages, ALL], targets)
    assert len(found) == targets
    assert found == sorted(found)


def test_more_than_allowed_stops() -> None:
    assert StopRule(max_failures=0).is_broken(1, 10)
    assert not StopRule(max_failures=1).is_broken(1, 10)
    assert StopRule(max_failure_percent=10).is_broken(2, 10)
    assert not StopRule(max_failure_percent=10).is_broken(1, 10)
    assert not StopRule().is_broken(10, 10)
    assert StopRule(max_failures=5, max_failure_percent=10).is_broken(2, 10)


def test_without_a_rule_several_stages_stop_at_once_and_one_goes_through() -> None:
    one = RolloutOrder.model_validate({"what": RESET})
    several = RolloutOrder.model_validate({"what": RESET, "stages": [{"count": 1}, {"percent": 100}]})
    assert not one.stop_rule.is_broken(5, 5)
    assert several.stop_rule.is_broken(1, 5)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-07-01T22:30", None),  # 00:30 in Berlin
        ("2026-07-01T23:00", "2026-07-02T03:00"),
        ("2026-07-02T02:59", "2026-07-02T03:00"),
        ("2026-07-02T03:00", None),
        ("2026-10-24T23:30", "2026-10-25T04:00"),  # the night that has an hour more
    ],
)
def test_hours_are_local(now: str, end: str | None) -> None:
    window = Window(start=time(1), end=time(5))
    expected = None if end is None else datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert window.end_of(datetime.fromisoformat(now).replace(tzinfo=UTC), "Europe/Berlin") == expected


def test_hours_may_span_midnight() -> None:
    window = Window(start=time(22), end=time(2), time_zone="UTC")
    for hour, end_day in ((23, 3), (1, 2)):
        ends = window.end_of(datetime(2026, 3, 2, hour, tzinfo=UTC), "Europe/Berlin")
        assert ends == datetime(2026, 3, end_day, 2, tzinfo=UTC)
    assert window.end_of(datetime(2026, 3, 2, 12, tzinfo=UTC), "Europe/Berlin") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"stages": [{"percent": 50}]},
        {"stages": [{"count": 5}]},
        {"stages": [{"count": 5, "percent": 100}]},
        {"stages": []},
        {"window": {"start": "01:00", "end": "01:00"}},
        {"window": {"start": "01:00", "end": "02:00", "time_zone": "Mars/Base"}},
        {"what": {"kind": "operation", "operation": {"operation": "reset", "tpye": "Immediate"}}},
        {"to": {"modell": "V2"}},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RolloutOrder.model_validate({"what": RESET, **wrong})
