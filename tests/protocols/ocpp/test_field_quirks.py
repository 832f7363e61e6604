"""The frames of the field: what chargers really send, made from public threads, and what is read from it.

Rows are those of the list of field quirks: 1 fields that break the schema, 2 time stamps, 3 transaction ids, 12 units.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from protocols.charger.events import (
    BootReported,
    IdTokenPresented,
    MeterValuesReported,
    Sample,
    StatusReported,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.errors import BadPayload
from protocols.ocpp.dialect import Decided, Relayed
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.salvage import Deviation, Remedy
from protocols.ocpp.schema import decode, rescue
from protocols.ocpp.version import Version
from protocols.terms import ConnectorStatus, Measurand

V16, V201 = Version.V16, Version.V201
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STAMP = "2026-03-02T12:00:00Z"
REGISTER = "Energy.Active.Import.Register"


def heard(version: Version, action: str, payload: Any) -> tuple[Any, set[tuple[str, str, Remedy]]]:
    """The event of a payload that does not fit its schema, and what had to be done."""
    raw = orjson.dumps(payload)
    with pytest.raises(BadPayload):
        decode(version, action, raw)
    found = rescue(version, action, raw)
    assert found is not None, "stays refused"
    mended, deviations = found
    assert all(each.action == action for each in deviations)
    handling = DIALECTS[version].requests[action]
    assert isinstance(handling, Decided | Relayed)
    return handling.read("CS-1", mended), {(each.path, each.problem, each.remedy) for each in deviations}


def refused(version: Version, action: str, payload: Any) -> bool:
    raw = orjson.dumps(payload)
    with pytest.raises(BadPayload):
        decode(version, action, raw)
    return rescue(version, action, raw) is None


def meter_values(*sampled: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": STAMP, "sampledValue": list(sampled)}], **more}


def reading(measurand: Measurand, value: int, **more: Any) -> Sample:
    return Sample(measurand=measurand, value=value, at=NOON, **more)


# --- row 1: texts that are too long ---


def test_serials_of_26_and_34_characters_are_cut() -> None:
    """mobilityhouse/ocpp#273, lbbrhzn/ocpp#1622: the station is let in, whatever it calls itself."""
    event, deviations = heard(
        V16,
        "BootNotification",
        {
            "chargeBoxSerialNumber": "EVB1A22P2KI3N1234567890123456789AB",
            "chargePointModel": "EVlink Smart Wallbox",
            "chargePointSerialNumber": "3N000000001F2S1B1234567890",
            "chargePointVendor": "Schneider Electric",
            "firmwareVersion": "3.4.0.9",
        },
    )
    assert event == BootReported(
        station_id="CS-1",
        vendor="Schneider Electric",
        model="EVlink Smart Wallbox",
        serial_number="3N000000001F2S1B123456789",
        firmware_version="3.4.0.9",
    )
    assert deviations == {
        ("/chargeBoxSerialNumber", "longer than 25 characters", Remedy.CUT),
        ("/chargePointSerialNumber", "longer than 25 characters", Remedy.CUT),
    }


def test_a_model_of_22_characters_is_cut() -> None:
    """lbbrhzn/ocpp#899."""
    event, _ = heard(
        V16, "BootNotification", {"chargePointVendor": "United Chargers", "chargePointModel": "Grizzl-E Smart Connect"}
    )
    assert event.model == "Grizzl-E Smart Conne"


def test_padding_is_taken_off_before_anything_is_cut() -> None:
    event, deviations = heard(
        V16,
        "BootNotification",
        {"chargePointVendor": "V", "chargePointModel": "M", "chargePointSerialNumber": "S-1" + "\0" * 40},
    )
    assert event.serial_number == "S-1"
    assert deviations == {("/chargePointSerialNumber", "longer than 25 characters", Remedy.TRIMMED)}


