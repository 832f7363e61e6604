"""Frames as a misbehaving charger sends them: what its habits make of a CALL. Pure.

Frame by frame and at the last moment, so that the charger behind it stays right: its account can be compared with the
bills. Habits that are not about frames are elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from firmware_sim.habits import Habit

_LOCAL_AHEAD = timedelta(hours=2)
_NEVER_SET = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_AHEAD = datetime(2099, 1, 1, tzinfo=UTC)
_TIMES = ("timestamp", "generatedAt")
_FOREIGN_OFFSET = 1_000_000_000
"""Added to a transactionId this gives one that no CSMS has given out."""

Payload = dict[str, Any]


def bent(action: str, payload: Payload, habits: Set[Habit]) -> list[Payload]:
    """The payloads to send in place of one, in order: mostly one, sometimes one more that should not be."""
    told = deepcopy(payload)
    for habit, bend in _BENDS.items():
        if habit in habits:
            bend(action, told)
    also = []
    if Habit.DUPLICATE_START in habits and _is_start(action, told):
        also.append(told)
    if Habit.UNKNOWN_STOP in habits and action == "StopTransaction":
        also.append(told | {"transactionId": told["transactionId"] + _FOREIGN_OFFSET})
    return [told, *also]


def _is_start(action: str, payload: Payload) -> bool:
    return action == "StartTransaction" or (action == "TransactionEvent" and payload.get("eventType") == "Started")


# --- boot ---


def _long_serial(action: str, payload: Payload) -> None:
    if action == "BootNotification":
        station = payload.get("chargingStation")
        if station is None:
            payload["chargePointSerialNumber"] = "SN" + "0123456789ABCDEF" * 2
        else:
            station["serialNumber"] = "SN" + "0123456789ABCDEF" * 2


def _empty_strings(action: str, payload: Payload) -> None:
    if action == "BootNotification" and "chargingStation" not in payload:
        payload |= {"iccid": "", "imsi": "", "meterType": "", "meterSerialNumber": ""}
    elif action == "BootNotification":
        payload["chargingStation"] |= {"serialNumber": "", "firmwareVersion": ""}
    elif action == "StatusNotification" and "errorCode" in payload:
        payload |= {"info": "", "vendorId": "", "vendorErrorCode": ""}


# --- times ---


def _times(change: Callable[[datetime], str]) -> Callable[[str, Payload], None]:
    """A change of every timestamp, however deep."""

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in _TIMES and isinstance(value, str):
                    node[key] = change(datetime.fromisoformat(value))
                else:
                    walk(value)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    return lambda _action, payload: walk(payload)


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- meters ---


def _sampled(payload: Payload) -> Iterator[list[Payload]]:
    for each in (*payload.get("meterValue", ()), *payload.get("transactionData", ())):
        yield each["sampledValue"]


def _bad_measurand(_action: str, payload: Payload) -> None:
    for values in _sampled(payload):
        is_text = isinstance(values[0]["value"], str)
        odd: Payload = {"value": "n/a" if is_text else 0, "measurand": "Power.Imaginary"}
        values.append(odd | ({"unit": "Hz"} if is_text else {"unitOfMeasure": {"unit": "Hz"}}))


def _relabelled(unit: str, factor: float) -> Callable[[str, Payload], None]:
    def relabel(_action: str, payload: Payload) -> None:
        for values in _sampled(payload):
            for each in values:
                if not each.get("measurand", "").startswith("Energy"):
                    continue
                if isinstance(each["value"], str):
                    each |= {"unit": unit, "value": f"{float(each['value']) * factor:g}"}
                else:
                    each |= {"unitOfMeasure": {"unit": unit}, "value": each["value"] * factor}

    return relabel


# --- transactions ---


def _transaction(value: int | None) -> Callable[[str, Payload], None]:
    def change(action: str, payload: Payload) -> None:
        if action == "MeterValues" and "transactionId" in payload:
            del payload["transactionId"]
            if value is not None:
                payload["transactionId"] = value

    return change


def _seq_zero(action: str, payload: Payload) -> None:
    if action == "TransactionEvent" and payload["eventType"] == "Ended":
        payload["seqNo"] = 0


def _bends() -> dict[Habit, Callable[[str, Payload], None]]:
    return {
        Habit.LONG_SERIAL: _long_serial,
        Habit.EMPTY_STRINGS: _empty_strings,
        Habit.BAD_MEASURAND: _bad_measurand,
        Habit.WH_AS_KWH: _relabelled("kWh", 1),
        Habit.KWH_AS_WH: _relabelled("Wh", 0.001),
        Habit.NO_ZONE: _times(lambda at: _iso(at).removesuffix("Z")),
        Habit.LOCAL_AS_Z: _times(lambda at: _iso(at + _LOCAL_AHEAD)),
        Habit.YEAR_1970: _times(lambda at: _iso(_NEVER_SET + timedelta(seconds=at.timestamp() % 86_400))),
        Habit.YEAR_2099: _times(lambda at: _iso(_FAR_AHEAD + timedelta(seconds=at.timestamp() % 86_400))),
        Habit.ZERO_TIMESTAMP: _times(lambda _: "0"),
        Habit.TRANSACTION_ZERO: _transaction(0),
        Habit.TRANSACTION_MINUS_ONE: _transaction(-1),
        Habit.TRANSACTION_MISSING: _transaction(None),
        Habit.SEQ_ZERO_AT_END: _seq_zero,
    }


_BENDS = _bends()
