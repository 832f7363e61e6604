"""The limiter of failed attempts, on a clock made of numbers."""

from __future__ import annotations

from edge.chargers.attempts import FORGET_AFTER_S, FREE_FAILURES, LONGEST_LOCK_S, MAX_PAIRS, Attempts


def fail(attempts: Attempts, times: int, now_s: float = 0.0) -> list[bool]:
    return [attempts.failed("10.0.0.1", "CS-1", now_s) for _ in range(times)]


def test_some_failures_are_free_then_the_pair_is_locked_and_said_so_once() -> None:
    attempts = Attempts()
    assert not any(fail(attempts, FREE_FAILURES - 1))
    assert attempts.locked_s("10.0.0.1", "CS-1", 0.0) == 0
    assert fail(attempts, 1) == [True]
    assert attempts.locked_s("10.0.0.1", "CS-1", 0.0) == 1
    assert attempts.locked_s("10.0.0.1", "CS-1", 0.75) == 0.25
    assert attempts.locked_s("10.0.0.1", "CS-1", 1.0) == 0


def test_every_further_failure_doubles_the_lock_up_to_the_longest() -> None:
    attempts = Attempts()
    fail(attempts, FREE_FAILURES)
    locks = []
    for _ in range(10):
        fail(attempts, 1)
        locks.append(attempts.locked_s("10.0.0.1", "CS-1", 0.0))
    assert locks[:4] == [2, 4, 8, 16]
    assert locks[-1] == LONGEST_LOCK_S
    fail(attempts, 2000)
    assert attempts.locked_s("10.0.0.1", "CS-1", 0.0) == LONGEST_LOCK_S


def test_other_sources_and_ids_are_free_and_success_forgets() -> None:
    attempts = Attempts()
    fail(attempts, FREE_FAILURES)
    assert attempts.locked_s("10.0.0.2", "CS-1", 0.0) == 0
    assert attempts.locked_s("10.0.0.1", "CS-2", 0.0) == 0
    attempts.succeeded("10.0.0.1", "CS-1")
    assert attempts.locked_s("10.0.0.1", "CS-1", 0.0) == 0


def test_old_failures_are_forgotten() -> None:
    attempts = Attempts()
    fail(attempts, FREE_FAILURES)
    fail(attempts, 1, FORGET_AFTER_S + 1)
    assert attempts.locked_s("10.0.0.1", "CS-1", FORGET_AFTER_S + 1) == 0


def test_memory_is_bounded() -> None:
    attempts = Attempts()
    fail(attempts, FREE_FAILURES)
    for number in range(MAX_PAIRS):
        attempts.failed("10.0.0.9", str(number), 0.0)
    assert attempts.locked_s("10.0.0.1", "CS-1", 0.0) == 0  # the oldest gave way
