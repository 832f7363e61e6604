"""A tariff as a document: read from JSON or TOML in the words of OCPI 2.2.1 and 2.3.0, and written as OCPI has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

from protocols.errors import BadText
from protocols.ocpi.numbers import exact_number
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
    TariffType,
    TaxIncluded,
)
from protocols.ocpi.tariff_problems import problems

E = TypeVar("E", bound=StrEnum)
_PLACE: Final = re.compile(r"element \d+|\w+")

_TARIFF: Final = frozenset(Tariff.__struct_fields__)
_UNUSED: Final = frozenset(
    {"country_code", "party_id", "tariff_alt_url", "energy_mix", "preauthorize_amount", "bills_estimates"}
)
"""Known, and no matter for prices."""
_DECIMALS: Final = (*("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power"),)
_TEXTS: Final = ("start_time", "end_time", "start_date", "end_date")


class BadTariff(BadText):
    """No tariff can be made of the document; `problems` names everything that is wrong with it."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__("\n".join(found))
        self.problems = tuple(found)


def read_tariff(document: object) -> Tariff:
    """The tariff that a document tells. Raises BadTariff."""
    reader = _Reader()
    tariff = reader.tariff(document)
    found = reader.problems
    wrong = {_place(problem) for problem in found}
    found += [problem for problem in problems(tariff) if _place(problem) not in wrong]
    if found:
        raise BadTariff(found)
    return tariff


def _place(problem: str) -> str:
    """The element or the field that a problem is about; of one that could not be read nothing more is said."""
    at = _PLACE.match(problem)
    return at[0] if at is not None else problem


