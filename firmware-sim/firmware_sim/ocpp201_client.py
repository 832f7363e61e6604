"""The OCPP 2.0.1 mouth: neutral messages to 2.0.1 payloads and back, and the requests a 2.0.1 CSMS may make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, assert_never

from ocpp.v201 import call, call_result  # type: ignore[import-untyped]

from firmware_sim.charger import Charger
from firmware_sim.messages import (
    CARD_TYPE,
    Answer,
    AuthorizeMessage,
    AvailabilityChanged,
    BootAnswer,
    BootMessage,
    ConnectorState,
    HeartbeatMessage,
    IdleMeterMessage,
    Message,
    PlainAnswer,
    RemoteStart,
    RemoteStop,
    ResetRequested,
    StatusMessage,
    StopReason,
    TokenAnswer,
    TransactionMessage,
    Triggered,
    UnlockRequested,
    iso,
)
from firmware_sim.meter import Reading
from firmware_sim.ocpp_client import Desk
from firmware_sim.settings import OfflineAuthorize, Settings
from protocols.terms import ConnectorStatus, ReadingContext

_INT_VARIABLES: dict[tuple[str, str], str] = {
    ("OCPPCommCtrlr", "HeartbeatInterval"): "heartbeat_s",
    ("SampledDataCtrlr", "TxUpdatedInterval"): "sample_s",
    ("AlignedDataCtrlr", "Interval"): "aligned_s",
    ("TxCtrlr", "EVConnectionTimeOut"): "connection_timeout_s",
    ("OCPPCommCtrlr", "MessageAttempts"): "attempts",
    ("OCPPCommCtrlr", "MessageAttemptInterval"): "attempt_interval_s",
}
_STOP_ON_INVALID = ("TxCtrlr", "StopTxOnInvalidId")
_OFFLINE_UNKNOWN = ("AuthCtrlr", "OfflineTxForUnknownIdEnabled")

_STOPPED_REASONS = {
    StopReason.SOFT_RESET: "Reboot",
    StopReason.HARD_RESET: "ImmediateReset",
    StopReason.UNLOCK_COMMAND: "Other",
}


class Ocpp201Mouth:
    """OCPP 2.0.1."""

    def call(self, message: Message, charger: Charger) -> Any | None:
        match message:
            case BootMessage():
                spec = charger.spec
                station = {"vendor_name": spec.vendor, "model": spec.model, "firmware_version": spec.firmware}
                if spec.serial:
                    station["serial_number"] = spec.serial
                return call.BootNotification(charging_station=station, reason=message.reason.value)
            case HeartbeatMessage():
                return call.Heartbeat()
            case AuthorizeMessage():
                return call.Authorize(id_token=_id_token(message.id_token))
            case StatusMessage():
                return self._status(message)
            case IdleMeterMessage():
                return call.MeterValues(evse_id=message.evse_id, meter_value=[meter_value(message.reading)])
            case TransactionMessage():
                return self._transaction(message, charger)
            case _:
                assert_never(message)

    def _status(self, message: StatusMessage) -> Any | None:
        status = connector_status(message.state)
        if message.evse_id == 0 or (message.previous is not None and connector_status(message.previous) is status):
            return None  # 2.0.1 has no connector 0, and sees a coarser picture
        return call.StatusNotification(
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
        return call.TransactionEvent(
            event_type=message.phase.value,
            timestamp=iso(message.at),
            trigger_reason=message.trigger.value,
            seq_no=message.seq_no,
            transaction_info=info,
            offline=message.offline,
            evse={"id": message.evse_id, "connector_id": 1},
            id_token=None if message.id_token is None else _id_token(message.id_token, token_type),
            meter_value=[meter_value(message.reading)] if told else None,
        )

    def answer(self, message: Message, result: Any) -> Answer:
        match message:
            case BootMessage():
                return BootAnswer(accepted=result.status == "Accepted", interval_s=int(result.interval))
            case AuthorizeMessage():
                return TokenAnswer(status=result.id_token_info["status"])
            case TransactionMessage():
                return TokenAnswer(status=result.id_token_info["status"] if result.id_token_info else None)
            case _:
                return PlainAnswer()

    def routes(self, desk: Desk) -> Mapping[str, Callable[..., Any]]:
        return _Requests(desk).routes()


class _Requests:
    """What a CSMS may ask; everything else is answered NotImplemented by the package."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> dict[str, Callable[..., Any]]:
        return {
            "RequestStartTransaction": self.request_start,
            "RequestStopTransaction": self.request_stop,
            "Reset": self.reset,
            "ChangeAvailability": self.change_availability,
            "GetVariables": self.get_variables,
            "SetVariables": self.set_variables,
            "TriggerMessage": self.trigger,
            "UnlockConnector": self.unlock,
            "DataTransfer": self.data_transfer,
        }

    def request_start(
        self, id_token: dict[str, Any], remote_start_id: int, evse_id: int | None = None, **_: Any
    ) -> Any:
        event = RemoteStart(
            id_token=id_token["id_token"],
            token_type=id_token["type"],
            evse_id=evse_id,
            remote_start_id=remote_start_id,
        )
        return call_result.RequestStartTransaction(status=self._desk.ask(event))

    def request_stop(self, transaction_id: str, **_: Any) -> Any:
        return call_result.RequestStopTransaction(status=self._desk.ask(RemoteStop(transaction=transaction_id)))

    def reset(self, type: str, evse_id: int | None = None, **_: Any) -> Any:  # noqa: A002  the field's name in OCPP
        if evse_id is not None:
            return call_result.Reset(status="Rejected")  # this station cannot reset an EVSE alone (B11.FR.09)
        hard = type == "Immediate"
        return call_result.Reset(status=self._desk.ask(ResetRequested(hard=hard, when_idle=not hard)))

    def change_availability(self, operational_status: str, evse: dict[str, Any] | None = None, **_: Any) -> Any:
        evse_id = evse["id"] if evse else 0
        event = AvailabilityChanged(evse_id=evse_id, operative=operational_status == "Operative")
        return call_result.ChangeAvailability(status=self._desk.ask(event))

    def trigger(self, requested_message: str, evse: dict[str, Any] | None = None, **_: Any) -> Any:
        status = self._desk.ask(Triggered(what=requested_message, evse_id=evse["id"] if evse else 0))
        return call_result.TriggerMessage(status=status)

    def unlock(self, evse_id: int, **_: Any) -> Any:
        charger = self._desk.charger
        if evse_id in charger.evses and charger.evses[evse_id].transaction_id is not None:
            return call_result.UnlockConnector(status="OngoingAuthorizedTransaction")
        return call_result.UnlockConnector(status=self._desk.ask(UnlockRequested(evse_id=evse_id)))

    def data_transfer(self, **_: Any) -> Any:
        return call_result.DataTransfer(status="UnknownVendorId")

    def get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        known = _variables(self._desk.charger.settings)
        return call_result.GetVariables(
            get_variable_result=[_got(known, each["component"], each["variable"]) for each in get_variable_data]
        )

    def set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        results = []
        for each in set_variable_data:
            settings = self._desk.charger.settings
            component, variable = each["component"], each["variable"]
            key = (component["name"], variable["name"])
            status = _unknown(_variables(settings), key)
            if status is None:
                changed = _changed(settings, key, each["attribute_value"])
                status = "Rejected" if changed is None else "Accepted"
                if changed is not None:
                    self._desk.configure(changed)
            results.append({"attribute_status": status, "component": component, "variable": variable})
        return call_result.SetVariables(set_variable_result=results)


