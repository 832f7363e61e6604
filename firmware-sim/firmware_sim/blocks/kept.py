"""What the smaller functional blocks keep: display messages, network profiles, certificates, costs. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_LOG_LINES = 2000
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledCertificate:
    """A certificate in the station's store: its use, its PEM, and OCPP's CertificateHashDataType of it."""

    use: str
    pem: str
    hash_data: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class CertificateStore:
    """Roots that were installed, and the station's own chains with the keys they belong to (PEM, by use)."""

    installed: list[InstalledCertificate] = field(default_factory=list)
    pending_keys: dict[str, str] = field(default_factory=dict)
    own_keys: dict[str, str] = field(default_factory=dict)
    own_chains: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEvent:
    """A line of the security log."""

    kind: str
    at: datetime
    tech_info: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A price or a cost on the display of a 1.6 station: SetUserPrice, RunningCost or FinalCost, and its data."""

    message: str
    data: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Kept:
    """One field for each of the small blocks."""

    displays: dict[int, dict[str, Any]] = field(default_factory=dict)
    network_profiles: dict[int, dict[str, Any]] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    shown: deque[Shown] = field(default_factory=lambda: deque(maxlen=_SHOWN))
    security_log: deque[SecurityEvent] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))
