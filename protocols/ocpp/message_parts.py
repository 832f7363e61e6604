"""Calls with more items than a station takes in one message, made several, and their answers made one again.

OCPP 2.0.1 B05.FR.11, B06.FR.05, B08 and N04, N06: ItemsPerMessage and BytesPerMessage. 1.6 §9.1.7:
GetConfigurationMaxKeys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from msgspec import json

from protocols.charger.commands import MessageLimit
from protocols.ocpp.dialect import Payload

_ENVELOPE_BYTES: Final = 100
"""Of a CALL around its payload, at most: the message type, our message id, the action."""
_GOOD: Final = ("EmptyResultSet", "Accepted")
"""Of two parts that went well, the later word holds for both."""


class _Items(NamedTuple):
    """Where the items of a call stand, and where its answer tells the status of each; None: of all in one."""

    asked: str
    told: str | None = None
    status: str = "status"


_ITEMS: Final[Mapping[str, _Items]] = MappingProxyType(
    {
        "ClearVariableMonitoring": _Items("id", "clearMonitoringResult"),
        "GetConfiguration": _Items("key"),
        "GetReport": _Items("componentVariable"),
        "GetVariables": _Items("getVariableData", "getVariableResult", "attributeStatus"),
        "SetVariableMonitoring": _Items("setMonitoringData", "setMonitoringResult"),
        "SetVariables": _Items("setVariableData", "setVariableResult", "attributeStatus"),
    }
)


def in_parts(action: str, payload: Payload, limit: MessageLimit | None) -> list[Payload]:
    """The payloads of as many calls as it takes; reports are asked for under consecutive numbers."""
    items = payload.get(_ITEMS[action].asked) if limit is not None and action in _ITEMS else None
    if limit is None or not items or len(items) == 1:
        return [payload]
    place = _ITEMS[action].asked
    parts = [{**payload, place: part} for part in _parts(items, {**payload, place: []}, limit)]
    if "requestId" in payload:
        return [{**part, "requestId": payload["requestId"] + more} for more, part in enumerate(parts)]
    return parts


def refused(action: str, payload: Payload, code: str) -> Payload | None:
    """The answer of a station that refused one of several calls with a CALLERROR; None: no answer can tell that."""
    if action == "GetConfiguration":
        return None
    place = _ITEMS.get(action)
    if place is None or place.told is None:
        return {"status": code}
    items = payload[place.asked]
    named = [item if isinstance(item, dict) else {place.asked: item} for item in items]
    return {place.told: [{**item, place.status: code} for item in named]}


def joined(answers: Sequence[Payload]) -> Payload:
    """One answer to all parts of a call: lists one behind the other, and the worst status."""
    whole: dict[str, Any] = {}
    for answer in answers:
        for name, value in answer.items():
            had = whole.get(name)
            if name == "status" and had is not None:
                whole[name] = max(had, value, key=_badness)
            elif isinstance(had, list) and isinstance(value, list):
                whole[name] = [*had, *value]
            else:
                whole.setdefault(name, value)
    return whole


def _parts(items: Sequence[Any], rest: Payload, limit: MessageLimit) -> Iterator[list[Any]]:
    """Each with one item at least, whatever the limit."""
    rest_bytes = _ENVELOPE_BYTES + len(json.encode(rest))
    part: list[Any] = []
    size_bytes = rest_bytes
    for item in items:
        item_bytes = len(json.encode(item)) + 1
        is_full = limit.items is not None and len(part) >= limit.items
        is_long = limit.size_bytes is not None and size_bytes + item_bytes > limit.size_bytes
        if part and (is_full or is_long):
            yield part
            part, size_bytes = [], rest_bytes
        part.append(item)
        size_bytes += item_bytes
    yield part


def _badness(status: Any) -> int:
    return _GOOD.index(status) if status in _GOOD else len(_GOOD)
