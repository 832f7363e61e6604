"""The standard configuration keys of OCPP 1.6 (§9, the security extension, and the OCA's notes on ISO 15118 and on
California pricing), and the variables that OCPP 2.0.1 made of them: so one template of settings is good for stations of
both versions.

A key that has none stays a variable by its own name, without a component; so does every vendor's key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocols.charger.operations.variables import VariableName


class KeyType(StrEnum):
    """§9: what the text of a key's value stands for."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    TEXT = "text"
    LIST = "list"
    """Separated by commas."""


class Access(StrEnum):
    """§9: READ keys can be read alone, WRITE keys are secrets that no station tells."""

    READ = "R"
    READ_WRITE = "RW"
    WRITE = "W"


@dataclass(frozen=True, slots=True)
class ConfigurationKey:
    """A key, and the component, variable and variable instance that 2.0.1 has for it; empty where it has none."""

    key: str
    type: KeyType
    access: Access
    component: str = ""
    variable: str = ""
    instance: str | None = None

    @property
    def name(self) -> VariableName:
        """The key as a variable."""
        if not self.component:
            return VariableName(variable=self.key)
        return VariableName(component=self.component, variable=self.variable, variable_instance=self.instance)


_B, _I, _T, _L = KeyType.BOOLEAN, KeyType.INTEGER, KeyType.TEXT, KeyType.LIST
_R, _RW, _W = Access.READ, Access.READ_WRITE, Access.WRITE
_Key = ConfigurationKey

