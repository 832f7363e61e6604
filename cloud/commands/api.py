"""`/v1/commands`: remote start, remote stop, and what became of every command.

A command is kept until the broker has it, and never executed late.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row
from starlette.responses import Response

from cloud.commands import queries
from cloud.rest.access import Operator, Reader
from cloud.rest.context import Hub, TheHub
from cloud.rest.fields import EvseNumber, GivenName
from cloud.rest.paging import answer, read_page
from cloud.rest.problems import Problem, documented, not_found
from cloud.store.keys import Principal

ExpiresIn = Annotated[
    int, Field(ge=1, le=86_400, description="Seconds of site time after which it must not be executed any more.")
]


class RemoteStart(BaseModel):
    """Start a transaction. `edge_id` is needed only where several edges have a station of this name and not just one
    has it connected."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"station_id": "CP-1", "evse_id": 1, "token_uid": "04A2B3C4"}]}
    )

    station_id: GivenName
    evse_id: EvseNumber
    token_uid: GivenName
    edge_id: GivenName | None = None
    expires_in_s: ExpiresIn = 60


class RemoteStop(BaseModel):
    """Stop a running transaction, which is a session's id."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"transaction_id": "edge-1-4f1c-12"}]})

    transaction_id: GivenName
    expires_in_s: ExpiresIn = 60


class Command(BaseModel):
    """A command and what became of it.

    queued: the broker does not have it yet; sent; taken: the edge executes it, once; then accepted, rejected or failed
    (`detail` says why), or expired: nobody took it in time, as far as is known. The outcome comes with the edge's
    journal, and may be late where the edge was cut off. `operation` and `body` say what was asked of the station,
    `result` what it told.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "5f0c8f1e-6f0a-4f6e-9f57-0c1f6f8a4b11",
                    "command": "remote_start",
                    "operation": None,
                    "edge_id": "edge-1",
                    "station_id": "CP-1",
                    "evse_id": 1,
                    "transaction_id": None,
                    "token_uid": "04A2B3C4",
                    "detail": "",
                    "body": None,
                    "result": None,
                    "issued_at": "2026-03-02T08:30:00Z",
                    "expires_at": "2026-03-02T08:31:00Z",
                    "finished_at": "2026-03-02T08:30:01Z",
                    "status": "accepted",
                }
            ]
        }
    )

    id: str
    command: queries.Kind
    operation: str | None
    edge_id: str
    station_id: str | None
    evse_id: int | None
    transaction_id: str | None
    token_uid: str | None
    detail: str
    body: dict[str, Any] | None
    result: dict[str, Any] | None
    issued_at: datetime
    expires_at: datetime
    finished_at: datetime | None
    status: queries.Status


class CommandPage(BaseModel):
    """A page of commands; `next_cursor` is null on the last one."""

    items: list[Command]
    next_cursor: str | None


async def list_commands(hub: TheHub, who: Reader, wanted: Annotated[queries.CommandQuery, Query()]) -> Response:
    """Commands, the latest first."""
    query = queries.many(who.domain, wanted, hub.clock())
    return await read_page(hub, query, wanted, queries.SORT, queries.shown, is_newest_first=True)


async def get_command(hub: TheHub, who: Reader, command_id: str) -> Response:
    """One command with its outcome."""
    return answer(await shown(hub, who, command_id))


async def remote_start(hub: TheHub, who: Operator, wanted: RemoteStart) -> Response:
    """Ask a station to start a transaction; follow the command to learn the outcome."""
    async with hub.store.read() as connection:
        query = queries.places(who.domain, wanted.station_id, wanted.evse_id)
        places = (await connection.execute(query)).all()
    edge_id = home_of(places, wanted.edge_id)
    if edge_id is None:
        raise not_found("EVSE", f"{wanted.station_id}*{wanted.evse_id}")
    what = {
        "command": "remote_start",
        "edge_id": edge_id,
        "station_id": wanted.station_id,
        "evse_id": wanted.evse_id,
        "token_uid": wanted.token_uid,
    }
    return answer_issued(await issue(hub, who, what, wanted.expires_in_s))


async def remote_stop(hub: TheHub, who: Operator, wanted: RemoteStop) -> Response:
    """Ask the station to stop a running transaction; follow the command to learn the outcome."""
    async with hub.store.read() as connection:
        row = (await connection.execute(queries.session(who.domain, wanted.transaction_id))).one_or_none()
    if row is None:
        raise not_found("transaction", wanted.transaction_id)
    if row.status != "ACTIVE":
        raise Problem(409, "transaction_over", "The transaction has ended already.")
    what = {
        "command": "remote_stop",
        "edge_id": row.edge_id,
        "station_id": row.station_id,
        "evse_id": row.evse_id,
        "transaction_id": row.id,
    }
    return answer_issued(await issue(hub, who, what, wanted.expires_in_s))


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/commands", tags=["Commands"])
    router.get("", response_model=CommandPage, responses=documented(400))(list_commands)
    router.get("/{command_id}", response_model=Command, responses=documented(404))(get_command)
    for path, handler in (("/remote-start", remote_start), ("/remote-stop", remote_stop)):
        router.post(path, response_model=Command, status_code=202, responses=documented(404, 409))(handler)
    return router


def home_of(places: Sequence[Row[Any]], wanted: str | None) -> str | None:
    """The edge to ask, of those that have the station; None where none has. Raises Problem where several have."""
    edge_ids = [place.edge_id for place in places]
    online = [place.edge_id for place in places if place.is_online]
    if len(edge_ids) > 1 and len(online) == 1:
        edge_ids = online  # the agents of a node share their stations: each is with one of them
    if wanted is not None:
        edge_ids = [place.edge_id for place in places if place.edge_id == wanted]
    if len(edge_ids) > 1:
        raise Problem(409, "station_ambiguous", "Several edges have a station of this name; say which with edge_id.")
    return edge_ids[0] if edge_ids else None


def answer_issued(command: dict[str, Any]) -> Response:
    """The command, and where its outcome will be while it has none."""
    is_ended = command["status"] in queries.ENDED
    return answer(command, 200 if is_ended else 202, {"Location": f"/v1/commands/{command['id']}"})


async def issue(hub: Hub, who: Principal, what: dict[str, Any], expires_in_s: int) -> dict[str, Any]:
    """Keep the command and wake the way down."""
    now = hub.clock()
    row = {
        **what,
        "domain": who.domain,
        "id": str(uuid.uuid4()),
        "issued_at": now,
        "expires_at": now + timedelta(seconds=expires_in_s),
        "issued_by": who.key_id,
    }
    async with hub.store.write() as connection:
        await queries.add(connection, row)
    hub.down_bell.ring()
    return await shown(hub, who, row["id"])


async def shown(hub: Hub, who: Principal, command_id: str) -> dict[str, Any]:
    async with hub.store.read() as connection:
        query = queries.one(who.domain, command_id, hub.clock())
        row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found("command", command_id)
    return queries.shown(row)
