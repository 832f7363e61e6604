"""What the uplink can tell of itself: how much waits, since when, what went out today, and how long the rest takes.

Counted as it happens and since the agent's start, or since midnight at the site; nothing is counted in the journal.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any, Final

from edge.ports import Clock, SyncFacts
from edge.uplink.metrics import UplinkMetrics
from protocols.sync.comparing import DaySummed
from protocols.sync.present import ClockReport, StreamBacklog, SyncReport
from protocols.sync.topics import Stream

RATE_WINDOW_S: Final = 120.0
MAX_POINTS: Final = 240


class Progress:
    """One per uplink. `facts` reads the ledger, `day_of` says on which day at the site a time is."""

    def __init__(
        self,
        facts: Callable[[], Awaitable[SyncFacts]],
        clock: Clock,
        day_of: Callable[[datetime], date],
        metrics: UplinkMetrics,
    ) -> None:
        self._facts = facts
        self._clock = clock
        self._day_of = day_of
        self._metrics = metrics
        self._began_at = clock()
        self._day = day_of(self._began_at)
        self._bytes_today = self._saved_today = self._deferred = 0
        self._last_ack_at: datetime | None = None
        self._resends = dict.fromkeys(Stream, 0)
        self._points: dict[Stream, deque[tuple[float, int]]] = {stream: deque(maxlen=MAX_POINTS) for stream in Stream}

    def sent(self, size: int, plain: int | None = None) -> None:
        """A PUBLISH went out; `plain` is what it would have taken as it is, where it was made smaller."""
        if (day := self._day_of(self._clock())) != self._day:
            self._day, self._bytes_today, self._saved_today = day, 0, 0
        self._bytes_today += size
        self._saved_today += max(0, plain - size) if plain is not None else 0

    def acked(self, stream: Stream, seq: int) -> None:
        self._last_ack_at = self._clock()
        self._points[stream].append((asyncio.get_running_loop().time(), seq))

    def resent(self, stream: Stream) -> None:
        self._resends[stream] += 1

    def deferred(self) -> None:
        self._deferred += 1

    async def report(self, broker: str) -> SyncReport:
        """As it is told to the hub."""
        return self._report(await self._facts(), broker)

    async def status(self, broker: str) -> dict[str, Any]:
        """As it is told to a person, JSON-able."""
        facts = await self._facts()
        shown: dict[str, Any] = status_of(self._report(facts, broker), facts)
        return shown | {"counted_since": self._began_at.isoformat()}

    def _report(self, facts: SyncFacts, broker: str) -> SyncReport:
        now = self._clock()
        for each in facts.streams:
            lag_s = (now - each.oldest_at).total_seconds() if each.oldest_at is not None else 0.0
            self._metrics.lag_s.labels(each.stream).set(max(0.0, lag_s))
        return report_of(
            facts,
            broker=broker,
            bytes_today=self._bytes_today,
            bytes_saved_today=self._saved_today,
            deferred=self._deferred,
            last_ack_at=self._last_ack_at,
            resends=self._resends,
            drains={each.stream: self._drains_in_s(each.stream, each.backlog) for each in facts.streams},
        )

    def _drains_in_s(self, stream: Stream, backlog: int) -> int | None:
        """At the pace of the last minutes; None where the hub has acknowledged nothing in them."""
        if not backlog:
            return 0
        now_s = asyncio.get_running_loop().time()
        recent = [point for point in self._points[stream] if now_s - point[0] <= RATE_WINDOW_S]
        if len(recent) < 2 or (entries := recent[-1][1] - recent[0][1]) <= 0:
            return None
        return round(backlog * (now_s - recent[0][0]) / entries)


def report_of(
    facts: SyncFacts,
    *,
    broker: str | None = None,
    bytes_today: int = 0,
    bytes_saved_today: int = 0,
    deferred: int = 0,
    last_ack_at: datetime | None = None,
    resends: dict[Stream, int] | None = None,
    drains: dict[Stream, int | None] | None = None,
) -> SyncReport:
    return SyncReport(
        broker=broker,
        streams=tuple(
            StreamBacklog(
                stream=each.stream,
                last_seq=each.last_seq,
                acked_seq=each.acked_seq,
                oldest_at=each.oldest_at,
                drains_in_s=(drains or {}).get(each.stream),
                resends=(resends or {}).get(each.stream, 0),
                dead_letters=each.dead_letters,
            )
            for each in facts.streams
        ),
        bytes_today=bytes_today,
        bytes_saved_today=bytes_saved_today,
        deferred=deferred,
        last_ack_at=last_ack_at,
        clock=facts.clock,
    )


def status_of(report: SyncReport, facts: SyncFacts) -> dict[str, Any]:
    """A report as JSON, with the hub's documents that are applied here."""
    return {
        "broker": report.broker,
        "last_ack_at": report.last_ack_at.isoformat() if report.last_ack_at is not None else None,
        "streams": [
            {
                "stream": each.stream.value,
                "backlog": max(0, each.last_seq - each.acked_seq),
                "last_seq": each.last_seq,
                "acked_seq": each.acked_seq,
                "oldest_at": each.oldest_at.isoformat() if each.oldest_at is not None else None,
                "drains_in_s": each.drains_in_s,
                "resends": each.resends,
                "dead_letters": each.dead_letters,
            }
            for each in report.streams
        ],
        "bytes_today": report.bytes_today,
        "bytes_saved_today": report.bytes_saved_today,
        "deferred": report.deferred,
        "documents": facts.documents,
        "clock": _clock(report.clock),
        "days": [_day(each) for each in facts.days],
    }


def _day(told: DaySummed) -> dict[str, Any]:
    return {
        "stream": told.stream.value,
        "day": told.day.isoformat(),
        "entries": told.count,
        "bills": told.bills,
        "energy_wh": told.energy_wh,
        "amounts": {currency: str(amount) for currency, amount in told.amounts.items()},
    }


def _clock(clock: ClockReport | None) -> dict[str, Any] | None:
    if clock is None:
        return None
    return {
        "quality": clock.quality.value,
        "noted_at": clock.noted_at.isoformat(),
        "offset_s": clock.offset_ms / 1000 if clock.offset_ms is not None else None,
    }
