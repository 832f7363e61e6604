"""The OCPP 2.0.1 mouth, which speaks 2.1 too: neutral messages to payloads and back; requests are in `v201/`."""

from __future__ import annotations

from dataclasses import asdict, replace
from types import ModuleType
from typing import Any, assert_never

from ocpp.v201 import call, call_result  # type: ignore[import-untyped]

from firmware_sim.charger import Charger
from firmware_sim.habits import Habit
from firmware_sim.messages import (
    CARD_TYPE,
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
    iso,
)
from firmware_sim.meter import Reading
from firmware_sim.ocpp_client import Desk, Routes
from firmware_sim.v201.authorisation import Authorisation
from firmware_sim.v201.certificates import Certificates
from firmware_sim.v201.control import Control
from firmware_sim.v201.firmware import Firmware
from firmware_sim.v201.monitoring import Monitoring
from firmware_sim.v201.provisioning import Provisioning
from firmware_sim.v201.smart_charging import SmartCharging
from protocols.terms import ConnectorStatus, ReadingContext

_STOPPED_REASONS = {
    StopReason.SOFT_RESET: "Reboot",
    StopReason.HARD_RESET: "ImmediateReset",
    StopReason.UNLOCK_COMMAND: "Other",
}


class Ocpp201Mouth:
    """OCPP 2.0.1; with the words of 2.1 also that."""

    def __init__(self, calls: ModuleType = call, results: ModuleType = call_result) -> None:
        self._calls = calls
        self._results = results

    def call(self, message: Message, charger: Charger) -> Any | None:
        match message:
            case BootMessage():
                spec = charger.spec
                station = {
                    "vendor_name": spec.vendor,
                    "model": spec.model,
                    "firmware_version": charger.firmware.version,
                }
                if spec.serial:
                    station["serial_number"] = spec.serial
                return self._calls.BootNotification(charging_station=station, reason=message.reason.value)
            case HeartbeatMessage():
                return self._calls.Heartbeat()
            case AuthorizeMessage():
                return self._calls.Authorize(id_token=_id_token(message.id_token))
            case StatusMessage():
                return self._status(message)
            case IdleMeterMessage():
                return self._calls.MeterValues(evse_id=message.evse_id, meter_value=[meter_value(message.reading)])
            case TransactionMessage():
                return self._transaction(message, charger)
            case Said():
                return getattr(self._calls, message.action)(**message.payload)
            case _:
                assert_never(message)

    def _status(self, message: StatusMessage) -> Any | None:
        status = connector_status(message.state)
        if message.evse_id == 0 or (message.previous is not None and connector_status(message.previous) is status):
            return None  # 2.0.1 has no connector 0, and sees a coarser picture
        return self._calls.StatusNotification(
            timestamp=iso(message.at),
            connector_status=status.value,
            evse_id=message.evse_id,
            connector_id=1,
        )

    def _transaction(self, message: TransactionMessage, charger: Charger) -> Any:
        token_type = charger.transactions[message.transaction_id].token_type
        info: dict[str, Any] = {
            "transaction_id": message.transaction_id,
            "charging_state": message.charging_state.value,
        }
        if message.remote_start_id is not None:
            info["remote_start_id"] = message.remote_start_id
        if message.reason is not None:
            info["stopped_reason"] = _STOPPED_REASONS.get(message.reason, message.reason.value)
        told = message.reading.context is not ReadingContext.OTHER
        reading = message.reading
        if message.phase is Phase.STARTED and message.offline and Habit.ZERO_BASELINE in charger.habits:
            reading = replace(reading, register_wh=0)
        return self._calls.TransactionEvent(
            event_type=message.phase.value,
            timestamp=iso(message.at),
            trigger_reason=message.trigger.value,
            seq_no=message.seq_no,
            transaction_info=info,
            offline=message.offline,
            reservation_id=message.reservation_id,
            evse={"id": message.evse_id, "connector_id": 1},
            id_token=None if message.id_token is None else _id_token(message.id_token, token_type),
            meter_value=[meter_value(reading)] if told else None,
        )

    def answer(self, message: Message, result: Any) -> Answer:
        match message:
            case BootMessage():
                return BootAnswer(
                    accepted=result.status == "Accepted",
                    interval_s=int(result.interval),
                    pending=result.status == "Pending",
                )
            case AuthorizeMessage():
                return _token_answer(result.id_token_info)
            case TransactionMessage():
                return _token_answer(result.id_token_info)
            case Said():
                return SaidAnswer(payload=asdict(result))
            case _:
                return PlainAnswer()

    def routes(self, desk: Desk) -> Routes:
        return {
            **Provisioning(desk).routes(),
            **Authorisation(desk).routes(),
            **Control(desk).routes(),
            **SmartCharging(desk).routes(),
            **Firmware(desk).routes(),
            **Certificates(desk).routes(),
            **Monitoring(desk).routes(),
        }

    def result(self, action: str, payload: dict[str, Any]) -> Any:
        return getattr(self._results, action)(**payload)


def ocpp21_mouth() -> Ocpp201Mouth:
    """OCPP 2.1 as far as it is the same: boot, authorisation, transactions, metering, control, device model."""
    from ocpp.v21 import call, call_result  # type: ignore[import-untyped]  # only here: they take long to load

    return Ocpp201Mouth(call, call_result)


def connector_status(state: ConnectorState) -> ConnectorStatus:
    """How 2.0.1 sees a connector's state."""
    match state:
        case ConnectorState.AVAILABLE:
            return ConnectorStatus.AVAILABLE
        case ConnectorState.UNAVAILABLE:
            return ConnectorStatus.UNAVAILABLE
        case ConnectorState.RESERVED:
            return ConnectorStatus.RESERVED
        case ConnectorState.FAULTED:
            return ConnectorStatus.FAULTED
        case _:
            return ConnectorStatus.OCCUPIED


def _token_answer(info: dict[str, Any] | None) -> TokenAnswer:
    if info is None:
        return TokenAnswer(status=None)
    group = info.get("group_id_token")
    return TokenAnswer(status=info["status"], group=None if group is None else group["id_token"])


def _id_token(id_token: str, token_type: str = CARD_TYPE) -> dict[str, str]:
    return {"id_token": id_token, "type": token_type}


def meter_value(reading: Reading) -> dict[str, Any]:
    """A reading as a 2.0.1 MeterValueType: numbers, one SampledValue per measurand and phase."""
    context = reading.context.value

    def value(number: float, measurand: str, unit: str, phase: str | None = None) -> dict[str, Any]:
        sampled = {
            "value": number,
            "context": context,
            "measurand": measurand,
            "unit_of_measure": {"unit": unit},
        }
        return sampled if phase is None else sampled | {"phase": phase}

    is_ac = reading.phases > 0
    values = [
        value(reading.register_wh, "Energy.Active.Import.Register", "Wh"),
        value(reading.power_w, "Power.Active.Import", "W"),
    ]
    for phase, (current_ma, voltage_v) in enumerate(zip(reading.current_ma, reading.voltage_v, strict=True), start=1):
        values.append(value(current_ma / 1000, "Current.Import", "A", f"L{phase}" if is_ac else None))
        values.append(value(voltage_v, "Voltage", "V", f"L{phase}-N" if is_ac else None))
    if reading.soc_percent is not None:
        values.append(value(reading.soc_percent, "SoC", "Percent"))
    return {"timestamp": iso(reading.at), "sampled_value": values}
