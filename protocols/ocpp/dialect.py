"""What an OCPP version's table of messages is made of: each action with its two pure functions.

What a station sends is read from a Struct with the names of its schema (`schema.decode`): `payload.connectorId`, UNSET
where an optional field was left out. The parts in `reading` take UNSET for what it is, nothing; `given` turns it into a
default. What goes back is rendered as a dict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from protocols.charger.abilities import Abilities
from protocols.charger.commands import Operation, Reply
from protocols.charger.events import ChargerEvent
from protocols.charger.inquiries import Inquiry
from protocols.ocpp.version import Version

Payload = dict[str, Any]
R = TypeVar("R", bound=Reply)


@dataclass(frozen=True, slots=True)
class Decided:
    """A request that the site decides upon: `read` gives the event (or raises BadPayload), `render` its answer."""

    read: Callable[[str, Any], ChargerEvent]
    render: Callable[[Reply], Payload]


@dataclass(frozen=True, slots=True)
class Relayed:
    """A request that needs an answer from beyond the site first: of a certificate's issuer, or of who can read what it
    carries. `read` gives an Inquiry, or an event where there is nothing to ask; `render` the answer."""

    read: Callable[[str, Any], ChargerEvent | Inquiry]
    render: Callable[[Reply], Payload]


@dataclass(frozen=True, slots=True)
class Immediate:
    """A request that is answered from the clock alone and changes nothing."""

    answer: Callable[[datetime], Payload]


Calls = Sequence[tuple[str, Payload]]
"""Action and payload of each call that an operation takes, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a station answered to an operation: is it accepted, else why not; and what it told, in the model's words."""

    is_accepted: bool
    detail: str = ""
    result: Payload | None = None


@dataclass(frozen=True, slots=True)
class Operated:
    """An operation in this version: `actions` are those that it may send. `render` gives the calls, or raises BadText
    where this version cannot say it; `read` takes the payloads of the answers, one for each call."""

    actions: tuple[str, ...]
    render: Callable[[Any], Calls]
    read: Callable[[Any, Sequence[Payload]], Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """All that one version needs: what stations send, and what they can be asked. `raw`: what the payload of a raw call
    means, of those actions that a site has to know of; it is valid by its schema, and BadText says what is not."""

    version: Version
    abilities: Abilities
    requests: Mapping[str, Decided | Immediate | Relayed]
    operations: Mapping[type, Operated]
    raw: Mapping[str, Callable[[Payload], Operation]]


def expect(reply: Reply, kind: type[R]) -> R:
    """The reply, when it is of the kind that the request calls for.

    Raises TypeError otherwise: that is our fault, never the charger's.
    """
    if not isinstance(reply, kind):
        raise TypeError(f"expected {kind.__name__} from the site, got {type(reply).__name__}")
    return reply


def no_content(_reply: Reply) -> Payload:
    """The answer to a request that is only taken in."""
    return {}
