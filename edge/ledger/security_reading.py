"""Reads what the ledger has of the stations' certificates and security events: for people."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

from edge.ledger.queries import queries

_ISSUED: Final = (
    *("station_id", "serial_number", "certificate_type", "common_name", "fingerprint", "not_before", "not_after"),
    *("issued_at", "accepted_at", "revoked_at"),
)


def issued_certificates(connection: sqlite3.Connection, station_id: str | None) -> list[dict[str, Any]]:
    """The certificates that were signed for a station, or for all, oldest first, JSON-able."""
    found = connection.execute(queries()["certificates"], (station_id,))
    return [dict(zip(_ISSUED, row, strict=True)) for row in found]


def installed_certificates(connection: sqlite3.Connection, station_id: str | None) -> list[dict[str, Any]]:
    """What stations told they hold, JSON-able."""
    return [
        {"station_id": row[0], "told_at": row[1], "certificates": json.loads(row[2])}
        for row in connection.execute(queries()["installed_certificates"], (station_id,))
    ]


def security_events(connection: sqlite3.Connection, station_id: str | None) -> list[dict[str, Any]]:
    """The security events of a station, or of all, the latest first, JSON-able."""
    names = ("station_id", "type", "count", "first_at", "last_at", "tech_info")
    return [
        dict(zip(names, row, strict=True)) for row in connection.execute(queries()["security_events"], (station_id,))
    ]
