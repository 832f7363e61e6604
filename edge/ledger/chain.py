"""The proof that nothing of the money was changed, taken out or put in between: a chain of hashes.

Over each epoch's bills, decisions upon bills, and postings, in the order of their numbers in the money stream:

    hash(n) = SHA-256(hash(n-1) + entry(n))

where `entry(n)` are the bytes of the journal entry as they were written, sent and are kept. The first is linked to the
`genesis`, which is made of the epoch's name and of all that was in the ledger when the epoch began.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge.ledger.queries import queries

VERSION: Final = b"ohmstead-chain-1"
_AT_ONCE: Final = 2047
"""For more than that hashlib lets the interpreter's lock go, and waits for it while the agent is busy."""
_sha256 = hashlib.sha256


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Where the chain of an epoch stands: `count` entries, the last of them number `seq` of the money stream, and the
    hash over all of them."""

    epoch: str
    seq: int
    count: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeal:
    """Where the chain stood when it was sealed last; `at` None: it never was, and this is its genesis."""

    seq: int
    count: int
    hash: bytes
    at: datetime | None


def link(before: bytes, entry: bytes) -> bytes:
    """The next hash."""
    digest = _sha256(before)
    if len(entry) <= _AT_ONCE:
        digest.update(entry)
    else:
        for start in range(0, len(entry), _AT_ONCE):
            digest.update(entry[start : start + _AT_ONCE])
    return digest.digest()


def beginning(epoch: str) -> bytes:
    """What an epoch's genesis begins with."""
    return _sha256(VERSION + b"\n" + epoch.encode() + b"\n").digest()


def genesis(epoch: str, older: Iterator[tuple[int, bytes]]) -> bytes:
    """Where an epoch's chain begins, after all that is older."""
    hashed = beginning(epoch)
    for _, entry in older:
        hashed = link(hashed, entry)
    return hashed


def chained(connection: sqlite3.Connection, after_seq: int, upto_seq: int) -> Iterator[tuple[int, bytes]]:
    """The entries that the chain is made of, in their order, one at a time."""
    yield from connection.execute(queries()["chained"], (after_seq, upto_seq))


def open_chain(connection: sqlite3.Connection, epoch: str) -> ChainHead:
    """Where the chain of this epoch stands; it is begun where it is not. To be called in a transaction."""
    sql = queries()
    (last_seq,) = connection.execute(sql["last_chained"]).fetchone()
    if connection.execute(sql["chain"], (epoch,)).fetchone() is None:
        begun = genesis(epoch, chained(connection, 0, last_seq))
        (after_seq,) = connection.execute(sql["last_seq"], ("money",)).fetchone()  # seals of before are no seals of it
        connection.execute(sql["begin_chain"], (epoch, max(after_seq, last_seq), begun))
    seal = last_seal(connection, epoch)
    (since,) = connection.execute(sql["chain_count"], (seal.seq,)).fetchone()
    if not since:
        return ChainHead(epoch, seal.seq, seal.count, seal.hash)
    (last,) = connection.execute(sql["chain_hash"], (last_seq,)).fetchone()
    return ChainHead(epoch, last_seq, seal.count + since, last)


def last_seal(connection: sqlite3.Connection, epoch: str) -> LastSeal:
    """The newest seal of an epoch whose chain was begun."""
    sql = queries()
    after_seq, begun = connection.execute(sql["chain"], (epoch,)).fetchone()
    row = connection.execute(sql["last_seal"], (after_seq,)).fetchone()
    if row is None:
        return LastSeal(seq=after_seq, count=0, hash=begun, at=None)
    return LastSeal(seq=row[0], count=row[1], hash=bytes.fromhex(row[2]), at=datetime.fromisoformat(row[3]))
