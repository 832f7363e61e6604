"""The staff in the ledger: wrong PINs, so that a restart forgets none of them, and who could do what when."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.domain.site import Site
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from protocols.sync.staff import SignInRefused, SignInRegained, StaffBody, StaffChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRow:
    """One change of the list, as an auditor reads it; see protocols.sync.staff.StaffChange."""

    at: str
    staff_id: str
    name: str
    role: str | None
    was_role: str | None
    is_pin_new: bool


def keep_staff(rows: Rows, body: StaffBody, at: str) -> None:
    """Bring the tables up to a journal entry. Of ids that nobody has nothing is kept: there is no end of them, and
    nobody gets in by one."""
    match body:
        case SignInRefused(staff_id=None):
            pass
        case SignInRefused(staff_id=staff_id, wrong=wrong, wait_s=wait_s):
            rows.add("wrong_pins", "put_wrong_pins", staff_id, wrong, wait_s, at)
        case SignInRegained(staff_id=staff_id):
            rows.add("wrong_pins", "drop_wrong_pins", staff_id)
        case StaffChanged(changes=changes):
            for each in changes:
                told = (each.staff_id, each.name, each.role, each.was_role, int(each.is_pin_new))
                rows.add("staff_changes", "add_staff_change", at, *told)


def restore_staff(site: Site, connection: sqlite3.Connection) -> None:
    """Who was on the list when it was last looked at."""
    site.staff = {staff_id: (name, role) for staff_id, name, role in connection.execute(queries()["staff"])}


def wrong_pins(connection: sqlite3.Connection, now: datetime) -> dict[str, tuple[int, float]]:
    """By staff id: how many wrong PINs in a row, and for how long, s, the next attempt is still not looked at. A clock
    that was put back makes nobody wait longer than it was told."""
    found: dict[str, tuple[int, float]] = {}
    for staff_id, wrong, wait_s, at in connection.execute(queries()["wrong_pins"]):
        left = datetime.fromisoformat(at) + timedelta(seconds=wait_s) - now
        found[staff_id] = (wrong, min(max(left.total_seconds(), 0.0), float(wait_s)))
    return found


def staff_changes(connection: sqlite3.Connection, limit: int) -> list[StaffRow]:
    """The newest first."""
    return [
        StaffRow(at=at, staff_id=staff_id, name=name, role=role, was_role=was_role, is_pin_new=bool(is_pin_new))
        for at, staff_id, name, role, was_role, is_pin_new in connection.execute(queries()["staff_changes"], (limit,))
    ]
