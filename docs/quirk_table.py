"""The models that are treated in their own way, from their files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from protocols.ocpp.quirks.catalogue import all_quirks
from protocols.ocpp.quirks.model import BY_THE_BOOK, Quirks

TITLE: Final = """\
# Quirks of charger models

One file each under `protocols/ocpp/quirks/`, data only, made from the public threads that it names. A station is known
by what it calls itself in its BootNotification. What no file says is as the standard has it, or is asked of the station
itself. What one's own stations do otherwise than the standard is told by `ohmstead-edge deviations`.

"""
HEAD: Final = ("file", "model", "known by", "treated so", "to be known", "from")
_TABLES: Final = ("connection", "questions", "charging_profile", "meter", "transactions")
_GITHUB: Final = "https://github.com/"


def rows() -> Iterator[tuple[str, ...]]:
    """One for each file."""
    for quirks in all_quirks():
        signs = " or ".join(
            "`" + " ".join(part for part in (sign.vendor, sign.model, sign.firmware) if part != "*") + "`"
            for sign in quirks.signs
        )
        threads = ", ".join(f"[{source.removeprefix(_GITHUB)}]({source})" for source in quirks.sources)
        name = f"{quirks.vendor} {quirks.model}"
        yield f"`{quirks.id}`", name, signs, "; ".join(_differences(quirks)) or "-", quirks.remarks, threads


def _differences(quirks: Quirks) -> Iterator[str]:
    """What the file says, where that is not the usual."""
    for table in _TABLES:
        said, usual = getattr(quirks, table), getattr(BY_THE_BOOK, table)
        for field in fields(said):
            value = getattr(said, field.name)
            if value != getattr(usual, field.name):
                shown = ", ".join(value) if isinstance(value, tuple) else str(value)
                yield f"{table.replace('_', ' ')}: {field.name.replace('_', ' ')} {shown}"
