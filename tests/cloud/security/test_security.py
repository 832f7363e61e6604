"""Security events and certificates at the hub, from the journals of edges to REST."""

from __future__ import annotations

import httpx

from cloud.ingest.batches import store_batch
from cloud.store.engine import Store
from cloud.store.keys import Scope
from protocols.sync.topics import Stream
from protocols.sync.up import Entry
from protocols.sync.upkeep import CertificateAccepted, CertificateIssued, CertificateRevoked, SecurityEventSeen
from tests.cloud.rest_kit import FOREIGN, as_key, items, shown
from tests.cloud.samples import EDGE, batch, minute

Body = SecurityEventSeen | CertificateIssued | CertificateAccepted | CertificateRevoked


def journal(*bodies: Body, first: int = 1) -> list[Entry]:
    return [Entry(stream=Stream.EVENT, seq=seq, at=minute(seq), body=body) for seq, body in enumerate(bodies, first)]


def seen(count: int, station: str = "CP-1", info: str | None = None) -> SecurityEventSeen:
    return SecurityEventSeen(
        station_id=station, type="TamperDetectionActivated", count=count, is_critical=True, tech_info=info
    )


def issued(serial: str) -> CertificateIssued:
    return CertificateIssued(
        station_id="CP-1",
        certificate_type="ChargingStationCertificate",
        serial_number=serial,
        common_name="CP-1",
        fingerprint="ab",
        not_before=minute(0),
        not_after=minute(900),
        certificate="PEM",
    )


async def test_events_are_counted_by_station_and_type(store: Store, api: httpx.AsyncClient) -> None:
    entries = journal(seen(1, info="first"), seen(1, "CP-2"), seen(31, info="last"))
    for _ in range(2):  # the link was down for a moment
        await store_batch(store, EDGE, batch(entries), minute(9))
    (event,) = await items(api, "/v1/security-events?station_id=CP-1")
    assert (event["count"], event["tech_info"], event["is_critical"]) == (31, "last", True)
    assert (event["first_at"], event["last_at"]) == (
        shown(1),
        shown(3),
    )
    assert len(await items(api, "/v1/security-events")) == 2
    assert await items(api, "/v1/security-events?type=Other") == []
    assert (await api.get("/v1/security-events?nonsense=1")).status_code == 422


async def test_a_certificates_life(store: Store, api: httpx.AsyncClient) -> None:
    times = {"not_before": minute(0), "not_after": minute(900)}
    entries = journal(
        issued("0A"),
        CertificateAccepted(station_id="CP-1", serial_number="0A", **times),
        issued("0B"),
        CertificateRevoked(station_id="CP-1", serial_number="0A"),
    )
    await store_batch(store, EDGE, batch(entries), minute(9))
    newest, oldest = await items(api, "/v1/certificates")
    assert (newest["serial_number"], newest["accepted_at"], newest["revoked_at"]) == ("0B", None, None)
    assert oldest["serial_number"] == "0A"
    assert oldest["accepted_at"] == shown(2)
    assert oldest["revoked_at"] == shown(4)
    assert await items(api, "/v1/certificates?station_id=CP-2") == []


async def test_another_domain_sees_nothing(store: Store, api: httpx.AsyncClient) -> None:
    await store_batch(store, EDGE, batch(journal(seen(1), issued("0A"))), minute(9))
    api.headers.update(await as_key(store, FOREIGN, Scope.ADMIN))
    assert await items(api, "/v1/security-events") == []
    assert await items(api, "/v1/certificates") == []
