"""What one's models do otherwise than the standard, as a table for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text


def deviation_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """One row for each bad habit, the most frequent of a model first."""
    table = Table("model", "firmware", "message", "field", "what is wrong", "what is done", "times", "last (UTC)", "at")
    order = sorted(found, key=lambda each: (each["vendor"], each["model"], each["firmware_version"], -each["count"]))
    for each in order:
        model = f"{each['vendor']} {each['model']}".strip() or "unknown"
        cells = (model, each["firmware_version"] or "-", each["action"], each["path"], each["problem"], each["remedy"])
        table.add_row(
            *map(_plain, cells),
            str(each["count"]),
            f"{each['last_at'][:16]}".replace("T", " "),
            _plain(each["station_id"]),
        )
    return table


def _plain(text: str) -> Text:
    """As it is: names come from the stations, and are neither markup nor escapes."""
    return Text("".join(character if character.isprintable() else "?" for character in text))
