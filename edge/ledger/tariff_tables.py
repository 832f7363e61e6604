"""The hub's tariffs in the ledger: what journal entries do to their table, and what the site reads back of it."""

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
        rows.add("hub_tariffs", "drop_hub_tariffs")
    for tariff in changed.tariffs:
        rows.add("hub_tariffs", "put_hub_tariff", tariff.id, _encode(tariff))


def restore_tariffs(site: Site, connection: sqlite3.Connection) -> None:
    """The tariffs as they were at the last commit."""
    found = [_TARIFF.validate_json(document) for (document,) in connection.execute(queries()["hub_tariffs"])]
    if found:
        site.take_tariffs({tariff.id: tariff for tariff in found})
