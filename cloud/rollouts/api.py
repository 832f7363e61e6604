"""`/v1/rollouts`: the same done at many stations or sites, all at once or stage by stage, with its progress.

What is told is commands of `/v1/commands`, jobs of `/v1/jobs`, and desired documents: a rollout only says when.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, Final
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, JsonValue
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from cloud.rest.access import Operator, Reader
from cloud.rest.context import Hub, TheHub
from cloud.rest.fields import GivenName
from cloud.rest.paging import answer, read_page, read_page_together
from cloud.rest.problems import Problem, documented, not_found
from cloud.rest.tariff_bodies import read as read_tariff
from cloud.rollouts import moving, queries
from cloud.rollouts.moving import State, StepState
from cloud.rollouts.order import EXAMPLE, Call, RolloutOrder, Tariffs, stages_of
from cloud.rollouts.targets import Target, choose
from cloud.store.engine import insert_missing
from cloud.store.keys import Principal, Scope
from cloud.store.rollout_tables import UNFINISHED, rollout_steps, rollouts
from cloud.store.tariffs import TARIFF, TARIFFS
from cloud.store.versions import next_version

_KEYS: Final = UUID("0b7f2ad8-3a2b-4a55-8d0e-9f2f3f0a7c11")
_ID: Final = "2f1f7a0e-2f86-4b5d-8f0b-5a1f1a2e7c10"
_ROLLOUT: Final[dict[str, JsonValue]] = {
    "id": _ID,
    "name": "V2 to 1.3",
    "kind": "job",
    "state": "running",
    "reason": "",
    "stage": 2,
    "targets": 40,
    "counts": {"done": 2, "sent": 3, "waiting": 35},
    "created_at": "2026-03-02T08:30:00Z",
    "changed_at": "2026-03-02T09:31:00Z",
    "ended_at": None,
}
IdempotencyKey = Annotated[
    GivenName | None,
    Header(description="The same key asks for the same rollout again: it is made once, and answered each time."),
]
Step = Callable[[AsyncConnection, Mapping[Any, Any], datetime], Awaitable[None]]


class Rollout(BaseModel):
    """running; paused by somebody; stopped by its own rule (`reason`); finished; cancelled. `stage` is the open one,
    counted from 1. `counts`: targets that are waiting, sent, done, failed, expired (nobody took it in time, as far as
    is known) and skipped."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ROLLOUT]})

    id: str
    name: str
    kind: str
    state: State
    reason: str
    stage: int
    targets: int
    counts: dict[StepState, int]
    created_at: datetime
    changed_at: datetime
    ended_at: datetime | None


class StageProgress(BaseModel):
    """A stage as it was asked for, and how far its targets are."""

    count: int | None
    percent: float | None
    wait_s: int
    targets: int
    counts: dict[StepState, int]


class WholeRollout(Rollout):
    """A rollout with its stages and what was asked. `next_stage_at`: the open one has ended well, and this is waited
    for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _ROLLOUT
                | {
                    "stages": [
                        {"count": 1, "percent": None, "wait_s": 3600, "targets": 1, "counts": {"done": 1}},
                        {"count": None, "percent": 10, "wait_s": 3600, "targets": 3, "counts": {"done": 1, "sent": 2}},
                        {"count": None, "percent": 100, "wait_s": 0, "targets": 36, "counts": {"waiting": 36}},
                    ],
                    "next_stage_at": None,
                    "order": EXAMPLE,
                }
            ]
        }
    )

    stages: list[StageProgress]
    next_stage_at: datetime | None
    order: dict[str, Any]


class RolloutPage(BaseModel):
    """A page of rollouts; `next_cursor` is null on the last one."""

    items: list[Rollout]
    next_cursor: str | None


class RolloutTarget(BaseModel):
    """A target, and how far it is: follow `command_id` at `/v1/commands`, `job_id` at `/v1/jobs`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "number": 1,
                    "stage": 1,
                    "edge_id": "edge-1",
                    "station_id": "CP-1",
                    "transaction_id": None,
                    "state": "done",
                    "attempt": 1,
                    "command_id": "5f0c8f1e-6f0a-5f6e-9f57-0c1f6f8a4b11",
                    "job_id": "edge-1-0f6f1f6e-12",
                    "document_version": None,
                    "expires_at": "2026-03-02T08:40:00Z",
                    "detail": "1.3 is there",
                    "changed_at": "2026-03-02T08:44:00Z",
                }
            ]
        }
    )

    number: int
    stage: int
    edge_id: str
    station_id: str | None
    transaction_id: str | None
    state: StepState
    attempt: int
    command_id: str | None
    job_id: str | None
    document_version: int | None
    expires_at: datetime | None
    detail: str
    changed_at: datetime


