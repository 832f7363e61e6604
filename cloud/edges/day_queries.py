"""What edges' days come to, by what they said and by what is here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.proof_tables import day_sums

DAYS_SHOWN: Final = 7
_WORST_FIRST: Final = ("differs", "waiting", "gone", "proved")


async def days_of(connection: AsyncConnection, domain: int, edge_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """By edge: a row for each day and stream of the last days that were told, newest first."""
    its = day_sums.c
    newest = select(func.max(its.day)).where(its.domain == domain, its.edge_id.in_(edge_ids))
    last_day = (await connection.execute(newest)).scalar_one()
    if last_day is None:
        return {}
    query = select(day_sums).where(
        its.domain == domain, its.edge_id.in_(edge_ids), its.day > last_day - timedelta(days=DAYS_SHOWN)
    )
    parts: dict[tuple[str, Any, str], list[RowMapping]] = defaultdict(list)
    for row in (await connection.execute(query)).mappings():
        parts[row["edge_id"], row["day"], row["stream"]].append(row)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (edge_id, _, _), rows in sorted(parts.items(), key=lambda each: (each[0][1], each[0][2]), reverse=True):
        found[edge_id].append(_shown(rows))
    return found


def _shown(rows: Sequence[RowMapping]) -> dict[str, Any]:
    """The sums of a day and stream, added up; the worst state is that of all."""
    states = {row["state"] for row in rows}
    return {
        "day": rows[0]["day"],
        "stream": rows[0]["stream"],
        "state": next(state for state in _WORST_FIRST if state in states),
        "entries": sum(row["count"] for row in rows),
        "entries_here": sum(row["here_count"] or 0 for row in rows),
        "bills": sum(row["bills"] for row in rows),
        "bills_here": sum(row["here_bills"] or 0 for row in rows),
        "energy_wh": sum(row["energy_wh"] for row in rows),
        "energy_wh_here": sum(row["here_energy_wh"] or 0 for row in rows),
        "amounts": _added(row["amounts"] for row in rows),
        "amounts_here": _added(row["here_amounts"] for row in rows),
    }


def _added(amounts: Iterable[str | None]) -> dict[str, str]:
    total: dict[str, Decimal] = defaultdict(Decimal)
    for text in amounts:
        for currency, amount in orjson.loads(text or "{}").items():
            total[currency] += Decimal(amount)
    return {currency: str(amount) for currency, amount in sorted(total.items())}
