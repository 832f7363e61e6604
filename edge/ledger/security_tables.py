"""Security events, certificates and changed passwords in the ledger: what journal entries do to their tables, and what
the site reads back from them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

import msgspec

from edge.domain.site import Site
from edge.domain.station_security import SecurityTally, StationCertificate
from edge.ledger.queries import queries
from edge.ledger.rows import Rows
from protocols.sync.upkeep import (
    CertificateAccepted,
    CertificateIssued,
    CertificateRevoked,
    InstalledCertificatesReported,
    SecurityEventSeen,
    StationPasswordChanged,
    StationSecurityProfileChanged,
)

SecurityBody = (
    SecurityEventSeen
    | CertificateIssued
    | CertificateAccepted
    | CertificateRevoked
    | InstalledCertificatesReported
    | StationPasswordChanged
    | StationSecurityProfileChanged
)
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPassword:
    """What was changed about a station's password; `instead_of` is what the configuration said then."""

    station_id: str
    adopted: str | None
    offered: tuple[str, ...]
    instead_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptProfile:
    """What a station's security profile was raised to; `instead_of` is what the configuration said then."""

    station_id: str
    adopted: int | None
    offered: int | None
    instead_of: int


def keep(rows: Rows, body: SecurityBody, at: str) -> None:
    """Bring the tables up to a journal entry; `at` is its time as the ledger writes it."""
    match body:
        case SecurityEventSeen() as seen:
            rows.add("security", "put_security_event", seen.station_id, seen.type, seen.count, at, at, seen.tech_info)
        case CertificateIssued() as issued:
            rows.add(
                "certificates",
                "put_certificate",
                issued.serial_number,
                issued.station_id,
                issued.certificate_type,
                issued.common_name,
                issued.fingerprint,
                issued.not_before.isoformat(),
                issued.not_after.isoformat(),
                at,
                issued.certificate,
            )
        case CertificateAccepted() as accepted:
            rows.add("certificates", "accept_certificate", at, accepted.serial_number)
        case CertificateRevoked() as revoked:
            rows.add("certificates", "revoke_certificate", at, revoked.serial_number)
        case InstalledCertificatesReported() as told:
            rows.add("certificates", "put_installed", told.station_id, at, _encode(told.certificates))
        case StationPasswordChanged() as changed:
            _keep_password(rows, changed)
        case StationSecurityProfileChanged() as raised:
            _keep_profile(rows, raised)
        case _:
            assert_never(body)


def _keep_password(rows: Rows, changed: StationPasswordChanged) -> None:
    match changed.stage:
        case "offered":
            offered = json.dumps(changed.hashes)
            rows.add("passwords", "offer_password", changed.station_id, offered, changed.instead_of)
        case "adopted":
            rows.add("passwords", "adopt_password", changed.hashes[0], changed.station_id)
        case "withdrawn":
            rows.add("passwords", "withdraw_password", changed.station_id)


def _keep_profile(rows: Rows, changed: StationSecurityProfileChanged) -> None:
    facts = (changed.station_id, changed.security_profile, changed.instead_of)
    match changed.stage:
        case "offered":
            rows.add("security_profiles", "offer_security_profile", *facts)
        case "adopted":
            rows.add("security_profiles", "adopt_security_profile", *facts)
        case "forgotten":
            rows.add("security_profiles", "forget_security_profile", changed.station_id)


def restore_security(site: Site, connection: sqlite3.Connection) -> None:
    """What the decisions need of it: certificates in use, and how often which event was seen."""
    for station_id, serial_number, not_before, not_after in connection.execute(queries()["certificates_in_use"]):
        site.certificates[station_id] = StationCertificate(
            serial_number=serial_number,
            not_before=datetime.fromisoformat(not_before),
            not_after=datetime.fromisoformat(not_after),
        )
    for station_id, event_type, count in connection.execute(queries()["security_counts"]):
        tally = site.security.setdefault(station_id, SecurityTally())
        tally.counts[event_type] = count


def revoked_serials(connection: sqlite3.Connection) -> set[str]:
    """The certificates that are not to be believed any more, though they have not ended."""
    return {serial for (serial,) in connection.execute(queries()["revoked_certificates"])}


def kept_passwords(connection: sqlite3.Connection) -> list[KeptPassword]:
    return [
        KeptPassword(
            station_id=station_id,
            adopted=adopted,
            offered=tuple(json.loads(offered)) if offered else (),
            instead_of=instead_of,
        )
        for station_id, adopted, offered, instead_of in connection.execute(queries()["station_passwords"])
    ]


def kept_profiles(connection: sqlite3.Connection) -> list[KeptProfile]:
    return [
        KeptProfile(station_id=station_id, adopted=adopted, offered=offered, instead_of=instead_of)
        for station_id, adopted, offered, instead_of in connection.execute(queries()["station_security_profiles"])
    ]