class TargetPage(BaseModel):
    """A page of a rollout's targets; `next_cursor` is null on the last one."""

    items: list[RolloutTarget]
    next_cursor: str | None


async def list_rollouts(hub: TheHub, who: Reader, wanted: Annotated[queries.RolloutQuery, Query()]) -> Response:
    """Rollouts, the latest first."""
    query = queries.many(who.domain, wanted)
    return await read_page_together(hub, query, wanted, queries.SORT, queries.shown_together, is_newest_first=True)


async def get_rollout(hub: TheHub, who: Reader, rollout_id: str) -> Response:
    """One rollout, with how far each stage is."""
    return answer(await _shown(hub, who.domain, rollout_id))


async def list_targets(
    hub: TheHub, who: Reader, rollout_id: str, wanted: Annotated[queries.TargetQuery, Query()]
) -> Response:
    """The targets of a rollout, in their order."""
    async with hub.store.read() as connection:
        row = (await connection.execute(queries.one(who.domain, rollout_id))).one_or_none()
    if row is None:
        raise not_found("rollout", rollout_id)
    query = queries.steps(who.domain, rollout_id, wanted)
    return await read_page(hub, query, wanted, queries.STEP_SORT, queries.step_shown)


async def begin_rollout(
    hub: TheHub, who: Operator, order: RolloutOrder, idempotency_key: IdempotencyKey = None
) -> Response:
    """Begin a rollout. Its targets are fixed now, and the order in which they have their turn."""
    if isinstance(order.what, Call) and not who.scope.includes(Scope.ADMIN):
        raise Problem(403, "scope_too_small", f"A call of OCPP needs the scope admin; the key has {who.scope}.")
    digest = blake2b(order.model_dump_json().encode(), digest_size=16).hexdigest()
    rollout_id = str(uuid4() if idempotency_key is None else uuid5(_KEYS, f"{who.domain}/{idempotency_key}"))
    now = hub.clock()
    kept = _kept(order, now)
    async with hub.store.read() as connection:  # tens of thousands are looked at: who writes waits for none of it
        is_new = not await _is_known(connection, who.domain, rollout_id, digest)
        targets = await choose(connection, who.domain, order) if is_new else []
    if is_new:
        async with hub.store.write() as connection:
            is_new = await _begin(connection, who, rollout_id, kept, digest, targets, now)
            if not is_new:  # the same was asked at the same moment
                await _is_known(connection, who.domain, rollout_id, digest)
    hub.feed_bell.ring()
    hub.down_bell.ring()
    whole = await _shown(hub, who.domain, rollout_id)
    return answer(whole, 201 if is_new else 200, {"Location": f"/v1/rollouts/{rollout_id}"})


async def pause_rollout(hub: TheHub, who: Operator, rollout_id: str) -> Response:
    """Tell no further targets until it is resumed. Those that were told go on, and so do jobs at the edges."""
    return await _change(hub, who, rollout_id, ("running",), moving.pause)


async def resume_rollout(
    hub: TheHub,
    who: Operator,
    rollout_id: str,
    retry_failed: Annotated[bool, Query(description="Try those again that failed or expired.")] = False,
) -> Response:
    """Go on where it stands. Of one that is finished, failed targets can be tried again."""

    async def resume(connection: AsyncConnection, rollout: Mapping[Any, Any], now: datetime) -> None:
        if rollout["state"] == "finished" and rollout["kind"] == TARIFFS:
            raise Problem(409, "rollout_state", "Its tariffs are the hub's own by now; every edge is told of them.")
        await moving.resume(connection, rollout, now, retries=retry_failed)

    may_be = ("paused", "stopped", "finished") if retry_failed else ("paused", "stopped")
    return await _change(hub, who, rollout_id, may_be, resume)


async def cancel_rollout(hub: TheHub, who: Operator, rollout_id: str) -> Response:
    """Tell no further targets, ever. Jobs at edges are cancelled; of tariffs every edge goes back to the hub's own."""
    return await _change(hub, who, rollout_id, UNFINISHED, moving.cancel)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/rollouts", tags=["Rollouts"])
    router.get("", response_model=RolloutPage, responses=documented(400))(list_rollouts)
    begun = documented(404, 409) | {
        200: {"model": WholeRollout, "description": "It was begun before, by the same key."}
    }
    router.post("", response_model=WholeRollout, status_code=201, responses=begun)(begin_rollout)
    router.get("/{rollout_id}", response_model=WholeRollout, responses=documented(404))(get_rollout)
    router.get("/{rollout_id}/targets", response_model=TargetPage, responses=documented(400, 404))(list_targets)
    for verb, handler in (("pause", pause_rollout), ("resume", resume_rollout), ("cancel", cancel_rollout)):
        router.post(f"/{{rollout_id}}/{verb}", response_model=WholeRollout, responses=documented(404, 409))(handler)
    return router


