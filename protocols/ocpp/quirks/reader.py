"""A quirk file to Quirks: every problem in it is found at once, and named by where it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from protocols.errors import BadText
from protocols.ocpp.quirks.model import BY_THE_BOOK, Quirks

_SAYS_NOTHING = "says nothing that is different: remarks or one of the tables is expected"


class Problem(NamedTuple):
    """Something wrong in a quirk file: where, as keys from the top, and what."""

    at: tuple[str | int, ...]
    text: str


class BadQuirks(BadText):
    """The text is no quirk file; `problems` names everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{'.'.join(map(str, p.at))}: {p.text}" if p.at else p.text for p in problems))
        self.problems = tuple(problems)


def parse(text: str) -> Quirks:
    """Read a quirk file. Raises BadQuirks with all problems."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadQuirks([Problem((), f"is not TOML: {error}")]) from None
    try:
        quirks: Quirks = _adapter().validate_python(raw)
    except ValidationError as error:
        raise BadQuirks([Problem(tuple(e["loc"]), _reason(e)) for e in error.errors(include_url=False)]) from None
    if problems := _contradictions(quirks):
        raise BadQuirks(problems)
    return quirks


def _contradictions(quirks: Quirks) -> list[Problem]:
    """What the fields alone cannot tell."""
    problems = []
    for index, sign in enumerate(quirks.signs):
        if sign.weight == 0:
            problems.append(Problem(("signs", index), "fits every station: a vendor or a model is expected"))
    dialect = quirks.charging_profile
    if dialect.lowest_limit is not None and dialect.rate_unit is None:
        problems.append(Problem(("charging_profile", "lowest_limit"), "is in no unit: rate_unit is expected too"))
    if len(set(dialect.purposes)) < len(dialect.purposes):
        problems.append(Problem(("charging_profile", "purposes"), "names a purpose twice"))
    if not quirks.remarks and _tables(quirks) == _tables(BY_THE_BOOK):
        problems.append(Problem((), _SAYS_NOTHING))
    return problems


def _tables(quirks: Quirks) -> tuple[object, ...]:
    return quirks.connection, quirks.questions, quirks.charging_profile, quirks.meter, quirks.transactions


@cache
def _adapter() -> TypeAdapter[Quirks]:
    return TypeAdapter(Quirks)


def _reason(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "missing" | "missing_argument":
            return "is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            return "there is no such key"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")
