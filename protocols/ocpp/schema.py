"""Payloads and the schemas that ship in the `ocpp` package, compiled once per action and direction.

What comes in is decoded into a Struct made from its schema, which checks it on the way; whatever that refuses is put to
a JSON Schema validator, which has the last word and explains. What that refuses may yet be mended: see `rescue`.

Reading the package's own files, once, is the only I/O of this room; it happens here and nowhere else in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import jsonschema_rs
import msgspec
import orjson

from protocols.errors import BadPayload
from protocols.ocpp import structs
from protocols.ocpp.salvage import Deviation, Unusable, mend
from protocols.ocpp.version import ErrorCode, Version, wire_code


class Direction(StrEnum):
    """Whether a payload asks or answers."""

    REQUEST = "request"
    RESPONSE = "response"


_FOLDERS: Final = MappingProxyType({Version.V16: "v16", Version.V201: "v201", Version.V21: "v21"})
_SUFFIXES: Final = MappingProxyType(
    {
        (Version.V16, Direction.REQUEST): "",
        (Version.V16, Direction.RESPONSE): "Response",
        (Version.V201, Direction.REQUEST): "Request",
        (Version.V201, Direction.RESPONSE): "Response",
        (Version.V21, Direction.REQUEST): "Request",
        (Version.V21, Direction.RESPONSE): "Response",
    }
)
_CODES: Final = MappingProxyType(
    {
        "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
        "required": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "minItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "maxItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "additionalProperties": ErrorCode.FORMAT_VIOLATION,
    }
)
"""By the schema keyword that is broken; a value outside its range, length or list is a PropertyConstraintViolation."""

_MAX_PROBLEMS_TOLD: Final = 3


def decode(version: Version, action: str, payload: msgspec.Raw | bytes) -> Any:
    """The payload of a request of a known action, as a Struct with the schema's names (see `structs.make`).

    Raises BadPayload as `validate` does, and with RpcFrameworkError where it is no JSON.
    """
    decoder = _decoder(version, action)
    try:
        return decoder.decode(payload)
    except ValueError:  # msgspec's DecodeError and UnicodeDecodeError are both one
        return _decoded_slowly(version, action, payload)


def rescue(version: Version, action: str, payload: msgspec.Raw | bytes) -> tuple[Any, tuple[Deviation, ...]] | None:
    """The payload of a request that `decode` refused, mended, with what had to be mended; None where it cannot be.

    It is valid by the schema, but for one thing: of a list of readings nothing may be left.
    """
    try:
        document = orjson.loads(memoryview(payload))
    except orjson.JSONDecodeError:
        return None
    found = mend(action, _request_schema(version, action), document)
    if isinstance(found, Unusable):
        return None
    mended, deviations = found
    with suppress(ValueError):
        return _decoder(version, action).decode(orjson.dumps(mended)), deviations
    errors = _validator(version, action, Direction.REQUEST).iter_errors(mended)
    if any(error.kind.name != "minItems" for error in errors):
        return None
    return structs.build(struct_of(version, action), mended), deviations


def validate(version: Version, action: str, direction: Direction, payload: dict[str, Any]) -> None:
    """Check a payload of a known action.

    Raises BadPayload with the CALLERROR code of the first problem and a text that names path and problem of the first
    three; values are left out of the text, for they may be tokens.
    """
    validator = _validator(version, action, direction)
    if not validator.is_valid(payload):
        raise _explained(validator, version, payload)


def load(version: Version, actions: Iterable[str]) -> None:
    """Compile the request schemas of these actions now: later a frame would wait for it, or there may be no file handle
    left to read them with."""
    for action in actions:
        _validator(version, action, Direction.REQUEST)
        _decoder(version, action)


@cache
def known_actions(version: Version) -> frozenset[str]:
    """Every action of the standard, in either direction, whether this house supports it or not."""
    suffix = _SUFFIXES[version, Direction.REQUEST] + ".json"
    names = (file.name for file in files("ocpp").joinpath(_FOLDERS[version], "schemas").iterdir())
    return frozenset(
        name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.endswith("Response.json")
    )


def _decoded_slowly(version: Version, action: str, payload: msgspec.Raw | bytes) -> Any:
    try:
        document = orjson.loads(memoryview(payload))
    except orjson.JSONDecodeError:
        raise BadPayload(wire_code(ErrorCode.RPC_FRAMEWORK_ERROR, version), "not JSON") from None
    validate(version, action, Direction.REQUEST, document)
    return structs.build(struct_of(version, action), document)


@cache
def _decoder(version: Version, action: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(struct_of(version, action))


@cache
def struct_of(version: Version, action: str) -> Any:
    """What the payload of a request of a known action is decoded into."""
    return structs.make(_request_schema(version, action))


@cache
def _request_schema(version: Version, action: str) -> structs.JsonSchema:
    return _schema(version, action, Direction.REQUEST)


@cache
def _validator(version: Version, action: str, direction: Direction) -> jsonschema_rs.Validator:
    # Formats are not checked: chargers send date-times without zone, and the tolerant reader sorts them out.
    return jsonschema_rs.validator_for(_schema(version, action, direction), validate_formats=False, mask="the value")


def _schema(version: Version, action: str, direction: Direction) -> structs.JsonSchema:
    if action not in known_actions(version):
        raise ValueError(f"not an action of OCPP {version}: {action!r}")
    name = f"{action}{_SUFFIXES[version, direction]}.json"
    schema: structs.JsonSchema = orjson.loads(
        files("ocpp").joinpath(_FOLDERS[version], "schemas", name).read_text("utf-8-sig")
    )
    return schema


def _explained(validator: jsonschema_rs.Validator, version: Version, payload: dict[str, Any]) -> BadPayload:
    errors = list(validator.iter_errors(payload))
    code = _CODES.get(errors[0].kind.name, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
    problems = [f"{_path(error.instance_path)}: {error.message}" for error in errors[:_MAX_PROBLEMS_TOLD]]
    if len(errors) > _MAX_PROBLEMS_TOLD:
        problems.append(f"and {len(errors) - _MAX_PROBLEMS_TOLD} more")
    return BadPayload(wire_code(code, version), "; ".join(problems))


def _path(steps: list[str | int]) -> str:
    return "/" + "/".join(str(step) for step in steps)
