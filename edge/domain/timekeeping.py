"""The site's own clock: how good it is, and what becomes of running things when it is put on or back.

Time is the machine's wall clock, and nobody here sets it. When it is put to another time, all that runs is moved along
in the same decision, before anything else is decided by the new time: durations are then those that the monotonic clock
measured, no reservation ends and no fee begins because of it. Bills say that it happened.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from edge.domain import unbilled
from edge.domain.clock_book import ClockBook, seconds
from edge.domain.clock_events import ClockLooked, HubTimeHeard
from edge.domain.decision import Decision
from edge.domain.events import SiteEvent
from edge.domain.open_told import tell_open
from edge.domain.pricing.compiled import compiled
from edge.domain.site import Site
from edge.domain.telemetry import Readings
from edge.domain.transaction import Doubt, Transaction
from edge.domain.unbilled_book import UnbilledBook
from protocols.charger.events import (
    MeterValuesReported,
    Sample,
    StatusReported,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.sync.clock import ClockNoted, ClockQuality
from protocols.sync.topics import Stream
from protocols.sync.up import Severity

CLOCK_WRONG: Final = "clock_wrong"
_ABOUT: Final = "agent"
STEP_FROM: Final = timedelta(seconds=1)
SAID_FROM: Final = timedelta(seconds=5)
"""A smaller step is nothing for a bill to speak of."""
WRONG_FROM: Final = timedelta(seconds=60)
UNBELIEVABLE: Final = timedelta(minutes=10)
"""No answer takes so long; much of it is left for a site whose time is played fast."""
ACCEPTED_AFTER: Final = timedelta(days=1)
SANE_FROM: Final = datetime(2024, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def look(site: Site, decision: Decision, event: ClockLooked, now: datetime) -> None:
    """Note how the clock is, and carry what runs over a step."""
    book, before = site.clock, site.clock.noted
    is_same_boot = before is not None and before.boot_id == event.boot_id
    step = _step(site, event, now, is_same_boot=is_same_boot)
    was_bad = book.is_bad
    book.offset = book.offset - step if book.offset is not None and is_same_boot else None
    is_unconfirmed = is_same_boot and before is not None and before.quality is ClockQuality.STEPPED
    book.is_synchronised = event.is_synchronised
    is_step = abs(step) >= SAID_FROM
    quality = _quality(book, now, is_unconfirmed=is_unconfirmed or is_step)
    _note(site, decision, event, quality, step, now)
    if quality is ClockQuality.STEPPED and is_step and not was_bad:
        book.apart -= step
    if abs(step) >= STEP_FROM:
        book.step, book.stepped_at = step, now
        _carry_over(site, decision, step, now)


def hear(site: Site, decision: Decision, event: HubTimeHeard, now: datetime) -> None:
    """The hub's time, once in each connection; it is told what is open here."""
    book = site.clock
    before, waited = book.noted, now - event.birth_at
    if before is not None and timedelta() <= waited < UNBELIEVABLE:  # or the clock was put on meanwhile
        book.offset = event.hub_at - (event.birth_at + waited / 2)
        offset_ms = book.offset // _MS
        quality = _quality(book, now, is_unconfirmed=False)
        known_ms = before.offset_ms
        is_news = known_ms is None or abs(known_ms - offset_ms) * _MS >= STEP_FROM
        if is_news or quality is not before.quality:
            if known_ms is not None and abs(known_ms - offset_ms) * _MS > WRONG_FROM:
                decision.clear_alarm(site, now, CLOCK_WRONG, _ABOUT)  # to be raised with the new figure
            _note(site, decision, _as_of(book, before, now), quality, timedelta(), now)
    tell_open(site, decision, now)


def tick(site: Site, decision: Decision, now: datetime) -> None:
    """What nobody has contradicted for a day is the time."""
    book = site.clock
    if book.step is not None and not book.steps_seen(now):
        book.step = None
    if (
        book.noted is not None
        and book.noted_at is not None
        and book.noted.quality is ClockQuality.STEPPED
        and now - book.noted_at > ACCEPTED_AFTER
    ):
        _note(site, decision, _as_of(book, book.noted, now), ClockQuality.FREE_RUNNING, timedelta(), now)


def in_new_time(site: Site, event: SiteEvent, now: datetime) -> SiteEvent:
    """A message of a station that still stamps by the time before a step, as it would be stamped after it. A start is
    left as it is, for its own stamp tells it from others: see `began_at`."""
    match event:
        case MeterValuesReported(samples=samples):
            lag = site.clock.lag_of(_newest(samples), now)
            return msgspec.structs.replace(event, samples=_moved(samples, lag)) if lag is not None else event
        case StatusReported(at=at):
            lag = site.clock.lag_of(at, now)
            return msgspec.structs.replace(event, at=_plus(at, lag)) if lag is not None else event
        case TransactionContinued(at=at, samples=samples) | TransactionFinished(at=at, samples=samples):
            lag = site.clock.lag_of(at or _newest(samples), now)
            if lag is None:
                return event
            return msgspec.structs.replace(event, at=_plus(at, lag), samples=_moved(samples, lag))
        case _:
            return event


def _newest(samples: tuple[Sample, ...]) -> datetime | None:
    return max((sample.at for sample in samples if sample.at is not None), default=None)


def _moved(samples: tuple[Sample, ...], lag: timedelta) -> tuple[Sample, ...]:
    return tuple(msgspec.structs.replace(each, at=_plus(each.at, lag)) for each in samples)


def _plus(at: datetime | None, lag: timedelta) -> datetime | None:
    return at + lag if at is not None else None


def began_at(site: Site, event: TransactionBegan, now: datetime) -> datetime | None:
    """When a start says that it was, by the time of now."""
    lag = site.clock.lag_of(event.at, now)
    return _plus(event.at, lag) if lag is not None else event.at


