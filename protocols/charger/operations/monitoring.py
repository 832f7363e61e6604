"""Functional block N: monitoring and customer information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from protocols.charger.operations.fields import Number, RequestId, TokenKind, TokenUid
from protocols.charger.operations.variables import VariableName


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableMonitor:
    """OCPP 2.0.1 SetMonitoringDataType."""

    name: VariableName
    type: Literal["UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"]
    value: Annotated[float, Field(allow_inf_nan=False)]
    severity: Annotated[int, Field(ge=0, le=9)]
    monitor_id: Number | None = None
    is_transaction_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariableMonitoring:
    """OCPP 2.0.1 N04. Accepted where every single one is.

    Result: {"monitors": [{**name, "type", "severity", "monitor_id"?, "status", "reason"?}]} in the order of `monitors`.
    """

    monitors: Annotated[tuple[VariableMonitor, ...], Field(min_length=1, max_length=200)]
    operation: Literal["set_variable_monitoring"] = "set_variable_monitoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearVariableMonitoring:
    """OCPP 2.0.1 N06. Accepted where every single one is.

    Result: {"monitors": [{"monitor_id", "status", "reason"?}]}.
    """

    monitor_ids: Annotated[tuple[Number, ...], Field(min_length=1, max_length=200)]
    operation: Literal["clear_variable_monitoring"] = "clear_variable_monitoring"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMonitoringBase:
    """OCPP 2.0.1 N03."""

    monitoring_base: Literal["All", "FactoryDefault", "HardWiredOnly"]
    operation: Literal["set_monitoring_base"] = "set_monitoring_base"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMonitoringLevel:
    """OCPP 2.0.1 N05: events up to this severity are reported; 0 is the most severe."""

    severity: Annotated[int, Field(ge=0, le=9)]
    operation: Literal["set_monitoring_level"] = "set_monitoring_level"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetMonitoringReport:
    """OCPP 2.0.1 N02: the station reports in parts."""

    criteria: tuple[Literal["ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring"], ...] = ()
    names: tuple[VariableName, ...] = ()
    request_id: RequestId = None
    operation: Literal["get_monitoring_report"] = "get_monitoring_report"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCustomerInformation:
    """OCPP 2.0.1 N09, N10 CustomerInformation: have it reported, cleared, or both."""

    is_report: bool = True
    is_clear: bool = False
    token_uid: TokenUid | None = None
    token_type: TokenKind | None = None
    customer_identifier: Annotated[str, Field(max_length=64)] | None = None
    customer_certificate: dict[str, Any] | None = None
    """CertificateHashDataType as the standard writes it."""
    request_id: RequestId = None
    operation: Literal["get_customer_information"] = "get_customer_information"
