"""Security events of stations into the journal and into alarms, bounded however many a station sends.

OCPP 2.0.1 Part 2 Appendices §1, and Appendix "Security events" of the 1.6 security whitepaper. Critical there means
that a station has to tell at once; it says so of every start and reset too. What of it a person should look at is our
judgement, in the table below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from edge.domain.decision import Decision
from edge.domain.events import AlarmDismissed, Done, Refused
from edge.domain.site import Site
from edge.domain.station_security import SecurityTally
from protocols.charger.events import SecurityEventReported
from protocols.sync.up import AlarmCleared, Severity
from protocols.sync.upkeep import SecurityEventSeen

SECURITY_EVENT: Final = "security_event"
WINDOW: Final = timedelta(minutes=10)
MAX_JOURNALED_PER_WINDOW: Final = 20
"""For each station; beyond it events are counted, and the next one that is journaled says how many were left out."""
MAX_TYPES_PER_STATION: Final = 40
"""The standard knows 21; a station that makes up more has them counted together."""
OTHER: Final = "Other"


@dataclass(frozen=True, slots=True)
class _Kind:
    """`is_critical` as the standard says; `severity` of our alarm, None for what belongs to a station's usual life."""

    is_critical: bool
    severity: Severity | None


_USUAL: Final = _Kind(True, None)
_QUIET: Final = _Kind(False, None)
_WARNING: Final = _Kind(False, Severity.WARNING)
_GRAVE: Final = _Kind(True, Severity.CRITICAL)

KINDS: Final = MappingProxyType(
    {
        "FirmwareUpdated": _USUAL,
        "SettingSystemTime": _USUAL,
        "StartupOfTheDevice": _USUAL,
        "ResetOrReboot": _USUAL,
        "SecurityLogWasCleared": _GRAVE,
        "MemoryExhaustion": _GRAVE,
        "TamperDetectionActivated": _GRAVE,
        "MaintenanceLoginAccepted": _Kind(True, Severity.WARNING),
        "MaintenanceLoginFailed": _Kind(True, Severity.WARNING),
        "AttemptedReplayAttacks": _Kind(False, Severity.CRITICAL),
        "InvalidFirmwareSignature": _Kind(False, Severity.CRITICAL),
        "InvalidFirmwareSigningCertificate": _Kind(False, Severity.CRITICAL),
        # By 2.0.1's names and, where they differ, by those of 1.6.
        "FailedToAuthenticateAtCsms": _QUIET,
        "FailedToAuthenticateAtCentralSystem": _QUIET,
        "CsmsFailedToAuthenticate": _WARNING,
        "CentralSystemFailedToAuthenticate": _WARNING,
        "InvalidCsmsCertificate": _WARNING,
        "InvalidCentralSystemCertificate": _WARNING,
        "InvalidChargingStationCertificate": _WARNING,
        "InvalidChargePointCertificate": _WARNING,
        "InvalidTLSVersion": _WARNING,
        "InvalidTLSCipherSuite": _WARNING,
        "ReconfigurationOfSecurityParameters": _QUIET,
        "InvalidMessages": _QUIET,
    }
)


def note_event(site: Site, decision: Decision, event: SecurityEventReported, now: datetime) -> None:
    """OCPP 2.0.1 A04."""
    tally = site.security.get(event.station_id)
    if tally is None:
        tally = site.security[event.station_id] = SecurityTally()
    kind = KINDS.get(event.type, _QUIET)
    name = event.type
    if name not in tally.counts and len(tally.counts) >= MAX_TYPES_PER_STATION and name not in KINDS:
        name = OTHER
    tally.counts[name] = count = tally.counts.get(name, 0) + 1
    is_new = kind.severity is not None and f"{_alarm(name)}:{event.station_id}" not in site.alarms
    if tally.window_ends_at is None or now >= tally.window_ends_at:
        tally.window_ends_at, tally.journaled = now + WINDOW, 0
    if tally.journaled >= MAX_JOURNALED_PER_WINDOW and not is_new:
        tally.left_out[name] = tally.left_out.get(name, 0) + 1
        return
    tally.journaled += 1
    seen = SecurityEventSeen(
        station_id=event.station_id,
        type=name,
        count=count,
        is_critical=kind.is_critical,
        reported_at=event.at,
        tech_info=event.tech_info,
        left_out=tally.left_out.pop(name, 0),
    )
    decision.journal(site, now, seen)
    if is_new and kind.severity is not None:
        detail = f": {event.tech_info}" if event.tech_info else ""
        text = f"station {event.station_id} reports {name}{detail}; look at it, then clear this alarm"
        decision.raise_alarm(site, now, _alarm(name), kind.severity, text, event.station_id)


def dismiss_alarm(site: Site, decision: Decision, event: AlarmDismissed, now: datetime) -> None:
    """The staff has seen to it. What goes on raises its alarm again."""
    if site.alarms.pop(event.alarm_id, None) is None:
        decision.reply = Refused(reason=f"there is no alarm {event.alarm_id}: see `ohmstead-edge alarms list`")
        return
    decision.journal(site, now, AlarmCleared(alarm_id=event.alarm_id))
    decision.reply = Done(text=f"alarm {event.alarm_id} is cleared")


def _alarm(event_type: str) -> str:
    return f"{SECURITY_EVENT}_{event_type}"