def test_a_boot_without_vendor_and_with_nulls_is_a_boot() -> None:
    event, deviations = heard(
        V16,
        "BootNotification",
        {"chargePointModel": "M", "firmwareVersion": None, "iccid": None, "meterType": 7, "chargerId": "x"},
    )
    assert (event.vendor, event.model, event.firmware_version) == ("", "M", None)
    assert deviations == {
        ("/chargePointVendor", "missing", Remedy.ASSUMED),
        ("/firmwareVersion", "null", Remedy.FIELD_LEFT_OUT),
        ("/iccid", "null", Remedy.FIELD_LEFT_OUT),
        ("/meterType", "a number and no text", Remedy.CONVERTED),
        ("/chargerId", "no field of the standard", Remedy.FIELD_LEFT_OUT),
    }


def test_a_reason_that_201_does_not_know_is_unknown() -> None:
    station = {"vendorName": "V", "model": "M", "serialNumber": "S" * 26}
    event, _ = heard(V201, "BootNotification", {"reason": "Brownout", "chargingStation": station})
    assert (event.reason, event.serial_number) == ("Unknown", "S" * 25)


# --- row 1: one bad reading harms no other ---


def test_a_unit_that_is_none_costs_its_own_reading_alone() -> None:
    """lbbrhzn/ocpp#1627: a temperature in degrees that the standard spells otherwise."""
    event, deviations = heard(
        V16,
        "MeterValues",
        meter_values(
            {"measurand": "Current.Import", "value": "8.961", "unit": "A", "phase": "L1"},
            {"measurand": "Temperature", "value": "31", "unit": "Deg"},
            {"measurand": REGISTER, "value": "349.944", "unit": "kWh"},
        ),
    )
    assert event.samples == (reading(Measurand.CURRENT, 8961, phase="L1"), reading(Measurand.ENERGY_REGISTER, 349_944))
    assert deviations == {("/meterValue/sampledValue/unit", "no word of the standard", Remedy.ENTRY_LEFT_OUT)}


def test_hertz_in_short_and_a_measurand_with_a_line_end_are_understood() -> None:
    """lbbrhzn/ocpp#1576, #1969."""
    event, deviations = heard(
        V16,
        "MeterValues",
        meter_values(
            {"value": "49.97", "measurand": "Frequency", "unit": "Hz"},
            {"value": "1.5", "measurand": "Current.Import\n", "phase": "L2", "unit": "a"},
        ),
    )
    assert event.samples == (reading(Measurand.CURRENT, 1500, phase="L2"),)
    assert {remedy for *_, remedy in deviations} == {Remedy.RESPELLED}


@pytest.mark.parametrize("field", ["measurand", "unit", "phase", "format", "location"])
def test_a_reading_is_never_taken_for_another(field: str) -> None:
    """Without its unknown word it would be the default: an energy register in Wh, on all phases, at the outlet."""
    event, _ = heard(
        V16,
        "MeterValues",
        meter_values({"value": "910031", field: "Bogus"}, {"value": "1", "measurand": "Voltage"}),
    )
    assert event.samples == (reading(Measurand.VOLTAGE, 1000),)


def test_a_reading_with_an_empty_measurand_is_left_out_and_one_with_null_has_the_default() -> None:
    event, _ = heard(
        V16, "MeterValues", meter_values({"value": "5", "measurand": ""}, {"value": "6", "measurand": None})
    )
    assert event.samples == (reading(Measurand.ENERGY_REGISTER, 6),)


def test_an_unknown_context_costs_no_reading() -> None:
    event, deviations = heard(V16, "MeterValues", meter_values({"value": "5", "context": "Sample.Whenever"}))
    assert event.samples == (reading(Measurand.ENERGY_REGISTER, 5),)
    assert deviations == {("/meterValue/sampledValue/context", "no word of the standard", Remedy.FIELD_LEFT_OUT)}


