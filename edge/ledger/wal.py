"""Brings the write-ahead log into the database beside the commits, so that no commit has to do it.

SQLite by itself does this within the commit that finds the log long enough, and that commit then takes tens of
milliseconds. Here a thread of its own copies most of it while commits go on, and waits for the disk; the writer's
thread then copies what came meanwhile, which is little, and so finds a moment at which all is copied: only then may the
log begin anew. A log that outgrows all this is brought in by the commit after all (`wal_autocheckpoint` in
edge/ledger/database.py), so it is bounded.
"""

from __future__ import annotations

import os
import sqlite3
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import IO, Final

import structlog

from edge.ledger.ledger_metrics import LedgerMetrics

log = structlog.get_logger("ledger")

COPY_AFTER_PAGES: Final = 2000
"""About 8 MB: much longer and the disk is busy with it for long, and a start after a crash has more to read; much
shorter and the same pages are copied more often."""
_PAGES_PER_COMMIT: Final = 6
_ROWS_PER_PAGE: Final = 8
"""What a commit adds to the log, roughly: measured 8 pages for a start alone, 300 for 200 pairs."""


class WalCopier:
    """`grew` and `_finish` run in the writer's thread, `_copy` in its own."""

    def __init__(
        self,
        file: IO[bytes],
        beside: sqlite3.Connection,
        writing: sqlite3.Connection,
        writer: Executor,
        metrics: LedgerMetrics,
    ) -> None:
        """`file` is the database's; whoever opened it closes it, and not before all connections: to close a file gives
        up the locks that its process has on it, whoever holds them (fcntl(2))."""
        self._file = file
        self._beside = beside
        self._writing = writing
        self._writer = writer
        self._metrics = metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger-wal")
        self._grown_pages = 0
        self._is_copying = False
        self._is_closed = False
        self._is_retired = False

    def grew(self, rows: int) -> None:
        """After each commit; starts a copy when it is time."""
        self._grown_pages += _PAGES_PER_COMMIT + rows // _ROWS_PER_PAGE
        if self._grown_pages >= COPY_AFTER_PAGES and not (self._is_copying or self._is_closed):
            self._is_copying, self._grown_pages = True, 0
            self._thread.submit(self._copy)

    def retire(self) -> None:
        """Touch these handles no more: a write or an fsync has failed on one of them."""
        self._is_closed = self._is_retired = True

    def close(self) -> None:
        """Wait for a copy that runs. To be called before the writer's thread is ended."""
        self._is_closed = True
        self._thread.shutdown()
        self._beside.close()

    def _copy(self) -> None:
        try:
            self._checkpoint(self._beside, "beside")
        finally:
            self._writer.submit(self._finish)

    def _finish(self) -> None:
        self._checkpoint(self._writing, "between")
        self._is_copying = False

    def _checkpoint(self, connection: sqlite3.Connection, where: str) -> None:
        if self._is_retired:
            return
        begun_s = time.monotonic()
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if connection is self._beside:
                # SQLite leaves this to the copy that finds the log at its end: that would be the writer's.
                os.fsync(self._file.fileno())
        except (sqlite3.Error, OSError) as error:
            # Nothing is lost, the log has it; a disk that is broken or full shows itself at the next commit.
            log.warning("wal_not_copied", reason=str(error))
        self._metrics.wal_copy_seconds.labels(where).observe(time.monotonic() - begun_s)
