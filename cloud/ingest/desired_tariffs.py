"""Which tariffs an edge is to have: the domain's, and those of a rollout that has reached it.

A rollout of tariffs takes a new version of the domain's document with each group of edges that it reaches. So there is
one version for all, and what it says differs: the others are told again what they have.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.engine import Store
from cloud.store.money_tables import tariffs
from cloud.store.rollout_tables import REACHED, UNFINISHED, rollout_steps, rollouts
from cloud.store.tables import documents
from cloud.store.tariffs import TARIFF, TARIFFS
from protocols.ocpi.tariff import Tariff
from protocols.sync.codec import encode
from protocols.sync.down import DesiredTariffs


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffsOfDomain:
    """`staged` is for the edges that a rollout has reached, `plain` for all others."""

    version: int
    plain: bytes
    staged: bytes
    reached: frozenset[str]

    def of(self, edge_id: str) -> bytes:
        return self.staged if edge_id in self.reached else self.plain


async def read(store: Store, domain: int) -> TariffsOfDomain:
    """The version is read first: what is newer than it says comes with another one."""
    version = select(documents.c.version).where(documents.c.domain == domain, documents.c.name == TARIFFS)
    mine = select(tariffs.c.document).where(tariffs.c.domain == domain)
    async with store.read() as connection:
        number: int = (await connection.execute(version)).scalar_one()
        known = [TARIFF.validate_json(each) for each in (await connection.execute(mine)).scalars()]
        coming, reached = await _coming(connection, domain)
    plain = _encoded(number, known)
    staged = _encoded(number, [*known, *coming]) if coming else plain
    return TariffsOfDomain(version=number, plain=plain, staged=staged, reached=reached)


async def _coming(connection: AsyncConnection, domain: int) -> tuple[list[Tariff], frozenset[str]]:
    """What a rollout brings, and the edges that it has reached."""
    its = rollouts.c
    query = select(its.id, its.document).where(its.domain == domain, its.kind == TARIFFS, its.state.in_(UNFINISHED))
    rollout = (await connection.execute(query)).first()
    if rollout is None:
        return [], frozenset()
    steps = rollout_steps.c
    reached = select(steps.edge_id).where(
        steps.domain == domain, steps.rollout_id == rollout.id, steps.state.in_(REACHED)
    )
    brought = orjson.loads(rollout.document)["what"]["tariffs"]
    edge_ids = (await connection.execute(reached)).scalars().all()
    return [TARIFF.validate_python(each) for each in brought], frozenset(edge_ids)


def _encoded(version: int, found: list[Tariff]) -> bytes:
    """By their id; the later of two with one id holds."""
    by_id = {tariff.id: tariff for tariff in found}
    return encode(DesiredTariffs(version=version, tariffs=tuple(by_id[each] for each in sorted(by_id))))
