"""The deviations that the ledger has counted."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from edge.ledger.queries import queries

_NAMES: Final = (
    *("vendor", "model", "firmware_version", "action", "path", "problem", "remedy"),
    *("count", "first_at", "last_at", "station_id", "frame"),
)


def deviations_in(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """All of them, by model."""
    return [dict(zip(_NAMES, row, strict=True)) for row in connection.execute(queries()["deviations"])]
