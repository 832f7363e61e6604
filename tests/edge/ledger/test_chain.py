"""The chain of hashes: over what is kept for ever, in its order, through restarts, and sealed in the journal."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from edge.domain.events import SiteEvent
from edge.domain.proof_events import ChainGrown
from edge.ledger.chain import VERSION, LastSeal, chained, last_seal, link
from edge.ledger.ledger import Ledger
from edge.ledger.queries import migrations
from edge.ledger.sealing import SEAL_EVERY, Sealer
from edge.ports import OnReply
from protocols.sync.codec import decode_entry
from protocols.sync.proof import ChainSealed
from protocols.sync.topics import Stream
from protocols.sync.up import PostingMade
from tests.edge.domain.site_kit import START, Play
from tests.edge.ledger.conftest import LedgerPlay
from tests.edge.ledger.test_migrate import played, write_0001


def hashes(ledger: Ledger) -> list[bytes]:
    sql = "SELECT money_seq, hash FROM cdrs UNION ALL SELECT money_seq, hash FROM postings ORDER BY 1"
    return [row[1] for row in ledger.connection.execute(sql)]


def test_each_hash_is_over_all_before_it(ledger: Ledger, play: LedgerPlay) -> None:
    play.charge()
    play.charge()
    entries = [entry for _, entry in chained(ledger.connection, 0, 1 << 60)]
    assert len(entries) == 4
    expected = [hashlib.sha256(VERSION + b"\n" + ledger.epoch.encode() + b"\n").digest()]
    for entry in entries:
        expected.append(hashlib.sha256(expected[-1] + entry).digest())
    assert hashes(ledger) == expected[1:]
    assert (ledger.chain.hash, ledger.chain.count) == (expected[-1], 4)
    assert ledger.chain.seq == play.site.last_seq[Stream.MONEY]


def test_long_entries_are_hashed_like_short_ones() -> None:
    for size in (0, 1, 2047, 2048, 10_000):
        assert link(b"h", b"e" * size) == hashlib.sha256(b"h" + b"e" * size).digest()


def test_it_goes_on_after_a_restart_and_counts_from_the_last_seal(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.charge()
        before = ledger.chain
        play.tell(ChainGrown(seal=seal_of(ledger)))
        play.charge()
        head = ledger.chain
    with Ledger(path, "edge-1") as ledger:
        assert ledger.chain == head
        seal = last_seal(ledger.connection, ledger.epoch)
        assert (seal.count, seal.hash, seal.seq) == (before.count, before.hash, before.seq)


def played_entries(play: Play) -> tuple[datetime, PostingMade]:
    """When the first bill was posted, and how."""
    entry = next(entry for entry in play.entries if isinstance(entry.body, PostingMade))
    assert isinstance(entry.body, PostingMade)
    return entry.at, entry.body


def seal_of(ledger: Ledger) -> ChainSealed:
    head = ledger.chain
    return ChainSealed(
        through_seq=head.seq, count=head.count, hash=head.hash.hex(), since_seq=0, since_count=0, since_hash=""
    )


def test_a_ledger_of_before_begins_its_chain_over_all_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    play, transactions = played()
    write_0001(path, play, transactions)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:  # of the schema before, its journal trimmed
        for number, sql in migrations():
            if 1 < number < 13:
                old.executescript(f"BEGIN; {sql}; PRAGMA user_version = {number}; COMMIT;")
        old.execute("DELETE FROM journal WHERE stream = 'money' AND seq <= 4")
    with Ledger(path, "edge-1") as ledger:
        assert ledger.chain.count == 0
        (after_seq,) = ledger.connection.execute("SELECT after_seq FROM chains").fetchone()
        assert after_seq == ledger.chain.seq > 0
        assert hashes(ledger) == [None] * 4
        entries = [entry for _, entry in chained(ledger.connection, 0, 1 << 60)]
        first, second = (decode_entry(entry) for entry in entries if b"posting_made" in entry)
        at, legs = played_entries(play)
        assert (first.at, first.seq, first.body) == (at, 4, legs)
        assert second.seq == 8
        began = LedgerPlay(ledger)
        began.now = play.now + timedelta(hours=1)
        began.connect()
        began.charge()
        assert ledger.chain.count == 2


class Put:
    """An inbox that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[SiteEvent] = []

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: object = None) -> None:
        self.events.append(event)


def test_it_is_sealed_once_a_day_and_every_so_many_entries(ledger: Ledger, play: LedgerPlay) -> None:
    inbox, now = Put(), [START]
    sealer = Sealer(ledger, inbox, lambda: now[0])  # type: ignore[arg-type]
    last = last_seal(ledger.connection, ledger.epoch)
    assert sealer.look(last) == last  # there is nothing to seal
    play.charge()
    last = sealer.look(last)
    assert (last.count, last.at) == (2, START)
    play.charge()
    assert sealer.look(last) == last
    many = LastSeal(seq=last.seq, count=4 - SEAL_EVERY, hash=last.hash, at=START)
    assert sealer.look(many).count == 4
    now[0] += timedelta(days=1)
    assert sealer.look(last).count == 4
    seals = [event.seal for event in inbox.events if isinstance(event, ChainGrown)]
    assert [(seal.since_count, seal.count) for seal in seals] == [(0, 2), (4 - SEAL_EVERY, 4), (2, 4)]
