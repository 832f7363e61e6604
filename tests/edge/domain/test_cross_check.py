"""Chargers held against the site's own meters: what proves something, and what does not."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from edge.domain.cross_check import WINDOW, EvseWatch, FeederWatch, Finding, Pair, SiteFinding, Told
from tests.edge.domain.site_kit import START


def pair(minutes: float, told_wh: int, shown_wh: int, slack_wh: int = 0) -> Pair:
    return Pair(at=START + timedelta(minutes=minutes), told_wh=told_wh, shown_wh=shown_wh, slack_wh=slack_wh)


def watched(*pairs: Pair, key: str | None = "T") -> list[Finding]:
    watch = EvseWatch()
    return [finding for each in pairs if (finding := watch.note(key, each)) is not None]


def test_nothing_is_said_before_a_window_is_over() -> None:
    assert watched(pair(0, 0, 0), pair(14.9, 2700, 0)) == []


def test_two_windows_apart_stand_and_one_that_agrees_takes_it_back() -> None:
    found = watched(pair(0, 0, 0), pair(15, 2700, 1300), pair(30, 5400, 2600), pair(45, 8100, 5300))
    assert [(each.evidence is not None, each.stands) for each in found] == [(True, False), (True, True), (False, False)]
    assert "told 2700 Wh and the meter behind it shows 1300 Wh" in str(found[1].evidence)


def test_a_charger_that_tells_too_little_is_found_as_well() -> None:
    found = watched(pair(0, 0, 0), pair(15, 1300, 2700), pair(30, 2600, 5400))
    assert found[-1].stands


def test_losses_and_coarse_registers_are_no_difference() -> None:
    assert [each.evidence for each in watched(pair(0, 0, 0), pair(15, 2500, 2700))] == [None]


def test_readings_far_apart_in_time_prove_less() -> None:
    assert watched(pair(0, 0, 0, 500), pair(15, 2700, 1900, 500))[0].evidence is None
    assert watched(pair(0, 0, 0), pair(15, 2700, 1900))[0].evidence is not None


def test_a_register_that_falls_begins_the_window_anew() -> None:
    assert watched(pair(0, 0, 9000), pair(15, 2700, 0), pair(29, 5000, 0)) == []


def test_another_transaction_begins_anew() -> None:
    watch = EvseWatch()
    watch.note("T1", pair(0, 0, 0))
    watch.note("T1", pair(15, 2700, 0))
    assert watch.note("T2", pair(30, 0, 0)) is None
    finding = watch.note("T2", pair(45, 2700, 0))
    assert finding is not None
    assert not finding.stands


@given(
    st.lists(st.tuples(st.floats(0.2, 40), st.integers(0, 22_000), st.floats(0, 60)), min_size=2, max_size=40),
    st.integers(0, 7),
)
def test_a_charger_and_a_meter_that_both_count_right_never_disagree(
    course: list[tuple[float, int, float]], loss_percent: int
) -> None:
    """Whatever the power does, however late the one is read behind the other."""
    watch, at, told_wms, shown_wms = EvseWatch(), START, 0.0, 0.0
    for minutes, power_w, lag_s in course:
        told_wms += power_w * minutes * 60
        shown_wms += power_w * minutes * 60 * (100 + loss_percent) / 100
        at += timedelta(minutes=minutes)
        between_wms = power_w * lag_s
        moment = Pair(
            at=at,
            told_wh=int(told_wms / 3600),
            shown_wh=int((shown_wms + between_wms) / 3600),
            slack_wh=int(22_000 * lag_s / 3600) + 1,
        )
        finding = watch.note("T", moment)
        assert finding is None or finding.evidence is None
        told_wms, shown_wms = told_wms + between_wms, shown_wms + between_wms
        at += timedelta(seconds=lag_s)


# --- the feeder ---


def told(energy_wh: int, at: datetime, began_at: datetime = START - timedelta(hours=1)) -> Told:
    return Told(energy_wh=energy_wh, began_at=began_at, at=at, rating_w=22_000)


def supplied(*steps: tuple[int, dict[str, Told]]) -> list[SiteFinding]:
    """`(supplied_wh, told)` at each window's end."""
    watch, now, found = FeederWatch(), START, []
    for supplied_wh, each in steps:
        finding = watch.note(supplied_wh, now, each, now)
        found += [finding] if finding is not None else []
        now += WINDOW
    return found


def test_evses_draw_no_more_than_the_site_is_given() -> None:
    found = supplied(
        (0, {"T": told(0, START)}),
        (3000, {"T": told(2900, START + WINDOW)}),
        (4000, {"T": told(7900, START + 2 * WINDOW)}),
        (5000, {"T": told(12_900, START + 3 * WINDOW)}),
    )
    assert [(each.evidence is not None, each.stands, each.transactions) for each in found] == [
        (False, False, ()),
        (True, False, ("T",)),
        (True, True, ("T",)),
    ]
    assert "told 5000 Wh, and the site was given 1000 Wh" in str(found[-1].evidence)


def test_what_others_on_the_site_take_is_no_difference() -> None:
    assert [each.evidence for each in supplied((0, {"T": told(0, START)}), (90_000, {"T": told(2000, START)}))] == [
        None
    ]


def test_what_a_charger_hands_in_late_flowed_before_the_window() -> None:
    late = told(0, START - timedelta(hours=1))
    assert [each.evidence for each in supplied((0, {"T": late}), (100, {"T": told(20_000, START)}))] == [None]


def test_a_transaction_that_began_before_and_was_not_known_counts_not() -> None:
    assert [each.evidence for each in supplied((0, {}), (100, {"T": told(20_000, START)}))] == [None]


def test_a_register_that_fell_proves_nothing() -> None:
    assert supplied((90_000, {"T": told(0, START)}), (0, {"T": told(9000, START + WINDOW)})) == []
