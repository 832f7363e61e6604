"""The way down: desired documents and commands, both rows first and messages second.

A row waits until the broker has its message, so nothing is lost while the broker is away; a command that expires
before that is never sent. Sending twice is harmless: an edge remembers the ids of commands and the versions it applied.
So an edge that is born, perhaps at another broker than before, is sent again what it has not answered.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Final

import orjson
from pydantic import TypeAdapter
from sqlalchemy import RowMapping, and_, bindparam, or_, select, update

from cloud.ingest.desired_documents import DesiredDocuments
from cloud.ingest.parted_lists import Publish
from cloud.store.engine import Store
from cloud.store.tables import commands, edges
from protocols.charger.operation_reader import validate_operation
from protocols.sync.codec import encode
from protocols.sync.down import (
    CallStation,
    CancelJob,
    Command,
    Operate,
    RemoteStart,
    RemoteStop,
    StartJob,
)
from protocols.sync.topics import EdgeAddress

BATCH_COMMANDS: Final = 100
_START_JOB: Final = TypeAdapter(StartJob)
_CANCEL_JOB: Final = TypeAdapter(CancelJob)


class Downlink:
    """One per connection to the broker: it remembers what this connection has published."""

    def __init__(self, store: Store, broker: str, publish: Publish) -> None:
        self._store = store
        self._broker = broker
        self._publish = publish
        self._born: set[EdgeAddress] = set()
        self._documents = DesiredDocuments(store, broker, publish)

    def forget(self, address: EdgeAddress) -> None:
        """The edge was born anew, at this broker: compare its documents again, and repeat what it has not answered."""
        self._documents.forget(address)
        self._born.add(address)

    async def flush(self, now: datetime) -> bool:
        """Publish what waits. Returns whether there may be more commands: a rollout brings thousands at once."""
        has_more = await self._send_commands(now)
        await self._documents.flush(now)
        return has_more

    async def _send_commands(self, now: datetime) -> bool:
        """Send what waits and is not too late; what is too late is marked so and never sent."""
        await self._repeat_commands(now)
        edge = and_(edges.c.domain == commands.c.domain, edges.c.edge_id == commands.c.edge_id)
        is_here = or_(edges.c.status_broker.is_(None), edges.c.status_broker == self._broker)
        waiting = select(commands).outerjoin(edges, edge).where(commands.c.status == "queued", is_here)
        async with self._store.read() as connection:
            query = waiting.order_by(commands.c.issued_at).limit(BATCH_COMMANDS)
            rows = (await connection.execute(query)).mappings().all()
        marks = []
        for row in rows:
            status, detail = await self._send_command(row, now)
            its = {"of_domain": row["domain"], "of_id": row["id"]}
            marks.append({**its, "its_status": status, "its_detail": detail})
        if marks:
            mine = (commands.c.domain == bindparam("of_domain"), commands.c.id == bindparam("of_id"))
            mark = update(commands).where(*mine, commands.c.status == "queued")
            mark = mark.values(status=bindparam("its_status"), detail=bindparam("its_detail"))
            async with self._store.write() as connection:
                await connection.execute(mark, marks)
        return len(rows) == BATCH_COMMANDS

    async def _send_command(self, row: RowMapping, now: datetime) -> tuple[str, str]:
        """What became of it, and why."""
        if row["expires_at"] <= now:
            return "expired", "The broker could not be reached in time; the command was never sent."
        try:
            command = _command(row)
        except ValueError as error:  # kept by another version of the hub, and not understood by this one
            return "failed", f"The command cannot be read and was not sent: {error}"[:500]
        address = EdgeAddress(row["domain"], row["edge_id"])
        await self._publish(address.command(row["id"]), encode(command), False)
        return "sent", ""

    async def _repeat_commands(self, now: datetime) -> None:
        """What was sent to edges that are born since, perhaps to where they were before."""
        while self._born:
            address = next(iter(self._born))
            sent = select(commands).where(
                commands.c.domain == address.domain,
                commands.c.edge_id == address.edge_id,
                commands.c.status == "sent",
                commands.c.expires_at > now,
            )
            async with self._store.read() as connection:
                rows = (await connection.execute(sent.order_by(commands.c.issued_at))).mappings().all()
            for row in rows:
                with contextlib.suppress(ValueError):  # of another version of the hub, which could read it
                    await self._publish(address.command(row["id"]), encode(_command(row)), False)
            self._born.discard(address)


def _command(row: RowMapping) -> Command:
    body: RemoteStart | RemoteStop | Operate | CallStation | StartJob | CancelJob
    station_id = row["station_id"]
    match row["command"]:
        case "remote_start":
            body = RemoteStart(station_id=station_id, evse_id=row["evse_id"], token_uid=row["token_uid"])
        case "remote_stop":
            body = RemoteStop(transaction_id=row["transaction_id"])
        case "operate":
            body = Operate(station_id=station_id, operation=validate_operation(orjson.loads(row["body"])))
        case "start_job":
            body = _START_JOB.validate_json(row["body"])
        case "cancel_job":
            body = _CANCEL_JOB.validate_json(row["body"])
        case _:
            body = CallStation(station_id=station_id, action=row["operation"], payload=orjson.loads(row["body"]))
    return Command(id=row["id"], issued_at=row["issued_at"], expires_at=row["expires_at"], body=body)
