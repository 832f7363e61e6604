"""How the targets of a rollout are told: each by a command, or the stations of an edge by one job, or by a document.

A command's id is made of the rollout, the target and the attempt, and it is written in the transaction that marks the
target as sent: whoever repeats it, after a kill or beside another process, writes the same command, which is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final, assert_never
from uuid import UUID, uuid5

import orjson
from pydantic import TypeAdapter
from sqlalchemy import RowMapping, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rollouts.order import Call, Operation, RemoteStarts, RemoteStops, RolloutOrder, StationJob, Tariffs, What
from cloud.store.engine import insert_missing
from cloud.store.rollout_tables import rollout_steps
from cloud.store.tables import charging_stations, commands, edges, locations
from cloud.store.tariffs import TARIFFS
from cloud.store.versions import next_version
from protocols.charger.commands import AnyOperation
from protocols.charger.commands import Operation as ChargerOperation
from protocols.sync.down import CancelJob, StartJob

MAX_SENT: Final = 500
"""Targets of one transaction; who ingests waits for it."""
LEAST_PATIENCE: Final = timedelta(seconds=60)
"""A job is not begun where less than this is left of the hours that it may run."""
RECALL_EXPIRES: Final = timedelta(days=1)
_IDS: Final = UUID("6f2c0c62-5bf1-4b5c-9a53-6f0d2f0c1d57")
_OPERATION: Final[TypeAdapter[ChargerOperation]] = TypeAdapter(AnyOperation)
_JOB: Final = TypeAdapter(StartJob)
_CANCEL: Final = TypeAdapter(CancelJob)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What all that is sent at one moment has in common."""

    rollout: Mapping[Any, Any]
    order: RolloutOrder
    now: datetime

    def command(self, name: str, edge_id: str, expires_at: datetime, **what: Any) -> dict[str, Any]:
        """A row of the commands. `name` is its own within the rollout."""
        empty = dict.fromkeys(("station_id", "evse_id", "transaction_id", "token_uid", "operation", "body"))
        return {
            **empty,
            "domain": self.rollout["domain"],
            "id": str(uuid5(_IDS, f"{self.rollout['domain']}/{self.rollout['id']}/{name}")),
            "edge_id": edge_id,
            "status": "queued",
            "detail": "",
            "issued_at": self.now,
            "expires_at": expires_at,
            "issued_by": self.rollout["issued_by"],
            **what,
        }


async def send(
    connection: AsyncConnection, rollout: Mapping[Any, Any], order: RolloutOrder, free: int, now: datetime
) -> int:
    """Tell the next targets of the open stage, `free` of them at the most. Returns how many; 0 too where the hours of
    all that wait are over."""
    its = rollout_steps.c
    mine = (its.domain == rollout["domain"], its.rollout_id == rollout["id"])
    waiting = select(rollout_steps).where(*mine, its.stage <= rollout["stage"], its.state == "waiting")
    ends: dict[str, datetime] = {}
    if order.window is not None:
        ends = await _open_windows(connection, rollout, order, now)
        waiting = waiting.where(its.edge_id.in_(list(ends)))
    query = waiting.order_by(its.number).limit(min(free, MAX_SENT))
    steps = await _at_home(connection, (await connection.execute(query)).mappings().all(), ends)
    if steps:
        await _tell(connection, Sending(rollout=rollout, order=order, now=now), steps, ends)
    return len(steps)


async def recall(connection: AsyncConnection, rollout: Mapping[Any, Any], order: RolloutOrder, now: datetime) -> int:
    """Have edges cancel what they have begun: a job goes on by itself otherwise. Returns of how many targets."""
    its = rollout_steps.c
    mine = (its.domain == rollout["domain"], its.rollout_id == rollout["id"])
    open_ones = (*mine, its.state == "sent", its.job_id.is_not(None), its.is_recalled.is_(False))
    jobs = (await connection.execute(select(its.edge_id, its.job_id).where(*open_ones).distinct())).all()
    if not jobs:
        return 0
    sending = Sending(rollout=rollout, order=order, now=now)
    rows = [
        sending.command(
            f"recall/{job.job_id}",
            job.edge_id,
            now + RECALL_EXPIRES,
            command="cancel_job",
            body=_CANCEL.dump_json(CancelJob(job_id=job.job_id)).decode(),
        )
        for job in jobs
    ]
    await connection.execute(insert_missing(connection, commands), rows)
    marked = await connection.execute(update(rollout_steps).where(*open_ones).values(is_recalled=True, changed_at=now))
    return marked.rowcount


async def _at_home(
    connection: AsyncConnection, steps: Sequence[RowMapping], ends: dict[str, datetime]
) -> list[Mapping[Any, Any]]:
    """The agents of a node share their stations: each step is for the one that has its station now."""
    if not steps:
        return []
    its = charging_stations.c
    names = {step["station_id"] for step in steps}
    query = select(its.edge_id, its.station_id, its.location_id, its.is_online)
    here: dict[tuple[str, str], Any] = {}
    online: dict[tuple[str, str], list[str]] = {}
    for row in await connection.execute(query.where(its.domain == steps[0]["domain"], its.station_id.in_(names))):
        here[row.edge_id, row.station_id] = row
        if row.is_online:
            online.setdefault((row.station_id, row.location_id), []).append(row.edge_id)
    found: list[Mapping[Any, Any]] = []
    for step in steps:
        known = here.get((step["edge_id"], step["station_id"]))
        moved_to = online.get((known.station_id, known.location_id), []) if known and known.location_id else []
        if known and not known.is_online and len(moved_to) == 1:
            if step["edge_id"] in ends:
                ends[moved_to[0]] = ends[step["edge_id"]]
            found.append({**step, "edge_id": moved_to[0]})
        else:
            found.append(step)
    return found


