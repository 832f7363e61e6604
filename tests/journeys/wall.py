"""Somebody who looks at the wall display all day and compares it with the chargers themselves.

The display's own client listens to the edge; beside it, the watcher notes from inside the simulator what every EVSE
really does. Afterwards every picture that was shown as fresh is held against what was true then or shortly before.
"""

from __future__ import annotations

import asyncio
import contextlib
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from deploy.demo.site import Site
from edge.agent import TICK_S
from firmware_sim.evse import Evse
from firmware_sim.fleet import Fleet
from firmware_sim.messages import ConnectorState, Note
from firmware_sim.station import Station
from firmware_sim.transaction import Transaction
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.tariff import TariffDimensionType
from protocols.site.view import EvseView, Patch, Snapshot
from protocols.terms import EvseRef, EvseState
from tests.kit import wait_until
from ui.bigscreen.client import follow, read_token
from ui.bigscreen.sight import Heard, Lost, Report

LATENCY_S: Final = 2.5
"""How long (on the machine's clock) what happens at a charger may take to the display: the edge sends four pictures a
second, the rest is for a machine that runs other tests beside this one."""
POLL_S: Final = 0.01
STALLED_S: Final = 0.1
"""A poll that comes later than this was held up by the machine. What a chain of processes did in the `STALL_SEEN_S`
before a picture may be late by twice what this one of them was."""
STALL_SEEN_S: Final = 10.0
ROUNDING: Final = Decimal("0.02")
"""A cent a line."""

_SHOWN_AS: Final = {
    ConnectorState.AVAILABLE: {EvseState.FREE},
    ConnectorState.PREPARING: {EvseState.OCCUPIED},
    ConnectorState.CHARGING: {EvseState.CHARGING},
    ConnectorState.SUSPENDED_EV: {EvseState.OCCUPIED},
    ConnectorState.SUSPENDED_EVSE: {EvseState.OCCUPIED},
    ConnectorState.FINISHING: {EvseState.OCCUPIED},
    ConnectorState.UNAVAILABLE: {EvseState.UNAVAILABLE},
    ConnectorState.FAULTED: {EvseState.FAULTED},
}
_AWAY: Final = frozenset({EvseState.OFFLINE})


@dataclass(frozen=True, slots=True)
class Moment:
    """What was true of an EVSE from `since_s` on; `words` are what a display may say then."""

    since_s: float
    words: frozenset[EvseState]
    is_charging_somebody: bool


@dataclass(frozen=True, slots=True)
class Unsaid:
    """From `from_s` on the oldest word of a charger about an EVSE that has no answer is of `since_s`, `of` in site
    time; None while it has said all."""

    from_s: float
    since_s: float | None
    of: datetime | None


@dataclass(frozen=True, slots=True)
class Picture:
    """All tiles as they were shown as fresh at `heard_s`, the meters' registers then, when each tile was made, and how
    often the display had lost the agent before."""

    heard_s: float
    site: Snapshot
    register_wh: dict[EvseRef, int]
    made_at: dict[EvseRef, datetime]
    life: int