def _kept(order: RolloutOrder, now: datetime) -> RolloutOrder:
    """As it is carried out: tariffs are checked, and completed. Raises Problem."""
    if not isinstance(order.what, Tariffs):
        return order
    documents = tuple(TARIFF.dump_python(read_tariff(each, now), mode="json") for each in order.what.tariffs)
    return order.model_copy(update={"what": order.what.model_copy(update={"tariffs": documents})})


async def _is_known(connection: AsyncConnection, domain: int, rollout_id: str, digest: str) -> bool:
    """Raises Problem where the key was used for something else."""
    row = (await connection.execute(queries.one(domain, rollout_id))).mappings().one_or_none()
    if row is not None and row["digest"] != digest:
        raise Problem(409, "idempotency_key_reused", "This Idempotency-Key was sent with another rollout.")
    return row is not None


async def _expect_no_other(connection: AsyncConnection, domain: int, but: str) -> None:
    """Who takes a version holds the document until the commit: of two who begin at once, one sees the other."""
    await next_version(connection, domain, TARIFFS)
    its = rollouts.c
    query = select(its.id).where(its.domain == domain, its.kind == TARIFFS, its.state.in_(UNFINISHED), its.id != but)
    if (other := await connection.scalar(query)) is not None:
        raise Problem(409, "tariffs_under_way", f"Rollout {other} brings tariffs already: let it finish, or cancel it.")


async def _begin(
    connection: AsyncConnection,
    who: Principal,
    rollout_id: str,
    order: RolloutOrder,
    digest: str,
    targets: list[Target],
    now: datetime,
) -> bool:
    """Whether it was not there yet."""
    if isinstance(order.what, Tariffs):
        await _expect_no_other(connection, who.domain, rollout_id)
    row = {
        "domain": who.domain,
        "id": rollout_id,
        "name": order.name,
        "kind": order.what.kind,
        "document": order.model_dump_json(),
        "digest": digest,
        "state": "running",
        "reason": "",
        "targets": len(targets),
        "stage": 0,
        "stage_ended_at": None,
        "tolerated": 0,
        "is_watched": True,
        "created_at": now,
        "changed_at": now,
        "ended_at": None,
        "issued_by": who.key_id,
    }
    if not (await connection.execute(insert_missing(connection, rollouts), row)).rowcount:
        return False
    empty = dict.fromkeys(("command_id", "job_id", "document_version", "expires_at"))
    fresh = {**empty, "state": "waiting", "attempt": 1, "is_recalled": False, "detail": "", "changed_at": now}
    steps = [
        {
            **fresh,
            "domain": who.domain,
            "rollout_id": rollout_id,
            "number": number,
            "stage": stage,
            "edge_id": target.edge_id,
            "station_id": target.station_id,
            "transaction_id": target.transaction_id,
        }
        for number, (target, stage) in enumerate(zip(targets, stages_of(order.stages, len(targets)), strict=True))
    ]
    await connection.execute(insert(rollout_steps), steps)
    await moving.change(connection, row, now)
    return True


async def _change(hub: Hub, who: Principal, rollout_id: str, may_be: tuple[str, ...], step: Step) -> Response:
    async with hub.store.write() as connection:
        row = (await connection.execute(moving.locked(who.domain, rollout_id))).mappings().one_or_none()
        if row is None:
            raise not_found("rollout", rollout_id)
        if row["state"] not in may_be:
            raise Problem(409, "rollout_state", f"The rollout is {row['state']}; this is for {', '.join(may_be)}.")
        await step(connection, row, hub.clock())
    hub.feed_bell.ring()
    hub.down_bell.ring()
    return answer(await _shown(hub, who.domain, rollout_id))


async def _shown(hub: Hub, domain: int, rollout_id: str) -> dict[str, Any]:
    async with hub.store.read() as connection:
        row = (await connection.execute(queries.one(domain, rollout_id))).mappings().one_or_none()
        if row is None:
            raise not_found("rollout", rollout_id)
        return await queries.shown_whole(connection, row)
