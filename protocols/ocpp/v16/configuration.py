"""OCPP 1.6 §5.3 ChangeConfiguration and §5.8 GetConfiguration. A configuration key is a variable, by the name that
2.0.1 gives it where it has one (`configuration_keys`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from protocols.charger.operations.variables import (
    GetBaseReport,
    GetVariables,
    SetVariables,
    VariableName,
    VariableSetting,
)
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls, Payload, Result
from protocols.ocpp.reading import read_block, read_text
from protocols.ocpp.v16.configuration_keys import Access, KeyType, key_of, known_key
from protocols.ocpp.v16.wording import within

_MAX_VALUE_LENGTH: Final = 500
_STATUSES: Final = MappingProxyType(
    {
        "accepted": "Accepted",
        "rejected": "Rejected",
        "rebootrequired": "RebootRequired",
        "notsupported": "UnknownVariable",
    }
)
"""§7.22 ConfigurationStatus in 2.0.1's words, by their lower case."""
_GOOD: Final = ("Accepted", "RebootRequired")
_NO_KEY: Final = "OCPP 1.6 has no configuration key for it"
_TRUE: Final = ("true", "1", "yes")
_FALSE: Final = ("false", "0", "no")


def render_set_variables(setting: SetVariables) -> Calls:
    """§6.7, one for each variable that has a key. Raises BadText where none has."""
    calls = [
        ("ChangeConfiguration", {"key": key, "value": within(item.value, _MAX_VALUE_LENGTH, f"the value of {key}")})
        for item in setting.settings
        if (key := key_of(item.name)) is not None
    ]
    if not calls:
        raise BadText(f"{_named(setting.settings[0].name)}: {_NO_KEY}")
    return calls


def read_set_variables(setting: SetVariables, answers: Sequence[Payload]) -> Result:
    """§6.8. One refusal makes the whole a refusal; what was accepted stays so."""
    left = iter(answers)
    variables = [_taken(item, left) for item in setting.settings]
    refused = [
        f"{_named(item.name)}: {told['status']}"
        for item, told in zip(setting.settings, variables, strict=True)
        if told["status"] not in _GOOD
    ]
    reboot = "RebootRequired" if any(told["status"] == "RebootRequired" for told in variables) else ""
    return Result(is_accepted=not refused, detail="; ".join(refused) or reboot, result={"variables": variables})


def render_get_variables(get: GetVariables) -> Calls:
    """§6.23. Raises BadText where no variable has a key."""
    keys = [key for name in get.names if (key := key_of(name)) is not None]
    if not keys:
        raise BadText(f"{_named(get.names[0])}: {_NO_KEY}")
    return [("GetConfiguration", {"key": keys})]


def read_get_variables(get: GetVariables, answers: Sequence[Payload]) -> Result:
    """§6.24, by the names that were asked for."""
    nameless = [
        {**_name(name), "status": "UnknownVariable", "reason": _NO_KEY} for name in get.names if key_of(name) is None
    ]
    asked = {key.lower(): name for name in get.names if (key := key_of(name)) is not None}
    return Result(is_accepted=True, result=_told(answers[0], nameless, asked))


def render_get_base_report(_get: GetBaseReport) -> Calls:
    """§6.23 without keys: all of them."""
    return [("GetConfiguration", {})]


def read_get_base_report(_get: GetBaseReport, answers: Sequence[Payload]) -> Result:
    """§6.24."""
    return Result(is_accepted=True, result=_told(answers[0], [], {}))


def _taken(item: VariableSetting, answers: Iterator[Payload]) -> Payload:
    """What became of one setting; the answers are those to the settings that have a key."""
    told = _name(item.name)
    if key_of(item.name) is None:
        return {**told, "status": "UnknownVariable", "reason": _NO_KEY}
    status = read_text(next(answers).get("status")) or "no status"
    return {**told, "status": _STATUSES.get(status.lower(), status)}


def _told(answer: Payload, nameless: list[Payload], asked: Mapping[str, VariableName]) -> Payload:
    """§6.24 configurationKey and unknownKey; what cannot be read of them is left out."""

    def named(key: str) -> Payload:
        return _name(asked.get(key.lower()) or _as_name(key))

    known, unknown = answer.get("configurationKey"), answer.get("unknownKey")
    pairs = [item for item in known if isinstance(item, dict)] if isinstance(known, list) else []
    keys = [read_text(key) for key in unknown] if isinstance(unknown, list) else []
    return {
        "variables": [
            named(key) | _variable(key, item) for item in pairs if (key := read_text(item.get("key"))) is not None
        ],
        "unknown": [{**named(key), "status": "UnknownVariable"} for key in keys if key is not None] + nameless,
    }


def _variable(key: str, item: Payload) -> Payload:
    """§7.29 KeyValue. A secret that a station tells all the same goes no further."""
    known = known_key(key)
    value = item.get("value")
    text = None if value is None else read_block(str(value)) or ""
    if known is not None and known.access is Access.WRITE:
        text = None
    if known is not None and known.type is KeyType.BOOLEAN and text is not None:
        text = _as_boolean(text)
    is_readonly: Any = item.get("readonly")
    if not isinstance(is_readonly, bool):
        is_readonly = known.access is Access.READ if known is not None else None
    return {"value": text, "is_readonly": is_readonly}


def _as_boolean(text: str) -> str:
    """§9: true or false in any case; 1 and 0 are seen too."""
    lower = text.strip().lower()
    return "true" if lower in _TRUE else "false" if lower in _FALSE else text


def _as_name(key: str) -> VariableName:
    known = known_key(key)
    return known.name if known is not None else VariableName(variable=key)


def _name(name: VariableName) -> Payload:
    """A name as results tell it: component and variable, and what is not at its default."""
    given = {field.name: (getattr(name, field.name), field.default) for field in fields(name)}
    always = ("component", "variable")
    told = {key: value for key, (value, default) in given.items() if key in always or value != default}
    return {key: told.pop(key) for key in always} | told


def _named(name: VariableName) -> str:
    return ".".join(part for part in (name.component, name.variable) if part)
