"""Edge, broker and hub over simulated weeks with seeded faults, a few runs of them; `make simulate` plays many.

And the simulation itself: the same seed is the same run, and bugs that are planted are found.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.simulation.planted import PLANTED
from tests.simulation.seeds import play_one
from tests.simulation.world import Outcome

SEEDS = range(1, 9)
SEEDS_TO_FIND = 6
SHOWN_BY = {
    "ack_before_commit": "database_troubled",
    "seq_reused": "edge_killed",
    "gap_dropped": "broker_confused",
    "advanced_before_ack": "broker_confused",
}
"""The trouble that shows it, which these runs are mostly about."""


@cache
def played(seed: int) -> Outcome:
    return play_one(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_edge_kept_is_at_the_hub_when_all_is_healed(seed: int) -> None:
    outcome = played(seed)
    assert not outcome.violations, f"make simulate SEED={seed}\n" + "\n".join(outcome.violations)
    assert outcome.entries > 0


def test_the_same_seed_is_the_same_run() -> None:
    first, again, other = played(5), play_one(5), played(3)
    assert first.digest == again.digest
    assert first == again
    assert first.digest != other.digest


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str) -> None:
    for seed in range(1, SEEDS_TO_FIND + 1):
        if play_one(seed, PLANTED[name], SHOWN_BY[name]).violations:
            return
    pytest.fail(f"{name} was not found by {SEEDS_TO_FIND} seeds")
