"""Tariffs in the ledger: what journal entries do to their table, and what the site reads back of it."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec
from pydantic import TypeAdapter

from edge.domain.site import Site
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from protocols.ocpi.tariff import Tariff
from protocols.sync.tariffs import TariffsChanged

_TARIFF: Final[TypeAdapter[Tariff]] = TypeAdapter(Tariff)
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def keep_tariffs(rows: Rows, changed: TariffsChanged) -> None:
    """Bring the table up to a journal entry."""
    if changed.is_complete:
        rows.add("tariffs", "drop_tariffs", changed.source)
    for tariff in changed.tariffs:
        rows.add("tariffs", "put_tariff", changed.source, tariff.id, _encode(tariff))


def tariffs_in(connection: sqlite3.Connection) -> dict[str, dict[str, Tariff]]:
    """Those of each source, "site" and "hub", by id."""
    found: dict[str, dict[str, Tariff]] = {"site": {}, "hub": {}}
    for source, document in connection.execute(queries()["tariffs"]):
        tariff = _TARIFF.validate_json(document)
        found[source][tariff.id] = tariff
    return found


def restore_tariffs(site: Site, connection: sqlite3.Connection) -> None:
    """The tariffs as they were at the last commit."""
    found = tariffs_in(connection)
    if found["site"] or found["hub"]:
        site.take_tariffs(of_site=found["site"], of_hub=found["hub"])
