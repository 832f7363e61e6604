"""Who took a template: what a station answered to each setting, beside what it tells when it is asked afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from protocols.charger.operations.variables import VariableName, VariableSetting

TAKEN: Final = ("Accepted", "RebootRequired")
_DEFAULTS: Final = {field.name: field.default for field in VariableName.__dataclass_fields__.values()}
_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateOutcome:
    """`result` has a row for each setting; `text` counts them."""

    is_good: bool
    text: str
    result: dict[str, Any]


def outcome_of(
    settings: Sequence[VariableSetting], statuses: Sequence[str], told: Mapping[str, Any]
) -> TemplateOutcome:
    """`statuses` in the order of the settings; `told` is the result of GetVariables.

    A setting is good when it was taken and reads the same; one that waits for a reboot, or that nobody may read, is
    good on the station's word. One that the station took and then does not know is not.
    """
    values = {_key(each): each.get("value") for each in told.get("variables", ())}
    # A station of OCPP 1.6 may tell a key under the component that 2.0.1 has for it.
    by_variable = {str(each.get("variable")).casefold(): each.get("value") for each in told.get("variables", ())}
    missing = [each for each in told.get("unknown", ()) if str(each.get("status", "")).startswith("Unknown")]
    unknown = {_key(each) for each in missing}
    unknown_keys = {str(each.get("variable")).casefold() for each in missing}
    rows, bad, reboots = [], 0, 0
    for number, setting in enumerate(settings):
        status = statuses[number] if number < len(statuses) else "Rejected"
        name = named(setting.name)
        read = values.get(_key(name))
        if read is None and not setting.name.component:
            read = by_variable.get(setting.name.variable.casefold())
        is_equal = None if read is None else same(read, setting.value)
        is_old_key = not setting.name.component and setting.name.variable.casefold() in unknown_keys
        if read is None and (_key(name) in unknown or is_old_key):
            is_equal = False
        reboots += status == "RebootRequired"
        bad += status not in TAKEN or (is_equal is False and status == "Accepted")
        rows.append({**name, "wanted": setting.value, "status": status, "read": read, "is_equal": is_equal})
    text = f"{len(settings) - bad} of {len(settings)} taken" + (f", {reboots} need a reboot" if reboots else "")
    return TemplateOutcome(is_good=not bad, text=text, result={"variables": rows})


def same(read: str, wanted: str) -> bool:
    """Stations write values in their own way: True and true, 300 and 300.0, lists with blanks."""
    return _plain(read) == _plain(wanted)


def named(name: VariableName) -> dict[str, Any]:
    """A variable as results tell it: what is at its default is left out, but for component and variable."""
    every = asdict(name)
    keep = ("component", "variable")
    return {key: value for key, value in every.items() if key in keep or value != _DEFAULTS[key]}


def _key(told: Mapping[str, Any]) -> _Key:
    return tuple(
        str(told.get(key, default)).casefold() if key in ("component", "variable") else told.get(key, default)
        for key, default in _DEFAULTS.items()
    )


def _plain(value: str) -> str | float | tuple[str, ...]:
    text = value.strip().casefold()
    try:
        return float(text)
    except ValueError:
        return tuple(part.strip() for part in text.split(",")) if "," in text else text
