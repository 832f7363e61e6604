"""The tariffs of the settings: `[[tariffs]]` in the words of OCPI, `[[time_of_use]]` sheets, and whom which is for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from edge.config_fields import Name, StationId, Strict
from protocols.errors import BadText
from protocols.ocpi.tariff import (
    DayOfWeek,
    IdleRules,
    PriceComponent,
    PriceLimit,
    ReservationRestrictionType,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
    TariffType,
    TaxIncluded,
)
from protocols.ocpi.tariff_problems import problems
from protocols.ocpi.time_of_use import read_sheet

Amount = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
Bound = Annotated[Decimal | None, Field(ge=0, max_digits=12, decimal_places=3)]
Seconds = Annotated[int, Field(ge=0, le=604_800)]


class PriceComponentSettings(Strict):
    """OCPI 2.2.1 §11.4.2."""

    type: TariffDimensionType = Field(description="ENERGY, TIME, PARKING_TIME or FLAT")
    price: Decimal = Field(
        ge=0, max_digits=12, decimal_places=5, description="per kWh, hour or session, before VAT unless `tax_included`"
    )
    vat: Decimal | None = Field(default=None, ge=0, le=100, decimal_places=2, description="percent; none without it")
    step_size: int = Field(default=1, ge=0, le=1_000_000, description="Wh or seconds that are billed as one")


class TariffRestrictionsSettings(Strict):
    """OCPI 2.2.1 §11.4.6: all that are set must match."""

    start_time: str | None = Field(default=None, description='local time of day from which it holds, such as "17:00"')
    end_time: str | None = Field(default=None, description='local time of day at which it ends; "00:00" ends the day')
    start_date: str | None = Field(default=None, description='first day, local, such as "2026-12-24"')
    end_date: str | None = Field(default=None, description="day from which it holds no more")
    min_kwh: Bound = Field(default=None, description="from this energy of the session on")
    max_kwh: Bound = Field(default=None, description="below this energy of the session")
    min_current: Bound = Field(default=None, description="at this current or more, A, all phases together")
    max_current: Bound = Field(default=None, description="below this current, A, all phases together")
    min_power: Bound = Field(default=None, description="at this power or more, kW")
    max_power: Bound = Field(default=None, description="below this power, kW")
    min_duration: Seconds | None = Field(default=None, description="from this duration of the session on, s")
    max_duration: Seconds | None = Field(default=None, description="below this duration of the session, s")
    day_of_week: tuple[DayOfWeek, ...] = Field(default=(), description="MONDAY to SUNDAY; none for all days")
    reservation: ReservationRestrictionType | None = Field(
        default=None,
        description="RESERVATION prices the time that is reserved, RESERVATION_EXPIRES what nobody came for",
    )


class TariffElementSettings(Strict):
    """OCPI 2.2.1 §11.4.4."""

    price_components: tuple[PriceComponentSettings, ...] = Field(min_length=1, description="one per dimension")
    restrictions: TariffRestrictionsSettings | None = Field(default=None, description="when it holds; always without")


class PriceLimitSettings(Strict):
    """OCPI 2.3.0 PriceLimit."""

    before_taxes: Amount = Field(description="for the total before taxes")
    after_taxes: Amount | None = Field(default=None, description="for the total after taxes")


class IdleSettings(Strict):
    """What a vehicle pays that is parked and does not charge, beyond its PARKING_TIME."""

    grace_s: Seconds = Field(default=0, description="so much parking of a session is free")
    max_price: Amount | None = Field(default=None, description="parking costs this at most")
    warn_s: Seconds = Field(default=300, description="the site tells so long before the grace is over")


class TariffSettings(Strict):
    """OCPI 2.2.1 §11.3.1, and 2.3.0."""

    id: Name = Field(description="the tariff's id")
    last_updated: AwareDatetime = Field(description="the tariff's version")
    elements: tuple[TariffElementSettings, ...] = Field(
        min_length=1, description="the first with a dimension whose restrictions match prices it"
    )
    tariff_alt_text: str = Field(default="", max_length=512, description="the tariff in words")
    type: TariffType | None = Field(default=None, description="whom it is meant for, in OCPI's words")
    tax_included: TaxIncluded = Field(
        default=TaxIncluded.NO, description="YES: the prices hold the taxes; N/A: there are none"
    )
    min_price: PriceLimitSettings | None = Field(default=None, description="a session costs this at least")
    max_price: PriceLimitSettings | None = Field(default=None, description="a session costs this at most")
    start_date_time: AwareDatetime | None = Field(default=None, description="for sessions that begin from then on")
    end_date_time: AwareDatetime | None = Field(default=None, description="for sessions that begin before")
    idle: IdleSettings | None = Field(default=None, description="grace and ceiling of parking")
    bills_estimates: bool = Field(
        default=False, description="bill energy that a charger without a meter makes of its power; otherwise kept back"
    )

    @model_validator(mode="after")
    def _can_price(self) -> Self:
        if found := problems(self.tariff("XXX")):
            raise ValueError("; ".join(found))
        return self

    def tariff(self, currency: str) -> Tariff:
        return Tariff(
            id=self.id,
            currency=currency,
            elements=tuple(_element(element) for element in self.elements),
            last_updated=self.last_updated,
            tariff_alt_text=self.tariff_alt_text,
            type=self.type,
            tax_included=self.tax_included,
            min_price=_limit(self.min_price),
            max_price=_limit(self.max_price),
            start_date_time=self.start_date_time,
            end_date_time=self.end_date_time,
            idle=IdleRules(**self.idle.model_dump()) if self.idle is not None else None,
        )


def _element(element: TariffElementSettings) -> TariffElement:
    return TariffElement(
        price_components=tuple(
            PriceComponent(type=c.type, price=c.price, vat=c.vat, step_size=c.step_size)
            for c in element.price_components
        ),
        restrictions=TariffRestrictions(**element.restrictions.model_dump())
        if element.restrictions is not None
        else None,
    )


def _limit(limit: PriceLimitSettings | None) -> PriceLimit | None:
    return PriceLimit(excl_vat=limit.before_taxes, incl_vat=limit.after_taxes) if limit is not None else None


def sheet_tariff(sheet: dict[str, Any], currency: str) -> Tariff:
    """The tariff of a time-of-use sheet. Raises BadText."""
    told = {"currency": currency, "last_updated": datetime(1970, 1, 1, tzinfo=UTC), **sheet}
    if told["currency"] != currency:
        raise BadText(f"currency {told['currency']!r} is not the site's, which is {currency!r}")
    return read_sheet(told)


def _a_sheet(sheet: dict[str, Any]) -> dict[str, Any]:
    try:
        sheet_tariff(sheet, str(sheet.get("currency", "XXX")))
    except BadText as error:
        raise ValueError("; ".join(str(error).splitlines())) from error
    return sheet


Sheet = Annotated[dict[str, Any], AfterValidator(_a_sheet)]


class TariffRuleSettings(Strict):
    """Whom a tariff is for: all that is set must match. The first rule that does, and whose tariff is valid then."""

    tariff: Name = Field(description="the tariff's id")
    locations: frozenset[Name] = Field(default=frozenset(), description="ids of Locations; none for all")
    stations: frozenset[StationId] = Field(default=frozenset(), description="ids of stations; none for all")
    evses: frozenset[Name] = Field(default=frozenset(), description="labels of EVSEs; none for all")
    min_power_kw: Decimal | None = Field(default=None, ge=0, description="EVSEs rated at this power or more")
    max_power_kw: Decimal | None = Field(default=None, gt=0, description="EVSEs rated below this power")
    groups: frozenset[Name] = Field(default=frozenset(), description="token groups; none for all")
    contracts: frozenset[Name] = Field(default=frozenset(), description="contract ids; none for all")
