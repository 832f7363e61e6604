"""What came of one event: facts for the journal, rows to keep, commands to chargers, and the reply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge.domain.errands import Errand
from edge.domain.events import SiteReply
from edge.domain.site import Site
from edge.domain.transaction import Transaction
from protocols.charger.commands import Acknowledged, ChargerCommand
from protocols.sync.down import RejectedEntry
from protocols.sync.topics import Stream
from protocols.sync.up import (
    AlarmCleared,
    AlarmRaised,
    Body,
    CommandFinished,
    Entry,
    MeterValuesSampled,
    PostingMade,
    Severity,
    stream_of,
)
from protocols.terms import EvseRef

_ACKNOWLEDGED: Final = Acknowledged()
MAX_OPEN_ALARMS: Final = 10_000
"""All of them are in memory, and who wants to fill it must not be able to."""
TOO_MANY_ALARMS: Final = "too_many_alarms"
_TOO_MANY_ID: Final = f"{TOO_MANY_ALARMS}:agent"


@dataclass(slots=True, init=False)
class Decision:
    """Filled while an event is decided. All of it is committed together, before anything is acted upon.

    `checkpoints` are open transactions whose state is to be kept; `shown` the EVSEs (and the
    site's meters, by `MeterRules.ref`) that look different now; `outcomes` the commands that came to their end.
    `readings` wait in the ledger to be packed, `packed` are the rows of those that are now.
    """

    reply: SiteReply
    entries: list[Entry]
    commands: list[ChargerCommand]
    checkpoints: dict[str, Transaction]
    shown: set[EvseRef]
    acked: dict[Stream, int]
    dead: list[tuple[Stream, RejectedEntry]]
    readings: list[MeterValuesSampled]
    packed: tuple[int, ...]
    outcomes: list[CommandFinished]
    errands: tuple[Errand, ...]

    def __init__(self) -> None:
        """Written out: one is made for every event, and default factories take three times as long."""
        self.reply = _ACKNOWLEDGED
        self.entries, self.commands, self.dead, self.outcomes, self.readings = [], [], [], [], []
        self.packed = ()
        self.checkpoints, self.acked = {}, {}
        self.shown = set()
        self.errands = ()

    def journal(self, site: Site, now: datetime, body: Body) -> Entry:
        """Add a fact; it gets the next number of its stream."""
        stream = stream_of(body)
        site.last_seq[stream] += 1
        entry = Entry(stream=stream, seq=site.last_seq[stream], at=now, body=body)
        self.entries.append(entry)
        if type(body) is PostingMade:
            site.accounts.take(body, entry.seq, now, site.rules)
        return entry

    def checkpoint(self, transaction: Transaction, now: datetime) -> None:
        transaction.checkpointed_at, transaction.kept_until = now, transaction.last_at
        self.checkpoints[transaction.transaction_id] = transaction

    def raise_alarm(
        self,
        site: Site,
        now: datetime,
        alarm: str,
        severity: Severity,
        text: str,
        about: EvseRef | str,
        place: EvseRef | str | None = None,
    ) -> None:
        """Raise an alarm once; `about` is an EVSE, a station id, or the name of some other thing of the site, and then
        `place` is the EVSE or the station where that thing is."""
        alarm_id = f"{alarm}:{about}"
        if alarm_id in site.alarms:
            return
        if len(site.alarms) >= MAX_OPEN_ALARMS:
            if _TOO_MANY_ID in site.alarms:
                return
            alarm, alarm_id, severity, place = TOO_MANY_ALARMS, _TOO_MANY_ID, Severity.CRITICAL, "agent"
            text = f"{MAX_OPEN_ALARMS} alarms are open and further ones are not raised: see to these, and look at bills"
        where = about if place is None else place
        raised = AlarmRaised(
            alarm_id=alarm_id,
            alarm=alarm,
            severity=severity,
            text=text,
            station_id=where.station_id if isinstance(where, EvseRef) else where if where in site.stations else None,
            evse_id=where.evse_id if isinstance(where, EvseRef) else None,
        )
        site.alarms[alarm_id] = raised
        self.journal(site, now, raised)

    def clear_alarm(self, site: Site, now: datetime, alarm: str, about: EvseRef | str) -> None:
        alarm_id = f"{alarm}:{about}"
        if site.alarms.pop(alarm_id, None) is not None:
            self.journal(site, now, AlarmCleared(alarm_id=alarm_id))
            if len(site.alarms) == MAX_OPEN_ALARMS and alarm != TOO_MANY_ALARMS:
                self.clear_alarm(site, now, TOO_MANY_ALARMS, "agent")
