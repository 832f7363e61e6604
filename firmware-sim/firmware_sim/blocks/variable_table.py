"""The variables of the simulated station's device model, and the OCPP 1.6 configuration keys of the same things. Pure.

OCPP 2.0.1 appendix "dm_components_vars", OCPP 1.6 §9 and the security whitepaper §2.2. A row without `key` is not
known to 1.6, one without `component` not to 2.0.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from firmware_sim.settings import EvseSpec, StationSpec

READ_WRITE = "ReadWrite"
READ_ONLY = "ReadOnly"
WRITE_ONLY = "WriteOnly"

VariableId = tuple[str, str, str, int]
"""Component, variable, the variable's instance (or ""), EVSE (or 0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable with its value when the station leaves the factory. `kind` is OCPP 2.0.1's DataEnumType."""

    component: str = ""
    name: str = ""
    instance: str = ""
    evse_id: int = 0
    key: str = ""
    value: str
    kind: str = "string"
    mutability: str = READ_WRITE
    needs_reboot: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    setting: str = ""
    """The field of `Settings` that this variable is."""
    is_live: bool = False
    """Told by the station as it is now, never kept."""

    @property
    def id(self) -> VariableId:
        return (self.component, self.name or self.key, self.instance, self.evse_id)


def variables(spec: StationSpec) -> Iterator[Variable]:
    """Everything that this station has, in the order that it reports it."""
    yield from _identity(spec)
    yield from _CONTROLLERS
    yield _fixed("", "", "CustomDisplayCostAndPrice", "true" if spec.shows_costs else "false", "boolean")
    yield _row("", "", "NumberOfConnectors", str(len(spec.evses)), kind="integer", mutability=READ_ONLY)
    yield _row("ChargingStation", "AvailabilityState", "", "Available", mutability=READ_ONLY, is_live=True)
    for evse in spec.evses:
        yield from _evse(evse)


def _row(
    component: str,
    name: str,
    key: str,
    value: str,
    *,
    kind: str = "string",
    mutability: str = READ_WRITE,
    is_live: bool = False,
) -> Variable:
    return Variable(
        component=component, name=name, key=key, value=value, kind=kind, mutability=mutability, is_live=is_live
    )


def _number(component: str, name: str, key: str, value: int, *, setting: str = "", minimum: int = 0) -> Variable:
    return Variable(
        component=component,
        name=name,
        key=key,
        value=str(value),
        kind="integer",
        minimum=minimum,
        maximum=86_400_000,
        setting=setting,
    )


def _switch(component: str, name: str, key: str, value: bool, *, setting: str = "") -> Variable:
    return Variable(
        component=component,
        name=name,
        key=key,
        value="true" if value else "false",
        kind="boolean",
        choices=("true", "false"),
        setting=setting,
    )


def _fixed(component: str, name: str, key: str, value: str, kind: str = "string") -> Variable:
    return _row(component, name, key, value, kind=kind, mutability=READ_ONLY)


def _identity(spec: StationSpec) -> Iterator[Variable]:
    yield _fixed("ChargingStation", "VendorName", "", spec.vendor)
    yield _fixed("ChargingStation", "Model", "", spec.model)
    yield _row("ChargingStation", "FirmwareVersion", "", spec.firmware, mutability=READ_ONLY, is_live=True)
    if spec.serial:
        yield _fixed("ChargingStation", "SerialNumber", "", spec.serial)


def _evse(spec: EvseSpec) -> Iterator[Variable]:
    rows = (
        _row("EVSE", "AvailabilityState", "", "Available", mutability=READ_ONLY, is_live=True),
        Variable(
            component="EVSE",
            name="Power",
            value="0",
            kind="decimal",
            mutability=READ_ONLY,
            maximum=spec.max_power_w,
            unit="W",
            is_live=True,
        ),
        _row("EVSE", "Problem", "", "false", kind="boolean", mutability=READ_ONLY, is_live=True),
        _fixed("EVSE", "AllowReset", "", "false", "boolean"),
        _fixed("EVSE", "SupplyPhases", "", str(spec.phases), "integer"),
        _switch("EVSE", "Enabled", "", True),
    )
    for row in rows:
        yield replace(row, evse_id=spec.evse_id)


_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"

_CONTROLLERS: tuple[Variable, ...] = (
    _number("OCPPCommCtrlr", "HeartbeatInterval", "HeartbeatInterval", 300, setting="heartbeat_s", minimum=1),
    _number("SampledDataCtrlr", "TxUpdatedInterval", "MeterValueSampleInterval", 60, setting="sample_s"),
    _number("AlignedDataCtrlr", "Interval", "ClockAlignedDataInterval", 0, setting="aligned_s"),
    _number("TxCtrlr", "EVConnectionTimeOut", "ConnectionTimeOut", 60, setting="connection_timeout_s"),
    replace(
        _number("OCPPCommCtrlr", "MessageAttempts", "TransactionMessageAttempts", 3, setting="attempts"),
        instance="TransactionEvent",
    ),
    replace(
        _number(
            "OCPPCommCtrlr",
            "MessageAttemptInterval",
            "TransactionMessageRetryInterval",
            60,
            setting="attempt_interval_s",
        ),
        instance="TransactionEvent",
    ),
    _switch("TxCtrlr", "StopTxOnInvalidId", "StopTransactionOnInvalidId", True, setting="stop_on_invalid_id"),
    _switch("AuthCtrlr", "LocalAuthorizeOffline", "LocalAuthorizeOffline", True, setting="local_authorize_offline"),
    _switch(
        "AuthCtrlr",
        "OfflineTxForUnknownIdEnabled",
        "AllowOfflineTxForUnknownId",
        False,
        setting="offline_unknown",
    ),
    _switch("AuthCtrlr", "LocalPreAuthorize", "LocalPreAuthorize", False, setting="local_pre_authorize"),
    _switch("AuthCtrlr", "AuthorizeRemoteStart", "AuthorizeRemoteTxRequests", False, setting="authorize_remote"),
    _row("AuthCtrlr", "MasterPassGroupId", "", ""),
    _switch("AuthCacheCtrlr", "Enabled", "AuthorizationCacheEnabled", True, setting="cache_enabled"),
    _switch("LocalAuthListCtrlr", "Enabled", "LocalAuthListEnabled", True, setting="local_list_enabled"),
    Variable(
        component="LocalAuthListCtrlr",
        name="Entries",
        value="0",
        kind="integer",
        mutability=READ_ONLY,
        maximum=1000,
        is_live=True,
    ),
    _fixed("", "", "LocalAuthListMaxLength", "1000", "integer"),
    _fixed("LocalAuthListCtrlr", "ItemsPerMessage", "SendLocalListMaxLength", "100", "integer"),
    _fixed("LocalAuthListCtrlr", "BytesPerMessage", "", "65536", "integer"),
    _fixed("ReservationCtrlr", "Enabled", "", "true", "boolean"),
    _fixed("ReservationCtrlr", "NonEvseSpecific", "ReserveConnectorZeroSupported", "true", "boolean"),
    _fixed("SmartChargingCtrlr", "Enabled", "", "true", "boolean"),
    _fixed("SmartChargingCtrlr", "ProfileStackLevel", "ChargeProfileMaxStackLevel", "9", "integer"),
    _fixed("SmartChargingCtrlr", "RateUnit", "ChargingScheduleAllowedChargingRateUnit", "A,W", "MemberList"),
    _fixed("SmartChargingCtrlr", "PeriodsPerSchedule", "ChargingScheduleMaxPeriods", "24", "integer"),
    replace(
        _fixed("SmartChargingCtrlr", "Entries", "MaxChargingProfilesInstalled", "40", "integer"),
        instance="ChargingProfiles",
    ),
    _fixed("SmartChargingCtrlr", "Phases3to1", "ConnectorSwitch3to1PhaseSupported", "true", "boolean"),
    _fixed("DeviceDataCtrlr", "BytesPerMessage", "", "65536", "integer"),
    replace(_fixed("DeviceDataCtrlr", "ItemsPerMessage", "", "16", "integer"), instance="GetReport"),
    replace(
        _fixed("DeviceDataCtrlr", "ItemsPerMessage", "GetConfigurationMaxKeys", "50", "integer"),
        instance="GetVariables",
    ),
    replace(_fixed("DeviceDataCtrlr", "ItemsPerMessage", "", "50", "integer"), instance="SetVariables"),
    Variable(
        component="SampledDataCtrlr",
        name="TxUpdatedMeasurands",
        key="MeterValuesSampledData",
        value=_MEASURANDS,
        kind="MemberList",
        choices=tuple(_MEASURANDS.split(",")),
    ),
    Variable(
        component="AlignedDataCtrlr",
        name="Measurands",
        key="MeterValuesAlignedData",
        value=_MEASURANDS,
        kind="MemberList",
        choices=tuple(_MEASURANDS.split(",")),
    ),
    _row("SampledDataCtrlr", "TxEndedMeasurands", "StopTxnSampledData", "", kind="MemberList"),
    _row("AlignedDataCtrlr", "TxEndedMeasurands", "StopTxnAlignedData", "", kind="MemberList"),
    _switch("AlignedDataCtrlr", "SendDuringIdle", "", False),
    _fixed("TxCtrlr", "TxStartPoint", "", "PowerPathClosed", "MemberList"),
    _fixed("TxCtrlr", "TxStopPoint", "", "PowerPathClosed", "MemberList"),
    _fixed("", "", "StopTransactionOnEVSideDisconnect", "true", "boolean"),
    _fixed("TxCtrlr", "StopTxOnEVSideDisconnect", "UnlockConnectorOnEVSideDisconnect", "true", "boolean"),
    Variable(
        component="TxCtrlr",
        name="MaxEnergyOnInvalidId",
        key="MaxEnergyOnInvalidId",
        value="0",
        kind="integer",
        minimum=0,
    ),
    _number("OCPPCommCtrlr", "WebSocketPingInterval", "WebSocketPingInterval", 0),
    _number("OCPPCommCtrlr", "ResetRetries", "ResetRetries", 2),
    _fixed("OCPPCommCtrlr", "FileTransferProtocols", "", "HTTP,HTTPS", "MemberList"),
    _row("OCPPCommCtrlr", "NetworkConfigurationPriority", "", "1", kind="SequenceList"),
    _number("OCPPCommCtrlr", "NetworkProfileConnectionAttempts", "", 3),
    _number("OCPPCommCtrlr", "OfflineThreshold", "", 60),
    _switch("OCPPCommCtrlr", "QueueAllMessages", "", False),
    _number("OCPPCommCtrlr", "RetryBackOffWaitMinimum", "", 5),
    _number("OCPPCommCtrlr", "RetryBackOffRandomRange", "", 5),
    _number("OCPPCommCtrlr", "RetryBackOffRepeatTimes", "", 3),
    _fixed("OCPPCommCtrlr", "ActiveNetworkProfile", "", "1", "integer"),
    replace(_number("ChargingStation", "LightIntensity", "LightIntensity", 80), unit="Percent", maximum=100),
    replace(_number("ConnectionTimer", "MinimumStatusDuration", "MinimumStatusDuration", 0), maximum=3600),
    _number("ConnectorLock", "BlinkRepeat", "BlinkRepeat", 3),
    Variable(
        component="ConnectorLock",
        name="PhaseRotation",
        key="ConnectorPhaseRotation",
        value="NotApplicable",
        kind="SequenceList",
        needs_reboot=True,
    ),
    _row("ClockCtrlr", "DateTime", "", "", kind="dateTime", mutability=READ_ONLY, is_live=True),
    _row("ClockCtrlr", "TimeSource", "", "Heartbeat", kind="SequenceList"),
    Variable(component="ClockCtrlr", name="TimeZone", value="Europe/Berlin", needs_reboot=True),
    _switch("MonitoringCtrlr", "Enabled", "", True),
    _fixed("MonitoringCtrlr", "ActiveMonitoringBase", "", "All", "OptionList"),
    _fixed("DisplayMessageCtrlr", "DisplayMessages", "", "0", "integer"),
    _fixed("DisplayMessageCtrlr", "SupportedPriorities", "", "AlwaysFront,InFront,NormalCycle", "MemberList"),
    _fixed("DisplayMessageCtrlr", "SupportedFormats", "", "UTF8,ASCII", "MemberList"),
    _fixed("ISO15118Ctrlr", "Enabled", "", "true", "boolean"),
    _fixed(
        "",
        "",
        "SupportedFeatureProfiles",
        "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
    ),
    _fixed("", "", "SupportedFileTransferProtocols", "HTTP,HTTPS"),
    Variable(component="SecurityCtrlr", name="OrganizationName", key="CpoName", value="Ohmstead"),
    Variable(
        component="SecurityCtrlr",
        name="SecurityProfile",
        key="SecurityProfile",
        value="1",
        kind="integer",
        minimum=0,
        maximum=3,
    ),
    _fixed("SecurityCtrlr", "AdditionalRootCertificateCheck", "AdditionalRootCertificateCheck", "false", "boolean"),
    _fixed("SecurityCtrlr", "CertificateEntries", "CertificateStoreMaxLength", "20", "integer"),
    _number("SecurityCtrlr", "CertSigningWaitMinimum", "", 30),
    _number("SecurityCtrlr", "CertSigningRepeatTimes", "", 3),
    Variable(
        component="SecurityCtrlr", name="BasicAuthPassword", key="AuthorizationKey", value="", mutability=WRITE_ONLY
    ),
    _switch("CustomizationCtrlr", "CustomImplementationEnabled", "", True),
)
