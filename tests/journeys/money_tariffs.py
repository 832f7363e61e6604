"""Random tariffs of every kind that bills are made by: flat, by bands of the day, stepped, bounded, restricted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from random import Random

from protocols.ocpi.tariff import (
    DayOfWeek,
    Fee,
    IdleRules,
    PriceComponent,
    PriceLimit,
    ReservationRestrictionType,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
    TaxIncluded,
)

D = TariffDimensionType
_VATS = [None, Decimal(0), Decimal("5.2"), Decimal(7), Decimal(19), Decimal(20)]
_STEPS = {D.ENERGY: [0, 1, 100, 500], D.TIME: [1, 60, 300, 900], D.PARKING_TIME: [1, 300, 900], D.FLAT: [0, 1]}
_TIMES = [f"{half // 2:02}:{half % 2 * 30:02}" for half in range(48)]


def _price(random: Random, most: int) -> Decimal:
    """With up to five decimals, as time-of-use sheets have them."""
    return Decimal(random.randint(0, most * 100_000)) / 100_000


def _components(random: Random) -> tuple[PriceComponent, ...]:
    most = {D.ENERGY: 1, D.TIME: 4, D.PARKING_TIME: 6, D.FLAT: 2}
    return tuple(
        PriceComponent(
            type=kind,
            price=_price(random, most[kind]),
            vat=random.choice(_VATS),
            step_size=random.choice(_STEPS[kind]),
        )
        for kind in random.sample(list(D), random.randint(1, 4))
    )


def _restrictions(random: Random) -> TariffRestrictions:
    match random.randint(0, 4):
        case 0:
            return TariffRestrictions(start_time=random.choice(_TIMES), end_time=random.choice(_TIMES))
        case 1:
            days = random.sample(list(DayOfWeek), random.randint(1, 5))
            return TariffRestrictions(day_of_week=tuple(days), start_time=random.choice(_TIMES))
        case 2:
            return TariffRestrictions(min_kwh=Decimal(random.randint(0, 20)), max_kwh=Decimal(25))
        case 3:
            return TariffRestrictions(max_duration=random.choice([600, 1800, 7200]))
        case _:
            return TariffRestrictions(min_power=Decimal(random.choice([5, 11])))


def _elements(random: Random) -> tuple[TariffElement, ...]:
    restricted = [
        TariffElement(price_components=_components(random), restrictions=_restrictions(random))
        for _ in range(random.randint(0, 3))
    ]
    return (*_reserved(random), *restricted, TariffElement(price_components=_components(random)))


def _reserved(random: Random) -> tuple[TariffElement, ...]:
    """What it costs to keep an EVSE, and not to come."""
    kinds = random.sample(list(ReservationRestrictionType), random.randint(0, 2))
    return tuple(
        TariffElement(
            price_components=tuple(
                PriceComponent(type=kind, price=_price(random, 3), vat=random.choice(_VATS), step_size=step)
                for kind, step in random.sample([(D.FLAT, 1), (D.TIME, random.choice(_STEPS[D.TIME]))], 2)
            ),
            restrictions=TariffRestrictions(reservation=kind),
        )
        for kind in kinds
    )


def _bands(random: Random) -> tuple[TariffElement, ...]:
    """A time-of-use day of eight bands of three hours over four prices, each with a fee on top."""
    prices, fee = [_price(random, 1) for _ in range(4)], _price(random, 1)
    return tuple(
        TariffElement(
            price_components=(
                PriceComponent(
                    type=D.ENERGY,
                    price=prices[band % 4] + fee,
                    vat=Decimal(6),
                    label=f"band {band % 4}",
                    fees=(
                        Fee(label="electricity", price=prices[band % 4], vat=Decimal(6)),
                        Fee(label="service", price=fee, vat=Decimal(6)),
                    ),
                ),
            ),
            restrictions=TariffRestrictions(start_time=f"{3 * band:02}:00", end_time=f"{(3 * band + 3) % 24:02}:00"),
        )
        for band in range(8)
    )


def drawn_tariff(random: Random, tariff_id: str, last_updated: datetime) -> Tariff:
    """One that is valid always."""
    return Tariff(
        id=tariff_id,
        currency="EUR",
        elements=_bands(random) if random.random() < 0.3 else _elements(random),
        last_updated=last_updated,
        tax_included=random.choice([TaxIncluded.NO, TaxIncluded.NO, TaxIncluded.YES, TaxIncluded.NOT_APPLICABLE]),
        min_price=random.choice([None, PriceLimit(excl_vat=Decimal("0.50"), incl_vat=Decimal("0.55"))]),
        max_price=random.choice([None, PriceLimit(excl_vat=Decimal("9.00"), incl_vat=Decimal("10.71"))]),
        idle=random.choice([None, IdleRules(grace_s=900, max_price=Decimal("3.00"))]),
    )
