"""A profile's file to a Profile: every problem in it is found at once, and named by where it stands.

`parse` reads a text, `catalogue.py` the files that ship with the house. A variant is what a file says differently for a
device that shows something (another firmware, another make of the same board): its `change` is laid over the rest.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError, with_config

from protocols.errors import BadText
from protocols.modbus.contradictions import Place, contradictions, lead_nowhere
from protocols.modbus.profile import Condition, Profile
from protocols.modbus.register import STRICT, Text

_MIN_LEFT: Final = {
    "id": "unnamed",
    "kind": "charger",
    "vendor": "-",
    "model": "-",
    "sources": ["-"],
    "transports": ["tcp"],
}
"""Put in place of what is wrong, to find what else is."""


class Problem(NamedTuple):
    """Something wrong in a profile: where, as keys from the top, and what."""

    at: Place
    text: str


class BadProfile(BadText):
    """The text is no profile; `problems` names everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{'.'.join(map(str, p.at))}: {p.text}" if p.at else p.text for p in problems))
        self.problems = tuple(problems)


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How a variant is told from the rest of the model (all of `when`; nothing: it must be asked for), which tables it
    changes, and which tables or keys, such as "registers.energy.measurand", it does without."""

    about: Text
    when: tuple[Condition, ...] = ()
    change: Mapping[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()


class Parsed(NamedTuple):
    """The profile as the file stands, and each of its variants by name, with the sign by which it is known."""

    profile: Profile
    variants: Mapping[str, tuple[Variant, Profile]]


def parse(text: str) -> Parsed:
    """Read a profile. Raises BadProfile with all problems."""
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadProfile([Problem((), f"is not TOML: {error}")]) from None
    raw_variants = raw.pop("variants", {})
    if not isinstance(raw_variants, dict):
        raise BadProfile([Problem(("variants",), "a table for each variant is expected")])
    profile, problems = _checked(raw)
    variants: dict[str, tuple[Variant, Profile]] = {}
    for name, raw_variant in raw_variants.items():
        try:
            variant = _adapter(Variant).validate_python(raw_variant)
        except ValidationError as error:
            problems += [Problem(("variants", name, *e["loc"]), _reason(e)) for e in error.errors(include_url=False)]
            continue
        changed, more = _checked(_changed(raw, variant) | {"variant": name})
        known = {problem.text for problem in problems}
        problems += [Problem(("variants", name, "change", *p.at), p.text) for p in more if p.text not in known]
        problems += [
            Problem(("variants", name, "when"), f"there is no register {condition.register!r}")
            for condition in variant.when
            if condition.register not in raw.get("registers", {})
        ]
        if changed is not None:
            variants[name] = (variant, changed)
    if problems or profile is None:
        raise BadProfile(list(dict.fromkeys(problems)))
    return Parsed(profile, variants)


def _checked(raw: Mapping[str, Any]) -> tuple[Profile | None, list[Problem]]:
    """The profile, if there is one, and all that is wrong, with the contradictions in those parts that can be read."""
    problems: list[Problem] = []
    profile = None
    try:
        profile = _completed(_adapter(Profile).validate_python(raw))
    except ValidationError as error:
        problems = [Problem(_place(e["loc"], raw), _reason(e)) for e in error.errors(include_url=False)]
    readable = profile or _what_can_be_read(raw, problems)
    problems += [Problem(at, text) for at, text in lead_nowhere(raw)]
    if readable is not None:
        problems += [Problem(at, text) for at, text in contradictions(readable)]
    return (None if problems else profile), problems


def _what_can_be_read(raw: Mapping[str, Any], problems: Sequence[Problem]) -> Profile | None:
    """The profile without the tables and registers that cannot be read."""
    left = dict(raw)
    if isinstance(registers := raw.get("registers"), dict):
        bad = {problem.at[1] for problem in problems if problem.at[:1] == ("registers",) and len(problem.at) > 1}
        left["registers"] = {name: register for name, register in registers.items() if name not in bad}
    for place in (problem.at for problem in problems if problem.at):
        if place[0] != "registers":
            left.pop(str(place[0]), None)
    left = {**_MIN_LEFT, **left}
    try:
        return _completed(_adapter(Profile).validate_python(left))
    except ValidationError:
        return None


def _completed(profile: Profile) -> Profile:
    """With the profile's word order, byte order and missing values written into each register that has none."""
    return replace(
        profile,
        registers={
            name: replace(
                register,
                word_order=register.word_order or profile.word_order,
                byte_order=register.byte_order or profile.byte_order,
                unavailable=register.unavailable
                if register.unavailable is not None
                else profile.unavailable.get(register.type, ()),
            )
            for name, register in profile.registers.items()
        },
    )


def _changed(raw: Mapping[str, Any], variant: Variant) -> dict[str, Any]:
    """The profile's raw tables as the variant has them; no table of the profile itself is touched."""
    left = dict(raw)
    for dotted in variant.drop:
        *path, last = dotted.split(".")
        table = left
        for key in path:
            table[key] = dict(table.get(key, {}))
            table = table[key]
        table.pop(last, None)
    return _merged(left, variant.change)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


@cache
def _adapter(of: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(of)


def _place(location: Sequence[int | str], raw: Any) -> Place:
    """Where it stands in the file: pydantic also names the member of a union that did not fit."""
    place: list[int | str] = []
    for step in location:
        is_there = (isinstance(raw, dict) and step in raw) or (
            isinstance(raw, list) and isinstance(step, int) and step < len(raw)
        )
        if not is_there and not isinstance(raw, dict):
            break
        place.append(step)
        raw = raw[step] if is_there else None
    return tuple(place)


def _reason(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "missing" | "missing_argument":
            return "is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            return "there is no such key"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")