def _variables(settings: Settings) -> dict[tuple[str, str], str]:
    return {key: str(getattr(settings, name)) for key, name in _INT_VARIABLES.items()} | {
        _STOP_ON_INVALID: "true" if settings.stop_on_invalid_id else "false",
        _OFFLINE_UNKNOWN: "true" if settings.offline_authorize is OfflineAuthorize.ANY else "false",
    }


def _unknown(known: Mapping[tuple[str, str], str], key: tuple[str, str]) -> str | None:
    if key in known:
        return None
    return "UnknownVariable" if any(component == key[0] for component, _ in known) else "UnknownComponent"


def _got(known: Mapping[tuple[str, str], str], component: dict[str, Any], variable: dict[str, Any]) -> dict[str, Any]:
    key = (component["name"], variable["name"])
    status = _unknown(known, key)
    result = {"attribute_status": status or "Accepted", "component": component, "variable": variable}
    return result if status else result | {"attribute_value": known[key]}


def _changed(settings: Settings, key: tuple[str, str], value: str) -> Settings | None:
    """The settings with one variable changed; None for a value that cannot be."""
    if key in _INT_VARIABLES:
        return settings.with_number(_INT_VARIABLES[key], int(value)) if value.isdecimal() else None
    if value.lower() not in ("true", "false"):
        return None
    on = value.lower() == "true"
    if key == _STOP_ON_INVALID:
        return replace(settings, stop_on_invalid_id=on)
    return replace(settings, offline_authorize=OfflineAuthorize.ANY if on else OfflineAuthorize.KNOWN)


def connector_status(state: ConnectorState) -> ConnectorStatus:
    """How 2.0.1 sees a connector's state."""
    match state:
        case ConnectorState.AVAILABLE:
            return ConnectorStatus.AVAILABLE
        case ConnectorState.UNAVAILABLE:
            return ConnectorStatus.UNAVAILABLE
        case ConnectorState.FAULTED:
            return ConnectorStatus.FAULTED
        case _:
            return ConnectorStatus.OCCUPIED


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
