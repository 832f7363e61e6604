"""Go back N, without a network."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.uplink.send_window import SendWindow
from protocols.sync.topics import Stream


def window(acked_seq: int = 0) -> SendWindow:
    return SendWindow(stream=Stream.MONEY, max_batches=4, ack_timeout_s=10, resend_max_s=60, acked_seq=acked_seq)


def test_the_ack_timer_doubles_up_to_its_bound_and_an_ack_resets_it() -> None:
    w, now_s, waits = window(), 0.0, []
    for _ in range(6):
        w.sent(5, now_s)
        assert w.has_room is (not waits)
        due_s = w.resend_at_s()
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s
        w.go_back()
        assert w.sent_seq == 0
    assert waits == [10, 20, 40, 60, 60, 60]
    w.sent(5, now_s)
    w.acknowledged(5, now_s)
    assert w.has_room
    assert w.resend_at_s() is None
    assert w.waiting_since_s is None


def test_a_slow_hub_that_makes_progress_is_not_asked_again() -> None:
    w = window()
    for batch in range(4):
        w.sent(10 * (batch + 1), 0.0)
    assert not w.has_room
    w.acknowledged(10, 9.0)
    assert w.resend_at_s() == 19.0
    w.acknowledged(15, 18.0)  # the hub took half a batch
    assert w.batches_waiting == 3
    assert w.resend_at_s() == 28.0


def test_an_ack_from_before_the_connection_moves_what_is_sent_next() -> None:
    w = window(acked_seq=5)
    w.acknowledged(9, 0.0)
    assert w.sent_seq == 9


def test_the_same_rewind_is_heeded_once_within_the_ack_timeout() -> None:
    w = window(acked_seq=20)
    w.rewind(10, 100.0)
    assert (w.acked_seq, w.sent_seq) == (10, 10)
    assert w.is_repeated_rewind(10, 105.0)
    assert not w.is_repeated_rewind(9, 105.0)
    assert not w.is_repeated_rewind(10, 110.0)
    w.acknowledged(11, 105.0)
    assert w.is_repeated_rewind(10, 106.0)  # sent before the hub had what it asked for


@given(st.lists(st.tuples(st.sampled_from(["send", "ack", "back", "rewind"]), st.integers(1, 30)), max_size=60))
def test_it_never_sends_past_its_window_nor_before_its_ack(steps: list[tuple[str, int]]) -> None:
    w, newest = window(), 0
    for now_s, (step, amount) in enumerate(steps):
        match step:
            case "send" if w.has_room:
                newest = max(newest, w.sent_seq + amount)
                w.sent(w.sent_seq + amount, float(now_s))
            case "ack" if newest > w.acked_seq:
                w.acknowledged(min(newest, w.acked_seq + amount), float(now_s))
            case "back" if w.resend_at_s() is not None:
                w.go_back()
            case "rewind":
                w.rewind(max(0, w.acked_seq - amount), float(now_s))
        assert 0 <= w.acked_seq <= w.sent_seq <= max(newest, w.sent_seq)
        assert w.batches_waiting <= 4
        assert (w.batches_waiting == 0) or w.resend_at_s() is not None
