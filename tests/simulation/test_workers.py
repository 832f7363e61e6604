"""Who plays seeds: none is forgotten, whatever becomes of the process that has it in hand."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from tests.simulation.workers import Died, play_all

FATAL = 3


def _is_killed(seed: int) -> int:
    if seed == FATAL:
        os.kill(os.getpid(), signal.SIGKILL)
    return seed


def _leaves(seed: int) -> int:
    if seed == FATAL:
        sys.exit(7)
    return seed


def _hangs(seed: int) -> int:
    if seed == FATAL:
        time.sleep(60)
    return seed


@pytest.mark.parametrize(
    ("play", "exit_code"), [(_is_killed, -signal.SIGKILL), (_leaves, 7), (_hangs, 1)], ids=["killed", "leaves", "hangs"]
)
def test_a_worker_that_dies_is_told_and_the_others_are_played(play: Callable[[int], int], exit_code: int) -> None:
    outcomes = list(play_all(range(1, 7), 2, play, limit_s=2.0))
    died = [each for each in outcomes if isinstance(each, Died)]
    assert died == [Died(FATAL, exit_code)]
    assert sorted(each for each in outcomes if isinstance(each, int)) == [1, 2, 4, 5, 6]
