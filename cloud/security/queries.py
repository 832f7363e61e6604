"""The questions about security events and certificates."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from cloud.rest.fields import Name
from cloud.rest.paging import PageQuery, narrowed
from cloud.store.station_tables import security_events, station_certificates

EVENT_SORT = (security_events.c.first_at, security_events.c.id)
CERTIFICATE_SORT = (station_certificates.c.issued_at, station_certificates.c.serial_number)


class SecurityEventQuery(PageQuery):
    """Filters of the list of security events; all given ones must hold."""

    edge_id: Name | None = None
    station_id: Name | None = None
    type: Name | None = None


class CertificateQuery(PageQuery):
    """Filters of the list of certificates; all given ones must hold."""

    edge_id: Name | None = None
    station_id: Name | None = None


def events(domain: int, wanted: SecurityEventQuery) -> Select[Any]:
    query = select(security_events).where(security_events.c.domain == domain)
    return narrowed(query, security_events, wanted, "edge_id", "station_id", "type")


def certificates(domain: int, wanted: CertificateQuery) -> Select[Any]:
    query = select(station_certificates).where(station_certificates.c.domain == domain)
    return narrowed(query, station_certificates, wanted, "edge_id", "station_id")