_CORE: Final = (
    _Key("AllowOfflineTxForUnknownId", _B, _RW, "AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
    _Key("AuthorizationCacheEnabled", _B, _RW, "AuthCacheCtrlr", "Enabled"),
    _Key("AuthorizeRemoteTxRequests", _B, _RW, "AuthCtrlr", "AuthorizeRemoteStart"),
    _Key("BlinkRepeat", _I, _RW),
    _Key("ClockAlignedDataInterval", _I, _RW, "AlignedDataCtrlr", "Interval"),
    _Key("ConnectionTimeOut", _I, _RW, "TxCtrlr", "EVConnectionTimeOut"),
    _Key("ConnectorPhaseRotation", _L, _RW),
    _Key("ConnectorPhaseRotationMaxLength", _I, _R),
    _Key("GetConfigurationMaxKeys", _I, _R, "DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"),
    _Key("HeartbeatInterval", _I, _RW, "OCPPCommCtrlr", "HeartbeatInterval"),
    _Key("LightIntensity", _I, _RW),
    _Key("LocalAuthorizeOffline", _B, _RW, "AuthCtrlr", "LocalAuthorizeOffline"),
    _Key("LocalPreAuthorize", _B, _RW, "AuthCtrlr", "LocalPreAuthorize"),
    _Key("MaxEnergyOnInvalidId", _I, _RW, "TxCtrlr", "MaxEnergyOnInvalidId"),
    _Key("MeterValuesAlignedData", _L, _RW, "AlignedDataCtrlr", "Measurands"),
    _Key("MeterValuesAlignedDataMaxLength", _I, _R),
    _Key("MeterValuesSampledData", _L, _RW, "SampledDataCtrlr", "TxUpdatedMeasurands"),
    _Key("MeterValuesSampledDataMaxLength", _I, _R),
    _Key("MeterValueSampleInterval", _I, _RW, "SampledDataCtrlr", "TxUpdatedInterval"),
    _Key("MinimumStatusDuration", _I, _RW),
    _Key("NumberOfConnectors", _I, _R),
    _Key("ResetRetries", _I, _RW, "OCPPCommCtrlr", "ResetRetries"),
    _Key("StopTransactionOnEVSideDisconnect", _B, _RW, "TxCtrlr", "StopTxOnEVSideDisconnect"),
    _Key("StopTransactionOnInvalidId", _B, _RW, "TxCtrlr", "StopTxOnInvalidId"),
    _Key("StopTxnAlignedData", _L, _RW, "AlignedDataCtrlr", "TxEndedMeasurands"),
    _Key("StopTxnAlignedDataMaxLength", _I, _R),
    _Key("StopTxnSampledData", _L, _RW, "SampledDataCtrlr", "TxEndedMeasurands"),
    _Key("StopTxnSampledDataMaxLength", _I, _R),
    _Key("SupportedFeatureProfiles", _L, _R),
    _Key("SupportedFeatureProfilesMaxLength", _I, _R),
    _Key("TransactionMessageAttempts", _I, _RW, "OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
    _Key("TransactionMessageRetryInterval", _I, _RW, "OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"),
    _Key("UnlockConnectorOnEVSideDisconnect", _B, _RW, "OCPPCommCtrlr", "UnlockOnEVSideDisconnect"),
    _Key("WebSocketPingInterval", _I, _RW, "OCPPCommCtrlr", "WebSocketPingInterval"),
)
"""§9.1."""
_OTHER_PROFILES: Final = (
    _Key("SupportedFileTransferProtocols", _L, _R, "OCPPCommCtrlr", "FileTransferProtocols"),
    _Key("LocalAuthListEnabled", _B, _RW, "LocalAuthListCtrlr", "Enabled"),
    _Key("LocalAuthListMaxLength", _I, _R),
    _Key("SendLocalListMaxLength", _I, _R, "LocalAuthListCtrlr", "ItemsPerMessage"),
    _Key("ReserveConnectorZeroSupported", _B, _R, "ReservationCtrlr", "NonEvseSpecific"),
    _Key("ChargeProfileMaxStackLevel", _I, _R, "SmartChargingCtrlr", "ProfileStackLevel"),
    _Key("ChargingScheduleAllowedChargingRateUnit", _L, _R),  # 2.0.1's RateUnit says A and W, this Current and Power
    _Key("ChargingScheduleMaxPeriods", _I, _R, "SmartChargingCtrlr", "PeriodsPerSchedule"),
    _Key("ConnectorSwitch3to1PhaseSupported", _B, _R, "SmartChargingCtrlr", "Phases3to1"),
    _Key("MaxChargingProfilesInstalled", _I, _R),
)
"""§9.2 to §9.4 and §8. Where 2.0.1 tells a limit as a characteristic of a variable, the key stays by its name."""
_SECURITY: Final = (
    _Key("AdditionalRootCertificateCheck", _B, _R, "SecurityCtrlr", "AdditionalRootCertificateCheck"),
    _Key("AuthorizationKey", _T, _W, "SecurityCtrlr", "BasicAuthPassword"),
    _Key("CertificateSignedMaxChainSize", _I, _R, "SecurityCtrlr", "MaxCertificateChainSize"),
    _Key("CertificateStoreMaxLength", _I, _R),
    _Key("CpoName", _T, _RW, "SecurityCtrlr", "OrganizationName"),
    _Key("SecurityProfile", _I, _RW, "SecurityCtrlr", "SecurityProfile"),
)
_ISO_15118: Final = (
    _Key("CentralContractValidationAllowed", _B, _RW, "ISO15118Ctrlr", "CentralContractValidationAllowed"),
    _Key("CertSigningRepeatTimes", _I, _RW, "SecurityCtrlr", "CertSigningRepeatTimes"),
    _Key("CertSigningWaitMinimum", _I, _RW, "SecurityCtrlr", "CertSigningWaitMinimum"),
    _Key("ContractValidationOffline", _B, _RW, "ISO15118Ctrlr", "ContractValidationOffline"),
    _Key("ISO15118PnCEnabled", _B, _RW, "ISO15118Ctrlr", "PnCEnabled"),
)
_PRICING: Final = (
    _Key("CustomDisplayCostAndPrice", _B, _R),
    _Key("CustomIdleFeeAfterStop", _B, _RW),
    _Key("DefaultPrice", _T, _RW),
)
"""The OCA's note on California pricing."""

_ALL: Final = (*_CORE, *_OTHER_PROFILES, *_SECURITY, *_ISO_15118, *_PRICING)
KEYS: Final = MappingProxyType({known.key: known for known in _ALL})
_BY_LOWER_NAME: Final = MappingProxyType({name.lower(): known for name, known in KEYS.items()})
_BY_VARIABLE: Final = MappingProxyType({known.name: known for known in KEYS.values()})


def known_key(key: str) -> ConfigurationKey | None:
    """The standard's key, however a station writes it."""
    return KEYS.get(key) or _BY_LOWER_NAME.get(key.lower())


def key_of(name: VariableName) -> str | None:
    """The key that a 1.6 station has for a variable; None where the standard has none for it.

    Without a component the variable is the key itself, whoever's it is.
    """
    known = _BY_VARIABLE.get(name)
    if known is not None:
        return known.key
    return name.variable if name == VariableName(variable=name.variable) else None


def as_variable(name: VariableName) -> VariableName:
    """What 2.0.1 calls a variable that a template names by its 1.6 key alone; every other name is as it was."""
    known = known_key(name.variable) if name == VariableName(variable=name.variable) else None
    return known.name if known is not None else name


def mapped() -> Iterator[ConfigurationKey]:
    """The keys that 2.0.1 has a variable for."""
    return (known for known in KEYS.values() if known.component)
