"""Files of tariffs and sessions: TOML or JSON, in the words of OCPI or of the settings (docs/pricing.md)."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from protocols.errors import BadText
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.tariff_document import BadTariff, read_tariff
from protocols.ocpi.time_of_use import read_sheet

_SHEET: Final = "time_of_use"


def read_file(path: Path) -> Any:
    """What a file holds. Raises BadText with what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadText(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadText("is not UTF-8 text") from error
    is_json = path.suffix == ".json" or (path.suffix != ".toml" and text.lstrip()[:1] in ("{", "["))
    try:
        return json.loads(text, parse_float=Decimal) if is_json else tomllib.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise BadText(f"line {error.lineno} is not JSON: {error.msg}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadText(f"is neither JSON nor TOML: {error}" if not path.suffix else f"is not TOML: {error}") from error


def one_tariff(document: Any, tariff_id: str | None) -> Tariff:
    """The one tariff of a file, or the one of that id. Raises BadText with every problem."""
    found = _listed_tariffs(document)
    if tariff_id is not None:
        found = [(each, is_sheet) for each, is_sheet in found if isinstance(each, dict) and each.get("id") == tariff_id]
    if len(found) != 1:
        raise BadTariff([f"has {len(found)} tariffs{f' {tariff_id!r}' if tariff_id else ''}; choose one with --id"])
    usual = {"id": "tariff", "currency": _currency(document) or "XXX", "last_updated": datetime(1970, 1, 1, tzinfo=UTC)}
    return _made(*found[0], usual)


def all_tariffs(document: Any, currency: str, now: datetime) -> list[Tariff]:
    """The tariffs of a file; those that name no currency are in this one, and those that name no time when they were
    last updated, are of now. Raises BadText with every problem."""
    made: list[Tariff] = []
    problems: list[str] = []
    for number, (told, is_sheet) in enumerate(_listed_tariffs(document), 1):
        name = told.get("id") if isinstance(told, dict) else None
        try:
            made.append(_made(told, is_sheet, {"currency": _currency(document) or currency, "last_updated": now}))
        except BadText as error:
            problems += [f"tariff {name or number}: {problem}" for problem in str(error).splitlines()]
    if not made and not problems:
        problems.append("has no tariff: one has an id and elements, several stand under [[tariffs]] or in a list")
    if problems:
        raise BadTariff(problems)
    return made


def listed(told: Any) -> list[Any]:
    """One or several."""
    if told is None:
        return []
    return list(told) if isinstance(told, list | tuple) else [told]


def _listed_tariffs(document: Any) -> list[tuple[Any, bool]]:
    """Alone, in OCPI's answer under `data`, or some of `[[tariffs]]` and `[[time_of_use]]`, as in the settings; and of
    each, whether it is a time-of-use sheet."""
    sheets: list[Any] = []
    tariffs = document
    if isinstance(document, dict) and "elements" not in document:
        sheets = listed(document.get(_SHEET))
        tariffs = document.get("data", document.get("tariffs", [] if sheets else document))
    return [(each, False) for each in listed(tariffs)] + [(each, True) for each in sheets]


def _currency(document: Any) -> Any:
    return document.get("currency") if isinstance(document, dict) and "elements" not in document else None


def _made(told: Any, is_sheet: bool, usual: dict[str, Any]) -> Tariff:
    if isinstance(told, dict):
        told = usual | told
    return read_sheet(told) if is_sheet else read_tariff(told)
