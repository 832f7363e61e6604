"""OCPI 2.2.1 §11 Tariff, as far as a site prices by it: FLAT, ENERGY, TIME and PARKING_TIME with step_size, and what a
reservation costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime


class TariffDimensionType(StrEnum):
    """OCPI 2.2.1 §11.4.5. Prices are per kWh (ENERGY), per hour (TIME, PARKING_TIME) or per session (FLAT)."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """OCPI 2.2.1 §11.4.2. `vat` in percent, None where no VAT applies; `step_size` in Wh or s, 0 and 1 mean none."""

    type: TariffDimensionType
    price: Decimal
    vat: Decimal | None = None
    step_size: int = 1


class ReservationRestrictionType(StrEnum):
    """OCPI 2.2.1 §11.4.3: RESERVATION prices the time that an EVSE is reserved, RESERVATION_EXPIRES a reservation that
    nobody came for."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffRestrictions:
    """OCPI 2.2.1 §11.4.6, as far as a site prices by it. With `reservation` the element is for reservations alone, and
    has FLAT and TIME only."""

    reservation: ReservationRestrictionType


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffElement:
    """OCPI 2.2.1 §11.4.4: the first element with a dimension gives that dimension's price."""

    price_components: tuple[PriceComponent, ...]
    restrictions: TariffRestrictions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """OCPI 2.2.1 §11.3.1. `last_updated` is the tariff's version; the whole tariff is kept with each transaction."""

    id: str
    currency: str
    elements: tuple[TariffElement, ...]
    last_updated: AwareDatetime
    tariff_alt_text: str = ""
