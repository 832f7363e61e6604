"""Packs the readings that wait in the ledger, a block for each EVSE and quarter of an hour, when that is over.

Rows go in the commit that journals their blocks, so each reading is in exactly one, whatever breaks between. Nothing is
asked twice: a commit is waited for before the next rows are looked at, and what was not decided is still there.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog

from edge.domain.events import Refused
from edge.domain.telemetry_events import ReadingsPacked
from edge.ledger import readings
from edge.ledger.readings import Waiting
from edge.ports import Clock, Inbox, Overloaded
from protocols.sync.blocks import Curve, TelemetryBlock, packed
from protocols.terms import Measurand, ReadingContext

log = structlog.get_logger("ledger")

T = TypeVar("T")
QUARTER: Final = timedelta(minutes=15)
GRACE: Final = timedelta(seconds=30)
"""After the end of a quarter: most of what chargers still have to say of it is here then."""
AHEAD: Final = timedelta(hours=1)
"""Readings from so far in the future were kept before the clock was set back: nobody waits for that time to come."""
LOOK_EVERY_S: Final = 2.0
PAUSE_S: Final = 0.25
"""Between two groups: all of 30,000 EVSEs take some minutes, and nobody else waits for them."""
MOST_BLOCKS: Final = 50
MOST_ROWS: Final = 1_000
"""Of a group, and of an EVSE at a time."""
MOST_SAMPLES: Final = 10_000
"""Of a block: an entry is to fit into a batch."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER_MS: Final = 900_000


class Packed(Protocol):
    """The ledger, as its readings are packed."""

    async def look(self, read: Callable[[sqlite3.Connection], T]) -> T: ...


class Packer:
    """Looks every few seconds whether another quarter is over; after a start, at what waits from before."""

    def __init__(self, ledger: Packed, inbox: Inbox, clock: Clock, pause_s: float = PAUSE_S) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._clock = clock
        self._pause_s = pause_s

    async def run(self) -> None:
        """Until cancelled. What cannot be packed now is tried again."""
        done: datetime | None = None
        while True:
            quarter = quarter_of(self._clock() - GRACE)
            if quarter != done:
                try:
                    await self.pack(quarter)
                    done = quarter
                except (Overloaded, sqlite3.OperationalError) as error:
                    log.warning("not_packed", reason=str(error) or type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def pack(self, quarter: datetime) -> None:
        """Pack all that belongs before a quarter of an hour."""
        is_all = False
        while not is_all:
            look = partial(readings.waiting, before=quarter, after=self._clock() + AHEAD)
            found = await self._ledger.look(look)
            is_all = sum(len(each.numbers) for each in found) < readings.MOST_WAITING
            for group in groups(found):
                event = await self._ledger.look(partial(pack_group, group=group))
                reply = await self._inbox.ask(event)
                if isinstance(reply, Refused):
                    log.error("not_packed", reason=reply.reason, rows=len(event.numbers))
                    is_all = True
                await asyncio.sleep(self._pause_s)


def quarter_of(at: datetime) -> datetime:
    """The quarter of an hour in which a time lies."""
    return at - (at - _EPOCH) % QUARTER


def groups(found: Iterable[Waiting]) -> Iterator[list[Waiting]]:
    """What is packed in one go: whole EVSEs, or a part of one for which there are too many rows."""
    group: list[Waiting] = []
    rows = 0
    for each in found:
        for first in range(0, len(each.numbers), MOST_ROWS):
            part = Waiting(each.station_id, each.evse_id, each.numbers[first : first + MOST_ROWS])
            if group and (len(group) == MOST_BLOCKS or rows + len(part.numbers) > MOST_ROWS):
                yield group
                group, rows = [], 0
            group.append(part)
            rows += len(part.numbers)
    if group:
        yield group


def pack_group(connection: sqlite3.Connection, group: Sequence[Waiting]) -> ReadingsPacked:
    """In the reader's thread."""
    blocks: list[TelemetryBlock] = []
    for each in group:
        blocks += blocks_of(each.station_id, each.evse_id, readings.kept(connection, each.numbers))
    return ReadingsPacked(blocks=tuple(blocks), numbers=tuple(number for each in group for number in each.numbers))


@dataclass(slots=True)
class _Draft:
    """What one block is to hold: times and values by measurand, phase, context and transaction."""

    samples: int = 0
    dropped: int = 0
    curves: dict[tuple[str, str | None, str, str | None], list[tuple[int, int]]] = field(default_factory=dict)


def blocks_of(station_id: str, evse_id: int, kept: Iterable[dict[str, Any]]) -> Iterator[TelemetryBlock]:
    """Blocks of what was kept of an EVSE, each in the quarter to which its time stamp belongs; usually there is one."""
    drafts: dict[tuple[int, str], _Draft] = {}
    for body in kept:
        begins_ms = (datetime.fromisoformat(body["at"]) - _EPOCH) // timedelta(milliseconds=1)
        named, transaction_id, dropped = body["filter"], body["transaction_id"], body["dropped"]
        for measurand, value, phase, context, after_ms in body["samples"]:
            at_ms = begins_ms + after_ms
            place = (at_ms // _QUARTER_MS, named)
            draft = drafts.get(place)
            if draft is None or draft.samples == MOST_SAMPLES:
                if draft is not None:
                    yield _block(station_id, evse_id, place, draft)
                draft = drafts[place] = _Draft()
            if dropped:
                draft.dropped, dropped = draft.dropped + dropped, 0
            draft.samples += 1
            draft.curves.setdefault((measurand, phase, context, transaction_id), []).append((at_ms, value))
    for place, draft in sorted(drafts.items(), key=lambda item: item[0]):
        yield _block(station_id, evse_id, place, draft)


def _block(station_id: str, evse_id: int, place: tuple[int, str], draft: _Draft) -> TelemetryBlock:
    quarter, named = place
    curves = []
    for (measurand, phase, context, transaction_id), pairs in draft.curves.items():
        pairs.sort(key=_time_of)  # a queue that came late, behind what was newer
        times_ms, values = [at_ms for at_ms, _ in pairs], [value for _, value in pairs]
        about = (Measurand(measurand), phase, ReadingContext(context), transaction_id)
        curves.append(Curve(*about, times_ms, values))
    return TelemetryBlock(
        station_id=station_id,
        evse_id=evse_id,
        begins_at=_EPOCH + quarter * QUARTER,
        samples=draft.samples,
        dropped=draft.dropped,
        filter=named,
        data=packed(curves),
    )


def _time_of(pair: tuple[int, int]) -> int:
    return pair[0]
