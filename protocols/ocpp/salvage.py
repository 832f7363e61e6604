"""The tolerant reader: makes a payload fit its schema where that can be done soundly (field quirk 1).

Each field is mended by the smallest step that says nothing the station did not say: a number written as a text is read
as a number, a serial that is too long is cut, an optional field that cannot be read is left out. What would mean
something else without such a field, a sampled value without its unit, is left out whole. A field that must be there is
given a default only where `_FOR_MISSING` or `_FOR_WRONG` names one; who a driver is and what is counted is never
guessed: an id is not cut, a meterStop not invented. The rest stays refused.

One walk over schema and payload, so the work is bounded by the frame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from protocols.ocpp.structs import JsonSchema

MAX_DEVIATIONS: Final = 32
"""Told of one payload; a station has a few bad habits, not hundreds."""
MAX_STEPS: Final = 2_000
"""Of one payload. What needs more is not worth the time: it stays refused."""

_MAX_NAME: Final = 50
_MAX_METER: Final = 2.0**53
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(?:[eE][+-]?[0-9]{1,2})?")
_PADDING: Final = "\0 \t\r\n"

_DESCRIPTIVE: Final = frozenset({"info", "vendorErrorCode", "techInfo", "techCode", "additionalInfo", "reasonCode"})
_DESCRIBING: Final = frozenset({"BootNotification"})
"""Texts that only describe, in any message, and messages of which all texts do: cut, they still do."""
_LISTS: Final = frozenset(
    {
        *("meterValue", "transactionData", "sampledValue", "eventData", "reportData", "variableAttribute", "monitor"),
        *("variableMonitoring", "messageInfo", "additionalInfo"),
    }
)
"""Lists whose entries stand for themselves: one that cannot be read is left out."""
_INDIVISIBLE: Final = frozenset(
    {
        *("chargingSchedule", "chargingProfile", "chargingNeeds", "chargingScheduleUpdates"),
        *("certificate", "iso15118CertificateHashData", "certificateHashData", "ocspRequestData"),
    }
)
"""Fields that without one of their own would say something else: nothing in them is left out."""
_ESSENTIAL: Final = frozenset({"certificate", "iso15118CertificateHashData", "chargingSchedule"})
"""Optional, but not left out: a driver would be let in without what was to be checked, a limit be none."""
_IDENTITIES: Final = frozenset({"idTag", "parentIdTag", "idToken", "transactionId"})
"""A number in their place may have lost zeros in front: it is somebody else's."""
_DEFINING: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "sampledValue": frozenset({"measurand", "unit", "phase", "format", "location", "unitOfMeasure"}),
        "unitOfMeasure": frozenset({"unit", "multiplier"}),
    }
)
"""Optional fields whose default would make another reading of it. Null stands for what is not there, as many
libraries write it; so does an empty text, except where the default says what is counted."""
_SAYS_WHAT: Final = frozenset({"measurand", "format"})
_NULL: Final = "null"
_EMPTY: Final = "empty"
_METERS: Final = frozenset({"meterStart", "meterStop"})
"""Whole Wh, of which some stations send fractions."""

_SYNONYMS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "unit": MappingProxyType({"%": "Percent", "hz": "Hertz", "°c": "Celsius", "deg c": "Celsius"}),
        # OCPP 1.6's words from stations that were brought up to 2.0.1.
        "connectorStatus": MappingProxyType(
            dict.fromkeys(("preparing", "charging", "suspendedev", "suspendedevse", "finishing"), "Occupied")
        ),
    }
)

