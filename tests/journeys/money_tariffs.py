"""Random tariffs of every kind that bills are made by: flat, by bands of the day, stepped, bounded, restricted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from hypothesis import strategies as st

from protocols.ocpi.tariff import (
    DayOfWeek,
    IdleRules,
    PriceComponent,
    PriceLimit,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
    TaxIncluded,
)

D = TariffDimensionType
_VATS = st.sampled_from([None, Decimal(0), Decimal("5.2"), Decimal(7), Decimal(19), Decimal(20)])
_STEPS = {D.ENERGY: [0, 1, 100, 500], D.TIME: [1, 60, 300, 900], D.PARKING_TIME: [1, 300, 900], D.FLAT: [0, 1]}
_TIMES = [f"{half // 2:02}:{half % 2 * 30:02}" for half in range(48)]


def _prices(most: int) -> st.SearchStrategy[Decimal]:
    """With up to five decimals, as time-of-use sheets have them."""
    return st.integers(0, most * 100_000).map(lambda parts: Decimal(parts) / 100_000)


@st.composite
def _component(draw: st.DrawFn, kind: TariffDimensionType) -> PriceComponent:
    most = {D.ENERGY: 1, D.TIME: 4, D.PARKING_TIME: 6, D.FLAT: 2}[kind]
    return PriceComponent(
        type=kind, price=draw(_prices(most)), vat=draw(_VATS), step_size=draw(st.sampled_from(_STEPS[kind]))
    )


@st.composite
def _components(draw: st.DrawFn) -> tuple[PriceComponent, ...]:
    kinds = draw(st.lists(st.sampled_from(list(D)), min_size=1, max_size=4, unique=True))
    return tuple(draw(_component(kind)) for kind in kinds)


@st.composite
def _restrictions(draw: st.DrawFn) -> TariffRestrictions:
    match draw(st.integers(0, 4)):
        case 0:
            return TariffRestrictions(start_time=draw(st.sampled_from(_TIMES)), end_time=draw(st.sampled_from(_TIMES)))
        case 1:
            days = draw(st.lists(st.sampled_from(list(DayOfWeek)), min_size=1, max_size=5, unique=True))
            return TariffRestrictions(day_of_week=tuple(days), start_time=draw(st.sampled_from(_TIMES)))
        case 2:
            return TariffRestrictions(min_kwh=Decimal(draw(st.integers(0, 20))), max_kwh=Decimal(25))
        case 3:
            return TariffRestrictions(max_duration=draw(st.sampled_from([600, 1800, 7200])))
        case _:
            return TariffRestrictions(min_power=Decimal(draw(st.sampled_from([5, 11]))))


@st.composite
def _elements(draw: st.DrawFn) -> tuple[TariffElement, ...]:
    restricted = [
        TariffElement(price_components=draw(_components()), restrictions=draw(_restrictions()))
        for _ in range(draw(st.integers(0, 3)))
    ]
    return (*restricted, TariffElement(price_components=draw(_components())))


def bands(prices: list[Decimal], fee: Decimal) -> tuple[TariffElement, ...]:
    """A time-of-use day of eight bands of three hours over four prices, each with a fee on top."""
    return tuple(
        TariffElement(
            price_components=(
                PriceComponent(type=D.ENERGY, price=prices[band % len(prices)] + fee, vat=Decimal(6), label=f"b{band}"),
            ),
            restrictions=TariffRestrictions(start_time=f"{3 * band:02}:00", end_time=f"{(3 * band + 3) % 24:02}:00"),
        )
        for band in range(8)
    )


@st.composite
def tariffs(draw: st.DrawFn, tariff_id: str, last_updated: datetime) -> Tariff:
    """One that is valid always."""
    if draw(st.integers(0, 3)) == 0:
        elements = bands([draw(_prices(1)) for _ in range(4)], draw(_prices(1)))
    else:
        elements = draw(_elements())
    tax = draw(st.sampled_from([TaxIncluded.NO, TaxIncluded.NO, TaxIncluded.YES, TaxIncluded.NOT_APPLICABLE]))
    least = draw(st.none() | st.just(PriceLimit(excl_vat=Decimal("0.50"), incl_vat=Decimal("0.55"))))
    most = draw(st.none() | st.just(PriceLimit(excl_vat=Decimal("9.00"), incl_vat=Decimal("10.71"))))
    idle = draw(st.none() | st.just(IdleRules(grace_s=900, max_price=Decimal("3.00"))))
    return Tariff(
        id=tariff_id,
        currency="EUR",
        elements=elements,
        last_updated=last_updated,
        tax_included=tax,
        min_price=least,
        max_price=most,
        idle=idle,
    )
