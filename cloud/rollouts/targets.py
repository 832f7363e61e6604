"""To whom a rollout goes: chosen once, as it begins, in an order that is the same each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import orjson
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.problems import Problem, not_found
from cloud.rollouts.order import MAX_TARGETS, RemoteStops, RolloutOrder, Targets, Tariffs
from cloud.store.tables import charging_stations, edges, sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A station of an edge, a transaction at one, or an edge as a whole."""

    edge_id: str
    station_id: str | None = None
    transaction_id: str | None = None

    @property
    def name(self) -> str:
        """By which `first` calls it."""
        return self.station_id or self.edge_id


async def choose(connection: AsyncConnection, domain: int, order: RolloutOrder) -> list[Target]:
    """By edge and station, those of `first` before all others. Raises Problem where there are none or too many, and
    for a name that nothing has."""
    if isinstance(order.what, Tariffs):
        if not order.to.is_empty:
            raise _problem("to", "Tariffs are for every edge of the domain; say in `first` which edges begin.")
        known = select(edges.c.edge_id).where(edges.c.domain == domain).order_by(edges.c.edge_id)
        found = [Target(edge_id=edge_id) for edge_id in (await connection.execute(known)).scalars()]
    else:
        if order.to.is_empty:
            raise Problem(422, "no_targets", "Name the stations, or what they have in common.")
        found = await _stations(connection, domain, order.to)
        if isinstance(order.what, RemoteStops):
            found = await _transactions(connection, domain, found)
    if not found:
        raise Problem(422, "no_targets", "There is none like that in your domain.")
    if len(found) > MAX_TARGETS:
        raise Problem(422, "too_many_targets", f"{len(found)} targets; a rollout takes {MAX_TARGETS}.")
    return _in_order(found, order.first)


async def _stations(connection: AsyncConnection, domain: int, to: Targets) -> list[Target]:
    its = charging_stations.c
    query = select(
        its.edge_id, its.station_id, its.location_id, its.is_online, its.vendor, its.model, its.firmware_version
    ).where(its.domain == domain)
    wish = _Wish(to)
    rows = [row for row in (await connection.execute(query)).all() if wish.fits(row)]
    named = await _named_at_birth(connection, domain)
    rows = [row for row in rows if row.is_online or row.station_id in named.get(row.edge_id, (row.station_id,))]
    by_place: dict[tuple[str, str | None], list[Row[*tuple[Any, ...]]]] = {}
    for row in rows:
        by_place.setdefault((row.station_id, row.location_id), []).append(row)
    chosen = [each for same in by_place.values() for each in _home_of(same)]
    if to.station_ids:
        _expect_each_once(to.station_ids, Counter(row.station_id for row in chosen))
    return sorted(
        (Target(edge_id=row.edge_id, station_id=row.station_id) for row in chosen),
        key=lambda each: (each.edge_id, each.station_id or ""),
    )


async def _named_at_birth(connection: AsyncConnection, domain: int) -> dict[str, frozenset[str]]:
    """The stations that each edge named last, as far as it did. One that it does not name and that is not connected is
    no longer there: a job would be refused for it."""
    births = select(edges.c.edge_id, edges.c.birth).where(edges.c.domain == domain, edges.c.birth.is_not(None))
    return {
        row.edge_id: frozenset(evse["station_id"] for evse in orjson.loads(row.birth)["evses"])
        for row in await connection.execute(births)
    }


class _Wish:
    """What is asked for, made ready to be held against tens of thousands of stations."""

    def __init__(self, to: Targets) -> None:
        self._names = tuple(frozenset(each) for each in (to.station_ids, to.edge_ids, to.location_ids))
        self._patterns = tuple(None if each is None else each.casefold() for each in (to.vendor, to.model, to.firmware))

    def fits(self, row: Row[*tuple[Any, ...]]) -> bool:
        """One that has not said what it is fits only what asks for nothing."""
        told = (row.vendor, row.model, row.firmware_version)
        return all(
            not names or name in names
            for names, name in zip(self._names, (row.station_id, row.edge_id, row.location_id), strict=True)
        ) and all(
            wanted is None or fnmatchcase((text or "").casefold(), wanted)
            for wanted, text in zip(self._patterns, told, strict=True)
        )


def _home_of(same: Sequence[Row[*tuple[Any, ...]]]) -> Sequence[Row[Any]]:
    """The agents of a node share their stations: each is with one of them."""
    online = [row for row in same if row.is_online]
    return online if len(online) == 1 else same


async def _transactions(connection: AsyncConnection, domain: int, stations: Sequence[Target]) -> list[Target]:
    """Those that run at the stations."""
    places = {(each.edge_id, each.station_id) for each in stations}
    running = select(sessions.c.id, sessions.c.edge_id, sessions.c.station_id).where(
        sessions.c.domain == domain, sessions.c.status == "ACTIVE"
    )
    rows = (await connection.execute(running.order_by(sessions.c.edge_id, sessions.c.station_id, sessions.c.id))).all()
    return [
        Target(edge_id=row.edge_id, station_id=row.station_id, transaction_id=row.id)
        for row in rows
        if (row.edge_id, row.station_id) in places
    ]


def _in_order(found: Sequence[Target], first: Sequence[str]) -> list[Target]:
    known = {each.name for each in found}
    if unknown := [name for name in first if name not in known]:
        raise _problem("first", f"Not among the targets: {', '.join(unknown[:5])}.")
    place = {name: number for number, name in reversed(list(enumerate(first)))}
    return sorted(found, key=lambda each: place.get(each.name, len(first)))


def _expect_each_once(names: Sequence[str], found: Counter[str]) -> None:
    for name in names:
        if found[name] == 0:
            raise not_found("charging station", name)
    if several := sorted(name for name, count in found.items() if count > 1):
        detail = f"Several edges have a station {', '.join(several[:5])}; say which with edge_ids or location_ids."
        raise Problem(409, "station_ambiguous", detail)


def _problem(field: str, message: str) -> Problem:
    errors = [{"field": f"body.{field}", "message": message}]
    return Problem(422, "unknown_target", message, errors=errors)
