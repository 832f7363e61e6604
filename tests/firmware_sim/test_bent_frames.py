"""Each habit of the frames: what it does to a payload, and that it does nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_sim.bent_frames import bent
from firmware_sim.habits import Habit

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
BOOT_201 = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
REGISTER = "Energy.Active.Import.Register"
STAMP = "2026-03-02T07:00:00.000Z"
METER = {
    "connectorId": 1,
    "transactionId": 77,
    "meterValue": [{"timestamp": STAMP, "sampledValue": [{"value": "1500", "measurand": REGISTER, "unit": "Wh"}]}],
}
EVENT = {
    "eventType": "Ended",
    "timestamp": STAMP,
    "seqNo": 9,
    "meterValue": [
        {
            "timestamp": STAMP,
            "sampledValue": [{"value": 1500, "measurand": REGISTER, "unitOfMeasure": {"unit": "Wh"}}],
        }
    ],
}


def one(action: str, payload: dict[str, Any], habit: Habit) -> dict[str, Any]:
    (told,) = bent(action, payload, {habit})
    return told


@pytest.mark.parametrize("habit", list(Habit))
def test_a_heartbeat_is_left_alone_and_nothing_is_changed_in_place(habit: Habit) -> None:
    assert bent("Heartbeat", {}, {habit}) == [{}]
    kept = repr(METER)
    bent("MeterValues", METER, {habit})
    assert repr(METER) == kept


def test_serials() -> None:
    assert len(one("BootNotification", BOOT, Habit.LONG_SERIAL)["chargePointSerialNumber"]) == 34
    assert len(one("BootNotification", BOOT_201, Habit.LONG_SERIAL)["chargingStation"]["serialNumber"]) == 34
    assert one("BootNotification", BOOT, Habit.EMPTY_STRINGS)["iccid"] == ""


@pytest.mark.parametrize(
    ("habit", "stamp"),
    [
        (Habit.NO_ZONE, "2026-03-02T07:00:00"),
        (Habit.LOCAL_AS_Z, "2026-03-02T09:00:00Z"),
        (Habit.YEAR_1970, "1970-01-01T07:00:00Z"),
        (Habit.YEAR_2099, "2099-01-01T07:00:00Z"),
        (Habit.ZERO_TIMESTAMP, "0"),
    ],
)
def test_times_are_bent_however_deep(habit: Habit, stamp: str) -> None:
    told = one("TransactionEvent", EVENT, habit)
    assert told["timestamp"] == stamp
    assert told["meterValue"][0]["timestamp"] == stamp


@pytest.mark.parametrize(
    ("habit", "expected"),
    [
        (Habit.TRANSACTION_ZERO, {"transactionId": 0}),
        (Habit.TRANSACTION_MINUS_ONE, {"transactionId": -1}),
        (Habit.TRANSACTION_MISSING, {}),
    ],
)
def test_transaction_ids(habit: Habit, expected: dict[str, int]) -> None:
    told = one("MeterValues", METER, habit)
    assert {key: value for key, value in told.items() if key == "transactionId"} == expected


@pytest.mark.parametrize(("habit", "value", "unit"), [(Habit.WH_AS_KWH, "1500", "kWh"), (Habit.KWH_AS_WH, "1.5", "Wh")])
def test_units(habit: Habit, value: str, unit: str) -> None:
    (told,) = one("MeterValues", METER, habit)["meterValue"][0]["sampledValue"]
    assert (told["value"], told["unit"]) == (value, unit)
    (told,) = one("TransactionEvent", EVENT, habit)["meterValue"][0]["sampledValue"]
    assert (told["value"], told["unitOfMeasure"]["unit"]) == (float(value), unit)


def test_a_bad_measurand_stands_among_good_ones() -> None:
    values = one("MeterValues", METER, Habit.BAD_MEASURAND)["meterValue"][0]["sampledValue"]
    assert [each["measurand"] for each in values] == [REGISTER, "Power.Imaginary"]


def test_seq_no_zero_only_at_the_end() -> None:
    assert one("TransactionEvent", EVENT, Habit.SEQ_ZERO_AT_END)["seqNo"] == 0
    assert one("TransactionEvent", EVENT | {"eventType": "Updated"}, Habit.SEQ_ZERO_AT_END)["seqNo"] == 9


def test_starts_twice_and_stops_of_nobody() -> None:
    start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": STAMP}
    assert bent("StartTransaction", start, {Habit.DUPLICATE_START}) == [start, start]
    event = EVENT | {"eventType": "Started"}
    assert bent("TransactionEvent", event, {Habit.DUPLICATE_START}) == [event, event]
    stop = {"transactionId": 5, "meterStop": 9, "timestamp": STAMP}
    first, second = bent("StopTransaction", stop, {Habit.UNKNOWN_STOP})
    assert first == stop
    assert second["transactionId"] != 5
