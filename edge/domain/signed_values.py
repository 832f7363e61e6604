"""Readings that the meter signed go with a transaction onto its bill, so that a driver can check what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import structs

from edge.domain.transaction import Transaction
from protocols.charger.events import SignedReading
from protocols.ocpi.cdr import SignedData, SignedValue
from protocols.terms import ReadingContext

_NATURES: Final[Mapping[ReadingContext, Literal["Start", "End"]]] = MappingProxyType(
    {ReadingContext.TRANSACTION_BEGIN: "Start", ReadingContext.TRANSACTION_END: "End"}
)


def keep_signed(transaction: Transaction, readings: Iterable[SignedReading]) -> bool:
    """Keep the first and the last of them; returns whether the first is new, which the station may not say again."""
    before = transaction.signed.signed_values[0] if transaction.signed is not None else None
    for reading in readings:
        transaction.signed = _with(transaction.signed, reading)
    return transaction.signed is not None and transaction.signed.signed_values[0] != before


def _with(known: SignedData | None, reading: SignedReading) -> SignedData:
    nature: Literal["Start", "End", "Intermediate"] = _NATURES.get(reading.context, "Intermediate")
    value = SignedValue(nature=nature, signed_data=reading.data, plain_data=reading.plain)
    if known is None:
        return SignedData(
            encoding_method=reading.encoding_method,
            signed_values=(value,),
            public_key=reading.public_key,
            signing_method=reading.signing_method,
        )
    return structs.replace(
        known,
        signed_values=_first_and_last(known.signed_values, value),
        public_key=known.public_key or reading.public_key,  # some stations tell it once
        signing_method=known.signing_method or reading.signing_method,
    )


def _first_and_last(values: tuple[SignedValue, ...], value: SignedValue) -> tuple[SignedValue, ...]:
    """Which two say most: those of the transaction's begin and end, where they come."""
    if value in values:
        return values
    if value.nature == "Start" and values[0].nature != "Start":
        return (value, values[-1])
    if values[-1].nature == "End" and value.nature != "End":
        return values
    return (values[0], value)