def test_empty_texts_in_optional_fields_are_nothing() -> None:
    """evcc-io/evcc#17836: an empty unit and phase, and empty values for what is not measured."""
    event, deviations = heard(
        V16,
        "MeterValues",
        meter_values(
            {"value": "", "measurand": "Voltage", "unit": "", "phase": ""},
            {"value": "7", "measurand": REGISTER, "unit": "", "phase": ""},
            transactionId=None,
        ),
    )
    assert event.samples == (reading(Measurand.ENERGY_REGISTER, 7),)
    assert {remedy for *_, remedy in deviations} == {Remedy.FIELD_LEFT_OUT}


def test_values_that_are_numbers_are_read_as_if_they_were_texts() -> None:
    """lbbrhzn/ocpp#210, openevse_esp32_firmware#335."""
    event, deviations = heard(
        V16,
        "MeterValues",
        meter_values({"value": 604.213, "unit": "Wh"}, {"value": 0, "measurand": "Power.Active.Import", "unit": "W"}),
    )
    assert event.samples == (reading(Measurand.ENERGY_REGISTER, 604), reading(Measurand.POWER, 0))
    assert deviations == {("/meterValue/sampledValue/value", "a number and no text", Remedy.CONVERTED)}


def test_numbers_that_are_texts_are_read_as_numbers() -> None:
    event, _ = heard(
        V201,
        "MeterValues",
        {
            "evseId": "1",
            "meterValue": [
                {
                    "timestamp": STAMP,
                    "sampledValue": [
                        {"value": "12.5", "unitOfMeasure": {"unit": "kWh", "multiplier": "0"}},
                        {"value": "n/a", "measurand": "Voltage"},
                        {"value": 3, "unitOfMeasure": {"unit": "Wh", "multiplier": "three"}},
                    ],
                }
            ],
        },
    )
    assert event == MeterValuesReported(
        station_id="CS-1",
        evse_id=1,
        charger_transaction_id=None,
        samples=(reading(Measurand.ENERGY_REGISTER, 12_500),),
    )


@pytest.mark.parametrize("empty", [[], [{"timestamp": STAMP, "sampledValue": []}], None])
def test_meter_values_with_nothing_in_them_are_answered(empty: Any) -> None:
    """lbbrhzn/ocpp#466."""
    event, _ = heard(V16, "MeterValues", {"connectorId": 1, "meterValue": empty})
    assert event.samples == ()


def test_a_single_meter_value_that_is_no_list_is_one() -> None:
    event, deviations = heard(
        V16, "MeterValues", {"connectorId": 1, "meterValue": {"timestamp": STAMP, "sampledValue": {"value": "5"}}}
    )
    assert event.samples == (reading(Measurand.ENERGY_REGISTER, 5),)
    assert {remedy for *_, remedy in deviations} == {Remedy.LISTED}


# --- row 1: states ---


@pytest.mark.parametrize(
    ("error_code", "expected"),
    [("NoError", None), ("noerror", None), ("GroundFault", "OtherError"), ("", "OtherError")],
)
def test_an_error_code_of_its_own_is_another_error(error_code: str, expected: str | None) -> None:
    event, _ = heard(
        V16, "StatusNotification", {"connectorId": 1, "errorCode": error_code, "status": "Available", "vendor": 1}
    )
    assert (event.status, event.error_code) == (ConnectorStatus.AVAILABLE, expected)


def test_a_status_without_an_error_code_has_no_error() -> None:
    event, _ = heard(V16, "StatusNotification", {"connectorId": "2", "status": "suspendedEV", "timestamp": None})
    assert isinstance(event, StatusReported)
    assert (event.evse_id, event.error_code, event.at) == (2, None, None)


def test_a_201_station_that_says_charging_is_occupied() -> None:
    event, _ = heard(V201, "StatusNotification", {"connectorStatus": "Charging", "evseId": 1, "connectorId": 1})
    assert (event.status, event.at) == (ConnectorStatus.OCCUPIED, None)


def test_an_unknown_state_stays_refused() -> None:
    assert refused(V16, "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Bogus"})
    assert refused(V16, "StatusNotification", {"errorCode": "NoError", "status": "Available"})


