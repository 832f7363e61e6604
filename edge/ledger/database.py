"""Opening the ledger's file: one writer, WAL with FULL, forward migrations, an epoch of its own."""

from __future__ import annotations

import fcntl
import sqlite3
import uuid
from pathlib import Path
from typing import IO, Final

from edge.ledger.queries import migrations, queries
from protocols.errors import OhmsteadError

FILE_KEY: Final = "file"
WAL_BOUND_PAGES: Final = 16_000
"""64 MB. A commit that finds the log so long brings it in; edge/ledger/wal.py sees to it that none does."""


class LedgerError(OhmsteadError):
    """The ledger cannot be used as it is; the message says what to do."""


class LedgerCopied(LedgerError):
    """The file is a copy of a ledger: the original may go on under the same epoch."""


def lock(path: Path) -> IO[bytes]:
    """Take the ledger for this process alone; released when the returned file is closed, also by a crash.

    Raises LedgerError when another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(path.name + ".lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise LedgerError(
            f"{path} is in use by another agent; stop that one first, or give this one its own"
        ) from error
    return file


def open_writer(path: Path, edge_id: str) -> sqlite3.Connection:
    """The one writing connection, the schema brought up to date. Raises LedgerError."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_BOUND_PAGES}")
        connection.execute("PRAGMA cache_size = -16000")
        _migrate(connection)
        _identify(connection, edge_id, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise LedgerError(f"{path} cannot be opened as a ledger: {error}") from error
    except LedgerError:
        connection.close()
        raise
    return connection


def open_beside(path: Path) -> sqlite3.Connection:
    """A second connection to a ledger that is open already, for `wal_checkpoint` alone."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can only read, beside a running agent or without one. Raises LedgerError."""
    if not path.exists():
        raise LedgerError(
            f"there is no ledger at {path}: has `ohmstead-edge run` been started with this configuration?"
        )
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)


def is_full(error: sqlite3.Error) -> bool:
    """Whether a write found no room; all of its transaction is undone."""
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


def is_broken(error: sqlite3.Error) -> bool:
    """Whether the disk did not do what it was told. What is on it is not known until it is opened again."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_IOERR and not is_full(error)


def bring_in_all(connection: sqlite3.Connection) -> None:
    """Copy the whole write-ahead log into the database and have that on the disk. What a failed fsync of the log has
    left unknown is then known. Raises sqlite3.OperationalError."""
    busy, pages, copied = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
    if busy or pages != copied:
        raise sqlite3.OperationalError(f"only {copied} of {pages} pages of the log could be brought in")


def free_pages_bytes(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(page_bytes)


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    newest = migrations()[-1][0]
    if version > newest:
        raise LedgerError(f"the ledger's schema {version} is newer than this program's {newest}: install the newer one")
    for number, sql in migrations():
        if number > version:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")


def file_id(path: Path) -> str:
    """What a file keeps for as long as it is the same one: its number on its file system. A copy has another one; an
    image of a whole disk has not, which the hub then notices (cloud/ingest/forks.py)."""
    return str(path.stat().st_ino)


def _identify(connection: sqlite3.Connection, edge_id: str, path: Path) -> None:
    meta = dict(connection.execute(queries()["meta"]).fetchall())
    if not meta:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(queries()["set_meta"], ("edge_id", edge_id))
        connection.execute(queries()["set_meta"], ("epoch", uuid.uuid4().hex))
        connection.execute("COMMIT")
    elif meta.get("edge_id") != edge_id:
        raise LedgerError(
            f"the ledger belongs to edge_id {meta.get('edge_id')!r}, the configuration says {edge_id!r}:"
            " give this agent its own ledger, or put the edge_id right"
        )
    here = file_id(path)
    if FILE_KEY not in meta:
        connection.execute(queries()["set_meta"], (FILE_KEY, here))
    elif meta[FILE_KEY] != here:
        raise LedgerCopied(f"{path} is a copy of a ledger: `ohmstead-edge run` begins a new epoch with it")
