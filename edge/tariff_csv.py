"""Tariffs as a table: a row is one price of a tariff, in columns that have OCPI's names (docs/lists.md).

It is brought into the form of a document, which is then read as one of TOML is; where each part of it stood is kept,
so that whatever is found to be wrong has its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from edge.domain.csv_rows import CsvRow, csv_rows
from edge.toml_lines import Key
from protocols.ocpi.numbers import exact_number
from protocols.ocpi.tariff import DayOfWeek
from protocols.ocpi.time_of_use import ELECTRICITY, SERVICE

_TARIFF: Final[Mapping[str, tuple[str, ...]]] = {
    **{
        name: (name,)
        for name in (
            *("currency", "tariff_alt_text", "last_updated", "tax_included"),
            *("start_date_time", "end_date_time"),
        )
    },
    "tariff_type": ("type",),
    "min_price": ("min_price", "before_taxes"),
    "min_price_after_taxes": ("min_price", "after_taxes"),
    "max_price": ("max_price", "before_taxes"),
    "max_price_after_taxes": ("max_price", "after_taxes"),
    "idle_grace_s": ("idle", "grace_s"),
    "idle_max_price": ("idle", "max_price"),
    "idle_warn_s": ("idle", "warn_s"),
}
"""What a tariff has once, and where it stands in the document."""
_RESTRICTIONS: Final = (
    *("start_time", "end_time", "start_date", "end_date", "day_of_week"),
    *("min_kwh", "max_kwh", "min_power", "max_power", "min_current", "max_current", "min_duration", "max_duration"),
    "reservation",
)
_COMPONENT: Final = ("type", "price", "vat", "step_size", "label")
_FEES: Final = (ELECTRICITY, SERVICE, "service_vat")
COLUMNS: Final = ("tariff_id", *_COMPONENT, *_FEES, "element", *_RESTRICTIONS, *_TARIFF)
REQUIRED: Final = ("tariff_id", "type")
_WORDS: Final = ("tax_included", "tariff_type", "reservation", "type")
"""Written in capitals by OCPI, and by people as they like."""
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(:00)?")
"""A time of day as a spreadsheet may show it: 8:00 or 08:00:00."""
_DAYS: Final = tuple(DayOfWeek)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffTable:
    """The document, the lines of its parts, and what is wrong with the table itself."""

    document: dict[str, Any]
    lines: Mapping[Key, int]
    problems: Sequence[str]


def read_table(text: str) -> TariffTable:
    rows, problems = csv_rows(text, COLUMNS, REQUIRED)
    reading = _Reading(problems=problems)
    for row in rows:
        reading.take(row)
    tariffs = [reading.written(number, told) for number, told in enumerate(reading.tariffs.values())]
    return TariffTable(document={"tariffs": tariffs}, lines=reading.lines, problems=reading.problems)


def _usual(name: str, value: str) -> str:
    if name in _WORDS:
        return value.upper()
    if name in ("start_time", "end_time") and (clock := _CLOCK.fullmatch(value)) is not None:
        return f"{int(clock[1]):02}:{clock[2]}"
    return value


@dataclass(slots=True, kw_only=True)
class _Element:
    """The rows of a tariff with one number, and what restricts them with the line that says so."""

    components: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    restrictions: dict[str, tuple[Any, int]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Tariff:
    line: int
    id: str
    told: dict[tuple[str, ...], tuple[str, int]] = field(default_factory=dict)
    elements: dict[int, _Element] = field(default_factory=dict)
    is_numbered: bool = False


@dataclass(slots=True, kw_only=True)
class _Reading:
    problems: list[str]
    tariffs: dict[str, _Tariff] = field(default_factory=dict)
    lines: dict[Key, int] = field(default_factory=dict)

    def take(self, row: CsvRow) -> None:
        told = {name: _usual(name, value) for name, value in row.values.items() if value}
        if (tariff_id := told.get("tariff_id")) is None:
            self._say(row.line, "there is no tariff_id")
            return
        is_first = tariff_id not in self.tariffs
        tariff = self.tariffs.setdefault(tariff_id, _Tariff(line=row.line, id=tariff_id))
        for name, place in _TARIFF.items():
            if name in told:
                self._once(tariff.told, place, told[name], row.line, name)
        number = self._number(tariff, told.get("element"), row.line, is_first=is_first)
        element = tariff.elements.setdefault(number, _Element())
        element.components.append((row.line, self._component(told, row.line)))
        for name in _RESTRICTIONS:
            if name in told:
                value = self._days(told[name], row.line) if name == "day_of_week" else told[name]
                self._once(element.restrictions, name, value, row.line, name)

    def _number(self, tariff: _Tariff, told: str | None, line: int, *, is_first: bool) -> int:
        """Rows with a number make up the element of that number; without numbers each row is an element."""
        after_all = len(tariff.elements) + 1
        if is_first:
            tariff.is_numbered = told is not None
        elif tariff.is_numbered != (told is not None):
            self._say(line, "element is to be given in all rows of a tariff, or in none")
            return max(tariff.elements) + 1
        if told is None:
            return after_all
        if not (told.isascii() and told.isdigit() and len(told) < 6):
            self._say(line, f"element {told!r} is no whole number, such as 1")
            return max(tariff.elements, default=0) + 1
        return int(told)

    def _component(self, told: Mapping[str, str], line: int) -> dict[str, Any]:
        component: dict[str, Any] = {name: told[name] for name in _COMPONENT if name in told}
        if not any(name in told for name in _FEES):
            return component
        amounts = [self._amount(name, told.get(name), line) for name in (ELECTRICITY, SERVICE)]
        vat, service_vat = told.get("vat"), told.get("service_vat", told.get("vat"))
        rates = (vat, service_vat)
        fees = zip((ELECTRICITY, SERVICE), amounts, rates, strict=True)
        component["fees"] = [{"label": label, "price": price, "vat": rate} for label, price, rate in fees]
        component.setdefault("price", sum(amounts, Decimal(0)))
        component.setdefault("step_size", 0)
        if vat != service_vat:
            component.pop("vat", None)
        return component

    def _amount(self, name: str, told: str | None, line: int) -> Decimal:
        amount = exact_number(told)
        if amount is not None:
            return amount
        self._say(line, f"{name} {told!r} is no number such as 0.80123" if told is not None else f"{name} is missing")
        return Decimal(0)

    def _days(self, told: str, line: int) -> list[str]:
        """MONDAY TUESDAY, MONDAY-FRIDAY, or the first letters of these."""
        days: list[str] = []
        for word in told.upper().replace(";", " ").replace(",", " ").split():
            ends = [self._day(each, line) for each in word.split("-", 1)]
            if None not in ends:
                first, last = ends[0] or 0, ends[-1] or 0
                days += [_DAYS[(first + n) % 7].value for n in range((last - first) % 7 + 1)]
        return days

    def _day(self, word: str, line: int) -> int | None:
        found = [n for n, day in enumerate(_DAYS) if len(word) >= 2 and day.value.startswith(word)]
        if len(found) == 1:
            return found[0]
        self._say(line, f"day_of_week {word!r} is none of {', '.join(_DAYS)}")
        return None

    def _once(self, told: dict[Any, tuple[Any, int]], place: Any, value: Any, line: int, name: str) -> None:
        before, first_line = told.setdefault(place, (value, line))
        if before != value:
            self._say(line, f"{name} is another one in line {first_line}; it is to be said once, or the same")

    def _say(self, line: int, problem: str) -> None:
        self.problems.append(f"line {line}: {problem}")

    # --- the document ---

    def written(self, number: int, tariff: _Tariff) -> dict[str, Any]:
        at: Key = ("tariffs", number)
        self.lines[at] = tariff.line
        document: dict[str, Any] = {"id": tariff.id, "elements": []}
        for place, (value, line) in tariff.told.items():
            self.lines.setdefault((*at, place[0]), line)
            self.lines[*at, *place] = line
            if len(place) == 1:
                document[place[0]] = value
            else:
                document.setdefault(place[0], {})[place[1]] = value
        for index, (_, element) in enumerate(sorted(tariff.elements.items())):
            document["elements"].append(self._element((*at, "elements", index), element))
        return document

    def _element(self, at: Key, element: _Element) -> dict[str, Any]:
        self.lines[at] = element.components[0][0]
        for index, (line, _) in enumerate(element.components):
            self.lines[*at, "price_components", index] = line
        told: dict[str, Any] = {"price_components": [component for _, component in element.components]}
        if element.restrictions:
            told["restrictions"] = {name: value for name, (value, _) in element.restrictions.items()}
            self.lines[*at, "restrictions"] = min(line for _, line in element.restrictions.values())
            for name, (_, line) in element.restrictions.items():
                self.lines[*at, "restrictions", name] = line
        return told
