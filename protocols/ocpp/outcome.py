"""How stations answer operations; alike in all versions for what carries a status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Final

from protocols.ocpp.dialect import Payload, Result
from protocols.ocpp.reading import read_text

_GOOD: Final = MappingProxyType(
    {word.lower(): word for word in ("Accepted", "AcceptedCanceled", "Scheduled", "RebootRequired", "Unlocked")}
)
"""Stations write them in any case."""


def read_status(_operation: object, answers: Sequence[Payload]) -> Result:
    """Of an operation whose calls are each answered with a status; the first that is not accepted says why."""
    details = []
    for answer in answers:
        told = read_text(answer.get("status")) or "no status"
        status = _GOOD.get(told.lower())
        if status is None:
            return Result(is_accepted=False, detail=refusal(told, answer))
        if status != "Accepted":
            details.append(status)
    return Result(is_accepted=True, detail=", ".join(dict.fromkeys(details)))


def accepting(*words: str) -> Callable[[object, Sequence[Payload]], Result]:
    """As `read_status`, of an operation where these words are an answer and no refusal: there is nothing to tell."""

    def read(operation: object, answers: Sequence[Payload]) -> Result:
        told = read_text(answers[0].get("status"))
        return Result(is_accepted=True, detail=told) if told in words else read_status(operation, answers)

    return read


def refusal(status: str, answer: dict[str, Any]) -> str:
    """The status, and 2.0.1's statusInfo where there is one."""
    info = answer.get("statusInfo")
    reasons = (info.get("reasonCode"), info.get("additionalInfo")) if isinstance(info, dict) else ()
    return ": ".join([status, *(text for reason in reasons if (text := read_text(reason)))])
