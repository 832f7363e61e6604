"""The stretches of a transaction, each within one cell of its tariff.

A station tells its register at instants of its own. Where a boundary of the tariff lies between two readings, the
register at the boundary is taken to lie on the line between them, in whole Wh: what is billed is then what stands in
the bill's charging periods, and can be reckoned again from these alone. Only what the tariff asks for is cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from edge.domain.pricing.atoms import Walk
from edge.domain.pricing.compiled import FLAT_SLOT, PARKING_SLOT, TIME_SLOT, Cell, Number, compiled
from protocols.ocpi.cdr import ChargingPeriod
from protocols.ocpi.tariff import Tariff

MAX_PHASES: Final = 2_000
"""In a transaction; beyond it nothing is cut any more, and a person looks at the bill."""
_SECOND: Final = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class Phase:
    """A stretch of a transaction in which the vehicle was charging or was not, from `start` and register `start_wh`.
    Power and current hold in it, as far as the tariff asks for them and they were measured."""

    start: datetime
    start_wh: int
    is_charging: bool
    power_w: int | None = None
    current_ma: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The register at an instant."""

    at: datetime
    wh: int


def is_cut(tariff: Tariff) -> bool:
    """Whether boundaries within a transaction matter to this tariff."""
    return compiled(tariff).plain is None


def cut(phases: list[Phase], tariff: Tariff, time_zone: str, before: Reading, now: Reading) -> bool:
    """Begin the phases that the tariff's boundaries between two readings ask for; returns whether there was room. All
    of the transaction's phases so far, in order; cut phases begin at whole seconds."""
    last = phases[-1]
    begin = Reading(at=max(whole_second(before.at), whole_second(last.start)), wh=max(before.wh, last.start_wh))
    seconds = (now.at - begin.at) // _SECOND
    energy_wh = now.wh - begin.wh
    if seconds < 0 or energy_wh < 0 or not (seconds or energy_wh):
        return True
    held = _cell_at_start(phases, tariff, time_zone)
    walk = _walk_to(phases, tariff, time_zone, begin)
    passed_wh: Number = 0
    for atom in walk.atoms(_period(last, begin, seconds, energy_wh)):
        cell = _asked(atom.cell, is_charging=last.is_charging, is_in_grace=atom.is_in_grace)
        if cell != held:
            if len(phases) >= MAX_PHASES:
                return False
            start, start_wh = begin.at + int(atom.offset_s) * _SECOND, begin.wh - int(-passed_wh // 1)
            _begin(phases, start, start_wh, last.power_w, last.current_ma)
            held = cell
        passed_wh += atom.energy_wh
    return True


def feel(
    phases: list[Phase], tariff: Tariff, time_zone: str, now: Reading, power_w: int | None, current_ma: int | None
) -> bool:
    """Power and current are this from now on; None where nothing was measured. The first that is measured in a phase
    is what they were in it so far. Returns whether there was room for the phase that this may begin."""
    last = phases[-1]
    if not last.is_charging:
        return True
    if last.power_w is None:
        last.power_w = power_w
    if last.current_ma is None:
        last.current_ma = current_ma
    power_w = last.power_w if power_w is None else power_w
    current_ma = last.current_ma if current_ma is None else current_ma
    card = compiled(tariff).session
    walk = _walk_to(phases, tariff, time_zone, now)
    openings, _ = card.local_time(time_zone).at(max(now.at, last.start))
    before, after = (
        card.cell(openings, walk.seconds, walk.energy_wh, power, current)
        for power, current in ((last.power_w, last.current_ma), (power_w, current_ma))
    )
    if before != after:
        if len(phases) >= MAX_PHASES:
            return False
        _begin(phases, max(whole_second(now.at), last.start), max(now.wh, last.start_wh), power_w, current_ma)
    return True


def whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _begin(phases: list[Phase], start: datetime, start_wh: int, power_w: int | None, current_ma: int | None) -> None:
    """In the place of a phase that has not lasted."""
    last = phases[-1]
    if last.start == start and last.start_wh == start_wh:
        last.power_w, last.current_ma = power_w, current_ma
        return
    phases.append(
        Phase(start=start, start_wh=start_wh, is_charging=last.is_charging, power_w=power_w, current_ma=current_ma)
    )


def _period(phase: Phase, begin: Reading, seconds: int, energy_wh: int) -> ChargingPeriod:
    return ChargingPeriod(
        start_date_time=begin.at,
        energy_wh=energy_wh,
        time_s=seconds if phase.is_charging else 0,
        parking_time_s=0 if phase.is_charging else seconds,
        power_w=phase.power_w,
        current_ma=phase.current_ma,
    )


def _cell_at_start(phases: list[Phase], tariff: Tariff, time_zone: str) -> tuple[object, ...]:
    last = phases[-1]
    begin = Reading(at=whole_second(last.start), wh=last.start_wh)
    atom = next(_walk_to(phases, tariff, time_zone, begin).atoms(_period(last, begin, 1, 0)))
    return _asked(atom.cell, is_charging=last.is_charging, is_in_grace=atom.is_in_grace)


def _walk_to(phases: list[Phase], tariff: Tariff, time_zone: str, now: Reading) -> Walk:
    """A walk through the transaction that has come to this point of its last phase."""
    walk = Walk(compiled(tariff).session, time_zone, tariff.idle.grace_s if tariff.idle is not None else None)
    first = phases[0]
    walk.seconds = max(0, (now.at - whole_second(first.start)) // _SECOND)
    walk.energy_wh = max(0, now.wh - first.start_wh)
    if tariff.idle is not None:
        ends = [*(whole_second(phase.start) for phase in phases[1:]), max(now.at, phases[-1].start)]
        walk.parked_s = sum(
            max(0, (end - whole_second(phase.start)) // _SECOND)
            for phase, end in zip(phases, ends, strict=True)
            if not phase.is_charging
        )
    return walk


def _asked(cell: Cell, *, is_charging: bool, is_in_grace: bool) -> tuple[object, ...]:
    """Of a cell what can make a difference to such a phase."""
    time = cell[TIME_SLOT] if is_charging else cell[PARKING_SLOT]
    return (*cell[FLAT_SLOT:TIME_SLOT], time, is_in_grace)
