"""Puts something good in the place of a damaged ledger: the newest backup that can be proved, or an empty one.

The damaged file is never deleted: bills that had not come to the hub are in it alone. Whatever takes its place has a
new epoch, so the hub goes on with it beside what it has (edge/ledger/backup.py).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from edge.ledger.backup import put_back
from edge.ledger.database import LedgerError, lock
from edge.ledger.soundness import find_damage

log = structlog.get_logger("ledger")


@dataclass(frozen=True, slots=True)
class Ready:
    """How the ledger was found. `problem` says what was wrong, and what was done; `is_checked` whether all of it was
    looked at that an unclean stop could have broken."""

    problem: str | None = None
    is_checked: bool = True


def make_ready(path: Path, edge_id: str, backups: Path | None, now: datetime) -> Ready:
    """To be called before a ledger is opened, in a thread where a loop runs. Raises LedgerError while an agent runs."""
    with lock(path):
        problem, is_checked = find_damage(path)
        if problem is None:
            return Ready(is_checked=is_checked)
        aside = set_aside(path, now)
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


def set_aside(path: Path, now: datetime) -> Path:
    """Rename what is there, with its log, so that nothing can be taken for another file's."""
    aside = path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%SZ}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%SZ}-{number}")
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
