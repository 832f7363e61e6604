"""What is made for every transaction, on its way into the journal or back to the charger: a msgspec Struct that
pydantic reads as it reads a dataclass.

A frozen dataclass takes five to ten times as long to make, and a bill is made of dozens. So these are Structs, alike in
use, while what comes back from a wire or a file is still read, and refused with a reason, by pydantic.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, get_type_hints

import msgspec
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

ENCODER: Final = msgspec.json.Encoder(decimal_format="string")
"""Writes the bytes that pydantic would, in a quarter of the time."""


def _without_defaults(fact: msgspec.Struct) -> dict[str, Any]:
    """What msgspec writes of a struct that omits defaults."""
    told = msgspec.structs.asdict(fact)
    usual = _defaults(type(fact))
    return {name: value for name, value in told.items() if name not in usual or value != usual[name]}


@cache
def _defaults(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.default for field in msgspec.structs.fields(kind) if not field.required}


class Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Never part of a circle, so the collector need not know them. Unknown fields are left out when one is read."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        hints = get_type_hints(cls, include_extras=True)
        fields = {
            field.name: core_schema.typed_dict_field(
                handler.generate_schema(hints[field.name]), required=field.required
            )
            for field in msgspec.structs.fields(cls)
        }
        as_said = core_schema.typed_dict_schema(fields, extra_behavior="ignore")
        return core_schema.no_info_after_validator_function(
            lambda said: cls(**said),
            as_said,
            serialization=core_schema.plain_serializer_function_ser_schema(
                _without_defaults if cls.__struct_config__.omit_defaults else msgspec.structs.asdict,
                return_schema=as_said,
            ),
        )
