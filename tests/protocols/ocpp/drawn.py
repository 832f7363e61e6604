"""Operations drawn by hypothesis within the bounds that their fields declare: what a wire's validation lets in."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    # no surrogates: they are in no JSON
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=9), inner)
    ),
    max_leaves=6,
)
_LONGEST_LIST = 4
"""Of lists that may be longer: what holds for four entries holds for four hundred."""


def operations(kind: type) -> st.SearchStrategy[Any]:
    """Any operation of a kind."""
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{field.name: _drawn(hints[field.name]) for field in dataclasses.fields(kind)})


def _drawn(annotation: Any, bounds: Mapping[str, Any] = MappingProxyType({})) -> st.SearchStrategy[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *notes = get_args(annotation)
        return _drawn(inner, {**bounds, **_bounds(notes)})
    if origin in (Union, types.UnionType):
        return st.one_of([_drawn(choice, bounds) for choice in get_args(annotation)])
    if origin is Literal:
        return st.sampled_from(get_args(annotation))
    if origin is tuple:
        most = min(bounds.get("max_length", _LONGEST_LIST), _LONGEST_LIST)
        return st.lists(_drawn(get_args(annotation)[0]), min_size=bounds.get("min_length", 0), max_size=most).map(tuple)
    if origin is dict:
        return st.dictionaries(st.sampled_from(["id", "values", "numEPriceLevels"]), JSON)
    if annotation is type(None):
        return st.none()
    if annotation is AwareDatetime:
        return st.datetimes(timezones=st.just(UTC))
    if dataclasses.is_dataclass(annotation):
        return operations(annotation)  # type: ignore[arg-type]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(list(annotation))
    return _plain(annotation, bounds)


def _plain(kind: Any, bounds: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(bounds.get("ge", -(2**31)), bounds.get("le", 2**31 - 1))
    if kind is float:
        return st.floats(bounds.get("ge", -1e12), bounds.get("le", 1e12))
    if kind is Decimal:
        return st.decimals(bounds.get("ge", -(10**12)), 10**12, places=2)
    if kind is str:
        least, most = bounds.get("min_length", 0), bounds.get("max_length", 2000)
        return st.text(st.characters(codec="utf-8"), min_size=least, max_size=min(most, least + 60)) | st.just(
            "x" * most
        )
    if kind is Any:
        return JSON
    raise TypeError(f"no operation had a field of {kind!r} before: say here how one is drawn")


def _bounds(notes: list[Any]) -> dict[str, Any]:
    names = ("ge", "le", "min_length", "max_length")
    told = [part for note in notes if isinstance(note, FieldInfo) for part in note.metadata]
    return {name: getattr(part, name) for part in told for name in names if hasattr(part, name)}
