"""How a rollout goes on: its states, its stages, and what makes it stop. Everything happens in the transaction of the
caller, which holds the rollout's row.

    running ──all told and well──▶ finished ──resume?retry_failed──▶ running
       │ ▲
       │ └──resume──┐
       ├──pause──▶ paused ──┐
       ├──too many failures──▶ stopped ──┤
       └───────────────────────cancel────┴──▶ cancelled
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import ValidationError
from sqlalchemy import RowMapping, Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.rollouts import progress, sending
from cloud.rollouts.order import RolloutOrder, StationJob, Tariffs
from cloud.store import feed, tariffs
from cloud.store.documents import alarm_document, to_json
from cloud.store.feed import FeedEvent, FeedKind
from cloud.store.rollout_tables import rollout_steps, rollouts
from cloud.store.tables import alarms
from cloud.store.tariffs import TARIFF, TARIFFS
from cloud.store.versions import next_version

State = Literal["running", "paused", "stopped", "finished", "cancelled"]
StepState = Literal["waiting", "sent", "done", "failed", "expired", "skipped"]
LATE_NEWS: Final = timedelta(days=1)
"""So long what has expired is still looked at: an edge that was cut off may have done it in time."""
FAILURES: Final = ("failed", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Whether anything changed, and whether something is to go down."""

    is_changed: bool = False
    is_sent: bool = False


def locked(domain: int, rollout_id: str) -> Select[Any]:
    """Its row, for the one who holds it until the commit; nobody else moves this rollout meanwhile."""
    return select(rollouts).where(rollouts.c.domain == domain, rollouts.c.id == rollout_id).with_for_update()


async def move(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime) -> Moved:
    """Hear what became of what was told, and tell the next."""
    try:
        order = RolloutOrder.model_validate_json(rollout["document"])
    except ValidationError as error:  # of another version of the hub
        if rollout["state"] != "running":
            return Moved()
        reason = f"This version of the hub cannot read what is to be done: {error.error_count()} problem(s)."
        await change(connection, rollout, now, state="stopped", reason=reason)
        return Moved(is_changed=True)
    heard = await progress.follow(connection, rollout, now)
    sent = 0
    if rollout["state"] == "running":
        changes, sent = await _advance(connection, rollout, order, now)
    else:
        changes = {}
    state = changes.get("state", rollout["state"])
    if state in ("stopped", "cancelled"):
        sent += await sending.recall(connection, rollout, order, now)
    is_watched = state == "running" or await _is_watched(connection, rollout, now)
    if is_watched != rollout["is_watched"]:
        changes["is_watched"] = is_watched
    if heard or sent or changes:
        await change(connection, rollout, now, **changes)
    return Moved(is_changed=bool(heard or sent or changes), is_sent=bool(sent))


async def change(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime, **changes: Any) -> None:
    """Write it down, tell it on the stream, and raise or clear the alarm. The last thing in a transaction."""
    mine = (rollouts.c.domain == rollout["domain"], rollouts.c.id == rollout["id"])
    await connection.execute(update(rollouts).where(*mine).values(**changes, changed_at=now))
    row = (await connection.execute(select(rollouts).where(*mine))).mappings().one()
    events = [await _told(connection, row, now)]
    state = changes.get("state")
    if state == "stopped":
        events.append(await _raise(connection, row, now))
    elif state is not None:
        events += await _clear(connection, row, now)
    await feed.append(connection, events)


async def counts_of(connection: AsyncConnection, rollout: Mapping[Any, Any]) -> dict[int, Counter[str]]:
    """How many targets of each stage are in which state."""
    its = rollout_steps.c
    query = select(its.stage, its.state, func.count()).where(
        its.domain == rollout["domain"], its.rollout_id == rollout["id"]
    )
    found: dict[int, Counter[str]] = {}
    for stage, state, count in await connection.execute(query.group_by(its.stage, its.state)):
        found.setdefault(stage, Counter())[state] = count
    return found


async def _advance(
    connection: AsyncConnection, rollout: Mapping[Any, Any], order: RolloutOrder, now: datetime
) -> tuple[dict[str, Any], int]:
    """What changes of the rollout's row, and how many targets were told."""
    counts = await counts_of(connection, rollout)
    stage, tolerated, ended_at = rollout["stage"], rollout["tolerated"], rollout["stage_ended_at"]
    changes: dict[str, Any] = {}
    while True:
        here = counts.get(stage, Counter())
        failures = sum(here[state] for state in FAILURES)
        if order.stop_rule.is_broken(failures - tolerated, here.total()):
            reason = f"{failures} of the {here.total()} targets of stage {stage + 1} failed or expired."
            return changes | {"state": "stopped", "reason": reason}, 0
        if here["waiting"]:
            free = sending.MAX_SENT if isinstance(order.what, StationJob) else order.at_once - here["sent"]
            as_it_is = {**rollout, **changes}
            return changes, await sending.send(connection, as_it_is, order, free, now) if free > 0 else 0
        if here["sent"]:
            return changes, 0
        if stage + 1 >= len(order.stages):
            await _finish(connection, rollout, order, now)
            return changes | {"state": "finished", "stage_ended_at": now, "ended_at": now}, 0
        if ended_at is None:
            ended_at = changes["stage_ended_at"] = now
        if now < ended_at + timedelta(seconds=order.stages[stage].wait_s):
            return changes, 0
        stage, tolerated, ended_at = stage + 1, 0, None
        changes |= {"stage": stage, "tolerated": 0, "stage_ended_at": None}


