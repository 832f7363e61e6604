"""The ledger: SQLite, one writer thread, one commit per group of decisions.

The writer is plain sqlite3 in a thread of its own rather than aiosqlite: a commit of a whole group is then a single
hop between threads, whatever it writes. A second thread reads the journal for the uplink beside it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, Self, TypeVar

import structlog
from prometheus_client import CollectorRegistry

from edge.domain.bill_book import BillRecord
from edge.domain.past import PastKey, PastTransaction
from edge.domain.payment_book import MoneyKey, Recalled
from edge.domain.remote import REMEMBERED
from edge.ledger import account_totals, bill_reading, customer_reading, device_reading, readings
from edge.ledger.ballast import Ballast
from edge.ledger.bill_tables import bill_record
from edge.ledger.chain import ChainHead, LastSeal, last_seal, open_chain
from edge.ledger.database import (
    LedgerError,
    bring_in_all,
    free_pages_bytes,
    is_broken,
    is_full,
    lock,
    open_beside,
    open_reader,
    open_writer,
)
from edge.ledger.deviations import deviations_in
from edge.ledger.journal import first_seq, last_seq, read_entries
from edge.ledger.ledger_metrics import LedgerMetrics
from edge.ledger.moves import records_of
from edge.ledger.payment_tables import recall_money
from edge.ledger.projections import append, keep_open
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from edge.ledger.trim import Step, trim_journal, trim_past
from edge.ledger.wal import WalCopier
from edge.ledger.wal_tap import WalTap
from edge.ports import Commit, StationRecord
from edge.replica import Replica
from protocols.sync.codec import encode_entry
from protocols.sync.topics import Stream

T = TypeVar("T")
JOBS_KEPT: Final = timedelta(days=400)
FULL_AGAIN_S: Final = 1.0
MAX_MENDED: Final = 3
"""Times that the file is opened again after a failed write; a disk that fails more often is no disk."""

log = structlog.get_logger("ledger")


class Ledger:
    """Implements the ports Ledger and Journal. Made by `Ledger.open`, ended by `close`."""

    def __init__(
        self, path: Path, edge_id: str, metrics: LedgerMetrics | None = None, ballast: Ballast | None = None
    ) -> None:
        """Raises LedgerError when the file is in use, foreign, newer or no database."""
        self._lock = lock(path)
        self.path = path
        self.ballast = ballast
        self._edge_id = edge_id
        self._is_broken = False
        self._replica: Replica | None = None
        self._tap: WalTap | None = None
        self._left_open: list[tuple[sqlite3.Connection, IO[bytes], WalCopier]] = []
        if ballast is not None:
            ballast.make_room()
        try:
            self.connection = open_writer(path, edge_id)
        except BaseException:
            self._lock.close()
            raise
        self._reading = open_reader(path)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ledger-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")
        self._metrics = metrics or LedgerMetrics(CollectorRegistry())
        self._file = path.open("rb")
        self._wal = WalCopier(self._file, open_beside(path), self.connection, self._writer, self._metrics)
        try:
            self._read_marks()
        except BaseException:
            self.close()
            raise

    def _read_marks(self) -> None:
        meta = dict(self.connection.execute(queries()["meta"]).fetchall())
        self._epoch: str = meta["epoch"]
        with self._transaction():
            self._chain = open_chain(self.connection, self._epoch)
        self._charger_number = int(meta.get("last_charger_number", "0"))
        self._uplink_session = int(meta.get("uplink_session", "0"))
        self._last_seq = {stream: last_seq(self.connection, stream) for stream in Stream}
        self._first_seq = {stream: first_seq(self.connection, stream) for stream in Stream}
        self._reading_number = readings.last_number(self.connection)
        self._acked_seq = dict.fromkeys(Stream, 0)
        self._acked_seq.update({Stream(s): seq for s, seq in self.connection.execute(queries()["acked"])})
        self._metrics.watch(self.path, {stream: partial(self._journal_rows, stream) for stream in Stream})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let running work finish, then close; the lock goes last."""
        for wal in (*(wal for *_, wal in self._left_open), self._wal):
            wal.close()
        self._writer.shutdown()
        self._reader.shutdown()
        self._reading.close()
        self.connection.close()
        self._file.close()
        for connection, file, _ in self._left_open:
            connection.close()
            file.close()
        if self._tap is not None:
            self._tap.close()
        self._lock.close()

    def attach(self, replica: Replica) -> WalTap:
        """From now on nothing is acknowledged before the replica says so. Called once, before the agent runs."""
        self._replica, self._tap = replica, WalTap(self.path, replica)
        return self._tap

    # --- port Ledger ---

    async def commit(self, commit: Commit) -> None:
        """Encode here, where nothing else changes the values meanwhile; write in the writer's thread.

        On a full disk an agent's ledger, which has a ballast, gives that up and waits until there is room: nobody is
        answered meanwhile. Raises LedgerError when the disk is broken, or full for a ledger that has none.
        """
        encoded = [encode_entry(entry) for entry in commit.entries]
        rows = _rows_of(commit, encoded, self._charger_number, self._reading_number)
        self._reading_number += len(commit.readings)
        newest = {entry.stream: entry.seq for entry in commit.entries}
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._writer, self._write_surely, rows, newest)
                break
            except sqlite3.OperationalError as error:
                if not (is_full(error) and self.ballast is not None):
                    raise LedgerError(
                        f"the ledger {self.path} cannot be written ({error}): nothing of this was acknowledged."
                        " Free the disk or mend it, then start the agent again"
                    ) from error
                if not self.ballast.release():
                    log.critical("disk_full", path=str(self.path), again_in_s=FULL_AGAIN_S)
                    await asyncio.sleep(FULL_AGAIN_S)
        if self._replica is not None:
            await self._replica.confirmed()
        for stream in newest:
            if not self._first_seq[stream]:
                self._first_seq[stream] = next(entry.seq for entry in commit.entries if entry.stream is stream)
        self._last_seq.update(newest)
        self._metrics.journal_bytes.inc(sum(map(len, encoded)))
        self._acked_seq.update(commit.acked)
        self._charger_number = max(self._charger_number, commit.last_charger_number)

    async def recall(self, keys: Sequence[PastKey | MoneyKey]) -> list[PastTransaction | BillRecord | Recalled]:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._recall, keys)

    async def with_writer(self, read: Callable[[], T]) -> T:
        """Have something read between two commits, in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, read)

    async def look(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Have something read as it was committed, beside the commits."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, read, self._reading)

    async def with_reader(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Have something read beside the commits, in the reader's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, read, self._reading)

    # --- port StationRecords ---

    async def records_of(self, station_ids: Sequence[str]) -> list[StationRecord]:
        return await asyncio.get_running_loop().run_in_executor(self._reader, records_of, self._reading, station_ids)

    # --- port Reports ---

    async def deviations(self) -> list[dict[str, Any]]:
        return await asyncio.get_running_loop().run_in_executor(self._reader, deviations_in, self._reading)

    async def bills(self, *, is_waiting: bool, limit: int) -> list[dict[str, Any]]:
        read = partial(bill_reading.newest, self._reading, is_waiting=is_waiting, limit=limit)
        found = await asyncio.get_running_loop().run_in_executor(self._reader, read)
        return [bill_reading.as_json(each) for each in found]

    async def customer(self, customer_id: str) -> dict[str, Any] | None:
        read = partial(customer_reading.customer_json, self._reading, customer_id)
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    async def balance(self, contract_id: str, postings: int) -> dict[str, Any] | None:
        read = partial(customer_reading.balance_json, self._reading, contract_id, postings)
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    async def bill(self, cdr_id: str) -> list[dict[str, Any]]:
        read = partial(bill_reading.documents_with, self._reading, cdr_id)
        found = await asyncio.get_running_loop().run_in_executor(self._reader, read)
        return [bill_reading.as_json(each) for each in found]

    async def jobs(self) -> list[dict[str, Any]]:
        return await asyncio.get_running_loop().run_in_executor(self._reader, device_reading.jobs, self._reading)

    async def job(self, job_id: str) -> dict[str, Any] | None:
        read = partial(device_reading.job, self._reading, job_id)
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    async def variables(self, station_id: str) -> list[dict[str, Any]]:
        read = partial(device_reading.variables, self._reading, station_id)
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    async def report(self, station_id: str, kind: str) -> dict[str, Any] | None:
        read = partial(device_reading.report, self._reading, station_id, kind)
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    # --- the proof, see edge/ledger/sealing.py ---

    @property
    def chain(self) -> ChainHead:
        return self._chain

    async def last_seal(self) -> LastSeal:
        return await asyncio.get_running_loop().run_in_executor(self._reader, last_seal, self._reading, self._epoch)

    # --- retention, see edge/ledger/trim.py ---

    async def trim_journal(self, stream: Stream, before: str, *, waits_for_ack: bool, most: int) -> Step:
        """Drop at most so many of a stream's oldest entries, of those from before a time."""
        drop = partial(trim_journal, stream=stream, before=before, waits_for_ack=waits_for_ack, most=most)
        step = await asyncio.get_running_loop().run_in_executor(self._writer, self._trim, "journal", drop)
        self._first_seq[stream] += step.rows
        return step

    async def trim_past(self, before: str, *, most: int) -> Step:
        """Drop at most so many of the transactions that ended before a time."""
        drop = partial(trim_past, before=before, most=most)
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._trim, "past_transactions", drop)

    async def reusable_bytes(self) -> int:
        """What the next rows fill before the file grows."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, free_pages_bytes, self._reading)

    # --- sums of accounts, see edge/ledger/account_totals.py ---

    async def add_up(self, most: int) -> int:
        """Add up to so many postings to the sums of their accounts; returns how many there were."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._add_up, most)

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

    def first_seq(self, stream: Stream) -> int:
        return self._first_seq[stream] or 1

    async def read(self, stream: Stream, after_seq: int, max_entries: int, max_bytes: int) -> list[tuple[int, bytes]]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, self._read, stream, after_seq, max_entries, max_bytes)

    async def next_session(self) -> int:
        self._uplink_session += 1
        row = ("uplink_session", str(self._uplink_session))
        # On a full disk it is not kept, and the number is given again after a restart: better than no way to the hub.
        with suppress(sqlite3.OperationalError):
            await asyncio.get_running_loop().run_in_executor(self._writer, self._write_meta, row)
        return self._uplink_session

    # --- in the threads ---

    def _write_meta(self, row: tuple[str, str]) -> None:
        with self._transaction():
            self.connection.execute(queries()["set_meta"], row)

    def _write_surely(self, rows: Rows, newest: Mapping[Stream, int]) -> None:
        """Write once; after a failed write or fsync, look at the disk again and write once more what is not there."""
        chain = rows.chain(self._chain) if rows.head is None else rows.head
        rows.head = chain
        try:
            self._write(rows)
        except sqlite3.OperationalError as error:
            if not self._is_broken:
                raise
            log.critical("ledger_write_failed", reason=str(error))
            if not self._begin_anew(newest):
                self._write(rows)
        self._chain = chain
        self._wal.grew(len(rows))

    def _write(self, rows: Rows) -> None:
        with self._metrics.write_seconds.time(), self._transaction():
            rows.write(self.connection)

    def _begin_anew(self, newest: Mapping[Stream, int]) -> bool:
        """Open the file again, have all of it on the disk, and see what of a failed commit is there: all of it (True)
        or nothing. The old handles are left as they are: an fsync that failed says nothing when it is asked again, and
        to close a file would give up the locks of the new handles (fcntl(2)). Raises LedgerError."""
        if len(self._left_open) >= MAX_MENDED:
            raise LedgerError(f"the disk of {self.path} fails again and again: replace it, then restore a backup")
        self._left_open.append((self.connection, self._file, self._wal))
        self._wal.retire()
        try:
            self._reading.execute("SELECT 1 FROM meta").fetchone()
            self.connection = open_writer(self.path, self._edge_id)
            self._file = self.path.open("rb")
            if self._tap is not None:
                self._tap.look()
            bring_in_all(self.connection)
            found = {stream: last_seq(self.connection, stream) for stream in Stream}
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"the ledger {self.path} cannot be opened again after a failed write: {error}") from error
        self._wal = WalCopier(self._file, open_beside(self.path), self.connection, self._writer, self._metrics)
        self._is_broken = False
        if newest and found == {**self._last_seq, **newest}:
            log.warning("ledger_opened_again", failed_commit="is there")
            return True
        if found != self._last_seq:
            raise LedgerError(f"{self.path} has {found} after a failed write, and {self._last_seq} was expected")
        log.warning("ledger_opened_again", failed_commit="is written again")
        return False

    def _add_up(self, most: int) -> int:
        with self._transaction():
            count = account_totals.add_up(self.connection, most)
        self._wal.grew(count)
        return count

    def _trim(self, table: str, drop: Callable[[sqlite3.Connection], int]) -> Step:
        begun_s = time.monotonic()
        with self._transaction():
            rows = drop(self.connection)
        took_s = time.monotonic() - begun_s
        self._metrics.trim_seconds.observe(took_s)
        self._metrics.trimmed_rows.labels(table).inc(rows)
        self._wal.grew(rows)
        return Step(rows, took_s)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or nothing, and on the disk at the end."""
        if self._is_broken:
            self._begin_anew({})
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
            if self._tap is not None:
                self._tap.look()
        except BaseException as error:
            self._is_broken = isinstance(error, sqlite3.Error) and is_broken(error)
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def _recall(self, keys: Sequence[PastKey | MoneyKey]) -> list[PastTransaction | BillRecord | Recalled]:
        found: list[PastTransaction | BillRecord | Recalled] = []
        for key in keys:
            if isinstance(key, MoneyKey):
                found += recall_money(self.connection, (key,))
                continue
            if key.cdr_id is not None:
                bill = bill_record(self.connection, key.cdr_id)
                found += [bill] if bill is not None else []
                continue
            name, value = "past_by_charger_id", key.charger_transaction_id
            if key.start_key is not None:
                name, value = "past_by_start_key", key.start_key
            elif key.transaction_id is not None:
                name, value = "past_by_transaction_id", key.transaction_id
            found.extend(
                PastTransaction(
                    transaction_id=row[0],
                    charger_transaction_id=row[1],
                    station_id=key.station_id,
                    start_key=row[2],
                    token_uid=row[3],
                    end_reason=row[4],
                    moves=row[5],
                )
                for row in self.connection.execute(queries()[name], (value, key.station_id))
            )
        return found

    def _read(self, stream: Stream, after_seq: int, max_entries: int, max_bytes: int) -> list[tuple[int, bytes]]:
        taken: list[tuple[int, bytes]] = []
        size = 0
        for seq, body in read_entries(self._reading, stream, after_seq, max_entries):
            size += len(body)
            if seq > self._last_seq[stream] or (taken and size > max_bytes):
                break  # of what is not confirmed yet nobody hears, though it is committed
            taken.append((seq, body))
        return taken

    def _journal_rows(self, stream: Stream) -> int:
        first_seq = self._first_seq[stream]
        return self._last_seq[stream] - first_seq + 1 if first_seq else 0

    def forget_commands(self, now: datetime) -> None:
        """Drop the ids of commands that expired long ago; called before the agent runs."""
        self.connection.execute(queries()["forget_commands"], ((now - REMEMBERED - timedelta(days=1)).isoformat(),))

    def forget_jobs(self, now: datetime) -> None:
        """Drop jobs that ended long ago; called before the agent runs."""
        for name in ("forget_job_steps", "forget_jobs"):
            self.connection.execute(queries()[name], ((now - JOBS_KEPT).isoformat(),))


def _rows_of(commit: Commit, encoded: Sequence[bytes], charger_number: int, reading_number: int) -> Rows:
    """What a commit writes; `charger_number` and `reading_number` are the last that were given. Made in the agent's
    thread, where nothing else changes the values meanwhile."""
    rows = Rows()
    for number, kept in enumerate(commit.readings, reading_number + 1):
        readings.keep(rows, number, kept)
    if commit.packed:
        readings.drop(rows, commit.packed)
    for transaction in commit.checkpoints:
        keep_open(rows, transaction)
    at, written_at = None, ""
    for entry, body in zip(commit.entries, encoded, strict=True):
        if entry.at is not at:  # the entries of a group share theirs
            at, written_at = entry.at, entry.at.isoformat()
        append(rows, entry, body, written_at)
    for stream, seq in commit.acked.items():
        rows.add("acked", "set_acked", stream.value, seq)
    for stream, rejected in commit.dead:
        rows.add("dead_letters", "bury", stream.value, rejected.seq, rejected.reason)
    if commit.last_charger_number > charger_number:
        rows.add("meta", "set_meta", "last_charger_number", str(commit.last_charger_number))
    return rows
