"""Divides a session into atoms: stretches within which no restriction of the tariff can change.

Cuts are made at times of day and at midnights where the Location is, where its clocks change, at durations since the
session began, at energies delivered, which rise evenly within a period, and where the grace of parking ends. All are
exact: what is stored is integers, what is divided here is Fractions. Power and current hold for a whole period.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final, Protocol

from msgspec import Struct

from edge.domain.pricing.compiled import Cell, Number, RateCard, whole

_MILLION: Final = 1_000_000
_MICROSECOND: Final = timedelta(microseconds=1)


class Period(Protocol):
    """A charging period, as a CDR or a described session has it: see ChargingPeriod. Of the times one at most is not
    0."""

    @property
    def start_date_time(self) -> datetime: ...
    @property
    def energy_wh(self) -> Number: ...
    @property
    def time_s(self) -> Number: ...
    @property
    def parking_time_s(self) -> Number: ...
    @property
    def reservation_time_s(self) -> Number: ...
    @property
    def power_w(self) -> Number | None: ...
    @property
    def current_ma(self) -> Number | None: ...


class Atom(Struct, frozen=True, kw_only=True, gc=False):
    """A part of a period, from `offset_s` after its start on. `is_in_grace`: its parking is free."""

    offset_s: Number
    seconds: Number
    energy_wh: Number
    cell: Cell
    is_in_grace: bool


class Walk:
    """Goes through a session, period by period, and knows how long it has lasted and what it took so far."""

    __slots__ = ("_card", "_grace_s", "_local", "energy_wh", "parked_s", "seconds")

    def __init__(self, card: RateCard, time_zone: str, grace_s: int | None = None) -> None:
        self._card, self._local = card, card.local_time(time_zone)
        self._grace_s = grace_s
        self.seconds: Number = 0
        self.energy_wh: Number = 0
        self.parked_s: Number = 0

    def atoms(self, period: Period) -> Iterator[Atom]:
        """The atoms of the next period, in order; at least one."""
        parking_s = period.parking_time_s
        seconds = period.time_s or parking_s or period.reservation_time_s
        energy_wh = period.energy_wh
        start = period.start_date_time
        if start.tzinfo is not UTC:
            start = start.astimezone(UTC)
        power_w, current_ma = period.power_w, period.current_ma
        if parking_s:  # what stands still draws nothing, whatever was not measured
            power_w, current_ma = power_w or 0, current_ma or 0
        card = self._card
        at = start
        offset: Number = 0
        cuts = self._cuts(start, seconds, parking_s, energy_wh)
        ends: list[Number] = [*cuts, 1]
        first: Number = 0
        for last in ends:
            share = last - first
            if first:
                offset = first * seconds
                at = start + int(offset * _MILLION) * _MICROSECOND
            yield Atom(
                offset_s=whole(offset),
                seconds=whole(share * seconds),
                energy_wh=whole(share * energy_wh),
                cell=card.cell(
                    self._local.at(at)[0],
                    self.seconds + offset,
                    self.energy_wh + first * energy_wh,
                    power_w,
                    current_ma,
                ),
                is_in_grace=bool(
                    parking_s and self._grace_s is not None and self.parked_s + first * parking_s < self._grace_s
                ),
            )
            first = last
        self.seconds = whole(self.seconds + seconds)
        self.energy_wh = whole(self.energy_wh + energy_wh)
        if parking_s:
            self.parked_s = whole(self.parked_s + parking_s)

    def _cuts(self, start: datetime, seconds: Number, parking_s: Number, energy_wh: Number) -> list[Fraction]:
        """Where a period is cut, as shares of it."""
        card = self._card
        cuts: set[Fraction] = set()
        if seconds:
            _, until = self._local.at(start)
            while (offset := (until - start) // _MICROSECOND) < seconds * _MILLION:
                cuts.add(Fraction(offset) / _MILLION / seconds)
                _, until = self._local.at(until)
            for threshold in card.seconds:
                if self.seconds < threshold < self.seconds + seconds:
                    cuts.add(Fraction(threshold - self.seconds) / seconds)
            if parking_s and self._grace_s is not None and self.parked_s < self._grace_s < self.parked_s + parking_s:
                cuts.add(Fraction(self._grace_s - self.parked_s) / parking_s)
        if energy_wh:
            for threshold in card.energies_wh:
                if self.energy_wh < threshold < self.energy_wh + energy_wh:
                    cuts.add(Fraction(threshold - self.energy_wh) / energy_wh)
        return sorted(cuts)