@dataclass(slots=True)
class Watcher:
    """What was shown and what was true, by the clock of the event loop."""

    site: Site
    pictures: list[Picture] = field(default_factory=list)
    lost_s: list[float] = field(default_factory=list)
    truth: dict[EvseRef, list[Moment]] = field(default_factory=lambda: defaultdict(list))
    unsaid: dict[EvseRef, list[Unsaid]] = field(default_factory=lambda: defaultdict(list))
    stalls: list[tuple[float, float]] = field(default_factory=list)
    """When the machine held this process up, and for how long."""
    _shown: Snapshot | None = None
    _register_wh: dict[EvseRef, int] = field(default_factory=dict)
    _made_at: dict[EvseRef, datetime] = field(default_factory=dict)
    _looked_s: float = 0.0

    def hear(self, report: Report) -> None:
        now_s = asyncio.get_running_loop().time()
        match report:
            case Heard(message=Snapshot() as snapshot):
                self._shown = snapshot
                self._note_made(snapshot)
            case Heard(message=Patch() as patch) if self._shown is not None:
                changed = {(view.station_id, view.evse_id): view for view in patch.evses}
                tiles = tuple(changed.get((view.station_id, view.evse_id), view) for view in self._shown.evses)
                self._shown = _replaced(self._shown, patch, tiles)
                self._note_made(patch)
            case Lost():
                self.lost_s.append(now_s)
                self._shown = None
            case _:
                return
        if self._shown is not None:
            self.pictures.append(
                Picture(now_s, self._shown, dict(self._register_wh), dict(self._made_at), len(self.lost_s))
            )

    def _note_made(self, message: Snapshot | Patch) -> None:
        for view in message.evses:
            self._made_at[EvseRef(view.station_id, view.evse_id)] = message.totals.at

    def note(self, station_id: str, note: Note) -> None:
        """What the simulator tells of itself: every change, however short."""
        if note.evse_id is None:
            return
        ref = EvseRef(station_id, note.evse_id)
        before = self.truth[ref][-1] if self.truth[ref] else Moment(0.0, frozenset(), False)
        match note.what:
            case "status":
                words = _SHOWN_AS[ConnectorState(str(note.detail["status"]))]
                self._add(ref, frozenset(words), before.is_charging_somebody)
            case "transaction_started":
                self._add(ref, before.words, True)
            case "transaction_ended":
                self._add(ref, before.words, False)

    def look(self, fleet: Fleet) -> None:
        """Called often: what every EVSE does now, what its meter shows, and what its charger has not said yet."""
        now_s = asyncio.get_running_loop().time()
        for station in fleet.stations.values():
            waiting = station.outbox.about_evses
            for evse in station.charger.evses.values():
                ref = EvseRef(station.spec.station_id, evse.evse_id)
                if evse.transaction_id is not None:
                    self._register_wh[ref] = evse.meter.register_wh
                self._add(ref, _words(station, evse), evse.transaction_id is not None)
                oldest = waiting.get(evse.evse_id)
                self._note_unsaid(ref, oldest.at if oldest is not None else None, now_s)
        self._looked_s = now_s

    def _note_unsaid(self, ref: EvseRef, of: datetime | None, now_s: float) -> None:
        past = self.unsaid[ref]
        before = past[-1].of if past else None
        if of == before:
            return
        from_s = now_s if before is not None else self._looked_s  # it began between two looks
        age_s = None if of is None else self.site.timeline.real_s((self.site.now() - of).total_seconds())
        past.append(Unsaid(from_s, None if age_s is None else now_s - age_s, of))

    def _add(self, ref: EvseRef, words: frozenset[EvseState], is_charging_somebody: bool) -> None:
        moments = self.truth[ref]
        if not moments or (moments[-1].words, moments[-1].is_charging_somebody) != (words, is_charging_somebody):
            moments.append(Moment(asyncio.get_running_loop().time(), words, is_charging_somebody))

    # --- waiting ---

    @property
    def newest(self) -> Snapshot | None:
        """The picture of now; None while the display says that it hears nothing."""
        return self._shown

    async def see_now(self) -> None:
        """Wait for a picture that was made from now on."""
        count = len(self.pictures)
        await wait_until(lambda: self._shown is not None and len(self.pictures) > count + 1)

    def tile(self, ref: EvseRef) -> EvseView:
        """What is shown of an EVSE now."""
        assert self._shown is not None
        return next(view for view in self._shown.evses if EvseRef(view.station_id, view.evse_id) == ref)

    async def see(
        self, condition: Callable[[EvseView], bool], stations: Collection[str], timeout_s: float = 15
    ) -> None:
        """Wait until the first EVSE of each station is shown so."""

        def is_seen() -> bool:
            shown = self._shown.evses if self._shown is not None else ()
            first = [view for view in shown if view.station_id in stations and view.evse_id == 1]
            return len(first) == len(stations) and all(condition(view) for view in first)

        await wait_until(is_seen, 20)

    async def see_uplink(self, *, is_online: bool, timeout_s: float = 10.0) -> None:
        """Wait until the banner is down or up."""
        await wait_until(
            lambda: self._shown is not None and self._shown.totals.is_uplink_online == is_online, timeout_s
        )

    # --- judging ---

    def latency_s(self, heard_s: float) -> float:
        """How late a picture of that moment may be."""
        stalls = self.stalls[bisect_left(self.stalls, (heard_s - STALL_SEEN_S, 0.0)) :]
        return LATENCY_S + 2 * sum(late_s for at_s, late_s in stalls if at_s <= heard_s + LATENCY_S)

    def known_since_s(self, ref: EvseRef, heard_s: float) -> float:
        """A picture may show what was true from here on.

        That is its latency before it. But nobody can show what a charger has not said, and one whose machine is slow
        says it late: then from its oldest word without an answer. What was before an absence never counts: that is not
        known any more, however long the charger's queue is.
        """
        at_s = heard_s - self.latency_s(heard_s)
        past = self.unsaid[ref]
        index = bisect_right(past, at_s, key=lambda each: each.from_s) - 1
        since_s = past[index].since_s if index >= 0 else None
        if since_s is None:
            return at_s
        truth, back_s = self.truth[ref], 0.0
        for moment, until_s in zip(truth, [*(each.since_s for each in truth[1:]), float("inf")], strict=True):
            if moment.words == _AWAY and moment.since_s <= at_s:
                back_s = until_s
        return min(at_s, max(since_s, back_s))

    def untruths(self, fleet: Fleet) -> list[str]:
        """Every kind of thing that was shown and was not so, each with its first instance and how often."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        cdrs = self.site.edge.cdrs()
        judged = _Judge(self, fleet, cdrs)
        for picture in self.pictures:
            for kind, detail in judged.judge(picture):
                found[kind].append(detail)
        return [f"{kind} ({len(details)} times): {details[0]}" for kind, details in found.items()]

    def banner_between(self, from_s: float, to_s: float) -> Counter[bool]:
        """How many pictures of that time said that the WAN is up (True) and down (False)."""
        return Counter(p.site.totals.is_uplink_online for p in self.pictures if from_s <= p.heard_s <= to_s)


def _replaced(snapshot: Snapshot, patch: Patch, tiles: tuple[EvseView, ...]) -> Snapshot:
    return Snapshot(
        location_id=snapshot.location_id,
        name=snapshot.name,
        time_zone=snapshot.time_zone,
        currency=snapshot.currency,
        totals=patch.totals,
        evses=tiles,
    )


def _words(station: Station, evse: Evse) -> frozenset[EvseState]:
    if not station.charger.connected:
        return frozenset({EvseState.OFFLINE})
    words = set(_SHOWN_AS[evse.state])
    if not station.charger.registered:
        words |= {EvseState.OFFLINE, EvseState.UNAVAILABLE}
    if any(message.offline for message in station.outbox.durable):
        # It still delivers what happened while it could not: what is shown follows that, but is never "free".
        words |= {EvseState.CHARGING, EvseState.OCCUPIED}
    if evse.state is ConnectorState.PREPARING and evse.vehicle is None:
        words.add(EvseState.FREE)  # a card without a cable: OCPP 2.0.1 has no word for that
    return frozenset(words)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What was last shown of a transaction, in which life of the agent."""

    life: int
    energy_wh: int
    cost: Decimal
    state: EvseState


