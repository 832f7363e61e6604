"""Readings that a meter signed, kept as they came: a driver's software checks them byte for byte.

Whoever sends none pays for one look at each value.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final

from msgspec import UNSET

from protocols.charger.events import SignedReading
from protocols.ocpp.reading import given
from protocols.terms import ReadingContext

_CONTEXTS: Final = MappingProxyType({context.value: context for context in ReadingContext})
_METHODS_16: Final = MappingProxyType({"OCMF|": "OCMF", "AP;": "Alfen", "<?xml": "EDL", "<signedMeterValue": "EDL"})
"""OCPP 1.6 has no field for how it is encoded: told by how it begins."""
_UNKNOWN_METHOD: Final = "unknown"


def read_signed_16(meter_values: Iterable[Any]) -> tuple[SignedReading, ...]:
    """OCPP 1.6 §7.33: a sampled value of the format SignedData."""
    found = [
        item
        for meter_value in meter_values
        for item in meter_value.sampledValue
        if item.format is not UNSET and item.format == "SignedData"
    ]
    return (
        tuple(
            SignedReading(context=_context(item.context), data=item.value, encoding_method=_method_16(item.value))
            for item in found
            if _may_be_kept(item.value)
        )
        if found
        else ()
    )


def read_signed_201(meter_values: Iterable[Any]) -> tuple[SignedReading, ...]:
    """OCPP 2.0.1 SignedMeterValueType, beside the plain value. 2.1 may leave method and key out."""
    found = [
        item for meter_value in meter_values for item in meter_value.sampledValue if item.signedMeterValue is not UNSET
    ]
    return (
        tuple(_signed(item) for item in found if _may_be_kept(item.signedMeterValue.signedMeterData)) if found else ()
    )


def _signed(item: Any) -> SignedReading:
    signed = item.signedMeterValue
    unit = "Wh" if item.unitOfMeasure is UNSET else given(item.unitOfMeasure.unit, "Wh")
    return SignedReading(
        context=_context(item.context),
        data=signed.signedMeterData,
        encoding_method=_told(signed.encodingMethod) or _UNKNOWN_METHOD,
        plain=f"{item.value} {unit}" if _told(unit) else str(item.value),
        signing_method=_told(given(signed.signingMethod)),
        public_key=_told(given(signed.publicKey)),
    )


def _may_be_kept(data: str) -> bool:
    """What holds a NUL is no text to any database, and no encoding has one."""
    return data != "" and "\0" not in data


def _told(text: str | None) -> str | None:
    return text if text and "\0" not in text else None


def _context(context: Any) -> ReadingContext:
    return _CONTEXTS.get(given(context), ReadingContext.SAMPLE_PERIODIC)


def _method_16(data: str) -> str:
    return next((method for begin, method in _METHODS_16.items() if data.startswith(begin)), _UNKNOWN_METHOD)
