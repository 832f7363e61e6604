"""When a standby takes over by itself, and that a first box that is cut off has given up by then."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.standby.box import Box, Follow, Memory, Serve, Wait, decide_role
from edge.standby.settings import BEAT_S
from edge.standby.watch import Watch
from edge.standby.wire import Word


def watch() -> Watch:
    made = Watch(dead_after_s=10, heard_s=100)
    made.in_step(is_in_step=True)
    return made


def seen(made: Watch, now_s: float, *, is_there: bool = True, is_held: bool = False) -> str | None:
    made.see_witness(now_s, is_there=is_there)
    made.see_address(now_s, is_held=is_held)
    return made.reason_to_wait(now_s)


def test_it_takes_over_when_nothing_is_heard_the_address_is_free_and_the_witness_is_there() -> None:
    made = watch()
    assert seen(made, 109) == "the first is heard"
    assert seen(made, 111) is None


def test_it_does_not_while_somebody_has_the_address() -> None:
    made = watch()
    assert seen(made, 111, is_held=True) == "somebody has the site's address"
    assert seen(made, 112) is None


def test_one_that_was_cut_off_once_while_it_heard_nothing_never_does() -> None:
    """The first may have gone on without it in that moment."""
    made = watch()
    assert seen(made, 103, is_there=False) == "the first is heard"
    for now_s in range(104, 200):
        assert "cut off" in str(seen(made, now_s)) or now_s <= 110


def test_what_was_seen_long_ago_is_not_as_of_now() -> None:
    made = watch()
    made.see_witness(105, is_there=True)
    made.see_address(111, is_held=False)
    assert made.reason_to_wait(111) == "the witness cannot be reached"


def test_one_that_is_behind_does_not() -> None:
    made = watch()
    made.in_step(is_in_step=False)
    assert seen(made, 111) == "the first said that this copy is behind"


def test_one_that_stood_still_believes_only_what_the_first_says_after_it_was_heard_again() -> None:
    """What came meanwhile may be older than that the first went on alone."""
    made = watch()
    made.said = 7
    made.stand_still()
    made.hear_in_step(is_in_step=True, repeated=7)
    assert "stood still" in str(seen(made, 111))
    made.hear_in_step(is_in_step=True, repeated=8)
    assert seen(made, 112) is None
    made.hear_in_step(is_in_step=False, repeated=9)
    assert seen(made, 113) == "the first said that this copy is behind"


ACTIVE, ALONE = Memory(is_active=True, term=3), Memory(is_active=True, term=3, is_alone=True)
STANDBY = Memory(is_active=False, term=3)


def word(term: int, *, is_active: bool) -> Word:
    return Word(edge_id="e", term=term, is_active=is_active, is_serving=False)


@pytest.mark.parametrize(
    ("memory", "is_first", "other", "is_held", "role"),
    [
        (None, True, None, False, Serve),
        (None, True, None, True, Wait),
        (None, True, word(0, is_active=False), False, Serve),
        (None, True, word(1, is_active=True), False, Follow),
        (None, True, word(0, is_active=True), False, Follow),
        (None, False, None, False, Follow),
        (None, False, word(1, is_active=True), False, Follow),
        (ACTIVE, True, None, False, Wait),
        (ALONE, True, None, False, Serve),
        (ALONE, True, None, True, Wait),
        (ACTIVE, True, word(3, is_active=False), False, Serve),
        (ACTIVE, True, word(4, is_active=True), False, Follow),
        (ALONE, False, word(4, is_active=True), False, Follow),
        (ACTIVE, False, word(4, is_active=False), False, Follow),
        (ACTIVE, False, word(2, is_active=True), False, Serve),
        (ACTIVE, False, word(3, is_active=True), False, Wait),
        (STANDBY, True, None, False, Follow),
        (STANDBY, True, word(3, is_active=False), False, Follow),
    ],
)
def test_what_a_box_does_that_has_just_started(
    memory: Memory | None, is_first: bool, other: Word | None, is_held: bool, role: type
) -> None:
    assert isinstance(decide_role(memory, is_first=is_first, other=other, is_held=is_held), role)


def test_of_two_boxes_that_were_active_at_most_one_serves() -> None:
    """Whatever they remember of terms; each asks the other, or cannot."""
    memories = [Memory(is_active=True, term=term) for term in (1, 2)]
    for one, two in itertools.product(memories, repeat=2):
        roles = [
            decide_role(mine, is_first=True, other=word(its.term, is_active=its.is_active), is_held=False)
            for mine, its in ((one, two), (two, one))
        ]
        assert sum(isinstance(role, Serve) for role in roles) <= 1
        assert sum(isinstance(role, Serve) for role in roles) == (one.term != two.term)


def test_a_box_that_takes_over_says_so_before_it_is_on_its_disk(tmp_path: Path) -> None:
    """Else one that starts just then would be told to serve."""
    box = Box(tmp_path / "pair.json", "e")
    box.remember(STANDBY)
    box.takes_over = True
    said = box.word
    assert (said.is_active, said.term) == (True, 4)
    assert isinstance(decide_role(ACTIVE, is_first=True, other=said, is_held=False), Follow)
    box.remember(Memory(is_active=True, term=4))
    assert Box(tmp_path / "pair.json", "e").word == box.word == said


@dataclass
class Cut:
    """For how long, from when, who sees whom no more."""

    from_s: float
    for_s: float
    a_from_witness: bool
    b_from_witness: bool

    def holds(self, now_s: float) -> bool:
        return self.from_s <= now_s < self.from_s + self.for_s


@dataclass
class Play:
    """The first as edge/standby/stream.py has it, reduced to its clock: it serves until both are silent for half of
    `dead_after_s`, and goes alone only where the witness answers."""

    cuts: list[Cut]
    phase_s: float
    is_split: bool = False
    """Boxes that both see the witness do not see each other: what is assumed never to be."""
    dead_after_s: float = 10.0
    touched_s: float = 0.0
    is_alone: bool = False
    serves: bool = True
    took_over_s: float | None = None
    log: list[str] = field(default_factory=list)

    def run(self, until_s: float) -> None:
        made = Watch(dead_after_s=self.dead_after_s, heard_s=0)
        made.in_step(is_in_step=True)
        now_s, beat_s = 0.0, 0.0
        while now_s < until_s and self.took_over_s is None:
            now_s += 0.125
            cuts = [cut for cut in self.cuts if cut.holds(now_s)]
            a_sees = not any(cut.a_from_witness for cut in cuts)
            b_sees = not any(cut.b_from_witness for cut in cuts)
            see_each_other = not cuts  # boxes that both see the witness see each other: what is assumed
            see_each_other = see_each_other or (a_sees and b_sees and not self.is_split)
            self._first(now_s, a_sees=a_sees, see_each_other=see_each_other)
            if self.serves and see_each_other and now_s - beat_s >= BEAT_S:
                beat_s = now_s
                made.hear(now_s)
                made.in_step(is_in_step=made.is_in_step and not self.is_alone)
            if made.is_silent(now_s) and (now_s + self.phase_s) % 0.25 < 0.125:
                made.see_witness(now_s, is_there=b_sees)
                made.see_address(now_s, is_held=self.serves and see_each_other)
            if made.reason_to_wait(now_s) is None:
                self.took_over_s = now_s

    def _first(self, now_s: float, *, a_sees: bool, see_each_other: bool) -> None:
        if a_sees or see_each_other:
            self.touched_s = now_s
        if not see_each_other and a_sees and self.serves:
            self.is_alone = True
        if not self.is_alone and now_s - self.touched_s > self.dead_after_s / 2:
            self.serves = False


@settings(max_examples=300)
@given(
    cuts=st.lists(
        st.builds(
            Cut,
            from_s=st.floats(0, 60),
            for_s=st.floats(0.5, 60),
            a_from_witness=st.booleans(),
            b_from_witness=st.booleans(),
        ),
        max_size=4,
    ),
    phase_s=st.floats(0, 0.25),
)
def test_both_never_serve_as_long_as_boxes_that_see_the_witness_see_each_other(cuts: list[Cut], phase_s: float) -> None:
    play = Play(cuts=cuts, phase_s=phase_s)
    play.run(120)
    assert not (play.took_over_s is not None and play.serves), cuts
    assert not (play.took_over_s is not None and play.is_alone), "it lacks what was acknowledged"


def test_what_this_rests_on_is_needed() -> None:
    """A network that keeps the two boxes apart, and the witness from neither: docs/standby.md says so."""
    play = Play(cuts=[Cut(from_s=5, for_s=60, a_from_witness=False, b_from_witness=False)], phase_s=0, is_split=True)
    play.run(120)
    assert play.took_over_s is not None
    assert play.serves