@dataclass(slots=True)
class _Judge:
    """Holds pictures, in order, against the truth."""

    watcher: Watcher
    fleet: Fleet
    cdrs: list[Cdr]
    _shown: dict[str, _Shown] = field(default_factory=dict)
    _bills: dict[tuple[str, int, datetime], Cdr] = field(init=False)

    def __post_init__(self) -> None:
        self._bills = {(cdr.station_id, cdr.evse_id, cdr.start_date_time): cdr for cdr in self.cdrs}

    def judge(self, picture: Picture) -> Iterator[tuple[str, str]]:
        totals = picture.site.totals
        shown_w = sum(view.power_w or 0 for view in picture.site.evses)
        if totals.power_w != shown_w:
            yield "the site's power is not that of its tiles", f"{totals.at}: {totals.power_w} W, tiles {shown_w} W"
        for view in picture.site.evses:
            if view.station_id not in self.fleet.stations:
                if view.state is not EvseState.OFFLINE:
                    yield "a station that does not exist is not shown as offline", str(view)
                continue
            where = f"{totals.at:%d. %H:%M:%S} {view.station_id}*{view.evse_id} {view}"
            yield from ((kind, where) for kind in self._state(picture, view))
            if view.energy_wh is not None:
                yield from ((kind, where) for kind in self._transaction(picture, view))

    def _state(self, picture: Picture, view: EvseView) -> Iterator[str]:
        if view.is_reading_old:
            return  # it says itself that it is not the present: a charger that is silent, or delivers its queue
        ref = EvseRef(view.station_id, view.evse_id)
        truth = self.watcher.truth[ref]
        since_s = self.watcher.known_since_s(ref, picture.heard_s)
        moments = _between(truth, since_s, picture.heard_s)
        words = {word for moment in moments for word in moment.words}
        if view.state is EvseState.UNAVAILABLE:
            # "Not known": a station that was away is believed again when it has told its state, or after a tick.
            moments_of_return = _between(truth, since_s - TICK_S, picture.heard_s)
            words |= {EvseState.UNAVAILABLE for m in moments_of_return if EvseState.OFFLINE in m.words}
        if view.state not in words:
            yield f"shown {view.state}, but it was {sorted(words)}"
        if view.state is EvseState.FREE and all(moment.is_charging_somebody for moment in moments):
            yield "shown free while a transaction ran there"
        if view.power_w is not None and view.power_w > view.max_power_w:
            yield "more power than the EVSE can give"

    def _transaction(self, picture: Picture, view: EvseView) -> Iterator[str]:
        ref = EvseRef(view.station_id, view.evse_id)
        made_at = picture.made_at[ref]
        transaction = self._find(view, made_at - timedelta(seconds=view.duration_s or 0))
        if transaction is None:
            yield "no such transaction existed"
            return
        energy_wh, cost = view.energy_wh or 0, view.cost or Decimal(0)
        key = transaction.transaction_id
        stop_wh = transaction.meter_stop_wh if transaction.meter_stop_wh is not None else picture.register_wh[ref]
        if energy_wh > stop_wh - transaction.meter_start_wh:
            yield "more energy than the meter had counted"
        if energy_wh < self._least_wh(picture, view, key):
            yield "the energy of a transaction sank"
        bill = self._bills.get((view.station_id, view.evse_id, transaction.started_at))
        if bill is not None:
            before = self._shown.get(key)
            if (
                before is not None
                and before.life == picture.life
                and cost < before.cost - self._revisable(bill, ref, before.state, picture.heard_s)
            ):
                yield "the cost of a transaction sank"
            is_over = transaction.ended_at is not None and made_at > transaction.ended_at
            revisable = self._revisable(bill, ref, view.state, picture.heard_s)
            if not is_over and cost > bill.total_cost.incl_vat + revisable:
                yield f"a higher cost than on the bill, {bill.total_cost.incl_vat}"
        self._shown[key] = _Shown(picture.life, energy_wh, cost, view.state)

    def _least_wh(self, picture: Picture, view: EvseView, key: str) -> int:
        """Not less than before; but an agent that was killed goes on from its last checkpoint, at most 60 s old."""
        before = self._shown.get(key)
        if before is None:
            return 0
        return before.energy_wh if before.life == picture.life else before.energy_wh - view.max_power_w // 60 - 1

    def _revisable(self, bill: Cdr, ref: EvseRef, state: EvseState, heard_s: float) -> Decimal:
        """What a cost shown beside this state may lose again. Only the last billable time is stepped up (OCPI 2.2.1
        §11.4.2). And a car that stands counts as standing until the word that it charges has come, which may take
        until the charger has said it and the latency of a picture; a tile that says CHARGING is given no such time."""
        late_s = Decimal(0)
        if state is EvseState.OCCUPIED:
            late_s = Decimal((heard_s - self.watcher.known_since_s(ref, heard_s)) * self.watcher.site.timeline.speed)
        steps = [
            part.price * (part.step_size + late_s) / 3600 * (1 + (part.vat or Decimal(0)) / 100)
            for element in bill.tariff.elements
            for part in element.price_components
            if part.type in (TariffDimensionType.TIME, TariffDimensionType.PARKING_TIME)
        ]
        return max(steps, default=Decimal(0)) + ROUNDING

    def _find(self, view: EvseView, began: datetime) -> Transaction | None:
        """The transaction of that EVSE that began then; whole seconds are shown, at the speed of the site's clock."""
        margin = timedelta(seconds=2 + 0.1 * self.watcher.site.timeline.speed)
        known = self.fleet[view.station_id].charger.transactions.values()
        near = [t for t in known if t.evse_id == view.evse_id and abs(t.started_at - began) <= margin]
        return min(near, key=lambda t: abs(t.started_at - began), default=None)


