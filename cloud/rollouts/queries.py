"""The questions about rollouts, and how their rows are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.rollouts.moving import State, StepState, counts_of
from cloud.rollouts.order import Stage
from cloud.store.rollout_tables import rollout_steps, rollouts

SORT = (rollouts.c.created_at, rollouts.c.id)
STEP_SORT = (rollout_steps.c.number,)
_SHOWN: Final = ("id", "name", "kind", "state", "reason", "targets", "created_at", "changed_at", "ended_at")
_STEP: Final = (
    "edge_id", "station_id", "transaction_id", "state", "attempt", "command_id", "job_id", "document_version",
    "expires_at", "detail", "changed_at",
)  # fmt: skip


class RolloutQuery(PageQuery):
    """Filters of the list of rollouts."""

    state: State | None = None
    kind: Name | None = None


class TargetQuery(PageQuery):
    """Filters of the targets of a rollout."""

    state: StepState | None = None
    edge_id: Name | None = None


def many(domain: int, wanted: RolloutQuery) -> Select[Any]:
    return narrowed(select(rollouts).where(rollouts.c.domain == domain), rollouts, wanted, "state", "kind")


def one(domain: int, rollout_id: str) -> Select[Any]:
    return select(rollouts).where(rollouts.c.domain == domain, rollouts.c.id == rollout_id)


def steps(domain: int, rollout_id: str, wanted: TargetQuery) -> Select[Any]:
    its = rollout_steps.c
    query = select(rollout_steps).where(its.domain == domain, its.rollout_id == rollout_id)
    return narrowed(query, rollout_steps, wanted, "state", "edge_id")


async def shown_together(connection: AsyncConnection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Each with the counts of its targets."""
    if not rows:
        return []
    its = rollout_steps.c
    ids = [row["id"] for row in rows]
    query = select(its.rollout_id, its.state, func.count()).where(
        its.domain == rows[0]["domain"], its.rollout_id.in_(ids)
    )
    counts: dict[str, dict[str, int]] = {each: {} for each in ids}
    for rollout_id, state, count in await connection.execute(query.group_by(its.rollout_id, its.state)):
        counts[rollout_id][state] = count
    return [_shown(row) | {"counts": counts[row["id"]]} for row in rows]


async def shown_whole(connection: AsyncConnection, row: RowMapping) -> dict[str, Any]:
    """With each stage, and with what was asked."""
    order = orjson.loads(row["document"])
    by_stage = await counts_of(connection, row)
    total: Counter[str] = sum(by_stage.values(), Counter())
    stages = [
        {**stage, "targets": by_stage.get(number, Counter()).total(), "counts": dict(by_stage.get(number, Counter()))}
        for number, stage in enumerate(order["stages"])
    ]
    next_at = None
    if row["state"] == "running" and row["stage_ended_at"] is not None:
        wait_s = Stage.model_validate(order["stages"][row["stage"]]).wait_s
        next_at = row["stage_ended_at"] + timedelta(seconds=wait_s)
    return _shown(row) | {"counts": dict(total), "stages": stages, "next_stage_at": next_at, "order": order}


def _shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN} | {"stage": row["stage"] + 1}


def step_shown(row: RowMapping) -> dict[str, Any]:
    """Places and stages are counted from 1."""
    return {"number": row["number"] + 1, "stage": row["stage"] + 1} | {name: row[name] for name in _STEP}
