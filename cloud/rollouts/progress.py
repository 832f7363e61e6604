"""What became of the targets that were told: read from their commands, from the steps of their jobs, and from what
edges say of their documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import RowMapping, Select, and_, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.store.rollout_tables import rollout_steps
from cloud.store.station_tables import job_steps
from cloud.store.tables import commands, edge_documents
from cloud.store.tariffs import TARIFFS

EXPIRY_GRACE: Final = timedelta(seconds=15)
"""An outcome that came in time at the edge may still be on its way."""
MAX_NEWS: Final = 1_000
News = dict[str, Any]
"""Of one step: its number and what is new."""


async def follow(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime) -> int:
    """Write down what is known by now of the targets that were told. Returns of how many there was news."""
    if rollout["kind"] == TARIFFS:
        return await _write(connection, rollout, await _of_documents(connection, rollout, now), now)
    told = await _write(connection, rollout, await _of_commands(connection, rollout, now), now)
    return told + await _write(connection, rollout, await _of_jobs(connection, rollout), now)


async def _of_commands(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime) -> list[News]:
    """A command that expired may have been executed after all, at an edge that was cut off: its outcome is news then,
    and the last word."""
    ended = commands.c.status.in_(("accepted", "rejected", "failed"))
    silent = commands.c.status.in_(("queued", "sent")) & (commands.c.expires_at <= now - EXPIRY_GRACE)
    is_over = or_(commands.c.status == "expired", silent)
    its = rollout_steps.c
    news = and_(its.job_id.is_(None), or_(ended & its.state.in_(("sent", "expired")), is_over & (its.state == "sent")))
    its_command = and_(commands.c.domain == its.domain, commands.c.id == its.command_id)
    query = (
        select(its.number, its.state, commands.c.status, commands.c.detail, commands.c.result, commands.c.command)
        .select_from(rollout_steps.join(commands, its_command))
        .where(its.domain == rollout["domain"], its.rollout_id == rollout["id"], news)
    )
    return [_of_command(row) for row in await _first(connection, query)]


def _of_command(row: RowMapping) -> News:
    told: News = {"number": row["number"], "job_id": None, "detail": row["detail"]}
    match row["status"]:
        case "accepted" if row["command"] == "start_job":
            return told | {"state": "sent", "job_id": orjson.loads(row["result"])["job_id"]}
        case "accepted":
            return told | {"state": "done"}
        case "rejected" | "failed":
            return told | {"state": "failed", "detail": row["detail"] or row["status"]}
        case _:
            return told | {"state": "expired", "detail": row["detail"] or "Nobody took it in time, as far as is known."}


async def _of_jobs(connection: AsyncConnection, rollout: Mapping[Any, Any]) -> list[News]:
    its = rollout_steps.c
    its_step = and_(
        job_steps.c.domain == its.domain, job_steps.c.job_id == its.job_id, job_steps.c.station_id == its.station_id
    )
    query = (
        select(
            its.number,
            its.job_id,
            its.is_recalled,
            job_steps.c.status,
            job_steps.c.detail,
            job_steps.c.attempt.label("asked"),
        )
        .select_from(rollout_steps.join(job_steps, its_step))
        .where(its.domain == rollout["domain"], its.rollout_id == rollout["id"], its.state == "sent")
        .where(job_steps.c.status.in_(("done", "failed", "cancelled")))
    )
    is_over = rollout["state"] == "cancelled"
    return [_of_job(row, is_over=is_over) for row in await _first(connection, query)]


def _of_job(row: RowMapping, *, is_over: bool) -> News:
    """What we had cancelled before the station was asked has its turn when the rollout goes on."""
    told: News = {"number": row["number"], "job_id": row["job_id"], "detail": row["detail"]}
    if row["status"] != "cancelled" or row["asked"]:
        return told | {"state": "done" if row["status"] == "done" else "failed"}
    if row["is_recalled"] and not is_over:
        return told | {"state": "waiting", "job_id": None}
    return told | {"state": "skipped", "detail": row["detail"] or "The job was cancelled before the station was asked."}


async def _of_documents(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime) -> list[News]:
    its = rollout_steps.c
    its_document = and_(
        edge_documents.c.domain == its.domain,
        edge_documents.c.edge_id == its.edge_id,
        edge_documents.c.name == TARIFFS,
    )
    is_applied = edge_documents.c.version >= its.document_version
    is_refused = edge_documents.c.refused_version >= its.document_version
    is_late = (its.state == "sent") & (its.expires_at <= now - EXPIRY_GRACE)
    query = (
        select(
            its.number,
            is_applied.label("is_applied"),
            is_refused.label("is_refused"),
            edge_documents.c.problem,
        )
        .select_from(rollout_steps.outerjoin(edge_documents, its_document))
        .where(its.domain == rollout["domain"], its.rollout_id == rollout["id"], its.state.in_(("sent", "expired")))
        .where(or_(is_applied, is_refused, is_late))
    )
    return [_of_document(row) for row in await _first(connection, query)]


def _of_document(row: RowMapping) -> News:
    told: News = {"number": row["number"], "job_id": None, "detail": ""}
    if row["is_applied"]:
        return told | {"state": "done"}
    if row["is_refused"]:
        return told | {"state": "failed", "detail": row["problem"] or "The edge refused them."}
    return told | {"state": "expired", "detail": "The edge has not said in time that it has them."}


async def _first(connection: AsyncConnection, query: Select[Any]) -> Sequence[RowMapping]:
    ordered = query.order_by(rollout_steps.c.number).limit(MAX_NEWS)
    rows: Sequence[RowMapping] = (await connection.execute(ordered)).mappings().all()
    return rows


async def _write(connection: AsyncConnection, rollout: Mapping[Any, Any], news: Sequence[News], now: datetime) -> int:
    if not news:
        return 0
    its = rollout_steps.c
    of = update(rollout_steps).where(
        its.domain == rollout["domain"], its.rollout_id == rollout["id"], its.number == bindparam("of_number")
    )
    stated: News = {"state": bindparam("its_state"), "detail": bindparam("its_detail"), "job_id": bindparam("its_job")}
    rows = [
        {
            "of_number": each["number"],
            "its_state": each["state"],
            "its_detail": each["detail"],
            "its_job": each["job_id"],
        }
        for each in news
    ]
    await connection.execute(of.values(**stated, changed_at=now), rows)
    if again := [{"of_number": each["number"]} for each in news if each["state"] == "waiting"]:
        await connection.execute(of.values(attempt=its.attempt + 1, command_id=None, is_recalled=False), again)
    return len(news)
