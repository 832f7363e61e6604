"""The strict writer's small parts: what we ask is valid by the standard, or it is not asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from protocols.errors import BadPayload, BadText
from protocols.ocpp.dialect import Calls, Operated, Payload, Result
from protocols.ocpp.outcome import read_status
from protocols.ocpp.reading import write_stamp
from protocols.ocpp.schema import Direction, validate
from protocols.ocpp.version import Version

Read = Callable[[Any, Sequence[Payload]], Result]


def one_call(version: Version, action: str, write: Callable[[Any], Payload], read: Read = read_status) -> Operated:
    """An operation that is one call. It is refused with BadText where its payload is not one of the standard."""

    def render(operation: Any) -> Calls:
        payload = write(operation)
        try:
            validate(version, action, Direction.REQUEST, payload)
        except BadPayload as error:
            raise BadText(f"OCPP {version} {action} cannot say this: {error}") from error
        return [(action, payload)]

    return Operated((action,), render, read)


def filled(**fields: Any) -> Payload:
    """The fields that are not None, in the order given: that of the standard's tables."""
    return {name: value for name, value in fields.items() if value is not None}


def numbered(number: int | None) -> int:
    """The number that the site gives an operation before it is asked. Raises BadText where it gave none."""
    if number is None:
        raise BadText("the operation has no number yet: the site gives it")
    return number


def stamp(at: datetime | None) -> str | None:
    """A time for a field that may be left out."""
    return None if at is None else write_stamp(at)
