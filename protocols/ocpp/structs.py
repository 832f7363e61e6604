"""msgspec types made from the JSON schemas of the standard: what a payload is decoded into, and checked by on the way.

A type takes no payload that its schema refuses. It may refuse a few that the schema takes (an integer written 1.0, a
key that stands twice): those are asked about again, see `schema.decode`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import GenericAlias, MappingProxyType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

JsonSchema = dict[str, Any]

_NOTES: Final = frozenset({"$id", "$schema", "comment", "default", "description", "format", "javaType", "title"})
"""Keywords that say nothing about what is valid here: chargers send date-times without zone, and `format` is a hint."""
_KEYWORDS: Final[Mapping[str | None, frozenset[str]]] = MappingProxyType(
    {
        None: frozenset(),
        "object": frozenset({"additionalProperties", "definitions", "properties", "required"}),
        "array": frozenset({"additionalItems", "items", "maxItems", "minItems"}),
        "string": frozenset({"additionalProperties", "enum", "maxLength"}),
        "integer": frozenset({"maximum", "minimum"}),
        "number": frozenset({"maximum", "minimum", "multipleOf"}),
        "boolean": frozenset(),
    }
)
"""What is understood, by type (None: anything goes); additionalProperties of a string mean nothing."""
_INT64: Final = (-(2**63), 2**63 - 1)


def make(schema: JsonSchema) -> Any:
    """The type of a payload: a Struct with the schema's camelCase names, UNSET where an optional field is not there.

    What an open object (CustomDataType) has besides its properties is not kept.
    Raises ValueError where the schema says something that is not understood here.
    """
    return _Maker(schema).made(schema)


def build(kind: Any, document: Any) -> Any:
    """A decoded document that its schema takes, as its Struct and unchecked: an integer may be the float 1.0."""
    bare = _bare(kind)
    if isinstance(document, dict) and isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        kinds = bare.__annotations__
        return bare(**{name: build(kinds[name], value) for name, value in document.items() if name in kinds})
    if isinstance(document, list) and get_origin(bare) is list:
        (inner,) = get_args(bare)
        return [build(inner, item) for item in document]
    return document


class _Maker:
    """One schema file: its definitions are made once each."""

    def __init__(self, schema: JsonSchema) -> None:
        self._definitions: JsonSchema = schema.get("definitions", {})
        self._made: dict[str, Any] = {}

    def made(self, schema: JsonSchema) -> Any:
        if "$ref" in schema:
            return self._referred(schema["$ref"].removeprefix("#/definitions/"))
        kind = schema.get("type")
        unknown = schema.keys() - _NOTES - _KEYWORDS.get(kind, frozenset()) - {"type"}
        if unknown or kind not in _KEYWORDS:
            raise ValueError(f"not understood in a schema: type {kind}, {sorted(unknown)}")
        match kind:
            case "object":
                return self._struct(schema)
            case "array":
                listed = GenericAlias(list, (self.made(schema["items"]),))
                return _with(listed, schema, min_length="minItems", max_length="maxItems")
            case "string" if "enum" in schema:
                return Literal[tuple(schema["enum"])]
            case "string":
                return _with(str, schema, max_length="maxLength")
            case "integer":
                return _integer(schema)
            case "number" if "multipleOf" in schema:
                return _integer(schema)  # a fraction is for the schema to judge: msgspec knows no multipleOf of 0.1
            case "number":
                return Union[_integer(schema), _with(float, schema, ge="minimum", le="maximum")]  # noqa: UP007
            case "boolean":
                return bool
            case _:
                return Any

    def _referred(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self.made(self._definitions[name])
        return self._made[name]

    def _struct(self, schema: JsonSchema) -> type[msgspec.Struct]:
        required = frozenset(schema.get("required", ()))
        fields: list[Any] = []
        for name, inner in schema.get("properties", {}).items():
            kind = self.made(inner)
            if name in required:
                fields.append((name, kind))
            else:
                fields.append((name, Union[kind, msgspec.UnsetType], msgspec.UNSET))  # noqa: UP007
        return msgspec.defstruct(
            schema.get("javaType") or schema.get("title") or "Payload",
            fields,
            kw_only=True,
            gc=False,  # a JSON document has no circles
            forbid_unknown_fields=schema.get("additionalProperties") is False,
        )


def _integer(schema: JsonSchema) -> Any:
    """An int that both JSON readers of this house read alike; the bounds of the schema may be fractions."""
    least, most = _INT64
    least = max(least, math.ceil(schema.get("minimum", least)))
    most = min(most, math.floor(schema.get("maximum", most)))
    return Annotated[int, msgspec.Meta(ge=least, le=most)]


def _with(kind: Any, schema: JsonSchema, **names: str) -> Any:
    """The type with those of the constraints that the schema has, under msgspec's names."""
    constraints: dict[str, Any] = {name: schema[keyword] for name, keyword in names.items() if keyword in schema}
    return Annotated[kind, msgspec.Meta(**constraints)] if constraints else kind


def _bare(kind: Any) -> Any:
    """The type without its constraints and without UNSET, which stands last."""
    while get_origin(kind) in (Annotated, Union):
        kind = get_args(kind)[0]
    return kind
