"""A short and repeatable part of the fuzzing, and everything that it ever found. `make fuzz` goes on for longer."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from protocols.ocpp.version import Version
from tests.fuzz.hunt import SEEDS, hunt, outcome, read_seed


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.json")), ids=lambda path: path.stem)
def test_what_was_found_once_is_mended(path: Path) -> None:
    assert outcome(*read_seed(path)) is None


@pytest.mark.parametrize("version", Version)
def test_no_station_breaks_a_site(version: Version) -> None:
    for seed in range(40):
        hunt(Random(seed), version=version)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # what is found is made small by tests.fuzz, and faster
)
@given(st.randoms(use_true_random=False))
def test_no_session_that_can_be_drawn_breaks_a_site(random: Random) -> None:
    hunt(random, steps_at_most=8)
