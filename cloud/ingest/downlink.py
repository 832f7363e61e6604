"""The way down: desired documents and commands, both rows first and messages second.

A row waits until the broker has its message, so nothing is lost while the broker is away; a command that expires
before that is never sent. Sending twice is harmless: an edge remembers the ids of commands and the versions it applied.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import orjson
from pydantic import TypeAdapter
from sqlalchemy import RowMapping, select, update

from cloud.ingest.desired_documents import DesiredDocuments, Publish
from cloud.store.engine import Store
from cloud.store.tables import commands
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

    def __init__(self, store: Store, publish: Publish) -> None:
        self._store = store
        self._publish = publish
        self._documents = DesiredDocuments(store, publish)

    def forget(self, address: EdgeAddress) -> None:
        """The edge was born anew: compare its documents again."""
        self._documents.forget(address)

    async def flush(self, now: datetime) -> None:
        """Publish all that waits."""
        await self._send_commands(now)
        await self._documents.flush(now)

    async def _send_commands(self, now: datetime) -> None:
        """Send what waits and is not too late; what is too late is marked so and never sent."""
        waiting = select(commands).where(commands.c.status == "queued").order_by(commands.c.issued_at)
        async with self._store.read() as connection:
            rows = (await connection.execute(waiting.limit(BATCH_COMMANDS))).mappings().all()
        for row in rows:
            status, detail = "sent", ""
            if row["expires_at"] <= now:
                status, detail = "expired", "The broker could not be reached in time; the command was never sent."
            else:
                try:
                    command = _command(row)
                except ValueError as error:  # kept by another version of the hub, and not understood by this one
                    status, detail = "failed", f"The command cannot be read and was not sent: {error}"[:500]
                else:
                    address = EdgeAddress(row["domain"], row["edge_id"])
                    await self._publish(address.command(row["id"]), encode(command), False)
            mark = update(commands).where(
                commands.c.domain == row["domain"], commands.c.id == row["id"], commands.c.status == "queued"
            )
            async with self._store.write() as connection:
                await connection.execute(mark.values(status=status, detail=detail))


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