def _as_of(book: ClockBook, noted: ClockNoted, now: datetime) -> ClockLooked:
    """What a look would show: wall and monotonic time went alike since the last note."""
    passed = now - (book.noted_at or now)
    return ClockLooked(
        boot_id=noted.boot_id,
        monotonic_ms=noted.monotonic_ms + max(0, passed // _MS),
        is_synchronised=book.is_synchronised,
        has_rtc=noted.has_rtc,
    )


def _step(site: Site, event: ClockLooked, now: datetime, *, is_same_boot: bool) -> timedelta:
    """By how much the wall clock was put on. Over a start of the machine only a time can be seen that is before what
    was written already."""
    book = site.clock
    if is_same_boot and book.noted is not None and book.noted_at is not None:
        step = (now - book.noted_at) - (event.monotonic_ms - book.noted.monotonic_ms) * _MS
    else:
        written = [each.checkpointed_at for each in site.transactions.values() if each.checkpointed_at is not None]
        newest = max([*written, book.noted_at or now])
        step = min(timedelta(), now - newest)
    return step if abs(step) >= STEP_FROM else timedelta()


def _quality(book: ClockBook, now: datetime, *, is_unconfirmed: bool) -> ClockQuality:
    if now < SANE_FROM:
        return ClockQuality.WRONG
    if book.offset is not None and abs(book.offset) > WRONG_FROM:
        return ClockQuality.WRONG
    if book.is_synchronised:
        return ClockQuality.SYNCHRONISED
    if book.offset is None and is_unconfirmed:
        return ClockQuality.STEPPED
    return ClockQuality.FREE_RUNNING


def _note(
    site: Site, decision: Decision, looked: ClockLooked, quality: ClockQuality, step: timedelta, now: datetime
) -> None:
    book = site.clock
    noted = ClockNoted(
        boot_id=looked.boot_id,
        monotonic_ms=looked.monotonic_ms,
        quality=quality,
        money_seq=site.last_seq[Stream.MONEY],
        telemetry_seq=site.last_seq[Stream.TELEMETRY],
        step_ms=step // _MS,
        offset_ms=book.offset // _MS if book.offset is not None else None,
        has_rtc=looked.has_rtc,
    )
    book.noted, book.noted_at = noted, now
    decision.journal(site, now, noted)
    is_alone = quality is ClockQuality.FREE_RUNNING and not looked.has_rtc and book.offset is None
    book.is_bad = is_alone or quality in (ClockQuality.WRONG, ClockQuality.STEPPED)
    if quality is not ClockQuality.STEPPED:
        is_ours = quality is ClockQuality.WRONG and not book.is_synchronised
        book.apart = book.offset if is_ours and book.offset is not None else timedelta()
    if quality in (ClockQuality.WRONG, ClockQuality.STEPPED):
        text = f"the clock of edge {site.rules.edge_id} is {book.remark}; it shows {now:%Y-%m-%d %H:%M:%S} UTC"
        decision.raise_alarm(site, now, CLOCK_WRONG, Severity.CRITICAL, text, _ABOUT)
    else:
        decision.clear_alarm(site, now, CLOCK_WRONG, _ABOUT)


def _carry_over(site: Site, decision: Decision, step: timedelta, now: datetime) -> None:
    """All that runs began, and ends, by the new time."""
    for transaction in site.transactions.values():
        _move(transaction, step, now)
        decision.checkpoint(transaction, now)
    for wallet in site.accounts.wallets.values():
        wallet.looked_at, wallet.read_at, wallet.told_at = (
            at + step if at is not None else None for at in (wallet.looked_at, wallet.read_at, wallet.told_at)
        )
    for made in site.reservations.all():
        moved = replace(made, made_at=made.made_at + step, expires_at=made.expires_at + step)
        is_kept = site.reservations.free(made)
        site.reservations.standing[made.station_id][made.reservation_id] = moved
        if is_kept:
            site.reservations.keep(moved)
        decision.journal(site, now, moved)
    for of_stations in (site.reservations.back_at, site.cost_told):
        of_stations.update({key: at + step for key, at in of_stations.items()})
    for of_evses in (site.unsettled, site.over_limit):
        of_evses.update({ref: at + step for ref, at in of_evses.items()})
    for command_id, command in list(site.commands.items()):
        if command.is_own and not command.is_finished:
            site.commands[command_id] = replace(command, expires_at=command.expires_at + step)
    for status in site.evses.values():
        if status.read_at is not None:
            status.read_at += step
    for runs in site.runs.stations.values():
        for run in runs.values():
            run.awaited, run.next = (
                replace(each, until=each.until + step) if each is not None else None for each in (run.awaited, run.next)
            )
            run.ending = replace(run.ending, at=run.ending.at + step) if run.ending is not None else None
            run.register_at = _plus(run.register_at, step)
    site.unbilled = UnbilledBook()  # what it suspects is timed by the old time
    unbilled.restart(site, now)
    for ref, readings in list(site.readings.items()):
        dropped = readings.give_up()
        site.telemetry_dropped += dropped - readings.dropped
        site.readings[ref] = Readings(readings.transaction_id, now, dropped)


def _move(transaction: Transaction, step: timedelta, now: datetime) -> None:
    transaction.shift(step)
    if abs(step) < SAID_FROM:
        return
    said = f"the site's clock was put {'on' if step > timedelta() else 'back'} by {abs(seconds(step))} s in its course"
    transaction.remark(f"{said}, at {now.isoformat()}")
    if compiled(transaction.tariff).session.day_cuts:
        transaction.doubt(Doubt.CLOCK, f"{said}, and the tariff prices by the time of day")