async def _tell(
    connection: AsyncConnection, sending: Sending, steps: Sequence[Mapping[Any, Any]], ends: dict[str, datetime]
) -> None:
    patience = sending.now + timedelta(seconds=sending.order.expires_in_s)
    expires = {each: min(patience, ends.get(each, patience)) for each in {step["edge_id"] for step in steps}}
    version: int | None = None
    rows: list[dict[str, Any]] = []
    command_ids: dict[int, str] = {}
    match sending.order.what:
        case Tariffs():
            version = await next_version(connection, sending.rollout["domain"], TARIFFS)
        case StationJob() as what:
            for edge_id, group in groupby(sorted(steps, key=lambda each: str(each["edge_id"])), lambda e: e["edge_id"]):
                stations = list(group)
                row = _job(sending, what, edge_id, stations, expires[edge_id], ends.get(edge_id))
                rows.append(row)
                command_ids |= {step["number"]: row["id"] for step in stations}
        case what:
            for step in steps:
                name = f"{step['number']}/{step['attempt']}"
                row = sending.command(name, step["edge_id"], expires[step["edge_id"]], **_single(what, step))
                rows.append(row)
                command_ids[step["number"]] = row["id"]
    if rows:
        await connection.execute(insert_missing(connection, commands), rows)
    its = rollout_steps.c
    mark = update(rollout_steps).where(
        its.domain == sending.rollout["domain"],
        its.rollout_id == sending.rollout["id"],
        its.number == bindparam("of_number"),
    )
    mark = mark.values(
        state="sent",
        detail="",
        document_version=version,
        changed_at=sending.now,
        edge_id=bindparam("its_edge"),
        command_id=bindparam("its_command"),
        expires_at=bindparam("its_expiry"),
    )
    marks = [
        {
            "of_number": step["number"],
            "its_edge": step["edge_id"],
            "its_command": command_ids.get(step["number"]),
            "its_expiry": expires[step["edge_id"]],
        }
        for step in steps
    ]
    await connection.execute(mark, marks)


def _single(what: Operation | Call | RemoteStarts | RemoteStops, step: Mapping[Any, Any]) -> dict[str, Any]:
    """What a command to one station says."""
    station = {"station_id": step["station_id"]}
    match what:
        case Operation(operation=operation):
            return station | {
                "command": "operate",
                "operation": operation.operation,
                "body": _OPERATION.dump_json(operation).decode(),
                "evse_id": getattr(operation, "evse_id", None),
                "token_uid": getattr(operation, "token_uid", None),
            }
        case Call(action=action, payload=payload):
            return station | {"command": "call_station", "operation": action, "body": orjson.dumps(payload).decode()}
        case RemoteStarts(evse_id=evse_id, token_uid=token_uid):
            return station | {"command": "remote_start", "evse_id": evse_id, "token_uid": token_uid}
        case RemoteStops():
            return station | {"command": "remote_stop", "transaction_id": step["transaction_id"]}
        case _ as never:
            assert_never(never)


def _job(
    sending: Sending,
    what: StationJob,
    edge_id: str,
    steps: Sequence[Mapping[Any, Any]],
    expires_at: datetime,
    window_end: datetime | None,
) -> dict[str, Any]:
    """One job for the stations of an edge; it asks no station after the hours are over."""
    order = StartJob(
        job=what.job,
        station_ids=tuple(step["station_id"] for step in steps),
        at_once=sending.order.at_once,
        give_up_after_s=what.give_up_after_s,
    )
    if window_end is not None:
        left_s = int((window_end - sending.now).total_seconds())
        order = replace(order, give_up_after_s=min(left_s, what.give_up_after_s or left_s))
    first = steps[0]
    return sending.command(
        f"job/{first['number']}/{first['attempt']}",
        edge_id,
        expires_at,
        command=order.command,
        operation=what.job.job,
        body=_JOB.dump_json(order).decode(),
    )


async def _open_windows(
    connection: AsyncConnection, rollout: Mapping[Any, Any], order: RolloutOrder, now: datetime
) -> dict[str, datetime]:
    """The edges with targets that wait and whose hours it is, and when those end."""
    window = order.window
    if window is None:
        return {}
    its = rollout_steps.c
    waiting = (
        select(its.edge_id, locations.c.time_zone)
        .select_from(
            rollout_steps.outerjoin(edges, (edges.c.domain == its.domain) & (edges.c.edge_id == its.edge_id)).outerjoin(
                locations, (locations.c.domain == edges.c.domain) & (locations.c.id == edges.c.location_id)
            )
        )
        .where(its.domain == rollout["domain"], its.rollout_id == rollout["id"])
        .where(its.stage <= rollout["stage"], its.state == "waiting")
        .distinct()
    )
    rows = (await connection.execute(waiting)).all()
    found = {row.edge_id: window.end_of(now, row.time_zone or "UTC") for row in rows}
    least = LEAST_PATIENCE if _is_job(order.what) else timedelta(0)
    return {edge_id: end for edge_id, end in found.items() if end is not None and end - now >= least}


def _is_job(what: What) -> bool:
    return isinstance(what, StationJob)
