"""Variables read and set, by OCPP 2.0.1's names or 1.6's keys (1.6 §5.3 and §5.7, 2.0.1 B05 and B06). Pure."""

from __future__ import annotations

from dataclasses import replace

from firmware_sim.blocks.device_model import SetStatus, refusal
from firmware_sim.blocks.variable_table import Variable
from firmware_sim.functions import security
from firmware_sim.messages import iso
from firmware_sim.orders import Reconnect
from firmware_sim.settings import OfflineAuthorize, Settings
from firmware_sim.station_model import StationModel

_PASSWORD = ("SecurityCtrlr", "BasicAuthPassword")
_SECURITY_PROFILE = ("SecurityCtrlr", "SecurityProfile")
_PASSWORD_LENGTH = range(16, 41)
"""OCPP 2.0.1 A01.FR.205; 1.6's security whitepaper has 16 to 20 bytes, in hexadecimal."""


def value_of(model: StationModel, variable: Variable) -> str:
    """The value of a variable now."""
    if variable.setting:
        return _of_setting(model.settings, variable.setting)
    if variable.is_live:
        return _live(model, variable)
    return model.device.kept(variable)


def set_value(model: StationModel, variable: Variable, value: str) -> tuple[SetStatus, str | None]:
    """Take a value; the status and, when it was refused, OCPP 2.0.1's reasonCode."""
    reason = refusal(variable, value)
    if reason is None and not (variable.setting or variable.is_live):
        reason = _own_rule(model, variable, value)
    if reason is not None:
        return SetStatus.REJECTED, reason
    if variable.setting:
        model.settings = _with_setting(model.settings, variable.setting, value)
    elif (variable.component, variable.name) == _PASSWORD:
        _take_password(model, value)
    else:
        model.device.values[variable.id] = value
        if variable.component == "SecurityCtrlr":
            security.note_event(model, "ReconfigurationOfSecurityParameters", variable.name)
    return (SetStatus.REBOOT_REQUIRED if variable.needs_reboot else SetStatus.ACCEPTED), None


def is_set(model: StationModel, component: str, name: str) -> bool:
    """Whether a switch of the device model is on."""
    variable = model.device.find((component, name, "", 0))
    return isinstance(variable, Variable) and value_of(model, variable) == "true"


def _own_rule(model: StationModel, variable: Variable, value: str) -> str | None:
    match (variable.component, variable.name):
        case ("SecurityCtrlr", "SecurityProfile"):
            if int(value) < int(model.device.kept(variable)):
                return "NoSecurityDowngrade"
            roots = ("CentralSystemRootCertificate", "CSMSRootCertificate")
            is_secured = any(each.use in roots for each in model.certificates.installed)
            return "InvalidCentralSystemRootCertificate" if int(value) >= 2 and not is_secured else None
        case ("SecurityCtrlr", "BasicAuthPassword"):
            return None if len(_password(model, value)) in _PASSWORD_LENGTH else "InvalidValue"
        case _:
            return None


def _take_password(model: StationModel, value: str) -> None:
    """The new password is for the next connection, which comes at once (OCPP 2.0.1 A01)."""
    model.out.append(Reconnect(password=_password(model, value)))
    security.note_event(model, "ReconfigurationOfSecurityParameters", "BasicAuthPassword")


def _password(model: StationModel, value: str) -> str:
    """OCPP 1.6 tells the AuthorizationKey in hexadecimal (§2.2 of the security whitepaper), most CSMSs as it is."""
    if model.is_v16 and len(value) % 2 == 0 and len(value) >= 2 * _PASSWORD_LENGTH.start:
        try:
            return bytes.fromhex(value).decode("latin-1")
        except ValueError:
            return value
    return value


def _live(model: StationModel, variable: Variable) -> str:
    evse = model.evses.get(variable.evse_id)
    match variable.component, variable.name:
        case "ChargingStation", "FirmwareVersion":
            return model.firmware.version
        case "ChargingStation", "AvailabilityState":
            return "Available" if any(each.operative for each in model.evses.values()) else "Unavailable"
        case "LocalAuthListCtrlr", "Entries":
            return str(len(model.local_list.entries))
        case "ClockCtrlr", "DateTime":
            return iso(model.now)
        case "EVSE", "AvailabilityState" if evse is not None:
            return evse.state.value if evse.state.value in _AVAILABILITY else "Occupied"
        case "EVSE", "Power" if evse is not None:
            return str(evse.power_w)
        case "EVSE", "Problem" if evse is not None:
            return "true" if evse.faulted else "false"
    return variable.value


_AVAILABILITY = ("Available", "Unavailable", "Reserved", "Faulted")


def _of_setting(settings: Settings, name: str) -> str:
    offline = settings.offline_authorize
    match name:
        case "local_authorize_offline":
            return _text(offline is not OfflineAuthorize.NONE)
        case "offline_unknown":
            return _text(offline is OfflineAuthorize.ANY)
    value: int | bool = getattr(settings, name)
    return _text(value) if isinstance(value, bool) else str(value)


def _with_setting(settings: Settings, name: str, value: str) -> Settings:
    is_on = value.lower() == "true"
    match name:
        case "local_authorize_offline":
            return replace(settings, offline_authorize=OfflineAuthorize.KNOWN if is_on else OfflineAuthorize.NONE)
        case "offline_unknown":
            return replace(settings, offline_authorize=OfflineAuthorize.ANY if is_on else OfflineAuthorize.KNOWN)
    if isinstance(getattr(settings, name), bool):
        return settings.with_switch(name, is_on)
    return settings.with_number(name, int(value))


def _text(value: bool) -> str:
    return "true" if value else "false"
