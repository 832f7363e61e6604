"""The rows of one commit, gathered per statement, so that SQLite is called once for many of them.

That is less for a busy process than it looks, and more: sqlite3 gives up the interpreter's lock for every step of a
statement, and while the agent's own thread is busy, each step then waits up to the interpreter's switch interval to go
on. Measured with 4 rows beside a busy thread: 31 ms row by row, 5 ms in one statement.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from typing import Final, cast

from edge.ledger import partitions
from edge.ledger.chain import ChainHead, link
from edge.ledger.queries import queries

Value = str | int | bytes | None

_AT_ONCE: Final = (64, *range(56, 0, -8), *range(7, 0, -1))
"""So up to 64 rows take two statements at most, and each is prepared in a few sizes and then reused."""
_VALUES: Final = re.compile(r"VALUES (\([?, ]+\))")


class Rows:
    """Groups are written in the order of their first rows, and the rows of a group in the order they came in.

    So rows whose order matters belong into one group, and those of several statements that may be sorted by statement
    into several.
    """

    def __init__(self) -> None:
        self._runs: dict[str, list[tuple[str, list[tuple[Value, ...]]]]] = {}
        self._links: list[tuple[str, str, bytes, tuple[Value, ...]]] = []
        self.head: ChainHead | None = None
        """Of the chain behind these rows, once they have their hashes."""
        self.telemetry: list[partitions.Stored] = []
        """Entries of the telemetry stream, which have tables of their own."""

    def add(self, group: str, statement: str, *row: Value) -> None:
        """Have a statement of queries.sql carried out with these values."""
        runs = self._runs.get(group)
        if runs is None:
            self._runs[group] = [(statement, [row])]
        elif runs[-1][0] == statement:
            runs[-1][1].append(row)
        else:
            runs.append((statement, [row]))

    def link(self, group: str, statement: str, entry: bytes, *row: Value) -> None:
        """The same for a row of what is chained by hashes: its first value is the entry's number, its last one the
        hash, which `chain` adds. `entry` are the bytes that are hashed. To be called in the order of the entries."""
        self._links.append((group, statement, entry, row))

    def chain(self, head: ChainHead) -> ChainHead:
        """Give the rows of the chain their hashes; returns the new head."""
        if not self._links:
            return head
        links, self._links, last = self._links, [], head.hash
        for group, statement, entry, row in links:
            last = link(last, entry)
            self.add(group, statement, *row, last)
        return ChainHead(head.epoch, cast("int", links[-1][3][0]), head.count + len(links), last)

    def __len__(self) -> int:
        return len(self.telemetry) + sum(len(rows) for runs in self._runs.values() for _, rows in runs)

    def write(self, connection: sqlite3.Connection) -> None:
        """Carry it all out in the transaction that is open."""
        if self.telemetry:
            partitions.write(connection, self.telemetry)
        for runs in self._runs.values():
            for statement, rows in runs:
                for part in _parts(rows):
                    sql = _for_many(statement, len(part))
                    if sql is None:
                        connection.executemany(queries()[statement], part)
                    else:
                        connection.execute(sql, [value for row in part for value in row])


def _parts(rows: list[tuple[Value, ...]]) -> Iterator[list[tuple[Value, ...]]]:
    start = 0
    for size in _AT_ONCE:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


@cache
def _for_many(statement: str, count: int) -> str | None:
    """The statement for so many rows at once; None when it knows only one."""
    sql = queries()[statement]
    if not _VALUES.search(sql):
        return None
    return _VALUES.sub(lambda found: "VALUES " + ", ".join([found[1]] * count), sql)
