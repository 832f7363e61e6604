"""Signed readings: from the frame as it came, through the transaction, onto the bill, byte for byte."""

from __future__ import annotations

import orjson

from edge.domain.signed_values import keep_signed
from protocols.charger.events import MeterValuesReported, SignedReading, TransactionFinished
from protocols.ocpi.cdr import Cdr
from protocols.ocpp.dialect import Decided
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.schema import decode
from protocols.ocpp.version import Version
from protocols.sync.up import CdrIssued
from protocols.terms import ReadingContext
from tests.edge.domain.site_kit import Play, register

OCMF = 'OCMF|{"FV":"1.0","RD":[{"RV":1.0,"ST":"G"}]}|{"SD":"30 45"}\u00a0\u001f'
"""With what a tolerant reader would otherwise tidy up."""


def signed(context: ReadingContext, data: str, **more: str) -> SignedReading:
    return SignedReading(context=context, data=data, encoding_method="OCMF", **more)


BEGIN = signed(ReadingContext.TRANSACTION_BEGIN, OCMF, public_key="30 59", signing_method="ECDSA-secp256r1-SHA256")
MIDDLE = signed(ReadingContext.SAMPLE_CLOCK, "middle")
END = signed(ReadingContext.TRANSACTION_END, "end", plain="2.5 kWh")


def bill(play: Play) -> Cdr:
    (issued,) = play.found(CdrIssued)
    return issued.cdr


def test_the_first_and_the_last_stand_on_the_bill_with_the_key_that_came_once() -> None:
    play = Play()
    play.connect()
    play.began201(signed=(BEGIN,))
    play.after(10)
    play.updated201(signed=(MIDDLE,), samples=(register(1500, play.now),))
    play.after(10)
    play.stop("T1", 2000, station_id="B", signed=(END,))
    data = bill(play).signed_data
    assert data is not None
    assert (data.encoding_method, data.public_key, data.signing_method) == ("OCMF", "30 59", "ECDSA-secp256r1-SHA256")
    assert [(value.nature, value.signed_data) for value in data.signed_values] == [("Start", OCMF), ("End", "end")]
    assert data.signed_values[1].plain_data == "2.5 kWh"


def test_a_bill_without_signed_readings_says_nothing_of_them() -> None:
    play = Play()
    play.connect()
    play.began201()
    play.after(10)
    play.stop("T1", 2000, station_id="B")
    assert bill(play).signed_data is None


def test_1_6_tells_them_in_meter_values_and_the_first_is_kept_at_once() -> None:
    play = Play()
    play.connect()
    answer = play.start().reply
    transaction = answer.charger_transaction_id  # type: ignore[union-attr]

    def tell(reading: SignedReading) -> bool:
        told = MeterValuesReported(
            station_id="A", evse_id=1, charger_transaction_id=transaction, samples=(), signed=(reading,)
        )
        return bool(play.tell(told).checkpoints)

    assert tell(BEGIN)
    assert not tell(BEGIN), "said again, it is known"
    assert not tell(MIDDLE)
    play.after(10)
    play.stop(transaction, 2000)
    data = bill(play).signed_data
    assert data is not None
    assert [value.nature for value in data.signed_values] == ["Start", "Intermediate"]


def test_late_ones_do_not_push_out_begin_and_end() -> None:
    play = Play()
    play.connect()
    play.began201()
    (transaction,) = play.site.transactions.values()
    keep_signed(transaction, [MIDDLE, END, replace_context(MIDDLE, "later"), BEGIN])
    assert transaction.signed is not None
    assert [value.nature for value in transaction.signed.signed_values] == ["Start", "End"]


def replace_context(reading: SignedReading, data: str) -> SignedReading:
    return SignedReading(context=reading.context, data=data, encoding_method=reading.encoding_method)


def read(version: Version, action: str, payload: dict[str, object]) -> object:
    handling = DIALECTS[version].requests[action]
    assert isinstance(handling, Decided)
    return handling.read("CS-1", decode(version, action, orjson.dumps(payload)))


def test_2_0_1_is_read_byte_for_byte() -> None:
    value = {
        "value": 2500,
        "context": "Transaction.End",
        "unitOfMeasure": {"unit": "Wh"},
        "signedMeterValue": {
            "signedMeterData": OCMF,
            "signingMethod": "ECDSA-secp256r1-SHA256",
            "encodingMethod": "OCMF",
            "publicKey": "",
        },
    }
    unsigned = {"value": 1, "measurand": "Current.Import"}
    payload = {
        "eventType": "Ended",
        "timestamp": "2026-03-02T06:00:00Z",
        "triggerReason": "SignedDataReceived",
        "seqNo": 9,
        "transactionInfo": {"transactionId": "T1"},
        "meterValue": [{"timestamp": "2026-03-02T06:00:00Z", "sampledValue": [unsigned, value]}],
    }
    for version in (Version.V201, Version.V21):
        event = read(version, "TransactionEvent", payload)
        assert isinstance(event, TransactionFinished)
        (reading,) = event.signed
        assert reading.data == OCMF
        assert (reading.context, reading.plain) == (ReadingContext.TRANSACTION_END, "2500 Wh")
        assert (reading.signing_method, reading.public_key) == ("ECDSA-secp256r1-SHA256", None)
        assert event.meter_stop_wh == 2500


def test_1_6_is_read_byte_for_byte_and_not_taken_for_a_number() -> None:
    values = [
        {"value": OCMF, "context": "Transaction.Begin", "format": "SignedData"},
        {"value": "1234", "format": "SignedData"},
        {"value": "bad\0", "format": "SignedData"},
        {"value": "1000"},
    ]
    payload = {"connectorId": 1, "meterValue": [{"timestamp": "2026-03-02T06:00:00Z", "sampledValue": values}]}
    event = read(Version.V16, "MeterValues", payload)
    assert isinstance(event, MeterValuesReported)
    assert [(reading.data, reading.encoding_method) for reading in event.signed] == [
        (OCMF, "OCMF"),
        ("1234", "unknown"),
    ]
    assert [sample.value for sample in event.samples] == [1000]
