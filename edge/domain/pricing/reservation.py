"""What a reservation costs: FLAT and TIME of the elements that are restricted to it (OCPI 2.2.1 §11.4.3).

One that expired is priced by RESERVATION_EXPIRES as well, and where that has a TIME, by that TIME instead of
RESERVATION's. Its time is stepped by itself, by the component that priced the last of it. Other restrictions of such
an element are reckoned from when it was reserved.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.domain.pricing.atoms import Period, Walk
from edge.domain.pricing.compiled import (
    EXPIRED_FLAT,
    EXPIRED_TIME,
    RESERVED_FLAT,
    RESERVED_TIME,
    Number,
    compiled,
)
from edge.domain.pricing.lines import lines_of, step_up
from protocols.ocpi.cdr import PriceLine
from protocols.ocpi.tariff import ReservationRestrictionType, Tariff

_RESERVED, _EXPIRED = ReservationRestrictionType.RESERVATION, ReservationRestrictionType.RESERVATION_EXPIRES
_KIND_OF_FLAT = {EXPIRED_FLAT: _EXPIRED, RESERVED_FLAT: _RESERVED}


def reservation_lines(
    tariff: Tariff, periods: Sequence[Period], *, is_expired: bool, time_zone: str
) -> list[PriceLine]:
    """The lines of these reserved periods."""
    ready = compiled(tariff)
    card = ready.expired if is_expired else ready.reserved
    if not card.rates:
        return []
    walk = Walk(card, time_zone)
    flats: dict[int, int] = {}
    times: dict[tuple[ReservationRestrictionType, int], Number] = {}
    for period in periods:
        for atom in walk.atoms(period):
            for slot in (EXPIRED_FLAT, RESERVED_FLAT):
                if (rate := atom.cell[slot]) is not None:
                    flats.setdefault(slot, rate)
            timed = (_EXPIRED, atom.cell[EXPIRED_TIME])
            if timed[1] is None:
                timed = (_RESERVED, atom.cell[RESERVED_TIME])
            if timed[1] is not None and atom.seconds:
                key = (timed[0], timed[1])
                times[key] = times.pop(key, 0) + atom.seconds  # the last one used stands last
    lines = []
    for slot in (EXPIRED_FLAT, RESERVED_FLAT):
        if slot in flats:
            lines += lines_of(tariff, card.rates[flats[slot]], 1, 1, _KIND_OF_FLAT[slot])
    used = sum(times.values())
    for kind, rate in times:
        component, quantity = card.rates[rate], times[kind, rate]
        is_last = (kind, rate) == next(reversed(times))
        billed = quantity + step_up(used, component.step_size) - used if is_last else quantity
        lines += lines_of(tariff, component, quantity, billed, kind)
    return lines
