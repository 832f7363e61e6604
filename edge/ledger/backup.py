"""Copies the ledger while the agent runs, and puts a copy in its place again.

A copy is a plain file of SQLite, whole or not there at all, checked and proved before it gets its name. A ledger that
was put back is another one: it begins a new epoch, for the hub has heard the old one go on; and what was open in it may
have ended since, so a person looks at those bills.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.domain.transaction import Doubt
from edge.ledger.database import FILE_KEY, LedgerError, lock, open_reader, open_writer
from edge.ledger.ledger import Ledger
from edge.ledger.projections import CHECKPOINT
from edge.ledger.queries import queries
from edge.ledger.trim import EVER, STEP_ROWS, trim_journal
from edge.ledger.verify import Verified, Verifier
from edge.ports import Commit
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Entry, Severity

Told = Callable[[int, int], None]
PAGES_AT_ONCE: Final = 4096
LEDGER_RESTORED: Final = "ledger_restored"


def back_up(ledger: Path, folder: Path, now: datetime) -> tuple[Path, Verified]:
    """A copy of the ledger in the folder, which only its owner may read. Raises LedgerError.

    The copy is of one moment. While it is made the agent's log is not brought in, and grows.
    """
    with closing(open_reader(ledger)) as source:
        edge_id = _meta(source, ledger).get("edge_id", "")
        copy = folder / f"ledger-{edge_id}-{now:%Y%m%dT%H%M%SZ}.sqlite"
        draft = folder / f".{copy.name}.{uuid.uuid4().hex[:8]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _copy(source, draft)
            result = _proved(draft)
            if copy.exists():
                raise LedgerError(f"{copy} is there already")
            draft.rename(copy)
            _keep_names(folder)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"{ledger} cannot be copied to {folder}: {error}") from error
        finally:
            draft.unlink(missing_ok=True)
    return copy, result


def put_back(copy: Path, ledger: Path, edge_id: str, now: datetime, *, is_foreign: bool) -> Path | None:
    """Put a copy in the ledger's place; returns where the ledger that was there is now, None where there was none.

    Raises LedgerError while an agent runs, for a copy that is not whole, and, unless `is_foreign`, for another edge's.
    """
    with lock(ledger), closing(open_reader(copy)) as source:
        theirs = _meta(source, copy).get("edge_id")
        if theirs != edge_id and not is_foreign:
            raise LedgerError(
                f"{copy} is of edge_id {theirs!r}, the configuration says {edge_id!r}: give --foreign to take it"
                " all the same, where this agent is to go on in the other's place"
            )
        draft = ledger.with_name(f".{ledger.name}.{uuid.uuid4().hex[:8]}")
        try:
            _copy(source, draft)
            renew(draft, str(theirs), edge_id)
            asyncio.run(_tell(draft, edge_id, copy, now))
            _proved(draft)
            aside = _set_aside(ledger, now)
            draft.replace(ledger)
            _keep_names(ledger.parent)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"{copy} cannot be put in the place of {ledger}: {error}") from error
        finally:
            for ending in ("", "-wal", "-shm", ".lock"):
                draft.with_name(draft.name + ending).unlink(missing_ok=True)
    return aside


def _copy(source: sqlite3.Connection, draft: Path) -> None:
    """All of one moment, on the disk."""
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    source.execute("BEGIN")
    try:
        source.execute("SELECT COUNT(*) FROM meta").fetchone()  # from here on it reads as of now
        with closing(sqlite3.connect(draft, isolation_level=None)) as target:
            source.backup(target, pages=PAGES_AT_ONCE, sleep=0)
            target.execute("PRAGMA journal_mode = DELETE")
            target.execute(queries()["forget_meta"], (FILE_KEY,))
    finally:
        source.execute("ROLLBACK")
    with draft.open("rb") as file:
        os.fsync(file.fileno())


def _proved(draft: Path) -> Verified:
    """The copy is whole, and its money is what it was. Raises LedgerError."""
    with closing(open_reader(draft)) as reading:
        problems = [problem for (problem,) in reading.execute("PRAGMA integrity_check(10)") if problem != "ok"]
        result = None if problems else Verifier(reading).run()
    if problems:
        raise LedgerError(f"the copy is damaged: {problems[0]}. Look at the disk, and at the ledger with `verify`")
    if result is None or result.findings:
        first = result.findings[0] if result is not None else None
        raise LedgerError(f"the copy cannot be proved: {first}. See `ohmstead-edge verify`")
    return result


def renew(draft: Path, theirs: str, edge_id: str) -> None:
    """A new epoch: the hub has nothing of it yet. Of events and readings that it had under the old one nothing is told
    once more; money is, for the hub knows each bill and posting by its id and takes it once."""
    sql = queries()
    with closing(open_writer(draft, theirs)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for stream in (Stream.EVENT, Stream.TELEMETRY):
            while trim_journal(connection, stream, EVER, waits_for_ack=True, most=STEP_ROWS):
                pass
        connection.execute(sql["forget_acked"])
        connection.execute(sql["set_meta"], ("edge_id", edge_id))
        connection.execute(sql["set_meta"], ("epoch", uuid.uuid4().hex))
        connection.execute("COMMIT")


async def _tell(draft: Path, edge_id: str, copy: Path, now: datetime) -> None:
    """What was open in the copy may have been billed since; and somebody should know what was done."""
    with Ledger(draft, edge_id) as ledger:
        open_ones = []
        for (checkpoint,) in ledger.connection.execute(queries()["open_transactions"]).fetchall():
            transaction = CHECKPOINT.validate_json(checkpoint)
            transaction.doubt(Doubt.RESTORED, f"{copy.name}, put back {now.isoformat()}")
            open_ones.append(transaction)
        alarm = AlarmRaised(
            alarm_id=f"{LEDGER_RESTORED}:{ledger.epoch[:8]}",
            alarm=LEDGER_RESTORED,
            severity=Severity.WARNING,
            text=f"The ledger was restored from {copy.name} on {now.isoformat()}: bills made since that copy are at the"
            f" hub alone. {len(open_ones)} transactions were open in it; their bills wait for a person",
        )
        seq = ledger.last_seq(Stream.EVENT) + 1
        entry = Entry(stream=Stream.EVENT, seq=seq, at=now, body=alarm)
        await ledger.commit(Commit(entries=[entry], checkpoints=open_ones))
    with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    with draft.open("rb") as file:
        os.fsync(file.fileno())


def _set_aside(ledger: Path, now: datetime) -> Path | None:
    """Give the ledger that is there a second name. Its log is brought in first: beside another file it would be taken
    for that one's."""
    if not ledger.exists():
        return None
    aside = ledger.with_name(f"{ledger.name}.before-{now:%Y%m%dT%H%M%SZ}")
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    for ending in ("-wal", "-shm"):  # of one that is damaged, or that somebody reads just now
        log = ledger.with_name(ledger.name + ending)
        if log.exists():
            log.rename(aside.with_name(aside.name + ending))
    os.link(ledger, aside)
    return aside


def _meta(connection: sqlite3.Connection, path: Path) -> dict[str, str]:
    try:
        return dict(connection.execute(queries()["meta"]).fetchall())
    except sqlite3.DatabaseError as error:
        raise LedgerError(f"{path} is no ledger: {error}") from error


def _keep_names(folder: Path) -> None:
    """A file's name is durable when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
