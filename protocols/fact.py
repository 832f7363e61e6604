"""What is made for every transaction, on its way into the journal or back to the charger: a msgspec Struct that
pydantic reads as it reads a dataclass.

A frozen dataclass takes five to ten times as long to make, and a bill is made of dozens. So these are Structs, alike in
use, while what comes back from a wire or a file is still read, and refused with a reason, by pydantic.
"""

from __future__ import annotations

from typing import Any, get_type_hints

import msgspec
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


def _without_defaults(fact: msgspec.Struct) -> dict[str, Any]:
    """What msgspec writes of a struct that omits defaults."""
    told = msgspec.structs.asdict(fact)
    return {
        field.name: told[field.name]
        for field in msgspec.structs.fields(fact)
        if field.required or told[field.name] != field.default
    }


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
