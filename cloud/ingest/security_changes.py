"""Security events and certificates of stations, from the journal into the tables that people ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import assert_never

import orjson
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest.changes import Origin, Row, SecurityBody
from cloud.store.engine import insert_missing, upsert
from cloud.store.station_tables import security_events, station_certificates
from protocols.sync.upkeep import CertificateAccepted, CertificateIssued, CertificateRevoked, SecurityEventSeen


async def write(connection: AsyncConnection, origin: Origin, told: Sequence[tuple[SecurityBody, datetime]]) -> None:
    """Bring the tables up to what a batch tells, in its order."""
    for body, at in told:
        match body:
            case SecurityEventSeen():
                changing = ("is_critical", "count", "last_at", "tech_info")
                await connection.execute(upsert(connection, security_events, *changing), _event_row(body, at, origin))
            case CertificateIssued():
                await connection.execute(
                    insert_missing(connection, station_certificates), _certificate_row(body, at, origin)
                )
            case CertificateAccepted(serial_number=serial_number):
                await _mark(connection, origin, serial_number, "accepted_at", at)
            case CertificateRevoked(serial_number=serial_number):
                await _mark(connection, origin, serial_number, "revoked_at", at)
            case _:
                assert_never(body)


async def _mark(connection: AsyncConnection, origin: Origin, serial_number: str, column: str, at: datetime) -> None:
    table = station_certificates
    here = (table.c.domain == origin.address.domain, table.c.edge_id == origin.address.edge_id)
    await connection.execute(update(table).where(*here, table.c.serial_number == serial_number).values({column: at}))


def _event_row(body: SecurityEventSeen, at: datetime, origin: Origin) -> Row:
    name = orjson.dumps([origin.address.edge_id, body.station_id, body.type])
    return {
        **origin.key,
        "id": blake2b(name, digest_size=10).hexdigest(),
        "station_id": body.station_id,
        "type": body.type,
        "is_critical": body.is_critical,
        "count": body.count,
        "first_at": at,
        "last_at": at,
        "tech_info": body.tech_info,
    }


def _certificate_row(body: CertificateIssued, at: datetime, origin: Origin) -> Row:
    names = ("station_id", "serial_number", "certificate_type", "common_name", "fingerprint")
    facts = {name: getattr(body, name) for name in names}
    times = {"not_before": body.not_before, "not_after": body.not_after, "issued_at": at}
    return {**origin.key, **facts, **times, "accepted_at": None, "revoked_at": None}
