"""`/v1/security-events` and `/v1/certificates`: what stations report of their security, and what they come in with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from cloud.rest.access import Reader
from cloud.rest.context import TheHub
from cloud.rest.paging import read_page
from cloud.rest.problems import documented
from cloud.security import queries
from cloud.store.documents import certificate_document, security_event_document


class SecurityEvent(BaseModel):
    """The events of one type that a station reported (OCPP 2.0.1 A04). `tech_info` is of the last one; `is_critical` as
    the standard has it. Those that a person should look at are alarms, too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "4b1f0c22d1e98a7360aa",
                    "edge_id": "edge-1",
                    "station_id": "CP-1",
                    "type": "TamperDetectionActivated",
                    "is_critical": True,
                    "count": 2,
                    "first_at": "2026-03-02T08:31:00Z",
                    "last_at": "2026-03-09T07:12:45Z",
                    "tech_info": "door open",
                }
            ]
        }
    )

    id: str
    edge_id: str
    station_id: str
    type: str
    is_critical: bool
    count: int
    first_at: datetime
    last_at: datetime
    tech_info: str | None


class Certificate(BaseModel):
    """A certificate that a site CA signed for a station. `accepted_at`: the station has taken it into use."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "edge_id": "edge-1",
                    "station_id": "CP-1",
                    "serial_number": "3F0A9C",
                    "certificate_type": "ChargingStationCertificate",
                    "common_name": "CP-1",
                    "fingerprint": "ab" * 32,
                    "not_before": "2026-03-02T07:31:00Z",
                    "not_after": "2027-03-02T08:31:00Z",
                    "issued_at": "2026-03-02T08:31:00Z",
                    "accepted_at": "2026-03-02T08:31:02Z",
                    "revoked_at": None,
                }
            ]
        }
    )

    edge_id: str
    station_id: str
    serial_number: str
    certificate_type: str
    common_name: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


class SecurityEventPage(BaseModel):
    """A page of security events; `next_cursor` is null on the last one."""

    items: list[SecurityEvent]
    next_cursor: str | None


class CertificatePage(BaseModel):
    """A page of certificates; `next_cursor` is null on the last one."""

    items: list[Certificate]
    next_cursor: str | None


async def list_security_events(
    hub: TheHub, who: Reader, wanted: Annotated[queries.SecurityEventQuery, Query()]
) -> Response:
    """Security events by station and type, those first seen latest first."""
    query = queries.events(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.EVENT_SORT, security_event_document, is_newest_first=True)


async def list_certificates(hub: TheHub, who: Reader, wanted: Annotated[queries.CertificateQuery, Query()]) -> Response:
    """The stations' certificates, the newest first."""
    query = queries.certificates(who.domain, wanted)
    return await read_page(hub, query, wanted, queries.CERTIFICATE_SORT, certificate_document, is_newest_first=True)


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Security"])
    router.get("/security-events", response_model=SecurityEventPage, responses=documented(400))(list_security_events)
    router.get("/certificates", response_model=CertificatePage, responses=documented(400))(list_certificates)
    return router
