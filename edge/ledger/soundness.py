"""Is the ledger's file whole? Looked at before it is opened, in bounded time, and to the end beside the agent.

SQLite takes an empty file for a new database and deletes the log beside it, so a look comes before it opens anything.
What a clean stop left is believed but for its header: reading the site back reads all the small tables anyway, and
whatever says "malformed" later leaves a mark, so that the next start looks at everything.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import structlog

from edge.ledger.database import open_reader

log = structlog.get_logger("ledger")

LOOK_S: Final = 1.0
"""A start waits for the look at most so long; what is left is looked at beside the agent."""
_MAGIC: Final = b"SQLite format 3\0"
_FIRST: Final = ("meta", "open_transactions", "acked", "alarms", "tokens", "documents")
_LAST: Final = ("past_transactions", "postings", "cdrs", "journal")
_OPERATIONS: Final = 5_000
_BUSY_S, _IDLE_S = 0.01, 0.03


def find_damage(path: Path, *, look_s: float = LOOK_S) -> tuple[str | None, bool]:
    """What is wrong with the file, None where nothing was found; and whether all of it was looked at."""
    log_file = path.with_name(path.name + "-wal")
    has_log = log_file.exists() and log_file.stat().st_size > 0
    if not path.exists():
        return (f"{path.name} is gone, and its write-ahead log is there" if has_log else None), True
    mark = _mark(path)
    problem = _problem_of_header(path, has_log=has_log)
    if problem is not None or not (log_file.exists() or mark.exists()):  # a clean stop leaves none
        return problem, True
    problem, is_all = _look(path, None if mark.exists() else time.monotonic() + look_s)
    if problem is None:
        mark.unlink(missing_ok=True)
    return problem, is_all


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file is not, or not any more, what it was."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def suspecting(path: Path) -> Iterator[None]:
    """Leave a mark when what is done within ends by a damaged file: the next start looks at all of it."""
    try:
        yield
    except BaseException as error:
        for each in _single(error):
            if is_damage(each) or (each.__cause__ is not None and is_damage(each.__cause__)):
                mark_suspect(path, str(each))
        raise


def mark_suspect(path: Path, why: str) -> None:
    _mark(path).write_text(f"{why}\n", encoding="utf-8")


class Checker:
    """Looks at all of a ledger whose start had no time for it, a little at a time, beside the commits."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path = path
        self._tell = tell

    async def run(self) -> None:
        """Looks once; then until cancelled."""
        problem = await asyncio.to_thread(self.check)
        if problem is not None:
            mark_suspect(self._path, problem)
            log.critical("ledger_damaged", problem=problem)
            self._tell(problem)
        else:
            log.info("ledger_sound")
        await asyncio.Event().wait()

    def check(self) -> str | None:
        began_s = time.monotonic()

        def rest() -> int:
            nonlocal began_s
            if time.monotonic() - began_s > _BUSY_S:
                time.sleep(_IDLE_S)
                began_s = time.monotonic()
            return 0

        return _look(self._path, None, rest)[0]


def _problem_of_header(path: Path, *, has_log: bool) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(100)
    if not size:
        return f"{path.name} is empty"
    if len(header) < 100 or not header.startswith(_MAGIC):
        return f"{path.name} is no database of SQLite"
    page_bytes = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    if not has_log and size < pages * (page_bytes if page_bytes != 1 else 65_536):
        return f"{path.name} has {size} bytes of {pages * page_bytes}"
    return None


def _look(path: Path, until_s: float | None, rest: Callable[[], int] = lambda: 0) -> tuple[str | None, bool]:
    """Table by table, the small ones that a site is made of first."""
    try:
        with closing(open_reader(path)) as connection:
            connection.set_progress_handler(
                lambda: rest() or (until_s is not None and time.monotonic() > until_s), _OPERATIONS
            )
            found = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            if "meta" not in found or "journal" not in found:
                return f"{path.name} is a database, and no ledger", True
            connection.execute("SELECT MAX(length(at)) FROM (SELECT at FROM journal ORDER BY rowid DESC LIMIT 500)")
            days = sorted(name for name in found if name.startswith("telemetry_"))
            others = [name for name in found if name not in (*_FIRST, *_LAST, *days)]
            names = [*_FIRST, *others, *_LAST, *days]
            for name in (each for each in names if each in found):
                for (problem,) in connection.execute(f"PRAGMA quick_check('{name}')"):
                    if problem != "ok":
                        return f"table {name}: {problem}", True
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            return None, False
        if is_damage(error):
            return str(error), True
        raise
    return None, True


def _mark(path: Path) -> Path:
    return path.with_name(path.name + ".suspect")


def _single(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _single(each)
    else:
        yield error