# --- rows 2 and 3, and money: ids and registers are not guessed ---


@pytest.mark.parametrize("stamp", [0, None, 1_700_000_000, {}])
def test_a_stamp_that_is_none_is_left_to_the_receipt(stamp: Any) -> None:
    payload = {"connectorId": 1, "idTag": "04A1", "meterStart": 0, "timestamp": stamp}
    event, _ = heard(V16, "StartTransaction", payload)
    assert event.at is None
    assert isinstance(event, TransactionBegan)


@pytest.mark.parametrize("id_tag", ["X" * 21, None, 4711, ["04A1"]])
def test_a_token_that_cannot_be_read_is_nobodys_and_the_start_is_kept(id_tag: Any) -> None:
    """lbbrhzn/ocpp#1803: cut to length it might be somebody else's."""
    event, _ = heard(V16, "StartTransaction", {"connectorId": 1, "idTag": id_tag, "meterStart": 5, "timestamp": STAMP})
    assert (event.token_uid, event.meter_start_wh, event.at) == (None, 5, NOON)


def test_a_stop_does_not_need_its_token() -> None:
    event, deviations = heard(
        V16,
        "StopTransaction",
        {"meterStop": 250390, "timestamp": STAMP, "transactionId": 1762770182, "idTag": "X16WG99J2QIEGCC0MCJ5-"},
    )
    assert event == TransactionFinished(
        station_id="CS-1", charger_transaction_id="1762770182", token_uid=None, meter_stop_wh=250390, at=NOON
    )
    assert deviations == {("/idTag", "longer than 20 characters", Remedy.FIELD_LEFT_OUT)}


def test_a_card_that_cannot_be_read_is_nobodys() -> None:
    event, _ = heard(V16, "Authorize", {"idTag": "X" * 21})
    assert event == IdTokenPresented(station_id="CS-1", token_uid="")
    event, _ = heard(V201, "Authorize", {"idToken": {"idToken": "X" * 37, "type": "RFID"}})
    assert event.token_uid == ""


def test_a_padded_card_is_itself() -> None:
    event, _ = heard(V16, "Authorize", {"idTag": "04A1" + " " * 30})
    assert event.token_uid == "04A1"


def test_a_reason_of_its_own_is_another_reason_and_fractions_of_wh_are_rounded() -> None:
    event, deviations = heard(
        V16,
        "StopTransaction",
        {"meterStop": 1000.6, "timestamp": STAMP, "transactionId": "17", "reason": "Overheated"},
    )
    assert (event.charger_transaction_id, event.meter_stop_wh, event.reason) == ("17", 1001, "Other")
    assert deviations == {
        ("/meterStop", "no whole number", Remedy.ROUNDED),
        ("/transactionId", "a text and no number", Remedy.CONVERTED),
        ("/reason", "no word of the standard", Remedy.ASSUMED),
    }


@pytest.mark.parametrize(
    "change",
    [
        {"meterStop": None},
        {"meterStop": "much"},
        {"meterStop": True},
        {"meterStop": 1e300},
        {"transactionId": None},
        {"transactionId": "17a"},
        {"transactionId": 17.5},
        {"transactionId": [17]},
    ],
)
def test_what_money_is_made_of_is_never_invented(change: dict[str, Any]) -> None:
    payload = {"meterStop": 1000, "timestamp": STAMP, "transactionId": 17, "nonsense": 1, **change}
    found = rescue(V16, "StopTransaction", orjson.dumps(payload))
    assert found is None or change == {"meterStop": 1e300}
    if found is not None:
        handling = DIALECTS[V16].requests["StopTransaction"]
        assert isinstance(handling, Decided)
        assert handling.read("CS-1", found[0]).meter_stop_wh is None  # type: ignore[union-attr]


