"""How much stations take in one message, as far as they told: ItemsPerMessage and BytesPerMessage of OCPP 2.0.1's
controllers; the key GetConfigurationMaxKeys of 1.6 is the first of them for GetVariables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from protocols.charger.commands import MessageLimit, Operation, RawCall
from protocols.sync.upkeep import VariableReading

_OF: Final = (
    ("DeviceDataCtrlr", "GetReport", "get_report"),
    ("DeviceDataCtrlr", "GetVariables", "get_variables"),
    ("DeviceDataCtrlr", "SetVariables", "set_variables"),
    ("MonitoringCtrlr", "ClearVariableMonitoring", "clear_variable_monitoring"),
    ("MonitoringCtrlr", "SetVariableMonitoring", "set_variable_monitoring"),
)
_MEANS: Final[Mapping[tuple[str, str, str | None], tuple[str, str]]] = MappingProxyType(
    {(component, "ItemsPerMessage", instance): (operation, "items") for component, instance, operation in _OF}
    | {(component, "BytesPerMessage", instance): (operation, "size_bytes") for component, instance, operation in _OF}
    | {("", "GetConfigurationMaxKeys", None): ("get_variables", "items")}  # who asks by the key is told by the key
)
"""By component, variable and its instance: which operation is limited, and in what."""
_MAX: Final = 10_000_000
_MAX_KINDS: Final = 1_000

Limits = Mapping[str, MessageLimit]
"""By operation."""
_NONE: Final[Limits] = MappingProxyType({})


@dataclass(slots=True)
class MessageLimits:
    """`told` by station, of those alone that told something. Stations that are alike share what they told: there are
    tens of thousands of them and few kinds."""

    told: dict[str, Limits] = field(default_factory=dict)
    kinds: dict[frozenset[tuple[str, MessageLimit]], Limits] = field(default_factory=dict)

    def of(self, station_id: str, operation: Operation | RawCall) -> MessageLimit | None:
        """A raw call is sent as it is."""
        return self.told.get(station_id, _NONE).get(operation.operation)

    def learn(self, station_id: str, readings: Iterable[VariableReading]) -> None:
        """The station tells its variables, among them what it takes."""
        known = self.told.get(station_id, _NONE)
        limits = dict(known)
        for each in readings:
            meant = _MEANS.get((each.component, each.variable, each.variable_instance))
            is_stations = each.component_instance is None and each.evse_id is None and each.attribute == "Actual"
            if meant is not None and is_stations:
                operation, name = meant
                limits[operation] = limits.get(operation, MessageLimit())._replace(**{name: _count(each.value)})
        if limits != known:
            kind = frozenset(limits.items())
            if kind not in self.kinds and len(self.kinds) < _MAX_KINDS:
                self.kinds[kind] = limits
            self.told[station_id] = self.kinds.get(kind, limits)

    def learn_as(self, station_id: str, other_id: str) -> None:
        """The station told the same as another one."""
        if other_id in self.told:
            self.told[station_id] = self.told[other_id]


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() and 0 < int(value) <= _MAX else None