async def _finish(connection: AsyncConnection, rollout: Mapping[Any, Any], order: RolloutOrder, now: datetime) -> None:
    """Tariffs that every edge has are the hub's own from here on."""
    if isinstance(order.what, Tariffs):
        for each in order.what.tariffs:
            await tariffs.put(connection, rollout["domain"], TARIFF.validate_python(each), now)


async def _is_watched(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime) -> bool:
    its = rollout_steps.c
    mine = (its.domain == rollout["domain"], its.rollout_id == rollout["id"])
    awaited = (its.state == "sent") | ((its.state == "expired") & (its.changed_at > now - LATE_NEWS))
    return (await connection.execute(select(its.number).where(*mine, awaited).limit(1))).first() is not None


# --- what people want of it ---


async def pause(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime) -> None:
    await change(connection, rollout, now, state="paused", reason="")


async def resume(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime, *, retries: bool) -> None:
    """Go on where it stood, from the stage of the first that is tried again. What failed meanwhile is tolerated."""
    its = rollout_steps.c
    mine = (its.domain == rollout["domain"], its.rollout_id == rollout["id"])
    failed = (*mine, its.state.in_(FAILURES))
    goes_on: dict[str, Any] = {"state": "running", "reason": "", "is_watched": True, "ended_at": None}
    if retries:
        first = await connection.scalar(select(func.min(its.stage)).where(*failed))
        if first is not None:
            goes_on |= {"stage": first, "stage_ended_at": None, "tolerated": 0}
        again = {"state": "waiting", "attempt": its.attempt + 1, "command_id": None, "job_id": None}
        fresh = {"document_version": None, "is_recalled": False, "changed_at": now}
        await connection.execute(update(rollout_steps).where(*failed).values(**again, **fresh))
    else:
        here = select(func.count()).select_from(rollout_steps).where(*failed, its.stage == rollout["stage"])
        goes_on["tolerated"] = await connection.scalar(here)
    await change(connection, rollout, now, **goes_on)


async def cancel(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime) -> None:
    """For ever: what was not told is never told, and of tariffs every edge goes back to the hub's own."""
    its = rollout_steps.c
    waiting = (its.domain == rollout["domain"], its.rollout_id == rollout["id"], its.state == "waiting")
    skipped = {"state": "skipped", "detail": "The rollout was cancelled.", "changed_at": now}
    await connection.execute(update(rollout_steps).where(*waiting).values(**skipped))
    if rollout["kind"] == TARIFFS:
        await next_version(connection, rollout["domain"], TARIFFS)
    await change(connection, rollout, now, state="cancelled", reason="", is_watched=True, ended_at=now)


# --- who hears of it ---


async def _told(connection: AsyncConnection, row: RowMapping, now: datetime) -> FeedEvent:
    names = ("id", "name", "kind", "state", "reason", "stage", "targets", "created_at", "changed_at", "ended_at")
    total: Counter[str] = sum((await counts_of(connection, row)).values(), Counter())
    document = {name: row[name] for name in names} | {"stage": row["stage"] + 1, "counts": dict(total)}
    return _event(row["domain"], FeedKind.ROLLOUT, document, now)


async def _raise(connection: AsyncConnection, row: RowMapping, now: datetime) -> FeedEvent:
    """An alarm of the hub itself: it is of no edge."""
    raised = {
        **dict.fromkeys(("location_id", "station_id", "evse_id", "cleared_at")),
        "domain": row["domain"],
        "id": f"rollout-{row['id']}-{now:%Y%m%dT%H%M%S%f}",
        "edge_id": "",
        "alarm_id": _alarm_id(row),
        "alarm": "rollout_stopped",
        "severity": "warning",
        "text": f"Rollout {row['name'] or row['id']} has stopped: {row['reason']}",
        "raised_at": now,
    }
    await connection.execute(insert(alarms).values(**raised))
    return _event(row["domain"], FeedKind.ALARM, alarm_document(raised), now)


async def _clear(connection: AsyncConnection, row: RowMapping, now: datetime) -> list[FeedEvent]:
    its = alarms.c
    mine = (its.domain == row["domain"], its.edge_id == "", its.alarm_id == _alarm_id(row), its.cleared_at.is_(None))
    cleared = await connection.execute(update(alarms).where(*mine).values(cleared_at=now).returning(alarms))
    return [_event(row["domain"], FeedKind.ALARM, alarm_document(each), now) for each in cleared.mappings().all()]


def _alarm_id(row: RowMapping) -> str:
    return f"rollout.{row['id']}"


def _event(domain: int, kind: FeedKind, document: dict[str, Any], now: datetime) -> FeedEvent:
    return FeedEvent(domain=domain, kind=kind, at=now, location_id=None, data=to_json(document).decode())
