"""Reservations, from the journal into the table that people ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin, ReservationBody, Row
from cloud.store.engine import upsert
from cloud.store.station_tables import reservations
from protocols.sync.upkeep import ReservationEnded, ReservationMade


async def write(connection: AsyncConnection, origin: Origin, told: Sequence[ReservationBody]) -> None:
    """Bring the table up to what a batch tells, in its order."""
    for body in told:
        match body:
            case ReservationMade():
                made = upsert(connection, reservations, "made_at", "expires_at")  # again: the edge's clock was put on
                await connection.execute(made, _row(body, origin))
            case ReservationEnded():
                its = reservations.c
                end = update(reservations).where(
                    its.domain == origin.address.domain,
                    its.edge_id == origin.address.edge_id,
                    its.id == body.session_id,
                )
                news = {
                    "status": body.reason.value,
                    "ended_at": body.ended_at,
                    "transaction_id": body.transaction_id,
                }
                await connection.execute(end.values(news))
            case _:
                assert_never(body)


def _row(body: ReservationMade, origin: Origin) -> Row:
    names = (
        "station_id", "evse_id", "reservation_id", "token_uid", "group_id", "contract_id", "made_at", "expires_at",
    )  # fmt: skip
    return {
        **origin.key,
        **{name: getattr(body, name) for name in names},
        "id": body.session_id,
        "location_id": origin.location_id,
        "status": "standing",
        "tariff_id": body.tariff.id,
        "currency": body.tariff.currency,
        "ended_at": None,
        "transaction_id": None,
    }
