"""Puts something good in the place of a damaged ledger: the newest backup that can be proved, or an empty one.

The damaged file is never deleted: bills that had not come to the hub are in it alone. Whatever takes its place has a
new epoch, so the hub goes on with it beside what it has (edge/ledger/backup.py).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from edge.domain.disk_events import LEDGER_COPIED, LEDGER_DAMAGED
from edge.ledger.backup import put_back
from edge.ledger.database import FILE_KEY, LedgerError, file_id, lock, open_reader
from edge.ledger.queries import queries
from edge.ledger.soundness import find_damage

log = structlog.get_logger("ledger")


@dataclass(frozen=True, slots=True)
class Ready:
    """How the ledger was found. `problem` says what was wrong, and what was done; `is_checked` whether all of it was
    looked at that an unclean stop could have broken."""

    problem: str | None = None
    is_checked: bool = True
    alarm: str = LEDGER_DAMAGED


def make_ready(path: Path, edge_id: str, backups: Path | None, now: datetime) -> Ready:
    """To be called before a ledger is opened, in a thread where a loop runs. Raises LedgerError while an agent runs."""
    with lock(path):
        problem, is_checked = find_damage(path)
        is_copied = False
        if problem is None:
            try:
                is_copied = _is_copied(path)
            except sqlite3.DatabaseError as error:
                problem = str(error)
        if problem is None and not is_copied:
            return Ready(is_checked=is_checked)
        aside = set_aside(path, now, "damaged" if problem is not None else "copied")
    if problem is None:
        return _go_on_with_copy(aside, path, edge_id, now)
    log.critical("ledger_damaged", problem=problem, aside=str(aside))
    copy = _restore(path, edge_id, backups, now)
    done = (
        f"it was restored from {copy}; bills made since are at the hub alone, or in that file"
        if copy is not None
        else "there was no good backup, so the site began with an empty one; bills that are not at the hub are in that"
        " file alone, as are the tokens and customers that only this site had"
    )
    return Ready(
        f"the ledger was damaged ({problem}). It is kept as {aside.name}, and {done}. Keep that file, look at the disk"
        " (smartctl, dmesg), and see the runbook, 'A damaged ledger'"
    )


def _is_copied(path: Path) -> bool:
    if not path.exists():
        return False
    with closing(open_reader(path)) as reading:
        known = dict(reading.execute(queries()["meta"]).fetchall()).get(FILE_KEY)
    return known is not None and known != file_id(path)


def _go_on_with_copy(copy: Path, path: Path, edge_id: str, now: datetime) -> Ready:
    """A data folder that was copied, or moved to another disk: whether the original goes on cannot be known here."""
    put_back(copy, path, edge_id, now, is_foreign=False)
    log.warning("ledger_copied", aside=str(copy))
    return Ready(
        "the ledger is a copy (it was another file when it was written last), so it goes on under a new epoch;"
        f" {copy.name} is what was found. If it was moved, dismiss this alarm. If the agent that it was copied from"
        f" still runs, stop one of them: both are {edge_id} to the hub and to the stations",
        alarm=LEDGER_COPIED,
    )


def set_aside(path: Path, now: datetime, why: str = "damaged") -> Path:
    """Rename what is there, with its log, so that nothing can be taken for another file's."""
    aside = path.with_name(f"{path.name}.{why}-{now:%Y%m%dT%H%M%SZ}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.{why}-{now:%Y%m%dT%H%M%SZ}-{number}")
    for ending in ("-wal", "-shm", ".suspect", ""):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return aside


def _restore(path: Path, edge_id: str, backups: Path | None, now: datetime) -> Path | None:
    """The newest copy that is whole, proved and of this edge."""
    if backups is None or not backups.is_dir():
        return None
    for copy in sorted(backups.glob(f"ledger-{edge_id}-*.sqlite"), reverse=True):
        try:
            put_back(copy, path, edge_id, now, is_foreign=False)
        except LedgerError as error:
            log.warning("backup_not_taken", file=str(copy), reason=str(error))
        else:
            return copy
    return None
