"""Calls that give a station another security profile: ChangeConfiguration of SecurityProfile (1.6 security white paper,
A05); SetNetworkProfile, and SetVariables of OCPPCommCtrlr.NetworkConfigurationPriority, which puts it in force (2.0.1
A05). OCPP 2.1 can write a slot with SetVariables, too (component NetworkConfiguration)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

PROFILE_ACTIONS: Final = frozenset({"ChangeConfiguration", "SetNetworkProfile", "SetVariables"})

_TAKEN: Final = ("accepted", "rebootrequired")
_KEY: Final = "securityprofile"
_PRIORITY: Final = ("ocppcommctrlr", "", "networkconfigurationpriority")
_MAX_SLOTS: Final = 20


def profile_set(action: str, payload: dict[str, Any], answer: dict[str, Any]) -> int | None:
    """The profile that an OCPP 1.6 station has taken; None where it has not, or the call is about something else."""
    if action != "ChangeConfiguration" or _lower(payload.get("key")) != _KEY or not _is_taken(answer.get("status")):
        return None
    return _profile(payload.get("value"))


def slots_written(action: str, payload: dict[str, Any], answer: dict[str, Any]) -> dict[int, int]:
    """The security profiles that the station has taken, by their slots; none are in force yet."""
    if action == "SetNetworkProfile":
        data, slot = payload.get("connectionData"), _number(payload.get("configurationSlot"))
        profile = _profile(data.get("securityProfile")) if isinstance(data, dict) else None
        is_taken = _is_taken(answer.get("status"))
        return {slot: profile} if is_taken and slot is not None and profile is not None else {}
    written = {}
    for (component, instance, variable), value in _taken_settings(action, payload, answer):
        slot, profile = _number(instance), _profile(value)
        is_profile = (component, variable) == ("networkconfiguration", _KEY)
        if is_profile and slot is not None and profile is not None:
            written[slot] = profile
    return written


def slots_chosen(action: str, payload: dict[str, Any], answer: dict[str, Any]) -> tuple[int, ...]:
    """The slots that the station uses from now on, its favourite first; none where that is not what was set."""
    for name, value in _taken_settings(action, payload, answer):
        if name == _PRIORITY and isinstance(value, str):
            slots = (_number(part) for part in value.split(",")[:_MAX_SLOTS])
            return tuple(slot for slot in slots if slot is not None)
    return ()


def _taken_settings(
    action: str, payload: dict[str, Any], answer: dict[str, Any]
) -> Iterator[tuple[tuple[str, str, str], Any]]:
    """What SetVariables has set: component, its instance and variable, in small letters, and the value."""
    if action != "SetVariables":
        return
    taken = {_name(item) for item in _items(answer, "setVariableResult") if _is_taken(item.get("attributeStatus"))}
    for item in _items(payload, "setVariableData"):
        if (name := _name(item)) in taken:
            yield name, item.get("attributeValue")


def _items(document: dict[str, Any], field: str) -> Iterator[dict[str, Any]]:
    items = document.get(field)
    yield from (item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()


def _name(item: dict[str, Any]) -> tuple[str, str, str]:
    component, variable = item.get("component"), item.get("variable")
    if not isinstance(component, dict) or not isinstance(variable, dict):
        return "", "", ""
    return _lower(component.get("name")), _lower(component.get("instance")), _lower(variable.get("name"))


def _profile(value: Any) -> int | None:
    """OCPP knows the security profiles 0 to 3; 0 asks for nothing, and nobody comes so here."""
    number = _number(value)
    return number if number is not None and 1 <= number <= 3 else None


def _number(value: Any) -> int | None:
    """A small whole number, written as one or as a text."""
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _is_taken(status: Any) -> bool:
    return _lower(status) in _TAKEN


def _lower(text: Any) -> str:
    return text.lower() if isinstance(text, str) else ""
