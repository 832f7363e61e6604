"""The rows of a CSV file as spreadsheets write it: the first line names the columns, and every problem has its line.

Values are parted by commas, semicolons or tabs, as the first line does; a line `sep=;` before it says so, too.
A `'` before what a spreadsheet would take for a formula is no part of the value, as `export` writes it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_SEPARATORS: Final = ",;\t"
_SEPARATOR_LINE: Final = re.compile(r"\s*sep=([,;\t|])\s*", re.IGNORECASE)
_AS_TEXT: Final = re.compile(r"'[=+\-@\t\r]")
_ERRORS: Final = ("#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#N/A", "#NULL!", "#NUM!")
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Control characters that no name or note has; line breaks and tabs may stand in quotes."""
_ROUNDED: Final = re.compile(r"\d([.,]\d+)?E\+\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """The values by their columns, without blanks around them, and the line where the row begins."""

    line: int
    values: Mapping[str, str]


def csv_rows(text: str, known: Sequence[str], needed: Sequence[str]) -> tuple[list[CsvRow], list[str]]:
    """The rows that are not empty, and what is wrong with the file. Without its columns there are no rows."""
    reading = _Reading(known, needed)
    return list(reading.rows(text)), reading.problems


class _Reading:
    def __init__(self, known: Sequence[str], needed: Sequence[str]) -> None:
        self.known, self.needed = known, needed
        self.problems: list[str] = []

    def rows(self, text: str) -> Iterator[CsvRow]:
        columns: list[str] | None = None
        for line, values in self._records(text.removeprefix("\ufeff")):
            if columns is None:
                columns = [value.strip().lower() for value in values]
                if not self._are_columns(columns, line):
                    return
                continue
            if any(value.strip() for value in values[len(columns) :]):
                self._say(line, f"more values than columns ({len(values)} for {len(columns)})")
            cells = {name: self._cell(line, name, value) for name, value in zip(columns, values, strict=False)}
            yield CsvRow(line=line, values=cells)
        if columns is None:
            self._are_columns([], 1)

    def _records(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Those that are not empty, each with the line at which it begins."""
        separator, first = _separator(text, self.known)
        lines = io.StringIO(text, newline=None)
        for _ in range(first):
            next(lines)
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator != "\t", strict=True)
        begins = first + 1
        try:
            for values in reader:
                if any(value.strip() for value in values):
                    yield begins, values
                begins = first + reader.line_num + 1
        except csv.Error as error:
            self._say(begins, _told(error))

    def _are_columns(self, columns: Sequence[str], line: int) -> bool:
        before = len(self.problems)
        found = [name for name in columns if name]
        for name in self.needed:
            if name not in found:
                self._say(line, f"there is no column {name!r}")
        for name in dict.fromkeys(found):
            if name not in self.known:
                self._say(line, f"column {name[:40]!r} is not known; known are {', '.join(self.known)}")
            elif found.count(name) > 1:
                self._say(line, f"column {name!r} stands there twice")
        return len(self.problems) == before

    def _cell(self, line: int, name: str, value: str) -> str:
        text = value.replace("\u00a0", " ").strip()
        if not text:
            return ""
        if not name:
            self._say(line, f"{text[:40]!r} stands in a column without a name")
        elif text[0] == "=":
            self._say(line, f"{name} {text[:40]!r} is a formula: put what it comes to, or a ' before what is text")
        elif text in _ERRORS:
            self._say(line, f"{name} {text} is an error of the spreadsheet")
        elif (strange := _UNSEEN.search(text)) is not None:
            self._say(line, f"{name} has the control character U+{ord(strange[0]):04X}")
        return text[1:] if _AS_TEXT.match(text) else text

    def _say(self, line: int, problem: str) -> None:
        self.problems.append(f"line {line}: {problem}")


def _separator(text: str, known: Sequence[str]) -> tuple[str, int]:
    """What parts the values, and how many lines stand before the columns: that by which most columns are known."""
    first, _, rest = text.partition("\n")
    if told := _SEPARATOR_LINE.fullmatch(first):
        return told[1], 1
    header = first if first.strip() else rest.lstrip().partition("\n")[0]

    def found(separator: str) -> int:
        return sum(name.strip(' "\r').lower() in known for name in header.split(separator))

    return max(_SEPARATORS, key=found), 0


def _told(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text or "field limit" in text:
        return "a value that begins in quotes here, or below, has no end"
    if "expected after" in text:
        return 'a quote within a value in quotes is to be doubled: ""'
    return text


def rounded_problem(name: str, text: str) -> str | None:
    """What is wrong with an id that a spreadsheet took for a number."""
    if not _ROUNDED.fullmatch(text):
        return None
    return f"{name} {text} is what a spreadsheet made of a long number: make the column text, and write it again"
