"""A list that somebody brings in, as a file: text that can be read, or what to do about it."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

from protocols.errors import BadText

MAX_BYTES: Final = 64 * 2**20
_SPREADSHEETS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""How .xlsx and .ods, and .xls begin."""
_MOST_LINES: Final = 5


def read_list(path: Path) -> str:
    """The text of a file in UTF-8, with or without a mark at its begin, or in UTF-16 with one ("Unicode text").

    Raises BadText with every problem in a line of its own.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadText(f"cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise BadText(f"is longer than {MAX_BYTES // 2**20} MiB; bring it in by parts")
    if raw.startswith(_SPREADSHEETS):
        raise BadText("is a spreadsheet itself and no text: save it as CSV UTF-8")
    try:
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return raw.decode("utf-16")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadText("\n".join(_not_text(raw))) from error


def _not_text(raw: bytes) -> list[str]:
    """The lines that are no UTF-8, each with its first bytes that are not."""
    found = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            line.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            bad = line[error.start : error.start + 2].hex(" ")
            found.append(f"line {number}: is not UTF-8 text (at the bytes {bad}): save it as CSV UTF-8")
    more = len(found) - _MOST_LINES
    return found[:_MOST_LINES] + ([f"and {more} more lines that are not"] if more > 0 else [])
