"""What people at the site decided upon bills: the bill says so, and its session shows the one that is in force."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin
from cloud.store.tables import cdrs, sessions
from protocols.sync.corrections import BillDecided


async def write(connection: AsyncConnection, origin: Origin, decided: Sequence[BillDecided]) -> None:
    """To be called when the batch's bills are written: what was issued instead is the session's bill already."""
    for each in decided:
        await connection.execute(
            update(cdrs)
            .where(
                cdrs.c.domain == origin.address.domain,
                cdrs.c.edge_id == origin.address.edge_id,
                cdrs.c.id == each.cdr_id,
            )
            .values(status=each.decision.value)
        )
        if each.credit_cdr_id is not None:
            await connection.execute(
                update(sessions)
                .where(
                    sessions.c.domain == origin.address.domain,
                    sessions.c.edge_id == origin.address.edge_id,
                    sessions.c.id == each.session_id,
                    sessions.c.cdr_id == each.cdr_id,
                )
                .values(cdr_id=None, cost_excl_vat=None, cost_incl_vat=None)
            )
