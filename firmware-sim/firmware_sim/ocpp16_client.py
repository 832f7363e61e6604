"""The OCPP 1.6 mouth: neutral messages to 1.6 payloads and back, and the requests a 1.6 Central System may make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, assert_never

from ocpp.v16 import call, call_result  # type: ignore[import-untyped]

from firmware_sim.charger import Charger
from firmware_sim.messages import (
    Answer,
    AuthorizeMessage,
    AvailabilityChanged,
    BootAnswer,
    BootMessage,
    ConnectorState,
    HeartbeatMessage,
    IdleMeterMessage,
    Message,
    Phase,
    PlainAnswer,
    RemoteStart,
    RemoteStop,
    ResetRequested,
    StatusMessage,
    TokenAnswer,
    TransactionMessage,
    Trigger,
    Triggered,
    UnlockRequested,
    iso,
)
from firmware_sim.meter import Reading
from firmware_sim.ocpp_client import Desk
from firmware_sim.settings import OfflineAuthorize, Settings

_UNKNOWN_TRANSACTION = -1
"""What is told of a transaction whose StartTransaction the CSMS would not answer (field_quirks, row 3)."""

_INT_KEYS = {
    "HeartbeatInterval": "heartbeat_s",
    "MeterValueSampleInterval": "sample_s",
    "ClockAlignedDataInterval": "aligned_s",
    "ConnectionTimeOut": "connection_timeout_s",
    "TransactionMessageAttempts": "attempts",
    "TransactionMessageRetryInterval": "attempt_interval_s",
}
_READ_ONLY_KEYS = {
    "SupportedFeatureProfiles": "Core,RemoteTrigger",
    "AuthorizeRemoteTxRequests": "false",
    "MeterValuesSampledData": ("Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"),
    "StopTransactionOnEVSideDisconnect": "true",
    "UnlockConnectorOnEVSideDisconnect": "true",
}


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
                    firmware_version=spec.firmware,
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
            case _:
                assert_never(message)

    def _transaction(self, message: TransactionMessage, charger: Charger) -> Any | None:
        transaction = charger.transactions[message.transaction_id]
        csms_id = _UNKNOWN_TRANSACTION if transaction.csms_id is None else transaction.csms_id
        match message.phase:
            case Phase.STARTED:
                return call.StartTransaction(
                    connector_id=message.evse_id,
                    id_tag=transaction.id_token,
                    meter_start=message.reading.register_wh,
                    timestamp=iso(message.at),
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
                    reason=message.reason.value if message.reason else None,
                    id_tag=message.id_token,
                    transaction_data=[
                        _register(transaction.meter_start_wh, iso(transaction.started_at), "Transaction.Begin"),
                        _register(message.reading.register_wh, iso(message.at), "Transaction.End"),
                    ],
                )
            case _:
                assert_never(message.phase)

    def answer(self, message: Message, result: Any) -> Answer:
        match message:
            case BootMessage():
                return BootAnswer(accepted=result.status == "Accepted", interval_s=int(result.interval))
            case AuthorizeMessage():
                return TokenAnswer(status=result.id_tag_info["status"])
            case TransactionMessage(phase=Phase.STARTED):
                return TokenAnswer(status=result.id_tag_info["status"], csms_id=int(result.transaction_id))
            case _:
                return PlainAnswer()

    def routes(self, desk: Desk) -> Mapping[str, Callable[..., Any]]:
        return _Requests(desk).routes()


class _Requests:
    """What a Central System may ask (OCPP 1.6 §5); everything else is answered NotImplemented by the package."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> dict[str, Callable[..., Any]]:
        return {
            "RemoteStartTransaction": self.remote_start,
            "RemoteStopTransaction": self.remote_stop,
            "Reset": self.reset,
            "ChangeAvailability": self.change_availability,
            "GetConfiguration": self.get_configuration,
            "ChangeConfiguration": self.change_configuration,
            "TriggerMessage": self.trigger,
            "UnlockConnector": self.unlock,
            "DataTransfer": self.data_transfer,
        }

    def remote_start(self, id_tag: str, connector_id: int | None = None, **_: Any) -> Any:
        status = self._desk.ask(RemoteStart(id_token=id_tag, evse_id=connector_id))
        return call_result.RemoteStartTransaction(status=status)

    def remote_stop(self, transaction_id: int, **_: Any) -> Any:
        return call_result.RemoteStopTransaction(status=self._desk.ask(RemoteStop(transaction=transaction_id)))

    def reset(self, type: str, **_: Any) -> Any:  # noqa: A002  the field's name in OCPP
        return call_result.Reset(status=self._desk.ask(ResetRequested(hard=type == "Hard")))

    def change_availability(self, connector_id: int, type: str, **_: Any) -> Any:  # noqa: A002
        status = self._desk.ask(AvailabilityChanged(evse_id=connector_id, operative=type == "Operative"))
        return call_result.ChangeAvailability(status=status)

    def trigger(self, requested_message: str, connector_id: int | None = None, **_: Any) -> Any:
        status = self._desk.ask(Triggered(what=requested_message, evse_id=connector_id or 0))
        return call_result.TriggerMessage(status=status)

    def unlock(self, connector_id: int, **_: Any) -> Any:
        status = self._desk.ask(UnlockRequested(evse_id=connector_id))
        return call_result.UnlockConnector(status="NotSupported" if status == "UnknownConnector" else status)

    def data_transfer(self, **_: Any) -> Any:
        return call_result.DataTransfer(status="UnknownVendorId")

    def get_configuration(self, key: list[str] | None = None, **_: Any) -> Any:
        settings = self._desk.charger.settings
        known = _configuration(settings, len(self._desk.charger.evses))
        wanted = list(known) if key is None else key
        return call_result.GetConfiguration(
            configuration_key=[known[each] for each in wanted if each in known],
            unknown_key=[each for each in wanted if each not in known],
        )

    def change_configuration(self, key: str, value: str, **_: Any) -> Any:
        settings = self._desk.charger.settings
        if key not in _configuration(settings, 1):
            return call_result.ChangeConfiguration(status="NotSupported")
        changed = _changed(settings, key, value)
        if changed is None:
            return call_result.ChangeConfiguration(status="Rejected")
        self._desk.configure(changed)
        return call_result.ChangeConfiguration(status="Accepted")