def _between(moments: list[Moment], from_s: float, to_s: float) -> list[Moment]:
    """The moments of which a part lies between the two."""
    found = []
    for index, moment in enumerate(moments):
        until_s = moments[index + 1].since_s if index + 1 < len(moments) else float("inf")
        if moment.since_s <= to_s and until_s >= from_s:
            found.append(moment)
    return found


@contextlib.asynccontextmanager
async def watching(watcher: Watcher, fleet: Fleet) -> AsyncIterator[None]:
    """Look at the display and at the chargers while the block runs."""
    site = watcher.site

    async def poll() -> None:
        while True:
            watcher.look(fleet)
            asleep_s = asyncio.get_running_loop().time()
            await asyncio.sleep(POLL_S)
            late_s = asyncio.get_running_loop().time() - asleep_s - POLL_S
            if late_s > STALLED_S:
                watcher.stalls.append((asleep_s + POLL_S + late_s, late_s))

    def hear(report: Report) -> None:
        watcher.look(fleet)
        watcher.hear(report)

    async def stand_there() -> None:
        await follow(
            address=site.edge.local_url,
            token=lambda: read_token(site.edge.token_file),
            tell=hear,
            uniform=lambda shortest, _longest: shortest,  # a display that looks again at once sees the most
            retry_from_s=0.1,
        )

    async with asyncio.TaskGroup() as tasks:
        running = (tasks.create_task(poll()), tasks.create_task(stand_there()))
        yield
        for task in running:
            task.cancel()
