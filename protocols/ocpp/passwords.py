"""Calls that give a station a new password for HTTP Basic authentication: ChangeConfiguration of AuthorizationKey (1.6
security white paper), SetVariables of SecurityCtrlr.BasicAuthPassword (2.0.1 A01)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

PASSWORD_ACTIONS: Final = frozenset({"ChangeConfiguration", "SetVariables"})

_KEY: Final = "authorizationkey"
_VARIABLE: Final = ("securityctrlr", "basicauthpassword")
_TAKEN: Final = ("accepted", "rebootrequired")


def password_in(action: str, payload: dict[str, Any]) -> str | None:
    """The password that a call sets; None for every other call, whatever its payload is."""
    if action == "ChangeConfiguration" and _lower(payload.get("key")) == _KEY:
        found = payload.get("value")
    else:
        found = next((item.get("attributeValue") for item in _settings(payload, "setVariableData")), None)
    return found if isinstance(found, str) else None


def is_password_taken(action: str, answer: dict[str, Any]) -> bool:
    """Whether the station took it, at once or with its next start."""
    if action == "ChangeConfiguration":
        return _lower(answer.get("status")) in _TAKEN
    return any(_lower(item.get("attributeStatus")) in _TAKEN for item in _settings(answer, "setVariableResult"))


def _settings(payload: dict[str, Any], field: str) -> Iterator[dict[str, Any]]:
    """Those parts of SetVariables and its answer that are about the password."""
    items = payload.get(field)
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and (_named(item.get("component")), _named(item.get("variable"))) == _VARIABLE:
            yield item


def _named(part: Any) -> str:
    return _lower(part.get("name")) if isinstance(part, dict) else ""


def _lower(text: Any) -> str:
    return text.lower() if isinstance(text, str) else ""