def _configuration(settings: Settings, evses: int) -> dict[str, dict[str, Any]]:
    offline = settings.offline_authorize
    changeable = {key: str(getattr(settings, name)) for key, name in _INT_KEYS.items()} | {
        "StopTransactionOnInvalidId": _bool(settings.stop_on_invalid_id),
        "LocalAuthorizeOffline": _bool(offline is not OfflineAuthorize.NONE),
        "AllowOfflineTxForUnknownId": _bool(offline is OfflineAuthorize.ANY),
    }
    fixed = _READ_ONLY_KEYS | {"NumberOfConnectors": str(evses)}
    return {key: {"key": key, "readonly": False, "value": value} for key, value in changeable.items()} | {
        key: {"key": key, "readonly": True, "value": value} for key, value in fixed.items()
    }


def _changed(settings: Settings, key: str, value: str) -> Settings | None:
    """The settings with one key changed; None for a value that cannot be, or a key that is read only."""
    if key in _INT_KEYS:
        return settings.with_number(_INT_KEYS[key], int(value)) if value.isdecimal() else None
    if value.lower() not in ("true", "false"):
        return None
    on = value.lower() == "true"
    match key:
        case "StopTransactionOnInvalidId":
            return replace(settings, stop_on_invalid_id=on)
        case "LocalAuthorizeOffline":
            return replace(settings, offline_authorize=OfflineAuthorize.KNOWN if on else OfflineAuthorize.NONE)
        case "AllowOfflineTxForUnknownId":
            return replace(settings, offline_authorize=OfflineAuthorize.ANY if on else OfflineAuthorize.KNOWN)
        case _:
            return None


def _bool(value: bool) -> str:
    return "true" if value else "false"


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
