"""The wheel against a plain list: the same items are due, whatever is put, removed and forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.chargers.silence_wheel import SilenceWheel

TICK_S, SPAN_S = 0.5, 10.0


class Item:
    def __init__(self) -> None:
        self.slot = -1


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "turn"]), st.integers(0, 7), st.floats(0, SPAN_S)), max_size=60
)


@given(STEPS)
def test_everything_is_due_once_never_early_and_at_most_a_tick_late(steps: list[tuple[str, int, float]]) -> None:
    wheel: SilenceWheel[Item] = SilenceWheel(TICK_S, SPAN_S)
    items = [Item() for _ in range(8)]
    due_at: dict[Item, float] = {}
    now_s = 1000.0
    wheel.start(now_s)
    for what, number, amount in steps:
        item = items[number]
        if what == "put":
            wheel.put(item, now_s + amount)
            due_at[item] = now_s + amount
        elif what == "remove":
            wheel.remove(item)
            due_at.pop(item, None)
        else:
            now_s += amount
            due = wheel.due(now_s)
            assert len(set(due)) == len(due)
            for taken in due:
                assert due_at.pop(taken) <= now_s
                assert taken.slot == -1
            assert all(late > now_s - 2 * TICK_S for late in due_at.values())


def test_a_wheel_that_was_not_turned_for_long_gives_out_all() -> None:
    wheel: SilenceWheel[Item] = SilenceWheel(TICK_S, SPAN_S)
    wheel.start(0.0)
    items = [Item() for _ in range(5)]
    for number, item in enumerate(items):
        wheel.put(item, number * 2.0)
    assert set(wheel.due(10_000.0)) == set(items)
    assert wheel.due(20_000.0) == []
