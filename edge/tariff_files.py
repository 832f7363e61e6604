"""Files of tariffs and sessions: TOML or JSON, in the words of OCPI or of the settings (docs/pricing.md), and tariffs
as CSV, too (docs/lists.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from edge.list_file import read_list
from edge.tariff_csv import read_table
from edge.toml_lines import Key, key_lines, line_of, read_toml
from protocols.errors import BadText
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.tariff_document import BadTariff, read_tariff
from protocols.ocpi.time_of_use import read_sheet

_SHEET: Final = "time_of_use"
_PLACE: Final = re.compile(r"(element|season) (\d+)(?:, (?:(component) (\d+)|(restrictions)))?|(\w+)")
_LISTS: Final = {"element": "elements", "season": "seasons", "component": "price_components"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffFile:
    """What a file of tariffs holds: a document, and at which lines its parts stand, as far as that is known."""

    document: Any
    lines: Mapping[Key, int] = field(default_factory=dict)
    problems: Sequence[str] = ()


def read_file(path: Path) -> Any:
    """What a file holds. Raises BadText with what is wrong with it."""
    return _document(path, read_list(path))


def read_tariffs(path: Path) -> TariffFile:
    """What a file of tariffs holds. Raises BadText with what is wrong with it."""
    text = read_list(path)
    if path.suffix.lower() == ".csv":
        table = read_table(text)
        return TariffFile(document=table.document, lines=table.lines, problems=table.problems)
    return TariffFile(document=_document(path, text), lines={} if _is_json(path, text) else key_lines(text))


def _is_json(path: Path, text: str) -> bool:
    kind = path.suffix.lower()
    return kind == ".json" or (kind != ".toml" and text.lstrip()[:1] in ("{", "["))


def _document(path: Path, text: str) -> Any:
    if not _is_json(path, text):
        return read_toml(text)
    try:
        return json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise BadText(f"line {error.lineno} is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError of its own
        raise BadText(f"is not JSON: {error}") from error


def one_tariff(file: TariffFile, tariff_id: str | None) -> Tariff:
    """The one tariff of a file, or the one of that id. Raises BadText with every problem."""
    found = _listed_tariffs(file.document)
    if tariff_id is not None:
        found = [each for each in found if isinstance(each[1], dict) and each[1].get("id") == tariff_id]
    if len(found) != 1 and not file.problems:
        raise BadTariff([f"has {len(found)} tariffs{f' {tariff_id!r}' if tariff_id else ''}; choose one with --id"])
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    usual = {"id": "tariff", "currency": _currency(file.document) or "XXX", "last_updated": epoch}
    problems = list(file.problems)
    for place, told in found:
        try:
            tariff = _made(place, told, usual)
        except BadText as error:
            problems += [_with_line(file, place, problem) for problem in str(error).splitlines()]
    if problems:
        raise BadTariff(problems)
    return tariff


def all_tariffs(file: TariffFile, currency: str, now: datetime) -> list[Tariff]:
    """The tariffs of a file; those that name no currency are in this one, and those that name no time when they were
    last updated, are of now. Raises BadText with every problem."""
    made: dict[str, Tariff] = {}
    problems = list(file.problems)
    for place, told in _listed_tariffs(file.document):
        usual = {"currency": _currency(file.document) or currency, "last_updated": now}
        try:
            tariff = _made(place, told, usual)
            found = [] if tariff.currency == currency else [f"currency {tariff.currency}: this site's is {currency}"]
            if tariff.id in made:
                found.append("id: stands there twice")
            made[tariff.id] = tariff
        except BadText as error:
            found = str(error).splitlines()
        name = (told.get("id") if isinstance(told, dict) else None) or _number(place)
        problems += [_with_line(file, place, problem, f"tariff {name}: ") for problem in found]
    if not made and not problems:
        problems.append("has no tariff: one has an id and elements, several stand under [[tariffs]] or in a list")
    if problems:
        raise BadTariff(problems)
    return list(made.values())


def _number(place: Key) -> int:
    return next((each for each in reversed(place) if isinstance(each, int)), 0) + 1


def _with_line(file: TariffFile, place: Key, problem: str, tariff: str = "") -> str:
    """A problem that begins with its place within the tariff, such as "element 2, component 1: …"."""
    within: Key = ()
    found = _PLACE.match(problem)
    if found is not None and found[1] is None:
        within = (found[6],)
    elif found is not None:
        part: Key = (_LISTS["component"], int(found[4]) - 1) if found[3] else (found[5],) if found[5] else ()
        field_name = problem[found.end() :].removeprefix(": ").partition(" ")[0].rstrip(":")
        within = (_LISTS[found[1]], int(found[2]) - 1, *part, field_name)
    line = line_of(file.lines, (*place, *within))
    return f"line {line}: {tariff}{problem}" if line is not None else f"{tariff}{problem}"


def _listed_tariffs(document: Any) -> list[tuple[Key, Any]]:
    """Alone, in OCPI's answer under `data`, or some of `[[tariffs]]` and `[[time_of_use]]`, as in the settings; each
    with its place."""
    if not isinstance(document, dict) or "elements" in document:
        return _placed((), document)
    sheets = _placed((_SHEET,), document.get(_SHEET))
    for name in ("data", "tariffs"):
        if name in document:
            return _placed((name,), document[name]) + sheets
    return sheets or _placed((), document)


def _placed(place: Key, told: Any) -> list[tuple[Key, Any]]:
    if isinstance(told, list | tuple):
        return [((*place, number), each) for number, each in enumerate(told)]
    return [] if told is None else [(place, told)]


def _currency(document: Any) -> Any:
    return document.get("currency") if isinstance(document, dict) and "elements" not in document else None


def _made(place: Key, told: Any, usual: dict[str, Any]) -> Tariff:
    if isinstance(told, dict):
        told = usual | told
    return read_sheet(told) if place[:1] == (_SHEET,) else read_tariff(told)
