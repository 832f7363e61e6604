"""OCPI 2.2.1 and 2.3.0 §11 Tariff: what a session costs, by its energy, its time, the time parked, and for itself.

Two things are ours and no part of OCPI: `IdleRules`, and the `fees` that a component is made of. A tariff without them
is one that OCPI knows whole; `tariff_document.write_tariff` says what is told of the others.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from protocols.fact import Fact
from protocols.moments import Moment


class TariffDimensionType(StrEnum):
    """OCPI 2.2.1 §11.4.5. Prices are per kWh (ENERGY), per hour (TIME, PARKING_TIME) or per session (FLAT)."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TariffType(StrEnum):
    """OCPI 2.2.1 §11.4.8: whom a tariff is meant for."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


class TaxIncluded(StrEnum):
    """OCPI 2.3.0 §11.4.7: YES where the prices hold the taxes, NO where taxes come on top, N/A where there are none."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


class DayOfWeek(StrEnum):
    """OCPI 2.2.1 §11.4.1, in the order of `datetime.weekday()`."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class ReservationRestrictionType(StrEnum):
    """OCPI 2.2.1 §11.4.3: RESERVATION prices the time that an EVSE is reserved, RESERVATION_EXPIRES a reservation that
    nobody came for."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class Fee(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a component's price that has a line of its own on the bill, such as the service fee of a kWh."""

    label: str
    price: Decimal
    vat: Decimal | None = None


class PriceComponent(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """OCPI 2.2.1 §11.4.2. `vat` in percent, None where no VAT applies; `step_size` in Wh or s, 0 means none.

    `fees`, where there are any, sum up to `price`. Components with the same `label` that are alike in all else share
    the lines of a bill.
    """

    type: TariffDimensionType
    price: Decimal
    vat: Decimal | None = None
    step_size: int = 1
    label: str = ""
    fees: tuple[Fee, ...] = ()


class TariffRestrictions(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """OCPI 2.2.1 §11.4.6: all that are there must match. Minimums and starts are inclusive, maximums and ends
    exclusive.

    Times of day ("13:30") and dates ("2026-12-24") are local to the Location; an end at "00:00" is the end of the day,
    and one not after its start is on the next. `min_kwh` is the energy of the session so far, `min_current` the sum
    over all phases in A and `min_power` in kW as they are at that instant, `min_duration` in s since the session began.
    With `reservation` the element is for reservations alone, and has FLAT and TIME only.
    """

    start_time: str | None = None
    end_time: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: tuple[DayOfWeek, ...] = ()
    reservation: ReservationRestrictionType | None = None


class TariffElement(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """OCPI 2.2.1 §11.4.4: the first element that has a dimension and whose restrictions match gives its price."""

    price_components: tuple[PriceComponent, ...]
    restrictions: TariffRestrictions | None = None


class PriceLimit(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """OCPI 2.3.0 PriceLimit, 2.2.1 Price: each side limits the total's same side, where it is given."""

    excl_vat: Decimal
    incl_vat: Decimal | None = None


class IdleRules(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """What PARKING_TIME costs, beyond what OCPI can say: the first `grace_s` of a session are free, all lines together
    come to `max_price` at most (as the prices are: before taxes, unless they hold them), and the site tells `warn_s`
    before the grace is over."""

    grace_s: int = 0
    max_price: Decimal | None = None
    warn_s: int = 300


class Tariff(Fact, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """OCPI 2.2.1 §11.3.1. `last_updated` is the tariff's version; the whole tariff is kept with each transaction.

    A session that begins from `start_date_time` on and before `end_date_time` may be priced by it.
    """

    id: str
    currency: str
    elements: tuple[TariffElement, ...]
    last_updated: Moment
    tariff_alt_text: str = ""
    type: TariffType | None = None
    tax_included: TaxIncluded = TaxIncluded.NO
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    start_date_time: Moment | None = None
    end_date_time: Moment | None = None
    idle: IdleRules | None = None
