"""The table of faults is true as far as a table can be: every test that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of a file's tests; none where there is no file."""
    if not (ROOT / path).exists():
        return frozenset()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, functions))


def unfounded(row: str) -> list[str]:
    """Tests that a row names and nobody has; a row that names none is no proof."""
    named = NAMED.findall(row)
    return [f"{path}::{name}" for path, name in named if name not in names_in(path)] if named else ["no test"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_what_is_said_to_prove_it_is_there(row: str) -> None:
    assert row.count("|") == 5, "four columns"
    assert unfounded(row) == []


def test_the_check_finds_what_is_not_there() -> None:
    assert unfounded("| a | b | nobody | |") == ["no test"]
    assert unfounded("| a | b | `tests/house/test_rooms.py::test_of_nothing` | |") == [
        "tests/house/test_rooms.py::test_of_nothing"
    ]
    assert len(ROWS) > 15
