"""What a site may be asked to have done, made from the types of the operations."""

from __future__ import annotations

import dataclasses
import enum
import types
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AwareDatetime

from tests.fuzz.payloads import NUMBERS, TEXTS, TOKENS, Lore


def made(random: Random, lore: Lore, kind: Any, name: str = "") -> Any:
    """A value of a type. Bounds that only pydantic knows are not kept: what asks the site is checked before."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return made(random, lore, arguments[0], name)
    if origin is Literal:
        return random.choice(arguments)
    if origin in (Union, types.UnionType):
        return made(random, lore, random.choice(arguments), name)
    if origin in (tuple, list, frozenset, set):
        return origin(made(random, lore, arguments[0], name) for _ in range(random.randint(0, 3)))
    if origin in (dict,) or kind is dict:
        return {random.choice(TEXTS): random.choice(TEXTS) for _ in range(random.randint(0, 2))}
    return _scalar(random, lore, kind, name)


def _scalar(random: Random, lore: Lore, kind: Any, name: str) -> Any:
    if kind in (None, type(None)):
        return None
    if kind is Any:
        return random.choice(TEXTS)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        fields = [each for each in dataclasses.fields(kind) if each.init]
        return kind(**{each.name: made(random, lore, hints[each.name], each.name) for each in fields})  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return random.choice(list(kind))
    if kind is bool:
        return random.random() < 0.5
    if kind is int:
        return random.choice((1, 1, 2, 0)) if name.endswith("evse_id") else random.choice(NUMBERS)
    if kind is float:
        return float(random.choice(NUMBERS))
    if kind is Decimal:
        return Decimal(random.choice(("0", "1.5", "100")))
    if kind in (datetime, AwareDatetime):
        return lore.now + timedelta(seconds=random.choice((0, 60, 3600, -60)))
    if kind is timedelta:
        return timedelta(seconds=random.choice(NUMBERS))
    if kind is bytes:
        return random.choice(TEXTS).encode()
    if kind is str:
        return _text(random, lore, name)
    raise TypeError(f"no idea how to make a {kind} for {name}")


def _text(random: Random, lore: Lore, name: str) -> str:
    if "token" in name:
        return random.choice(TOKENS)
    if "transaction_id" in name:
        return str(random.choice(lore.transaction_ids))
    return random.choice(TEXTS)
