"""What the site keeps in mind of its stations' security: certificates in use, and how often which event was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRules:
    """How the site CA signs. A certificate is renewed `renew_before` its end; nothing is signed where `is_signing` is
    False. Where `is_signing_v2g` there is a sub-CA, too, that signs what stations show to vehicles: for their own name,
    or one of their `secc_ids`, which are by station."""

    is_signing: bool = False
    is_signing_v2g: bool = False
    secc_ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    renew_before: timedelta = timedelta(days=30)
    warn_before: timedelta = timedelta(days=7)
    renewals_per_tick: int = 5
    """A tick is 10 s: 1,800 stations an hour."""
    rsa_bits_at_least: int = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class StationCertificate:
    """The newest certificate that a station has taken into use."""

    serial_number: str
    not_before: datetime
    not_after: datetime


@dataclass(slots=True, kw_only=True)
class SecurityTally:
    """The security events of a station: how many of each type, and what of them was journaled lately."""

    counts: dict[str, int] = field(default_factory=dict)
    window_ends_at: datetime | None = None
    journaled: int = 0
    """Within this window."""
    left_out: dict[str, int] = field(default_factory=dict)
    """By type: what was counted and not journaled since the last that was."""


@dataclass(slots=True, kw_only=True)
class Signing:
    """What a station had signed lately. `under_way` is the hash of the request that is being signed, `sent` are the
    certificates, by their type, that it was sent and has not answered for."""

    window_ends_at: datetime
    count: int = 0
    under_way: str | None = None
    since: datetime | None = None
    sent: dict[str, StationCertificate] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Renewals:
    """When the certificates are looked through again, who is to renew in the meantime, and when who was asked last."""

    look_again_at: datetime | None = None
    waiting: list[str] = field(default_factory=list)
    asked_at: dict[str, datetime] = field(default_factory=dict)
