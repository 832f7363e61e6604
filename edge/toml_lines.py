"""TOML with its lines: at which line of a file a key stands, so that a problem can be pointed at. tomllib keeps no
positions."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

from protocols.errors import BadText

Key = tuple[str | int, ...]

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_PAIR = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")


_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)")


def read_toml(text: str) -> dict[str, Any]:
    """The document. Raises BadText with the line."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError of its own
        told = str(error)
        where = f"line {at[1]}: " if (at := _AT_LINE.search(told)) is not None else ""
        raise BadText(f"{where}not TOML: {_AT_LINE.sub('', told)}") from error


def cell_text(value: Any) -> str:
    """A value as a cell of a list has it."""
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return "; ".join(cell_text(each) for each in value)
        case {"plate": plate, **more}:
            return f"{cell_text(plate)}={cell_text(more['name'])}" if more.get("name") else cell_text(plate)
        case date() | time():
            return value.isoformat()
        case _:
            return str(value).strip()


def key_lines(text: str) -> dict[Key, int]:
    """Line numbers (from 1) of tables and keys; arrays of tables count from 0. Values over several lines are skipped
    over as far as they do not look like keys, which costs at worst a less exact line."""
    lines: dict[Key, int] = {}
    counts: defaultdict[Key, int] = defaultdict(int)
    current: Key = ()
    for number, line in enumerate(text.splitlines(), 1):
        if table := _TABLE.match(line):
            current = _enter(table[1] == "[[", _split(table[2]), counts)
            lines.setdefault(current, number)
        elif pair := _PAIR.match(line):
            lines.setdefault((*current, *_split(pair[1])), number)
    return lines


def line_of(lines: Mapping[Key, int], location: Sequence[str | int]) -> int | None:
    """The line of the longest known beginning of a location such as ("stations", 0, "id")."""
    for length in range(len(location), 0, -1):
        found = lines.get(tuple(location[:length]))
        if found is not None:
            return found
    return None


def _split(dotted: str) -> Key:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _enter(is_array: bool, names: Key, counts: defaultdict[Key, int]) -> Key:
    path: Key = ()
    for position, name in enumerate(names):
        path = (*path, name)
        is_last = position == len(names) - 1
        if is_last and is_array:
            counts[path] += 1
        if counts[path]:
            path = (*path, counts[path] - 1)
    return path
