"""The OCPP 1.6 mouth: neutral messages to 1.6 payloads and back; what may be asked is in `v16/`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, assert_never

from ocpp.v16 import call, call_result  # type: ignore[import-untyped]

from firmware_sim.charger import Charger
from firmware_sim.habits import Habit
from firmware_sim.messages import (
    Answer,
    AuthorizeMessage,
    BootAnswer,
    BootMessage,
    ConnectorState,
    HeartbeatMessage,
    IdleMeterMessage,
    Message,
    Phase,
    PlainAnswer,
    Said,
    SaidAnswer,
    StatusMessage,
    StopReason,
    TokenAnswer,
    TransactionMessage,
    Trigger,
    iso,
)
from firmware_sim.meter import Reading
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.v16.core import Core
from firmware_sim.v16.firmware import Firmware
from firmware_sim.v16.lists import Lists
from firmware_sim.v16.security import Security
from firmware_sim.v16.smart_charging import SmartCharging

_UNKNOWN_TRANSACTION = -1
"""What is told of a transaction whose StartTransaction the CSMS would not answer (field_quirks, row 3)."""

_STOPPED_REASONS = {StopReason.MASTER_PASS: "Local"}


class Ocpp16Mouth:
    """OCPP 1.6J."""

    def call(self, message: Message, charger: Charger) -> Any | None:
        match message:
            case BootMessage():
                spec = charger.spec
                return call.BootNotification(
                    charge_point_vendor=spec.vendor,
                    charge_point_model=spec.model,
                    charge_point_serial_number=spec.serial or None,
                    firmware_version=charger.firmware.version,
                )
            case HeartbeatMessage():
                return call.Heartbeat()
            case AuthorizeMessage():
                return call.Authorize(id_tag=message.id_token)
            case StatusMessage():
                faulted = message.state is ConnectorState.FAULTED
                return call.StatusNotification(
                    connector_id=message.evse_id,
                    error_code="InternalError" if faulted else "NoError",
                    status=message.state.value,
                    timestamp=iso(message.at),
                )
            case IdleMeterMessage():
                return call.MeterValues(connector_id=message.evse_id, meter_value=[meter_value(message.reading)])
            case TransactionMessage():
                return self._transaction(message, charger)
            case Said():
                return getattr(call, message.action)(**message.payload)
            case _:
                assert_never(message)

    def _transaction(self, message: TransactionMessage, charger: Charger) -> Any | None:
        transaction = charger.transactions[message.transaction_id]
        csms_id = _UNKNOWN_TRANSACTION if transaction.csms_id is None else transaction.csms_id
        forgets_start = message.offline and Habit.ZERO_BASELINE in charger.habits
        start_wh = 0 if forgets_start else transaction.meter_start_wh
        match message.phase:
            case Phase.STARTED:
                return call.StartTransaction(
                    connector_id=message.evse_id,
                    id_tag=transaction.id_token,
                    meter_start=start_wh,
                    timestamp=iso(message.at),
                    reservation_id=message.reservation_id,
                )
            case Phase.UPDATED:
                if message.trigger is Trigger.CHARGING_STATE_CHANGED:
                    return None  # 1.6 tells this by StatusNotification alone
                return call.MeterValues(
                    connector_id=message.evse_id,
                    transaction_id=csms_id,
                    meter_value=[meter_value(message.reading)],
                )
            case Phase.ENDED:
                return call.StopTransaction(
                    transaction_id=csms_id,
                    meter_stop=message.reading.register_wh,
                    timestamp=iso(message.at),
                    reason=_STOPPED_REASONS.get(message.reason, message.reason.value) if message.reason else None,
                    id_tag=message.id_token,
                    transaction_data=[
                        _register(start_wh, iso(transaction.started_at), "Transaction.Begin"),
                        _register(message.reading.register_wh, iso(message.at), "Transaction.End"),
                    ],
                )
            case _:
                assert_never(message.phase)

    def answer(self, message: Message, result: Any) -> Answer:
        match message:
            case BootMessage():
                return BootAnswer(
                    accepted=result.status == "Accepted",
                    interval_s=int(result.interval),
                    pending=result.status == "Pending",
                )
            case AuthorizeMessage():
                return _token_answer(result.id_tag_info)
            case TransactionMessage(phase=Phase.STARTED):
                return replace(_token_answer(result.id_tag_info), csms_id=int(result.transaction_id))
            case Said():
                return SaidAnswer(payload=asdict(result))
            case _:
                return PlainAnswer()

    def routes(self, desk: Desk) -> Routes:
        return {
            **Core(desk).routes(),
            **Lists(desk).routes(),
            **SmartCharging(desk).routes(),
            **Firmware(desk).routes(),
            **Security(desk).routes(),
        }

    def result(self, action: str, payload: dict[str, Any]) -> Any:
        return getattr(call_result, action)(**payload)


def _token_answer(info: dict[str, Any]) -> TokenAnswer:
    return TokenAnswer(status=info["status"], group=info.get("parent_id_tag"))


def _register(register_wh: int, timestamp: str, context: str) -> dict[str, Any]:
    value = {
        "value": str(register_wh),
        "context": context,
        "measurand": "Energy.Active.Import.Register",
        "unit": "Wh",
    }
    return {"timestamp": timestamp, "sampled_value": [value]}


def meter_value(reading: Reading) -> dict[str, Any]:
    """A reading as a 1.6 MeterValue (§7.33): strings, one SampledValue per measurand and phase."""
    context = reading.context.value
    body = _register(reading.register_wh, iso(reading.at), context)
    values = body["sampled_value"]
    values.append({"value": str(reading.power_w), "context": context, "measurand": "Power.Active.Import", "unit": "W"})
    is_ac = reading.phases > 0
    for phase, (current_ma, voltage_v) in enumerate(zip(reading.current_ma, reading.voltage_v, strict=True), start=1):
        current = {
            "value": f"{current_ma / 1000:.3f}",
            "context": context,
            "measurand": "Current.Import",
            "unit": "A",
        }
        voltage = {"value": str(voltage_v), "context": context, "measurand": "Voltage", "unit": "V"}
        if is_ac:
            current["phase"], voltage["phase"] = f"L{phase}", f"L{phase}-N"
        values.extend((current, voltage))
    if reading.soc_percent is not None:
        values.append({"value": str(reading.soc_percent), "context": context, "measurand": "SoC", "unit": "Percent"})
    return body
