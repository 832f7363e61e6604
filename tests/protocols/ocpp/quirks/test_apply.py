"""What a station said, put right by what is known of its model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protocols.charger.events import (
    BootReported,
    ChargerEvent,
    MeterValuesReported,
    Sample,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.ocpp.quirks.apply import corrected
from protocols.ocpp.quirks.model import BY_THE_BOOK, MeterQuirks, Quirks, TransactionQuirks
from protocols.terms import Measurand

KWH_AS_WH = replace(BY_THE_BOOK, meter=MeterQuirks(samples=3))
WH_AS_KWH = replace(BY_THE_BOOK, meter=MeterQuirks(samples=-3, start_and_stop=-3))
NAMELESS = replace(BY_THE_BOOK, transactions=TransactionQuirks(names_meter_values=False))


def samples(register_wh: int) -> tuple[Sample, ...]:
    return (
        Sample(measurand=Measurand.ENERGY_REGISTER, value=register_wh, at=None),
        Sample(measurand=Measurand.POWER, value=11_000, at=None),
    )


def values(register_wh: int, transaction: str | None = "7") -> MeterValuesReported:
    return MeterValuesReported(
        station_id="A", evse_id=1, charger_transaction_id=transaction, samples=samples(register_wh)
    )


def began(meter_wh: int | None, register_wh: int, **more: Any) -> TransactionBegan:
    usual = {"station_id": "A", "evse_id": 1, "connector_id": 1, "charger_transaction_id": None, "token_uid": None}
    return TransactionBegan(**{**usual, **more}, meter_start_wh=meter_wh, at=None, samples=samples(register_wh))


def finished(meter_wh: int | None, register_wh: int, **more: Any) -> TransactionFinished:
    usual = {"station_id": "A", "charger_transaction_id": "7", "token_uid": None, "at": None}
    return TransactionFinished(**{**usual, **more}, meter_stop_wh=meter_wh, samples=samples(register_wh))


def continued(register_wh: int) -> TransactionContinued:
    return TransactionContinued(
        station_id="B", charger_transaction_id="T", evse_id=1, token_uid=None, at=None, samples=samples(register_wh)
    )


@pytest.mark.parametrize(
    ("quirks", "said", "meant"),
    [
        (KWH_AS_WH, values(361), values(361_000)),
        (KWH_AS_WH, continued(361), continued(361_000)),
        (KWH_AS_WH, began(361_000, 361), began(361_000, 361_000)),  # only its samples are wrong
        (KWH_AS_WH, began(361, 361, seq_no=0), began(361_000, 361_000, seq_no=0)),  # 2.0.1 has nothing but samples
        (KWH_AS_WH, finished(None, 361, seq_no=3), finished(None, 361_000, seq_no=3)),
        (WH_AS_KWH, values(12_345_678), values(12_346)),
        (WH_AS_KWH, began(12_345_678, 12_345_678), began(12_346, 12_346)),
        (WH_AS_KWH, finished(12_345_678, 12_345_678), finished(12_346, 12_346)),
        (NAMELESS, values(5), values(5, None)),
        (
            KWH_AS_WH,
            BootReported(station_id="A", vendor="V", model="M"),
            BootReported(station_id="A", vendor="V", model="M"),
        ),
    ],
)
def test_registers_and_ids_are_put_right(quirks: Quirks, said: ChargerEvent, meant: ChargerEvent) -> None:
    assert corrected(said, quirks) == meant


@pytest.mark.parametrize("event", [values(5), continued(5), began(5, 5), finished(5, 5)])
def test_a_model_that_keeps_to_the_book_is_taken_at_its_word(event: ChargerEvent) -> None:
    assert corrected(event, BY_THE_BOOK) == event