def test_a_transaction_event_with_words_of_its_own_is_heard() -> None:
    event, _ = heard(
        V201,
        "TransactionEvent",
        {
            "eventType": "updated",
            "timestamp": STAMP,
            "triggerReason": "BecauseICan",
            "transactionInfo": {"transactionId": "T-1", "chargingState": "Burning"},
            "evse": {"id": 1, "connectorId": "one"},
            "idToken": {"idToken": "X" * 40, "type": "Central"},
            "meterValue": [{"timestamp": STAMP, "sampledValue": []}],
            "offline": "false",
        },
    )
    assert event == TransactionContinued(
        station_id="CS-1", charger_transaction_id="T-1", evse_id=1, token_uid=None, at=NOON, seq_no=0
    )


def test_an_id_that_is_too_long_is_not_cut() -> None:
    info = {"transactionId": "T" * 37}
    event = {"eventType": "Ended", "timestamp": STAMP, "triggerReason": "Trigger", "seqNo": 1, "transactionInfo": info}
    assert refused(V201, "TransactionEvent", event)


# --- what is whole or nothing ---

HASH = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "a" * 64,
    "issuerKeyHash": "b" * 64,
    "serialNumber": "1f",
    "responderURL": "http://ocsp.example/",
}


@pytest.mark.parametrize("change", [{"serialNumber": "1" * 99}, {"hashAlgorithm": "MD5"}, {"issuerKeyHash": None}])
def test_a_contract_is_never_authorised_without_the_proof_that_came_with_it(change: dict[str, Any]) -> None:
    token = {"idToken": "DEOHMC00000001", "type": "eMAID"}
    hashes = [HASH, {**HASH, **change}]
    assert refused(V201, "Authorize", {"idToken": token, "iso15118CertificateHashData": hashes})
    assert refused(V201, "Authorize", {"idToken": token, "certificate": "C" * 6_000})
    assert refused(V201, "Authorize", {"idToken": token, "certificate": ["C"]})


def test_a_schedule_is_read_whole_or_not_at_all() -> None:
    """Without its wrong period or number of phases it would allow something else, and without it anything."""
    for change in ({"numberPhases": "three"}, {"limit": "much"}):
        schedule = {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 60, "limit": 6.0, **change}],
        }
        limit = {"chargingLimit": {"chargingLimitSource": "EMS"}, "evseId": 1, "chargingSchedule": [schedule]}
        assert refused(V201, "NotifyChargingLimit", limit)


# --- bounds ---


def test_names_in_another_case_are_known() -> None:
    event, deviations = heard(V16, "Authorize", {"IdTag": "04A1"})
    assert event.token_uid == "04A1"
    assert deviations == {("/idTag", "name in another spelling", Remedy.RESPELLED)}


def test_what_a_station_names_is_shown_without_harm() -> None:
    _, deviations = heard(V16, "Authorize", {"idTag": "A", "\x1b[2J/../" + "x" * 99: 1})
    ((path, _, _),) = deviations
    assert path.isprintable()
    assert len(path) < 60


@pytest.mark.parametrize(
    "payload",
    [
        {"idTag": "A", **{f"x{number}": 1 for number in range(5_000)}},
        ["idTag"],
        None,
        "idTag",
    ],
)
def test_what_is_not_worth_the_time_stays_refused(payload: Any) -> None:
    assert refused(V16, "Authorize", payload)


def test_hundreds_of_bad_readings_are_told_as_one_habit() -> None:
    readings = [{"value": str(number), "unit": "bogus"} for number in range(900)] + [{"value": "1"}]
    event, deviations = heard(V16, "MeterValues", meter_values(*readings))
    assert len(event.samples) == 1
    assert len(deviations) == 1


def test_no_value_stands_in_a_deviation() -> None:
    found = rescue(V16, "StartTransaction", orjson.dumps({"idTag": "SECRET" * 9, "connectorId": "1", "meterStart": 1}))
    assert found is not None
    assert all(isinstance(each, Deviation) and "SECRET" not in repr(each) for each in found[1])
