"""What a site tells its chargers: answers to their requests, and commands in the imperative."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Discriminator

from protocols.charger.operations.availability import (
    CancelReservation,
    ChangeAvailability,
    ClearCache,
    GetLocalListVersion,
    ReserveNow,
    SendLocalList,
)
from protocols.charger.operations.certificates import (
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    SendSignedCertificate,
)
from protocols.charger.operations.firmware import (
    GetDiagnostics,
    GetLog,
    PublishFirmware,
    UnpublishFirmware,
    UpdateFirmware,
)
from protocols.charger.operations.messages import (
    ClearDisplayMessage,
    GetDisplayMessages,
    SetDisplayMessage,
    TransferData,
)
from protocols.charger.operations.monitoring import (
    ClearVariableMonitoring,
    GetCustomerInformation,
    GetMonitoringReport,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
)
from protocols.charger.operations.smart_charging import (
    ClearChargingProfile,
    GetChargingProfiles,
    GetCompositeSchedule,
    SetChargingProfile,
)
from protocols.charger.operations.transactions import (
    GetTransactionStatus,
    ShowPrice,
    StartTransaction,
    StopTransaction,
    UnlockConnector,
    UpdateCost,
)
from protocols.charger.operations.variables import (
    GetBaseReport,
    GetReport,
    GetVariables,
    Reset,
    SetNetworkProfile,
    SetVariables,
    TriggerMessage,
)
from protocols.fact import Fact
from protocols.terms import AuthorizationStatus

# --- replies: the answer to the event that was just decided ---


class BootAnswer(Fact, frozen=True, kw_only=True):
    """What the station is told when it boots. Pending and Rejected: it asks again after `heartbeat_interval_s`."""

    at: datetime
    heartbeat_interval_s: int
    status: Literal["Accepted", "Pending", "Rejected"] = "Accepted"


class IdTokenAnswer(Fact, frozen=True, kw_only=True):
    """May the token charge? `group_id` lets another token of the group stop the transaction."""

    status: AuthorizationStatus
    group_id: str | None = None
    expires_at: datetime | None = None
    language: str | None = None
    certificate_status: str | None = None
    """OCPP 2.0.1 AuthorizeCertificateStatusEnumType, where a contract certificate was shown."""


class TransactionAnswer(Fact, frozen=True, kw_only=True):
    """The transaction is durable. `charger_transaction_id` is the id for its wire; `id_token` None: none was asked.

    `total_cost` is the running or final cost including taxes, as a decimal text, None where there is none.
    """

    charger_transaction_id: str
    id_token: IdTokenAnswer | None = None
    total_cost: str | None = None


class Acknowledged(Fact, frozen=True, kw_only=True):
    """The event is taken in; there is nothing to say."""


class Judged(Fact, frozen=True, kw_only=True):
    """Yes or no to what a station asked or told; `reason` says why not."""

    is_accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractCertificateAnswer:
    """OCPP 2.0.1 M01, M02: what the contract certificate service said, Base64; without success `reason` says why."""

    is_accepted: bool
    exi_response: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatusAnswer:
    """OCPP 2.0.1 M06: the responder's OCSPResponse (RFC 6960), DER in Base64; None: `reason` says why there is none."""

    ocsp_result: str | None = None
    reason: str = ""


Reply = (
    BootAnswer
    | IdTokenAnswer
    | TransactionAnswer
    | Acknowledged
    | Judged
    | ContractCertificateAnswer
    | CertificateStatusAnswer
)

# --- commands ---

Operation = (
    StartTransaction
    | StopTransaction
    | GetTransactionStatus
    | UpdateCost
    | ShowPrice
    | UnlockConnector
    | ChangeAvailability
    | ReserveNow
    | CancelReservation
    | ClearCache
    | SendLocalList
    | GetLocalListVersion
    | SetVariables
    | GetVariables
    | GetBaseReport
    | GetReport
    | SetNetworkProfile
    | Reset
    | TriggerMessage
    | SetChargingProfile
    | ClearChargingProfile
    | GetChargingProfiles
    | GetCompositeSchedule
    | UpdateFirmware
    | PublishFirmware
    | UnpublishFirmware
    | GetLog
    | GetDiagnostics
    | SetVariableMonitoring
    | ClearVariableMonitoring
    | SetMonitoringBase
    | SetMonitoringLevel
    | GetMonitoringReport
    | GetCustomerInformation
    | SetDisplayMessage
    | GetDisplayMessages
    | ClearDisplayMessage
    | TransferData
    | SendSignedCertificate
    | InstallCertificate
    | GetInstalledCertificateIds
    | DeleteCertificate
)
"""All that a site can ask of a station; what a version of OCPP does not have is refused in its name."""

AnyOperation = Annotated[Operation, Discriminator("operation")]
"""An operation on a wire: told by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCall:
    """A call of OCPP as it is: whatever it means is not known here."""

    action: str
    payload: dict[str, Any]
    operation: Literal["raw"] = "raw"


class MessageLimit(NamedTuple):
    """How much a station takes in one message of a kind, where it told; a longer operation becomes several calls."""

    items: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerCommand:
    """Something that a station is to do; its outcome comes back under `command_id`."""

    command_id: str
    station_id: str
    operation: Operation | RawCall
    limit: MessageLimit | None = None
