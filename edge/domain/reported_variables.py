"""Variables as stations tell them, in reports and answers, made into readings. What is secret is not kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from protocols.sync.upkeep import VariableReading

SECRETS: Final = frozenset({"authorizationkey", "basicauthpassword", "password", "vpnpassword", "apnpassword"})
MAX_VALUE_CHARS: Final = 2_500
"""OCPP 2.0.1 ReportingValueSize at its most."""
MAX_NAME_CHARS: Final = 50
READING_CHARS: Final = 100
"""A reading in the journal, about, without its value."""
MAX_PART_CHARS: Final = 30_000


def readings_of_report(items: Iterable[Mapping[str, Any]]) -> Iterator[VariableReading]:
    """From OCPP 2.0.1 ReportDataType: one reading for each attribute."""
    for item in items:
        component, variable = item.get("component") or {}, item.get("variable") or {}
        evse = component.get("evse") or {}
        facts = item.get("variableCharacteristics") or {}
        attributes = item.get("variableAttribute") or [{}]
        for attribute in attributes:
            yield _reading(
                component=component.get("name"),
                variable=variable.get("name"),
                value=attribute.get("value"),
                mutability=attribute.get("mutability", "ReadWrite"),
                attribute=attribute.get("type", "Actual"),
                component_instance=component.get("instance"),
                variable_instance=variable.get("instance"),
                evse_id=evse.get("id"),
                connector_id=evse.get("connectorId"),
                data_type=facts.get("dataType"),
                unit=facts.get("unit"),
            )


def reading_of_result(row: Mapping[str, Any]) -> VariableReading | None:
    """From a row of GetVariables' or SetVariables' result; None where it names nothing."""
    if not row.get("variable"):
        return None
    is_readonly = row.get("is_readonly")
    return _reading(
        component=row.get("component"),
        variable=row.get("variable"),
        value=row.get("value"),
        mutability=None if is_readonly is None else "ReadOnly" if is_readonly else "ReadWrite",
        attribute=row.get("attribute") or "Actual",
        component_instance=row.get("component_instance"),
        variable_instance=row.get("variable_instance"),
        evse_id=row.get("evse_id"),
        connector_id=row.get("connector_id"),
        data_type=None,
        unit=None,
    )


def in_parts(readings: Sequence[VariableReading]) -> list[tuple[VariableReading, ...]]:
    """As many parts as they need to be journaled, one at least; each is an entry of a size that travels well."""
    parts: list[list[VariableReading]] = [[]]
    chars = 0
    for reading in readings:
        size = READING_CHARS + len(reading.value or "")
        if parts[-1] and chars + size > MAX_PART_CHARS:
            parts.append([])
            chars = 0
        parts[-1].append(reading)
        chars += size
    return [tuple(part) for part in parts]


def is_secret(variable: str) -> bool:
    """Whether a variable of this name holds a key or a password."""
    return variable.casefold() in SECRETS


def _reading(
    *,
    component: Any,
    variable: Any,
    value: Any,
    mutability: str | None,
    attribute: str,
    component_instance: Any,
    variable_instance: Any,
    evse_id: int | None,
    connector_id: int | None,
    data_type: str | None,
    unit: str | None,
) -> VariableReading:
    name = _text(variable) or ""
    told = None if value is None or is_secret(name) else str(value)[:MAX_VALUE_CHARS]
    return VariableReading(
        component=_text(component) or "",
        variable=name,
        value=told,
        mutability=mutability,
        attribute=attribute,
        component_instance=_text(component_instance),
        variable_instance=_text(variable_instance),
        evse_id=evse_id,
        connector_id=connector_id,
        data_type=data_type,
        unit=unit,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:MAX_NAME_CHARS]
