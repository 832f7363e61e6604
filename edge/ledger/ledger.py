"""The ledger: SQLite, one writer thread, one commit per group of decisions.

The writer is plain sqlite3 in a thread of its own rather than aiosqlite: a commit of a whole group is then a single
hop between threads, whatever it writes. A second thread reads the journal for the uplink beside it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from edge.domain.remote import REMEMBERED
from edge.domain.site import PastKey, PastTransaction
from edge.ledger.database import LedgerError, lock, open_reader, open_writer
from edge.ledger.projections import append, keep_open
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from edge.ports import Commit
from protocols.sync.codec import encode_entry
from protocols.sync.topics import Stream


class Ledger:
    """Implements the ports Ledger and Journal. Made by `Ledger.open`, ended by `close`."""

    def __init__(self, path: Path, edge_id: str) -> None:
        """Raises LedgerError when the file is in use, foreign, newer or no database."""
        self._lock = lock(path)
        self.path = path
        try:
            self.connection = open_writer(path, edge_id)
        except BaseException:
            self._lock.close()
            raise
        self._reading = open_reader(path)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ledger-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")
        meta = dict(self.connection.execute(queries()["meta"]).fetchall())
        self._epoch: str = meta["epoch"]
        self._charger_number = int(meta.get("last_charger_number", "0"))
        self._last_seq = {s: int(self.connection.execute(queries()["last_seq"], (s,)).fetchone()[0]) for s in Stream}
        self._acked_seq = dict.fromkeys(Stream, 0)
        self._acked_seq.update({Stream(s): seq for s, seq in self.connection.execute(queries()["acked"])})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let running work finish, then close; the lock goes last."""
        self._writer.shutdown()
        self._reader.shutdown()
        self._reading.close()
        self.connection.close()
        self._lock.close()

    # --- port Ledger ---

    async def commit(self, commit: Commit) -> None:
        """Encode here, where nothing else changes the values meanwhile; write in the writer's thread.

        Raises LedgerError when the disk is full or broken.
        """
        rows = _rows_of(commit, self._charger_number)
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._write, rows)
        except sqlite3.OperationalError as error:
            raise LedgerError(
                f"the ledger {self.path} cannot be written ({error}): nothing of this was acknowledged."
                " Free the disk or mend it, then start the agent again"
            ) from error
        for entry in commit.entries:
            self._last_seq[entry.stream] = entry.seq
        self._acked_seq.update(commit.acked)
        self._charger_number = max(self._charger_number, commit.last_charger_number)

    async def recall(self, keys: Sequence[PastKey]) -> list[PastTransaction]:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._recall, keys)

    # --- port Journal ---

    @property
    def epoch(self) -> str:
        return self._epoch

    @property
    def last_charger_number(self) -> int:
        return self._charger_number

    def last_seq(self, stream: Stream) -> int:
        return self._last_seq[stream]

    def acked_seq(self, stream: Stream) -> int:
        return self._acked_seq[stream]

    async def read(self, stream: Stream, after_seq: int, max_entries: int, max_bytes: int) -> list[tuple[int, bytes]]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, self._read, stream, after_seq, max_entries, max_bytes)

    # --- in the threads ---

    def _write(self, rows: Rows) -> None:
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows.write(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _recall(self, keys: Sequence[PastKey]) -> list[PastTransaction]:
        found: list[PastTransaction] = []
        for key in keys:
            by_start = key.start_key is not None
            sql = queries()["past_by_start_key" if by_start else "past_by_charger_id"]
            value = key.start_key if by_start else key.charger_transaction_id
            found.extend(
                PastTransaction(
                    transaction_id=row[0],
                    charger_transaction_id=row[1],
                    station_id=key.station_id,
                    start_key=row[2],
                    token_uid=row[3],
                    end_reason=row[4],
                )
                for row in self.connection.execute(sql, (value, key.station_id))
            )
        return found

    def _read(self, stream: Stream, after_seq: int, max_entries: int, max_bytes: int) -> list[tuple[int, bytes]]:
        taken: list[tuple[int, bytes]] = []
        size = 0
        for seq, body in self._reading.execute(queries()["read_journal"], (stream, after_seq, max_entries)):
            size += len(body)
            if taken and size > max_bytes:
                break
            taken.append((seq, body))
        return taken

    def forget_commands(self, now: datetime) -> None:
        """Drop the ids of commands that expired long ago; called before the agent runs."""
        self.connection.execute(queries()["forget_commands"], ((now - REMEMBERED - timedelta(days=1)).isoformat(),))


def _rows_of(commit: Commit, charger_number: int) -> Rows:
    """What a commit writes; `charger_number` is the last one kept. Made in the agent's thread, where nothing else
    changes the values meanwhile."""
    rows = Rows()
    for transaction in commit.checkpoints:
        keep_open(rows, transaction)
    at, written_at = None, ""
    for entry in commit.entries:
        if entry.at is not at:  # the entries of a group share theirs
            at, written_at = entry.at, entry.at.isoformat()
        append(rows, entry, encode_entry(entry), written_at)
    for stream, seq in commit.acked.items():
        rows.add("acked", "set_acked", stream.value, seq)
    for stream, rejected in commit.dead:
        rows.add("dead_letters", "bury", stream.value, rejected.seq, rejected.reason)
    if commit.last_charger_number > charger_number:
        rows.add("meta", "set_meta", "last_charger_number", str(commit.last_charger_number))
    return rows
