"""The device model's values: what is kept beside the table, and the rules by which a value is taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from firmware_sim.blocks.variable_table import READ_ONLY, Variable, VariableId


class SetStatus(StrEnum):
    """OCPP 2.0.1 SetVariableStatusEnumType; 1.6 says NotSupported for the unknown ones."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"
    REBOOT_REQUIRED = "RebootRequired"


@dataclass(slots=True, kw_only=True)
class DeviceModel:
    """All variables by id and by 1.6 key, and the values that differ from the table's."""

    table: Mapping[VariableId, Variable]
    values: dict[VariableId, str]

    def by_key(self, key: str) -> Variable | None:
        """The variable that OCPP 1.6 calls so; its keys are case-insensitive (§9)."""
        wanted = key.casefold()
        return next((each for each in self.table.values() if each.key.casefold() == wanted), None) if key else None

    def find(self, wanted: VariableId) -> Variable | SetStatus:
        """The variable, or why there is none. Names are case-insensitive; a missing instance or EVSE is its first."""
        component, name, instance, evse_id = wanted
        rows = [each for each in self.table.values() if each.component.casefold() == component.casefold()]
        if not rows or not component:
            return SetStatus.UNKNOWN_COMPONENT
        if evse_id and not any(each.evse_id == evse_id for each in rows):
            return SetStatus.UNKNOWN_COMPONENT
        named = [each for each in rows if each.name.casefold() == name.casefold() and evse_id in (0, each.evse_id)]
        chosen = [each for each in named if instance.casefold() in ("", each.instance.casefold())]
        return chosen[0] if chosen else SetStatus.UNKNOWN_VARIABLE

    def kept(self, variable: Variable) -> str:
        """The value that is kept of a variable that is neither live nor a setting."""
        return self.values.get(variable.id, variable.value)


def refusal(variable: Variable, value: str) -> str | None:
    """Why this value cannot be taken, as OCPP 2.0.1's reasonCode; None when it can."""
    if variable.mutability == READ_ONLY:
        return "ReadOnly"
    if variable.kind == "integer":
        if not (value.isascii() and value.removeprefix("-").isdecimal()):
            return "PropertyConstraintViolation"
        number = int(value)
        if (variable.minimum is not None and number < variable.minimum) or (
            variable.maximum is not None and number > variable.maximum
        ):
            return "ValueOutOfRange"
    if variable.kind == "boolean" and value.lower() not in ("true", "false"):
        return "PropertyConstraintViolation"
    if variable.choices and variable.kind.endswith("List"):
        members = [each.strip() for each in value.split(",") if each.strip()]
        if any(each not in variable.choices for each in members):
            return "InvalidValue"
    return None
