"""The order in which things give way, as a table and as a property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.pressure import EASED_AFTER_S, NAMES, RAISED_AT_S, Pressure
from edge.domain.telemetry import MARKS_ONLY, NORMAL, STRETCHED


@pytest.mark.parametrize(
    ("oldest_s", "level"),
    [(0.0, NORMAL), (0.99, NORMAL), (1.0, STRETCHED), (4.9, STRETCHED), (5.0, MARKS_ONLY), (60.0, MARKS_ONLY)],
)
def test_the_wait_of_the_oldest_event_raises_the_level_at_once(oldest_s: float, level: int) -> None:
    assert Pressure().note(oldest_s, 0.0) == level


def test_a_level_is_left_one_at_a_time_and_only_after_calm() -> None:
    pressure = Pressure()
    pressure.note(6.0, 0.0)
    assert pressure.note(0.0, EASED_AFTER_S - 0.1) == MARKS_ONLY
    assert pressure.note(0.0, EASED_AFTER_S) == STRETCHED
    assert pressure.note(0.0, EASED_AFTER_S + 1) == STRETCHED
    assert pressure.note(1.5, EASED_AFTER_S + 5) == STRETCHED
    assert pressure.note(0.0, 2 * EASED_AFTER_S) == STRETCHED
    assert pressure.note(0.0, 2 * EASED_AFTER_S + 5) == NORMAL
    assert pressure.raised == 1


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 20)), max_size=30))
def test_the_level_is_never_below_what_the_wait_asks_for(steps: list[tuple[float, float]]) -> None:
    pressure, now_s = Pressure(), 0.0
    for oldest_s, passed_s in steps:
        now_s += passed_s
        level = pressure.note(oldest_s, now_s)
        assert oldest_s < (*RAISED_AT_S, float("inf"))[level + 1]
        assert NAMES[level]
