"""What a printed page is made of, whether it is text on a roll or a PDF: both draw the same blocks."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Title:
    """In the middle, and large."""

    text: str


@dataclass(frozen=True, slots=True)
class Banner:
    """In the middle, and not to be overlooked: a copy, a credit."""

    text: str


@dataclass(frozen=True, slots=True)
class Centred:
    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """What something is called, and what it is."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a bill: what it is for, how it came about, and the amount."""

    name: str
    details: tuple[str, ...]
    amount: str


@dataclass(frozen=True, slots=True)
class Columns:
    """A row of a small table, all but the first to the right."""

    cells: tuple[str, ...]
    is_head: bool = False


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount with its name; the one that counts `is_total`."""

    label: str
    amount: str
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence or more."""

    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across."""


Block = Title | Banner | Centred | Field | Item | Columns | Sum | Note | Rule


def printable(text: str) -> str:
    """Foreign text without what would steer a printer or turn the direction of writing."""
    return "".join(" " if c in "\n\t" else c for c in text if c in "\n\t" or unicodedata.category(c)[0] != "C")
