"""A write or an fsync that fails: never acknowledged, never asked for again on the same handle, looked at anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from edge.ledger import ledger as ledger_module
from edge.ledger.database import LedgerError, open_writer
from edge.ledger.ledger import MAX_MENDED, Ledger
from edge.ports import Commit
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Entry, Severity
from tests.edge.domain.site_kit import START


def io_error(code: int = sqlite3.SQLITE_IOERR_FSYNC) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


class Failing(sqlite3.Connection):
    """Fails where a disk does: before the commit is in the log, or behind it, when it is only not known to be kept."""

    fails = 0
    is_in_log = False
    made: ClassVar[list[Failing]] = []
    used = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        self.used += 1
        if sql == "COMMIT" and Failing.fails:
            Failing.fails -= 1
            super().execute("COMMIT" if Failing.is_in_log else "ROLLBACK")
            raise io_error()
        return super().execute(sql, *values)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    real = sqlite3.connect
    Failing.fails, Failing.made = 0, []

    def open_failing(path: Path, edge_id: str) -> sqlite3.Connection:
        with monkeypatch.context() as patched:
            patched.setattr(sqlite3, "connect", lambda *args, **kind: real(*args, **kind, factory=Failing))
            connection = open_writer(path, edge_id)
        assert isinstance(connection, Failing)
        Failing.made.append(connection)
        return connection

    monkeypatch.setattr(ledger_module, "open_writer", open_failing)
    with Ledger(tmp_path / "ledger.sqlite", "edge-1") as opened:
        yield opened


async def commit(ledger: Ledger, count: int = 3) -> None:
    first = ledger.last_seq(Stream.EVENT) + 1
    entries = [
        Entry(
            stream=Stream.EVENT,
            seq=seq,
            at=START,
            body=AlarmRaised(alarm_id=f"a{seq}", alarm="x", severity=Severity.INFO, text="x"),
        )
        for seq in range(first, first + count)
    ]
    await ledger.commit(Commit(entries=entries))


def events_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM journal").fetchone()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return int(count)


@pytest.mark.parametrize("is_in_log", [False, True])
async def test_a_failed_commit_is_kept_once_after_the_file_was_opened_again(ledger: Ledger, *, is_in_log: bool) -> None:
    await commit(ledger)
    Failing.fails, Failing.is_in_log = 1, is_in_log
    await commit(ledger)
    first, second = Failing.made
    used = first.used
    assert ledger.last_seq(Stream.EVENT) == 6
    for _ in range(3):
        await commit(ledger)
    assert first.used == used  # no fsync, nothing at all, on the handle that failed
    assert second.used > 0
    assert events_in(ledger.path) == 15


async def test_a_disk_that_fails_again_at_once_is_no_acknowledgement(ledger: Ledger) -> None:
    await commit(ledger)
    Failing.fails, Failing.is_in_log = 2, False
    with pytest.raises(LedgerError, match=r"cannot be written.*nothing of this was acknowledged"):
        await commit(ledger)
    assert ledger.last_seq(Stream.EVENT) == 3
    assert events_in(ledger.path) == 3


async def test_a_disk_that_fails_now_and_again_is_given_up(ledger: Ledger) -> None:
    Failing.is_in_log = False
    for _ in range(MAX_MENDED):
        Failing.fails = 1
        await commit(ledger)
    Failing.fails = 1
    with pytest.raises(LedgerError, match="replace it, then restore a backup"):
        await commit(ledger)


async def test_a_ledger_that_is_another_one_when_it_is_opened_again_is_not_gone_on_with(ledger: Ledger) -> None:
    """What was acknowledged before is not there any more."""
    await commit(ledger)
    with closing(sqlite3.connect(ledger.path)) as other:
        other.execute("DELETE FROM journal WHERE seq = 3")
        other.commit()
    Failing.fails, Failing.is_in_log = 1, False
    with pytest.raises(LedgerError, match="was expected"):
        await commit(ledger)


async def test_what_fails_beside_the_commits_is_not_asked_again_on_the_same_handle_either(ledger: Ledger) -> None:
    await commit(ledger)
    Failing.fails, Failing.is_in_log = 1, False
    with pytest.raises(sqlite3.OperationalError):
        await ledger.add_up(100)
    used = Failing.made[0].used
    await commit(ledger)
    assert (len(Failing.made), Failing.made[0].used) == (2, used)
    assert events_in(ledger.path) == 6
