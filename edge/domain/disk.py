"""What gives way when the disk runs out of room (sync 10): alarms, informational events, and last new transactions.

| the disk is | what gives way | where |
|---|---|---|
| 70 % full | telemetry is thinned as under pressure | edge/domain/pressure.py |
| 85 % | the oldest telemetry, first what the hub has | edge/ledger/disk.py |
| 95 % | events that only inform; events that the hub has | here; edge/ledger/disk.py |
| full but for a reserve | new transactions | here |

Money is never given up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

from edge.domain.decision import Decision
from edge.domain.disk_events import (
    STANDBY_BEHIND,
    DiskEvent,
    DiskLevel,
    DiskLooked,
    LedgerReplaced,
    SheddingPlanned,
    StandbyLooked,
)
from edge.domain.site import Site
from protocols.sync.keeping import EntriesShed
from protocols.sync.topics import Stream
from protocols.sync.up import Body, Severity

DISK_FILLING: Final = "disk_filling"
DISK_FULL: Final = "disk_full"
_GIVES_WAY: Final = {
    DiskLevel.THIN: "telemetry is thinned",
    DiskLevel.SHED: "the oldest telemetry is dropped",
    DiskLevel.SPARE: "the oldest telemetry and informational events are dropped",
}
_TO_DO: Final = "Free some of the disk, or give the data folder a larger one"


def decide(site: Site, decision: Decision, event: DiskEvent, now: datetime) -> None:
    match event:
        case DiskLooked():
            _look(site, decision, event, now)
        case SheddingPlanned(shed=shed):
            decision.journal(site, now, shed)
        case LedgerReplaced(alarm=alarm, text=text):
            decision.raise_alarm(site, now, alarm, Severity.CRITICAL, text, site.epoch[:8])
        case StandbyLooked(is_behind=True, why=why):
            text = f"the site runs on one box alone: {why}. If this box fails, what it has acknowledged since is lost"
            decision.raise_alarm(site, now, STANDBY_BEHIND, Severity.WARNING, text, "agent")
        case StandbyLooked():
            decision.clear_alarm(site, now, STANDBY_BEHIND, "agent")
        case _:
            assert_never(event)


def inform(site: Site, decision: Decision, now: datetime, body: Body) -> None:
    """Journal an event that only informs, while there is room for it."""
    if site.disk < DiskLevel.SPARE:
        decision.journal(site, now, body)
    else:
        site.untold_events += 1


def _look(site: Site, decision: Decision, event: DiskLooked, now: datetime) -> None:
    before, site.disk = site.disk, event.level
    if event.level < DiskLevel.SPARE and site.untold_events:
        decision.journal(site, now, EntriesShed(stream=Stream.EVENT, count=site.untold_events))
        site.untold_events = 0
    for level, text in _GIVES_WAY.items():
        if event.level is level:
            words = f"the disk is {event.used_percent} % full: {text}. {_TO_DO}"
            severity = Severity.WARNING if level < DiskLevel.SPARE else Severity.CRITICAL
            decision.raise_alarm(site, now, DISK_FILLING, severity, words, level.name.lower())
        else:
            decision.clear_alarm(site, now, DISK_FILLING, level.name.lower())
    if event.level is DiskLevel.FULL:
        text = (
            f"the disk has {event.free_bytes // 1_000_000} MB left: what charges goes on and is billed, and no"
            f" transaction begins until there is room again. {_TO_DO}"
        )
        decision.raise_alarm(site, now, DISK_FULL, Severity.CRITICAL, text, "agent")
    else:
        decision.clear_alarm(site, now, DISK_FULL, "agent")
    if (before is DiskLevel.FULL) != (event.level is DiskLevel.FULL):
        decision.shown.update(site.evses)
