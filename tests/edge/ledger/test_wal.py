"""The write-ahead log is copied beside the commits and stays bounded."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from edge.ledger import wal
from edge.ledger.database import WAL_BOUND_PAGES
from edge.ledger.ledger import Ledger
from edge.ledger.ledger_metrics import LedgerMetrics
from edge.ports import Commit
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Entry, Severity
from tests.edge.domain.site_kit import START

PAGE_BYTES = 4096


async def commit_alarms(ledger: Ledger, count: int) -> None:
    """Each about a page of the log for its entry, and one for its row."""
    for _ in range(count):
        seq = ledger.last_seq(Stream.EVENT) + 1
        body = AlarmRaised(alarm_id=f"a{seq % 50}", alarm="x", severity=Severity.INFO, text="x" * 3000)
        await ledger.commit(Commit(entries=[Entry(stream=Stream.EVENT, seq=seq, at=START, body=body)]))


async def test_the_log_begins_anew_while_commits_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "COPY_AFTER_PAGES", 100)
    registry = CollectorRegistry()
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1", LedgerMetrics(registry)) as ledger:
        await commit_alarms(ledger, 400)
        copies = registry.get_sample_value("ohmstead_edge_ledger_wal_copy_seconds_count", {"where": "beside"})
        assert copies is not None
        assert copies > 5
        assert (tmp_path / "ledger.sqlite-wal").stat().st_size < 1000 * PAGE_BYTES  # 400 commits wrote over 2000
        assert path.stat().st_size > 300 * PAGE_BYTES
        assert ledger.last_seq(Stream.EVENT) == 400


async def test_a_reader_that_holds_the_log_up_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "COPY_AFTER_PAGES", 50)
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as ledger:
        await commit_alarms(ledger, 5)
        slow = sqlite3.connect(path, isolation_level=None)
        slow.execute("BEGIN")
        assert slow.execute("SELECT COUNT(*) FROM journal").fetchone() == (5,)
        await commit_alarms(ledger, 100)
        assert slow.execute("SELECT COUNT(*) FROM journal").fetchone() == (5,)
        slow.close()
        await commit_alarms(ledger, 100)
        assert len(await ledger.read(Stream.EVENT, 0, 500, 1 << 30)) == 205


async def test_a_copy_that_fails_is_no_fault_of_the_commit(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        ledger._wal._checkpoint(_Broken(), "beside")  # type: ignore[arg-type]
        await commit_alarms(ledger, 1)


class _Broken:
    def execute(self, sql: str) -> None:
        raise sqlite3.OperationalError("disk I/O error")


def test_the_commit_bounds_the_log_where_the_copy_cannot(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        assert ledger.connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (WAL_BOUND_PAGES,)


def test_closing_waits_for_a_copy_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "COPY_AFTER_PAGES", 1)
    for _ in range(20):
        with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
            asyncio.run(commit_alarms(ledger, 2))
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as ledger:
        assert ledger.last_seq(Stream.EVENT) == 40
