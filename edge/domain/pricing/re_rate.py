"""Makes a bill again from itself alone: its tariff, its periods and its time zone."""

from __future__ import annotations

from edge.domain.pricing.lines import Bill
from edge.domain.pricing.price import ENGINES, price_reservation, price_session
from protocols.money import ROUNDING_RULE, TAX_BY_LINE_RULE
from protocols.ocpi.cdr import Cdr
from protocols.sync.upkeep import ReservationEnd

RESERVATION_REASON = "Reservation"
"""With the reservation's end after it, the reason on the bill of a reservation that no transaction used."""


class UnknownRules(ValueError):
    """The bill was made by rules that are not known here."""


def reason_of(end: ReservationEnd) -> str:
    return f"{RESERVATION_REASON}{end.value.capitalize()}"


def re_rate(cdr: Cdr) -> Bill:
    """What the bill comes to today, which is what it came to then. Raises UnknownRules."""
    if cdr.engine not in ENGINES or cdr.rounding_rule not in (ROUNDING_RULE, TAX_BY_LINE_RULE):
        raise UnknownRules(f"bill {cdr.id} was made by {cdr.engine} and rounded by {cdr.rounding_rule}")
    is_used = any(period.energy_wh or period.time_s or period.parking_time_s for period in cdr.charging_periods)
    if cdr.stop_reason.startswith(RESERVATION_REASON) and not is_used:
        is_expired = cdr.stop_reason == reason_of(ReservationEnd.EXPIRED)
        return price_reservation(
            cdr.tariff,
            cdr.charging_periods,
            is_expired=is_expired,
            time_zone=cdr.time_zone,
            rounding_rule=cdr.rounding_rule,
        )
    return price_session(cdr.tariff, cdr.charging_periods, cdr.time_zone, cdr.rounding_rule)
