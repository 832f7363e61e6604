"""Payload validation against the schemas that ship in the `ocpp` package, compiled once per action and direction.

Reading the package's own files, once, is the only I/O of this room; it happens here and nowhere else in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import jsonschema_rs
import orjson

from protocols.errors import BadPayload
from protocols.ocpp.version import ErrorCode, Version, wire_code


class Direction(StrEnum):
    """Whether a payload asks or answers."""

    REQUEST = "request"
    RESPONSE = "response"


_FOLDERS: Final = MappingProxyType({Version.V16: "v16", Version.V201: "v201"})
_SUFFIXES: Final = MappingProxyType(
    {
        (Version.V16, Direction.REQUEST): "",
        (Version.V16, Direction.RESPONSE): "Response",
        (Version.V201, Direction.REQUEST): "Request",
        (Version.V201, Direction.RESPONSE): "Response",
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


@cache
def known_actions(version: Version) -> frozenset[str]:
    """Every action of the standard, in either direction, whether this house supports it or not."""
    suffix = _SUFFIXES[version, Direction.REQUEST] + ".json"
    names = (file.name for file in files(f"ocpp.{_FOLDERS[version]}").joinpath("schemas").iterdir())
    return frozenset(
        name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.endswith("Response.json")
    )


@cache
def _validator(version: Version, action: str, direction: Direction) -> jsonschema_rs.Validator:
    if action not in known_actions(version):
        raise ValueError(f"not an action of OCPP {version}: {action!r}")
    name = f"{action}{_SUFFIXES[version, direction]}.json"
    text = files(f"ocpp.{_FOLDERS[version]}").joinpath("schemas", name).read_text("utf-8-sig")
    # Formats are not checked: chargers send date-times without zone, and the tolerant reader sorts them out.
    return jsonschema_rs.validator_for(orjson.loads(text), validate_formats=False, mask="the value")


def _explained(validator: jsonschema_rs.Validator, version: Version, payload: dict[str, Any]) -> BadPayload:
    errors = list(validator.iter_errors(payload))
    code = _CODES.get(errors[0].kind.name, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
    problems = [f"{_path(error.instance_path)}: {error.message}" for error in errors[:_MAX_PROBLEMS_TOLD]]
    if len(errors) > _MAX_PROBLEMS_TOLD:
        problems.append(f"and {len(errors) - _MAX_PROBLEMS_TOLD} more")
    return BadPayload(wire_code(code, version), "; ".join(problems))


def _path(steps: list[str | int]) -> str:
    return "/" + "/".join(str(step) for step in steps)
