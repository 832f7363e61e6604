"""What a station said, put right by what is known of its model."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from protocols.charger.events import (
    ChargerEvent,
    MeterValuesReported,
    Sample,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.ocpp.quirks.model import Quirks
from protocols.terms import Measurand


def corrected(event: ChargerEvent, quirks: Quirks) -> ChargerEvent:
    """The event with its registers in Wh (field quirk 12) and, where the transaction that readings name cannot be
    trusted, without it (field quirk 3)."""
    meter = quirks.meter
    match event:
        case MeterValuesReported():
            changes: dict[str, Any] = {"samples": _scaled(event.samples, meter.samples)}
            if not quirks.transactions.names_meter_values:
                changes["charger_transaction_id"] = None
            return replace(event, **changes)
        case TransactionContinued():
            return replace(event, samples=_scaled(event.samples, meter.samples))
        case TransactionBegan():
            start_wh = _times(event.meter_start_wh, _power_of(quirks, event.seq_no))
            return replace(event, meter_start_wh=start_wh, samples=_scaled(event.samples, meter.samples))
        case TransactionFinished():
            stop_wh = _times(event.meter_stop_wh, _power_of(quirks, event.seq_no))
            return replace(event, meter_stop_wh=stop_wh, samples=_scaled(event.samples, meter.samples))
        case _:
            return event


def _power_of(quirks: Quirks, seq_no: int | None) -> int:
    """OCPP 1.6, which has no seqNo, tells the registers at both ends in fields of their own; 2.0.1 in samples."""
    return quirks.meter.start_and_stop if seq_no is None else quirks.meter.samples


def _scaled(samples: tuple[Sample, ...], power_of_ten: int) -> tuple[Sample, ...]:
    if power_of_ten == 0 or not samples:
        return samples
    return tuple(
        replace(sample, value=_times(sample.value, power_of_ten))
        if sample.measurand is Measurand.ENERGY_REGISTER
        else sample
        for sample in samples
    )


def _times(value: int | None, power_of_ten: int) -> int | None:
    """Times a power of ten, rounded once, half to even."""
    if value is None or power_of_ten == 0:
        return value
    factor: int = 10 ** abs(power_of_ten)
    return value * factor if power_of_ten > 0 else round(value / factor)
