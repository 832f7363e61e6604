"""Which broker is used, on a clock of the test's own."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

from edge.uplink.broker_choice import FAILBACK_SPREAD, BrokerChoice


def choice(brokers: int = 2, **changes: Any) -> BrokerChoice:
    """Draws the longest time always."""
    settings: dict[str, Any] = {
        "brokers": brokers,
        "reconnect_min_s": 1.0,
        "reconnect_max_s": 300.0,
        "stable_after_s": 60.0,
        "failback_after_s": 300.0,
        "silent_after_s": 30.0,
        "jitter": max,
    }
    return BrokerChoice(**(settings | changes))


def at_backup() -> BrokerChoice:
    made = choice()
    made.lost(0)
    made.begun(1)
    assert made.current == 1
    return made


def test_all_are_tried_in_turn_and_each_round_waits_twice_as_long() -> None:
    made = choice(3)
    tried = [(made.current, made.lost(now_s)) for now_s in range(10)]
    assert [broker for broker, _ in tried] == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    assert [pause_s for _, pause_s in tried] == [2, 2, 2, 4, 4, 4, 8, 8, 8, 16]


def test_the_pause_is_bounded_and_jittered() -> None:
    made = choice(1)
    assert max(made.lost(0) for _ in range(100)) == 300
    drawn = choice(1, jitter=random.Random(1).uniform)
    pauses = [drawn.lost(0) for _ in range(100)]
    assert len(set(pauses)) == 100
    assert all(1 <= pause_s <= 300 for pause_s in pauses)


def test_only_a_stable_session_sets_the_pause_back() -> None:
    made = choice(1)
    for now_s in range(0, 600, 60):  # a session of 59 s is none
        made.begun(now_s)
        made.lost(now_s + 59)
    assert made.failures == 10
    made.begun(1000)
    assert made.lost(1060) == 2
    assert made.failures == 1


def test_a_blink_of_the_line_moves_nobody() -> None:
    made = choice()
    made.begun(0)
    made.lost(100)
    assert made.current == 0
    made.lost(101)  # and it cannot be reached again
    assert made.current == 1


def test_a_broker_whose_sessions_do_not_last_is_left() -> None:
    made = choice()
    made.begun(0)
    made.lost(10)
    assert made.current == 1


def test_it_goes_back_when_the_primary_has_answered_long_enough() -> None:
    made = at_backup()
    goes = [made.probed(now_s, is_reachable=True) for now_s in range(100, 600, 25)]
    assert goes.index(True) * 25 == 300 * FAILBACK_SPREAD
    made.returned()
    assert (made.current, made.failures) == (0, 0)


def test_one_unanswered_probe_begins_anew() -> None:
    made = at_backup()
    for now_s in range(0, 86_400, 30):  # up for four minutes, down for one, all day long
        assert not made.probed(now_s, is_reachable=now_s % 300 < 240)


def test_another_session_must_see_the_primary_for_itself() -> None:
    made = at_backup()
    assert not made.probed(0, is_reachable=True)
    made.begun(100)
    made.lost(200)  # the backup blinked
    assert not made.probed(400, is_reachable=True)


def test_a_primary_that_answers_but_does_not_serve_is_tried_ever_more_seldom() -> None:
    made, now_s, returns = at_backup(), 0.0, []
    while now_s < 86_400:
        now_s += 30
        if made.probed(now_s, is_reachable=True):
            returns.append(now_s)
            made.returned()
            made.begun(now_s)
            made.lost(now_s + 5)
            made.begun(now_s + 6)
            assert made.current == 1
    gaps = [later - earlier for earlier, later in pairwise(returns)]
    assert gaps == sorted(gaps)
    assert len(returns) < 14


def test_a_return_that_lasted_makes_the_next_one_as_quick_as_the_first() -> None:
    made = at_backup()
    for now_s in (0.0, 1000.0):
        made.probed(now_s, is_reachable=True)
        assert made.probed(now_s + 375, is_reachable=True)
        made.returned()
        made.begun(now_s + 375)
        made.lost(now_s + 375 + 301)
        made.lost(now_s + 680)
        assert made.current == 1
        made.begun(now_s + 681)


def test_where_the_hub_is_nowhere_it_is_looked_for_ever_more_slowly() -> None:
    made = choice()
    limits = []
    for _ in range(6):
        limits.append(made.silence_limit_s)
        made.begun(0)
        assert made.silent() <= 1
    assert limits == [30, 60, 120, 240, 300, 300]
    assert made.current == 0
    made.heard()
    assert made.silence_limit_s == 30


def test_a_primary_without_a_hub_is_a_return_that_failed() -> None:
    made = at_backup()
    made.probed(0, is_reachable=True)
    assert made.probed(375, is_reachable=True)
    made.returned()
    made.begun(375)
    made.silent()
    assert made.current == 1
    made.probed(1000, is_reachable=True)
    assert not made.probed(1000 + 375, is_reachable=True)
    assert made.probed(1000 + 750, is_reachable=True)
