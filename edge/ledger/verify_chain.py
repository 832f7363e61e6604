"""Proves the chain of hashes: each epoch's from its genesis to its last entry, and against what was sealed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edge.ledger.chain import beginning, link
from edge.ledger.queries import queries
from edge.ledger.verify_rows import Kept


@dataclass(slots=True)
class _Epoch:
    """A chain: what comes up to `after_seq` is in its genesis, what comes later, up to the next one's, in itself."""

    epoch: str
    after_seq: int
    genesis: bytes
    older: bytes
    is_begun: bool = False


@dataclass(slots=True)
class ChainProof:
    """Fed with what is kept, in order; `look` tells what is wrong with each row."""

    connection: sqlite3.Connection
    told: Mapping[int, str] = field(default_factory=dict)
    """Seals that are kept elsewhere, by the entry that they go through: the hub's."""
    count: int = 0
    """Entries proved by a hash beside them."""
    _hash: bytes | None = None
    _epochs: list[_Epoch] = field(init=False)
    _seals: dict[int, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._epochs = [
            _Epoch(epoch, after_seq, begun, beginning(epoch))
            for epoch, after_seq, begun in self.connection.execute(queries()["chains"])
        ]
        self._seals = {}
        for seq, sealed in (*self.connection.execute(queries()["seals"]), *self.told.items()):
            self._seals.setdefault(seq, set()).add(sealed)

    @property
    def hash(self) -> str:
        """Where the newest chain stands, hexadecimal; empty before there is one."""
        return self._hash.hex() if self._hash is not None else ""

    @property
    def seals(self) -> int:
        """Seals that are still to be compared."""
        return len(self._seals)

    def look(self, row: Kept) -> Iterator[str]:
        """What is wrong with the row as a link of the chain."""
        yield from self._begin_before(row.seq)
        entry = row.entry or b""
        for each in self._epochs:
            if row.seq <= each.after_seq:
                each.older = link(each.older, entry)
        if self._hash is None:
            if row.hash is not None:
                yield "it has a hash, and the chain begins later"
            return
        expected = link(self._hash, entry)
        if row.hash is None:
            yield "it has no hash: it was put in beside the chain"
        elif row.hash != expected:
            yield "the chain is broken here: this entry or its hash was changed, or one before it taken out"
        self._hash = row.hash or expected
        self.count += 1
        for sealed in self._seals.pop(row.seq, set()) - {self._hash.hex()}:
            yield f"it was sealed with the hash {sealed}, and has another now"

    def end(self) -> Iterator[str]:
        """What is wrong when all was looked at."""
        yield from self._begin_before(None)
        if not self._epochs:
            yield "there is no chain: the beginning of each epoch's was taken out"
        for seq, hashes in sorted(self._seals.items()):
            for sealed in sorted(hashes):
                yield f"entry {seq}, which was sealed with the hash {sealed}, is not there any more"

    def _begin_before(self, seq: int | None) -> Iterator[str]:
        """The chains that begin before an entry; None: all others."""
        for each in self._epochs:
            if not each.is_begun and (seq is None or seq > each.after_seq):
                each.is_begun = True
                self._hash = each.genesis
                if each.older != each.genesis:
                    where = f"epoch {each.epoch}, up to entry {each.after_seq}"
                    yield f"what is older than the chain of {where}, was changed"