_NO_STAMP: Final = ""
"""No time that can be read: the time of receipt is taken, and a bill that prices time is doubted."""
_NOBODY: Final = ""
"""No token that can be read: it is refused, and what was charged on it is nobody's until a person says whose."""
_FOR_MISSING: Final[Mapping[tuple[str, str], Any]] = MappingProxyType(
    {
        ("BootNotification", "/chargePointVendor"): "",
        ("BootNotification", "/chargePointModel"): "",
        ("BootNotification", "/reason"): "Unknown",
        ("BootNotification", "/chargingStation/vendorName"): "",
        ("BootNotification", "/chargingStation/model"): "",
        ("StatusNotification", "/timestamp"): _NO_STAMP,
        ("StatusNotification", "/errorCode"): "NoError",  # a fault is told by the status
        ("StartTransaction", "/timestamp"): _NO_STAMP,
        ("StartTransaction", "/idTag"): _NOBODY,
        ("StopTransaction", "/timestamp"): _NO_STAMP,
        ("StopTransaction", "/transactionData/timestamp"): _NO_STAMP,
        ("MeterValues", "/meterValue/timestamp"): _NO_STAMP,
        ("TransactionEvent", "/timestamp"): _NO_STAMP,
        ("TransactionEvent", "/meterValue/timestamp"): _NO_STAMP,
        ("TransactionEvent", "/triggerReason"): "Trigger",  # nothing is decided by it
        ("TransactionEvent", "/seqNo"): 0,  # counts as not told, except at the start
        ("TransactionEvent", "/idToken/type"): "ISO14443",  # a card; nothing is decided by it
        ("Authorize", "/idToken/type"): "ISO14443",
        ("SecurityEventNotification", "/timestamp"): _NO_STAMP,
        ("NotifyEvent", "/generatedAt"): _NO_STAMP,
        ("NotifyReport", "/generatedAt"): _NO_STAMP,
        ("NotifyMonitoringReport", "/generatedAt"): _NO_STAMP,
    }
)
"""By action and path: what stands for a required field that is not there."""
_FOR_WRONG: Final[Mapping[tuple[str, str], Any]] = MappingProxyType(
    {
        **_FOR_MISSING,
        ("Authorize", "/idTag"): _NOBODY,
        ("Authorize", "/idToken/idToken"): _NOBODY,
        ("StatusNotification", "/errorCode"): "OtherError",
        ("StopTransaction", "/reason"): "Other",
        ("TransactionEvent", "/transactionInfo/stoppedReason"): "Other",
        ("MeterValues", "/meterValue"): (),  # nothing in it can be read; it is answered all the same
    }
)
"""What stands for a field, required or not, that cannot be read."""

_ABSENT: Final = object()


