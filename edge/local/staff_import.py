"""Reads a list of staff from CSV or TOML: all of it, or every problem with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge.domain.csv_rows import CsvRow, csv_rows
from edge.local.staff_file import MAX_STAFF, pin_problem
from edge.toml_lines import key_lines, line_of, read_toml
from protocols.errors import BadText
from protocols.site.staff import Role

COLUMNS: Final = ("id", "name", "role", "pin")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRow:
    staff_id: str
    name: str
    role: Role
    pin: str


def id_problem(staff_id: str) -> str | None:
    """What is wrong with a staff id."""
    if _ID.fullmatch(staff_id):
        return None
    return f"{staff_id!r} is no staff id: expected up to 32 letters, digits, . _ or -, the first a letter or a digit"


def parse_staff(text: str, *, is_toml: bool) -> tuple[tuple[StaffRow, ...], list[str]]:
    """The rows, or the problems, each with its line."""
    rows, problems = _toml_rows(text) if is_toml else csv_rows(text, COLUMNS, COLUMNS)
    found: dict[str, StaffRow] = {}
    first_at: dict[str, int] = {}
    for row in rows:
        made, wrong = _row(row.values)
        if made is not None and (before := first_at.setdefault(made.staff_id, row.line)) != row.line:
            wrong.append(f"id {made.staff_id!r} stands in line {before} already")
        problems += [f"line {row.line}: {problem}" for problem in wrong]
        if made is not None:
            found[made.staff_id] = made
    if len(found) > MAX_STAFF:
        problems.append(f"{len(found)} staff; expected up to {MAX_STAFF}")
    if not rows and not problems:
        problems.append("nobody stands in it")
    return tuple(found.values()), problems


def _toml_rows(text: str) -> tuple[list[CsvRow], list[str]]:
    try:
        document = read_toml(text)
    except BadText as error:
        return [], [str(error)]
    lines = key_lines(text)
    listed = document.get("staff")
    strange = [key for key in document if key != "staff"]
    if strange or not isinstance(listed, list):
        return [], [f"expected [[staff]] tables alone{', not ' + ', '.join(strange) if strange else ''}"]
    rows: list[CsvRow] = []
    problems: list[str] = []
    for number, row in enumerate(listed):
        line = line_of(lines, ("staff", number)) or 1
        if not isinstance(row, dict) or set(row) - set(COLUMNS):
            names = ", ".join(sorted(set(row) - set(COLUMNS))) if isinstance(row, dict) else "no table"
            problems.append(f"line {line}: {names}: known are {', '.join(COLUMNS)}")
        else:
            rows.append(CsvRow(line=line, values=row))
    return rows, problems


def _row(row: Mapping[str, Any]) -> tuple[StaffRow | None, list[str]]:
    texts = {name: row.get(name, "") for name in COLUMNS}
    problems = _not_text(texts.items())
    if problems:
        return None, problems
    if problem := id_problem(texts["id"]):
        problems.append(problem)
    name = texts["name"] or texts["id"]
    if len(name) > MAX_NAME or not name.isprintable():
        problems.append(f"name must be up to {MAX_NAME} printable characters")
    if texts["role"] not in list(Role):
        problems.append(f"role {texts['role']!r} is not one of {', '.join(Role)}")
    if problem := pin_problem(texts["pin"]):
        problems.append(problem)
    if problems:
        return None, problems
    return StaffRow(staff_id=texts["id"], name=name, role=Role(texts["role"]), pin=texts["pin"]), []


def _not_text(values: Iterable[tuple[str, Any]]) -> list[str]:
    return [f"{name} must be text in quotes" for name, value in values if not isinstance(value, str)]
