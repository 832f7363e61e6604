"""OCPP 2.0.1 Part 2 §2: the data types that several blocks share, written and read."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import UNSET

from protocols.charger.commands import Judged, Reply
from protocols.charger.operations.variables import VariableName
from protocols.ocpp.dialect import Payload, expect
from protocols.ocpp.reading import read_evse_id, read_int, read_text
from protocols.ocpp.v16.configuration_keys import as_variable
from protocols.ocpp.writing import filled

_CARD_UID: Final = re.compile(r"(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14}|[0-9A-Fa-f]{20})")
"""The UIDs that cards of ISO 14443 have: 4, 7 or 10 bytes."""
_MAX_REASON_LENGTH: Final = 512


def write_id_token(uid: str, kind: str | None = None) -> Payload:
    """IdTokenType. Where nobody said what kind it is, what looks like the UID of a card is one."""
    if kind is None:
        kind = "ISO14443" if _CARD_UID.fullmatch(uid) else "Central"
    return {"idToken": uid, "type": kind}


def write_evse(evse_id: int | None, connector_id: int | None = None) -> Payload | None:
    """EVSEType; None for the station itself."""
    return None if evse_id is None else filled(id=evse_id, connectorId=connector_id)


def read_optional_evse_id(evse_id: Any) -> int | None:
    """None where it was left out; 0 is the station itself."""
    return None if evse_id is UNSET else read_evse_id(evse_id, name="evseId", lowest=0)


def write_variable(name: VariableName) -> Payload:
    """The fields `component` and `variable` of many types. A key of OCPP 1.6 goes by what 2.0.1 made of it."""
    name = as_variable(name)
    component = filled(
        name=name.component, instance=name.component_instance, evse=write_evse(name.evse_id, name.connector_id)
    )
    return {"component": component, "variable": filled(name=name.variable, instance=name.variable_instance)}


def tell_variable(name: VariableName) -> Payload:
    """A variable in a result: its own names, those at their defaults left out."""
    attribute = None if name.attribute == "Actual" else name.attribute
    return filled(
        component=name.component,
        variable=name.variable,
        variable_instance=name.variable_instance,
        component_instance=name.component_instance,
        evse_id=name.evse_id,
        connector_id=name.connector_id,
        attribute=attribute,
    )


def variable_key(name: VariableName) -> tuple[Any, ...]:
    """What makes two names the same variable: letters may be large or small."""
    name = as_variable(name)
    return (
        name.component.lower(),
        (name.component_instance or "").lower(),
        name.evse_id,
        name.connector_id,
        name.variable.lower(),
        (name.variable_instance or "").lower(),
    )


def told_key(item: Payload) -> tuple[Any, ...]:
    """The same of a station's answer, whatever it wrote there."""
    component, variable = part(item, "component"), part(item, "variable")
    evse = part(component, "evse")
    return (
        (read_text(component.get("name")) or "").lower(),
        (read_text(component.get("instance")) or "").lower(),
        read_int(evse.get("id")),
        read_int(evse.get("connectorId")),
        (read_text(variable.get("name")) or "").lower(),
        (read_text(variable.get("instance")) or "").lower(),
    )


def part(document: Payload, name: str) -> Payload:
    """An object within an answer; empty where there is none."""
    inner = document.get(name)
    return inner if isinstance(inner, dict) else {}


def parts(document: Payload, name: str) -> list[Payload]:
    """A list of objects within an answer; empty where there is none."""
    inner = document.get(name)
    return [item for item in inner if isinstance(item, dict)] if isinstance(inner, list) else []


def reason_of(info: Payload) -> str | None:
    """StatusInfoType in one text; None where the station gave no reason."""
    reasons = (read_text(info.get("reasonCode")), read_text(info.get("additionalInfo")))
    return ": ".join(reason for reason in reasons if reason) or None


def render_judged(reply: Reply) -> Payload:
    """GenericStatusEnumType: Accepted or Rejected, with the reason (Part 2 Appendix 5: Unspecified)."""
    judged = expect(reply, Judged)
    return {"status": "Accepted"} if judged.is_accepted else refused("Rejected", judged.reason)


def refused(status: str, reason: str) -> Payload:
    """A status with its statusInfo, where there is a reason."""
    if not reason:
        return {"status": status}
    return {
        "status": status,
        "statusInfo": {"reasonCode": "Unspecified", "additionalInfo": reason[:_MAX_REASON_LENGTH]},
    }