class Remedy(StrEnum):
    """What was done about a deviation."""

    FIELD_LEFT_OUT = "field left out"
    ENTRY_LEFT_OUT = "entry left out"
    CUT = "cut to length"
    TRIMMED = "padding taken off"
    RESPELLED = "spelled as in the standard"
    CONVERTED = "converted"
    ROUNDED = "rounded"
    LISTED = "taken as a list of one"
    ASSUMED = "default assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """What a station does otherwise than the standard. The path is without numbers in lists, and the problem without
    values, for they may be tokens: so those that are alike are equal."""

    action: str
    path: str
    problem: str
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class Unusable:
    """A value that could not be mended: where, and why."""

    path: str
    problem: str


def mend(action: str, schema: JsonSchema, document: Any) -> tuple[Any, tuple[Deviation, ...]] | Unusable:
    """The payload with its deviations, or what keeps it from being used. What comes back is to be validated."""
    mender = _Mender(action, schema)
    try:
        mended = mender.mended(document, schema, "")
    except _TooMuchError:
        return Unusable("", f"more than {MAX_STEPS} deviations")
    return mended if isinstance(mended, Unusable) else (mended, tuple(mender.deviations))


class _TooMuchError(Exception):
    """More is wrong with a payload than is worth the time."""


class _Mender:
    """Of one payload. Every method gives the mended value or Unusable."""

    def __init__(self, action: str, schema: JsonSchema) -> None:
        self.deviations: dict[Deviation, None] = {}
        self._action = action
        self._steps_left = MAX_STEPS
        self._definitions: JsonSchema = schema.get("definitions", {})

    def mended(self, value: Any, schema: JsonSchema, path: str) -> Any:
        if "$ref" in schema:
            schema = self._definitions[schema["$ref"].removeprefix("#/definitions/")]
        match schema.get("type"):
            case "object":
                return self._object(value, schema, path)
            case "array":
                return self._array(value, schema, path)
            case "string" if "enum" in schema:
                return self._word(value, schema["enum"], path)
            case "string":
                return self._text(value, schema.get("maxLength"), path)
            case "integer" | "number" as kind:
                return self._number(value, schema, path, is_whole=kind == "integer")
            case "boolean":
                return self._boolean(value, path)
            case _:
                return value

    # --- what holds others ---

    def _object(self, value: Any, schema: JsonSchema, path: str) -> Any:
        if not isinstance(value, dict):
            return Unusable(path, _is_not(value, "an object"))
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        if schema.get("additionalProperties") is False and not value.keys() <= properties.keys():
            value = self._without_strangers(value, properties, path)
        mended: dict[str, Any] = {}
        for name, inner in value.items():
            result = inner if name not in properties else self.mended(inner, properties[name], f"{path}/{name}")
            if isinstance(result, Unusable):
                result = self._instead(result, name, path, is_required=name in required)
                if isinstance(result, Unusable):
                    return result
            if result is not _ABSENT:
                mended[name] = result
        for name in required:
            if name not in mended:
                default = _FOR_MISSING.get((self._action, f"{path}/{name}"), _ABSENT)
                if default is _ABSENT:
                    return Unusable(f"{path}/{name}", "missing")
                self._note(f"{path}/{name}", "missing", Remedy.ASSUMED)
                mended[name] = default
        return mended

    def _instead(self, unusable: Unusable, name: str, path: str, *, is_required: bool) -> Any:
        """A default, nothing, or the end of the object that the field belongs to."""
        is_own = unusable.path == f"{path}/{name}"
        is_blank = is_own and (unusable.problem == _NULL or (unusable.problem == _EMPTY and name not in _SAYS_WHAT))
        if name in _ESSENTIAL and not (is_own and unusable.problem == _NULL):
            return unusable
        if is_blank and not is_required:
            self._note(unusable.path, unusable.problem, Remedy.FIELD_LEFT_OUT)
            return _ABSENT
        default = _FOR_WRONG.get((self._action, f"{path}/{name}"), _ABSENT)
        if default is not _ABSENT:
            self._note(unusable.path, unusable.problem, Remedy.ASSUMED)
            return [] if default == () else default
        if (
            is_required
            or name in _DEFINING.get(path.rpartition("/")[2], ())
            or not _INDIVISIBLE.isdisjoint(path.split("/"))
        ):
            return unusable
        self._note(unusable.path, unusable.problem, Remedy.FIELD_LEFT_OUT)
        return _ABSENT

    def _without_strangers(self, value: dict[str, Any], properties: JsonSchema, path: str) -> dict[str, Any]:
        """Fields that the standard does not know are left out; those that it writes in another case are renamed."""
        left: dict[str, Any] = {}
        missing = {_plain(known): known for known in properties if known not in value}
        for name, inner in value.items():
            if name in properties:
                left[name] = inner
            elif (meant := missing.get(_plain(name[:_MAX_NAME]))) is not None:
                left[meant] = inner
                self._note(f"{path}/{meant}", "name in another spelling", Remedy.RESPELLED)
            else:
                self._note(f"{path}/{_shown(name)}", "no field of the standard", Remedy.FIELD_LEFT_OUT)
        return left

    def _array(self, value: Any, schema: JsonSchema, path: str) -> Any:
        if isinstance(value, dict):
            self._note(path, "not a list", Remedy.LISTED)
            value = [value]
        if not isinstance(value, list):
            return Unusable(path, _is_not(value, "a list"))
        kept = []
        for item in value:
            result = self.mended(item, schema.get("items", {}), path)
            if isinstance(result, Unusable):
                if path.rpartition("/")[2] not in _LISTS:
                    return result
                self._note(result.path, result.problem, Remedy.ENTRY_LEFT_OUT)
            else:
                kept.append(result)
        if len(kept) < schema.get("minItems", 0):
            return Unusable(path, "empty list" if not value else "no usable entry")
        if len(kept) > schema.get("maxItems", len(kept)):
            return Unusable(path, f"more than {schema['maxItems']} entries")
        return kept

    # --- single values ---

    def _text(self, value: Any, longest: int | None, path: str) -> Any:
        name = path.rpartition("/")[2]
        if isinstance(value, int | float) and not isinstance(value, bool) and name not in _IDENTITIES:
            self._note(path, "a number and no text", Remedy.CONVERTED)
            value = repr(value)
        if not isinstance(value, str):
            return Unusable(path, _is_not(value, "a text"))
        if longest is None or len(value) <= longest:
            return value
        bare = value.strip(_PADDING)
        if len(bare) <= longest:
            self._note(path, f"longer than {longest} characters", Remedy.TRIMMED)
            return bare
        if name not in _DESCRIPTIVE and self._action not in _DESCRIBING:
            return Unusable(path, f"longer than {longest} characters")
        self._note(path, f"longer than {longest} characters", Remedy.CUT)
        return bare[:longest]

    def _word(self, value: Any, words: Sequence[str], path: str) -> Any:
        if value in words:
            return value
        if not isinstance(value, str):
            return Unusable(path, _is_not(value, "a text"))
        plain = _plain(value)
        meant = [word for word in words if _plain(word) == plain] if plain else []
        if len(meant) == 1:
            self._note(path, "word in another spelling", Remedy.RESPELLED)
            return meant[0]
        synonym = _SYNONYMS.get(path.rpartition("/")[2], {}).get(value.strip(_PADDING).casefold())
        if synonym in words:
            self._note(path, "no word of the standard", Remedy.RESPELLED)
            return synonym
        return Unusable(path, "no word of the standard" if plain else _EMPTY)

    def _number(self, value: Any, schema: JsonSchema, path: str, *, is_whole: bool) -> Any:
        if isinstance(value, str):
            text = value.strip(_PADDING)
            if _WHOLE.fullmatch(text):
                value = int(text)
            elif _DECIMAL.fullmatch(text):
                value = float(text)
            else:
                return Unusable(path, "no number" if text else _EMPTY)
            self._note(path, "a text and no number", Remedy.CONVERTED)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Unusable(path, _is_not(value, "a number"))
        if is_whole and isinstance(value, float) and not value.is_integer():
            if path.rpartition("/")[2] not in _METERS or not -_MAX_METER < value < _MAX_METER:
                return Unusable(path, "no whole number")
            self._note(path, "no whole number", Remedy.ROUNDED)
            value = round(value)
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            return Unusable(path, "out of range")
        return value

    def _boolean(self, value: Any, path: str) -> Any:
        if isinstance(value, bool):
            return value
        meant = {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip(_PADDING).lower())
        if meant is None:
            return Unusable(path, _is_not(value, "true or false"))
        self._note(path, "not true or false", Remedy.CONVERTED)
        return meant

    def _note(self, path: str, problem: str, remedy: Remedy) -> None:
        self._steps_left -= 1
        if self._steps_left < 0:
            raise _TooMuchError
        if len(self.deviations) < MAX_DEVIATIONS:
            self.deviations[Deviation(action=self._action, path=path, problem=problem, remedy=remedy)] = None


def _plain(text: str) -> str:
    """What is left of a word when case, points, dashes and blanks do not matter."""
    return "".join(character for character in text.casefold() if character.isalnum())


def _shown(name: str) -> str:
    """A name of the station's own making, as it may stand in a log."""
    shown = "".join(character for character in name[:_MAX_NAME] if character.isascii() and character.isprintable())
    return shown.replace("/", "_") or "?"


def _is_not(value: Any, expected: str) -> str:
    return _NULL if value is None else _EMPTY if value == "" else f"not {expected}"
