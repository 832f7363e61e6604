"""Batches that wait behind each other are one, and what does not follow stays apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest import joining
from cloud.ingest.batches import store_batch
from cloud.ingest.joining import joined
from cloud.store.engine import Store
from protocols.sync.codec import Batch, DeadLetter, stamp_of
from tests.cloud.samples import EDGE, NEXT_EPOCH, batch, minute, money_journal

JOURNAL = money_journal(6)


def parts(*lengths: int) -> list[Batch]:
    """Of one journal, each says on what it stands."""
    made: list[Batch] = []
    first = 0
    for length in lengths:
        after_at = stamp_of(made[-1].raw[made[-1].last_seq]) if made else None
        made.append(replace(batch(JOURNAL[first : first + length]), after_at=after_at))
        first += length
    return made


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_what_follows_is_one_batch_with_all_entries(lengths: list[int]) -> None:
    assert list(joined(parts(*lengths))) == [batch(JOURNAL[: sum(lengths)])]


def test_a_dead_letter_keeps_its_place() -> None:
    first, second, third = parts(2, 1, 3)
    poisoned = replace(second, entries=(), dead=(DeadLetter(seq=3, reason="x", raw="{}"),), raw={3: "{}"})
    (one,) = joined([first, poisoned, replace(third, after_at=None)])
    assert (one.first_seq, one.last_seq, list(one.raw), len(one.dead)) == (1, 6, [1, 2, 3, 4, 5, 6], 1)
    assert [entry.seq for entry in one.entries] == [1, 2, 4, 5, 6]


def test_what_does_not_follow_stays_apart() -> None:
    first, second, third = parts(2, 2, 2)
    others = (
        [first, third],
        [second, first],
        [first, first],
        [first, replace(second, epoch=NEXT_EPOCH)],
        [first, replace(second, after_at="2001-01-01T00:00:00Z")],
    )
    for given_ in others:
        assert list(joined(given_)) == given_


def test_no_more_are_joined_than_a_commit_should_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MAX_ENTRIES", 5)
    assert [each.last_seq for each in joined(parts(2, 3, 3, 2))] == [5, 10]


async def test_one_poisoned_entry_of_the_last_is_found_among_all(store: Store) -> None:
    first, second = parts(3, 3)
    broken = dict(second.raw)
    broken[5] = "{}"
    entries = tuple(entry for entry in second.entries if entry.seq != 5)
    poisoned = replace(second, entries=entries, dead=(DeadLetter(seq=5, reason="x", raw="{}"),), raw=broken)
    (one,) = joined([first, poisoned])
    stored = await store_batch(store, EDGE, one, minute(120))
    assert (stored.new, stored.dead, stored.ack.seq) == (5, 1, 6)
    assert [each.seq for each in stored.ack.rejected] == [5]