class _Reader:
    """Reads on after a problem, with something in the place of what is wrong, so that all are found."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def tariff(self, document: object) -> Tariff:
        told = self._table("", document, _TARIFF | _UNUSED)
        elements = self._list("elements", told.get("elements", ()))
        idle = told.get("idle")
        return Tariff(
            id=self._text("id", told.get("id")),
            currency=self._text("currency", told.get("currency")),
            elements=tuple(self._element(f"element {n}", each) for n, each in enumerate(elements, 1)),
            last_updated=self._instant("last_updated", told.get("last_updated")) or datetime.fromtimestamp(0, UTC),
            tariff_alt_text=self._alt_text(told.get("tariff_alt_text")),
            type=self._enum("type", TariffType, told["type"]) if told.get("type") is not None else None,
            tax_included=self._enum("tax_included", TaxIncluded, told.get("tax_included", "NO")),
            min_price=self._limit("min_price", told.get("min_price")),
            max_price=self._limit("max_price", told.get("max_price")),
            start_date_time=self._instant("start_date_time", told.get("start_date_time"), is_needed=False),
            end_date_time=self._instant("end_date_time", told.get("end_date_time"), is_needed=False),
            idle=self._idle(idle) if idle is not None else None,
        )

    def _element(self, at: str, document: object) -> TariffElement:
        told = self._table(at, document, {"price_components", "restrictions"})
        components = self._list(f"{at}: price_components", told.get("price_components", ()))
        restrictions = told.get("restrictions")
        return TariffElement(
            price_components=tuple(
                self._component(f"{at}, component {n}", each) for n, each in enumerate(components, 1)
            ),
            restrictions=self._restrictions(f"{at}, restrictions", restrictions) if restrictions else None,
        )

    def _component(self, at: str, document: object) -> PriceComponent:
        told = self._table(at, document, {*PriceComponent.__struct_fields__, "taxes"})
        fees = self._list(f"{at}: fees", told.get("fees", ()))
        return PriceComponent(
            type=self._enum(f"{at}: type", TariffDimensionType, told.get("type")),
            price=self._number(f"{at}: price", told.get("price")),
            vat=self._vat(at, told),
            step_size=self._whole(f"{at}: step_size", told.get("step_size", 1)),
            label=self._text(f"{at}: label", told.get("label", "")),
            fees=tuple(self._fee(f"{at}, fee {n}", each) for n, each in enumerate(fees, 1)),
        )

    def _fee(self, at: str, document: object) -> Fee:
        told = self._table(at, document, set(Fee.__struct_fields__))
        return Fee(
            label=self._text(f"{at}: label", told.get("label")),
            price=self._number(f"{at}: price", told.get("price")),
            vat=self._vat(at, told),
        )

    def _vat(self, at: str, told: Mapping[str, Any]) -> Decimal | None:
        """`vat`, or what the `taxes` come to, in percent."""
        if told.get("vat") is not None:
            return self._number(f"{at}: vat", told["vat"])
        if told.get("taxes") is None:
            return None
        taxes = self._list(f"{at}: taxes", told["taxes"])
        tables = [self._table(f"{at}, tax {n}", each, None) for n, each in enumerate(taxes, 1)]
        return sum(
            (self._number(f"{at}, tax {n}: percentage", each.get("percentage")) for n, each in enumerate(tables, 1)),
            Decimal(0),
        )

    def _restrictions(self, at: str, document: object) -> TariffRestrictions:
        told = self._table(at, document, set(TariffRestrictions.__struct_fields__))
        given: dict[str, Any] = {}
        for name in _TEXTS:
            if told.get(name) is not None:
                given[name] = self._text(f"{at}: {name}", _day_or_text(told[name]))
        for name in _DECIMALS:
            if told.get(name) is not None:
                given[name] = self._number(f"{at}: {name}", told[name])
        for name in ("min_duration", "max_duration"):
            if told.get(name) is not None:
                given[name] = self._whole(f"{at}: {name}", told[name])
        days = self._list(f"{at}: day_of_week", told.get("day_of_week") or ())
        given["day_of_week"] = tuple(self._enum(f"{at}: day_of_week", DayOfWeek, day) for day in days)
        if told.get("reservation") is not None:
            given["reservation"] = self._enum(f"{at}: reservation", ReservationRestrictionType, told["reservation"])
        return TariffRestrictions(**given)

    def _limit(self, at: str, document: object) -> PriceLimit | None:
        if document is None:
            return None
        told = self._table(at, document, {"excl_vat", "incl_vat", "before_taxes", "after_taxes"})
        after = told.get("incl_vat", told.get("after_taxes"))
        return PriceLimit(
            excl_vat=self._number(f"{at}: before_taxes", told.get("excl_vat", told.get("before_taxes"))),
            incl_vat=None if after is None else self._number(f"{at}: after_taxes", after),
        )

    def _idle(self, document: object) -> IdleRules:
        told = self._table("idle", document, set(IdleRules.__struct_fields__))
        ceiling = told.get("max_price")
        return IdleRules(
            grace_s=self._whole("idle: grace_s", told.get("grace_s", 0)),
            max_price=None if ceiling is None else self._number("idle: max_price", ceiling),
            warn_s=self._whole("idle: warn_s", told.get("warn_s", 300)),
        )

    def _alt_text(self, told: object) -> str:
        """OCPI has a list of texts, each in a language; here it is one."""
        if isinstance(told, str) or told is None:
            return told or ""
        texts = [self._table("tariff_alt_text", each, None) for each in self._list("tariff_alt_text", told)]
        return " / ".join(self._text("tariff_alt_text: text", each.get("text")) for each in texts)

    # --- what fields are made of ---

    def _wrong(self, at: str, what: str) -> None:
        self.problems.append(f"{at} {what}" if at else what)

    def _table(self, at: str, document: object, known: frozenset[str] | set[str] | None) -> Mapping[str, Any]:
        if not isinstance(document, Mapping):
            self._wrong(at or "the tariff", "is no table of fields")
            return {}
        for name in document if known is not None else ():
            if name not in (known or ()):
                self._wrong(at, f"has {name!r}, which is not known")
        return document

    def _list(self, at: str, told: object) -> Sequence[Any]:
        if isinstance(told, list | tuple):
            return told
        self._wrong(at, "is no list")
        return ()

    def _text(self, at: str, told: object) -> str:
        if isinstance(told, str):
            return told
        self._wrong(at, "is missing" if told is None else f"{told!r} is no text")
        return "XXX"

    def _number(self, at: str, told: object) -> Decimal:
        """As exact as it was written: a JSON number that was read as a float is what its shortest text says."""
        if told is None:
            self._wrong(at, "is missing")
            return Decimal(0)
        number = exact_number(told)
        if number is None:
            is_comma = isinstance(told, str) and "," in told
            self._wrong(at, f"{told!r} is no number" + ("; decimals follow a point, as in 0.49" if is_comma else ""))
            return Decimal(0)
        return number

    def _whole(self, at: str, told: object) -> int:
        number = self._number(at, told)
        if number != number.to_integral_value():
            self._wrong(at, f"{told} is no whole number")
        return int(number)

    def _enum(self, at: str, kind: type[E], told: object) -> E:
        try:
            return kind(str(told))
        except ValueError:
            names = ", ".join(kind)
            self._wrong(at, "is missing" if told is None else f"{told!r} is none of {names}")
            return next(iter(kind))

    def _instant(self, at: str, told: object, *, is_needed: bool = True) -> datetime | None:
        if told is None:
            if is_needed:
                self._wrong(at, "is missing")
            return None
        try:
            instant = told if isinstance(told, datetime) else datetime.fromisoformat(str(told))
        except ValueError:
            self._wrong(at, f"{told!r} is no time, such as 2026-01-01T00:00:00Z")
            return None
        return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)  # OCPI: without a zone it is UTC


def _day_or_text(told: object) -> object:
    """TOML has dates and times of day of its own."""
    if isinstance(told, date) and not isinstance(told, datetime):
        return told.isoformat()
    return told.strftime("%H:%M") if hasattr(told, "hour") and hasattr(told, "strftime") else told


# --- written ---


def write_tariff(tariff: Tariff, *, country_code: str, party_id: str, version: str = "2.3.0") -> dict[str, Any]:
    """The tariff as OCPI 2.2.1 or 2.3.0 has it, numbers as Decimals. What is ours is told as far as OCPI can: the
    price of a component with fees is their sum, without `vat` where the fees differ in it; rules for idle vehicles are
    told in `tariff_alt_text`."""
    before, after = ("before_taxes", "after_taxes") if version == "2.3.0" else ("excl_vat", "incl_vat")
    document: dict[str, Any] = {
        "country_code": country_code,
        "party_id": party_id,
        "id": tariff.id,
        "currency": tariff.currency,
        "elements": [_written_element(element) for element in tariff.elements],
        "last_updated": _written_instant(tariff.last_updated),
    }
    if tariff.type is not None:
        document["type"] = tariff.type.value
    if version == "2.3.0":
        document["tax_included"] = tariff.tax_included.value
    for name, limit in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if limit is not None:
            document[name] = {before: limit.excl_vat}
            if limit.incl_vat is not None:
                document[name][after] = limit.incl_vat
    for name, instant in (("start_date_time", tariff.start_date_time), ("end_date_time", tariff.end_date_time)):
        if instant is not None:
            document[name] = _written_instant(instant)
    if text := " ".join(filter(None, (tariff.tariff_alt_text, _idle_text(tariff)))):
        document["tariff_alt_text"] = [{"language": "en", "text": text}]
    return document


def _written_element(element: TariffElement) -> dict[str, Any]:
    document: dict[str, Any] = {"price_components": [_written_component(each) for each in element.price_components]}
    told = element.restrictions
    if told is not None and told != TariffRestrictions():
        fields = {name: getattr(told, name) for name in told.__struct_fields__}
        document["restrictions"] = {
            name: list(each) if isinstance(each, tuple) else each
            for name, each in fields.items()
            if each not in (None, ())
        }
    return document


def _written_component(component: PriceComponent) -> dict[str, Any]:
    rates = {fee.vat for fee in component.fees} or {component.vat}
    vat = rates.pop() if len(rates) == 1 else None
    document: dict[str, Any] = {
        "type": component.type.value,
        "price": component.price,
        "step_size": component.step_size,
    }
    return document if vat is None else document | {"vat": vat}


def _written_instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _idle_text(tariff: Tariff) -> str:
    if tariff.idle is None:
        return ""
    grace = f"The first {tariff.idle.grace_s // 60} min parked are free." if tariff.idle.grace_s else ""
    ceiling = f"Parking costs {tariff.idle.max_price} {tariff.currency} at most." if tariff.idle.max_price else ""
    return " ".join(filter(None, (grace, ceiling)))
