"""Functional block B: configuration. An OCPP 1.6 configuration key is a variable, of a component where 2.0.1 has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from protocols.charger.operations.fields import ConnectorNumber, EvseOrStation, Number, RequestId, Text

Attribute = Literal["Actual", "Target", "MinSet", "MaxSet"]
Name = Annotated[str, Field(max_length=50)]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableName:
    """OCPP 2.0.1 ComponentType and VariableType in one. For a 1.6 station without `component`: the key alone.

    In results a variable is told by these same names: `component` and `variable` always, the others where they are not
    at their defaults.
    """

    variable: Annotated[str, Field(min_length=1, max_length=50)]
    component: Name = ""
    variable_instance: Name | None = None
    component_instance: Name | None = None
    evse_id: EvseOrStation | None = None
    connector_id: ConnectorNumber | None = None
    attribute: Attribute = "Actual"


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSetting:
    """A variable and the value that it should have."""

    name: VariableName
    value: Annotated[str, Field(max_length=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariables:
    """OCPP 2.0.1 B05; 1.6 ChangeConfiguration, one call per key. Accepted where every single one is.

    Result: {"variables": [{**name, "status", "reason"?}]} in the order of `settings`. Statuses are 2.0.1's: Accepted,
    RebootRequired, Rejected, UnknownComponent, UnknownVariable (1.6 NotSupported), NotSupportedAttributeType.
    """

    settings: Annotated[tuple[VariableSetting, ...], Field(min_length=1, max_length=200)]
    operation: Literal["set_variables"] = "set_variables"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetVariables:
    """OCPP 2.0.1 B06; 1.6 GetConfiguration with keys. Accepted also where some of them are unknown.

    Result: {"variables": [{**name, "value", "is_readonly"}], "unknown": [{**name, "status", "reason"?}]}. `value` is
    None where the station told none, `is_readonly` where it did not say (2.0.1 does in reports alone).
    """

    names: Annotated[tuple[VariableName, ...], Field(min_length=1, max_length=200)]
    operation: Literal["get_variables"] = "get_variables"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBaseReport:
    """OCPP 2.0.1 B07: the station reports in parts, under `request_id`, and there is no result yet.

    1.6 GetConfiguration without keys: the result is that of GetVariables, at once.
    """

    report_base: Literal["ConfigurationInventory", "FullInventory", "SummaryInventory"] = "FullInventory"
    request_id: RequestId = None
    operation: Literal["get_base_report"] = "get_base_report"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetReport:
    """OCPP 2.0.1 B08: the station reports in parts, under `request_id`. EmptyResultSet is accepted, with the status as
    detail: nothing follows."""

    criteria: tuple[Literal["Active", "Available", "Enabled", "Problem"], ...] = ()
    names: tuple[VariableName, ...] = ()
    request_id: RequestId = None
    operation: Literal["get_report"] = "get_report"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNetworkProfile:
    """OCPP 2.0.1 B09. `connection_data` is NetworkConnectionProfileType as the standard writes it."""

    configuration_slot: Number
    connection_data: dict[str, Any]
    operation: Literal["set_network_profile"] = "set_network_profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """OCPP 2.0.1 B11, B12; 1.6 Reset: OnIdle is Soft, Immediate is Hard."""

    type: Literal["Immediate", "OnIdle"] = "OnIdle"
    evse_id: EvseOrStation | None = None
    operation: Literal["reset"] = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMessage:
    """OCPP 2.0.1 F06; 1.6 TriggerMessage, or ExtendedTriggerMessage for what only that one knows.

    `requested_message` in 2.0.1's words; 1.6's DiagnosticsStatusNotification is taken too.
    """

    requested_message: Text
    evse_id: EvseOrStation | None = None
    connector_id: ConnectorNumber | None = None
    operation: Literal["trigger_message"] = "trigger_message"
