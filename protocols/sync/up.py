"""From the edge to the hub: journal entries in batches, and beside them birth, state and live values.

An entry is a fact that lasts. Its identity is (edge_id, epoch, stream, seq); its order is seq, never time.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple, get_args

from pydantic import Discriminator, JsonValue

from protocols.fact import Fact
from protocols.moments import Moment
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.token import Token
from protocols.sync.blocks import TelemetryBlock
from protocols.sync.clock import ClockNoted
from protocols.sync.comparing import DaySummed, OpenTransactionsTold
from protocols.sync.corrections import BillDecided
from protocols.sync.customers import CustomerBody
from protocols.sync.filters import FilterChanged
from protocols.sync.keeping import EntriesShed
from protocols.sync.payments import PaymentBody
from protocols.sync.proof import ChainSealed
from protocols.sync.receipts import ReceiptBody
from protocols.sync.staff import StaffBody
from protocols.sync.tariffs import TariffsChanged
from protocols.sync.topics import Count, Stream
from protocols.sync.upkeep import (
    AvailabilityChanged,
    CertificateAccepted,
    CertificateIssued,
    CertificateRevoked,
    ChargingLimitChanged,
    ChargingProfileCleared,
    ChargingProfileSet,
    DeviationSeen,
    DeviceBody,
    InstalledCertificatesReported,
    LocalListSettled,
    ReservationEnded,
    ReservationMade,
    SecurityEventSeen,
    StationAccepted,
    StationPasswordChanged,
    StationSecurityProfileChanged,
)
from protocols.terms import ChargingState, ConnectorStatus, Measurand, ReadingContext

# --- money -----------------------------------------------------------------------------------------------------------


class TransactionStarted(Fact, frozen=True, kw_only=True):
    """A transaction is acknowledged to the charger. `charger_transaction_id` is the id used on its wire;
    `reservation_id` the reservation that it used."""

    transaction_id: str
    charger_transaction_id: str
    station_id: str
    evse_id: int
    connector_id: int
    token_uid: str | None
    contract_id: str
    meter_start_wh: int
    started_at: Moment
    tariff_id: str
    currency: str
    is_offline: bool = False
    reservation_id: int | None = None
    kind: Literal["transaction_started"] = "transaction_started"


class TransactionEnded(Fact, frozen=True, kw_only=True):
    """A transaction came to its end; the same commit holds its bill. `reason`: OCPP 2.0.1 ReasonEnumType or ours."""

    transaction_id: str
    station_id: str
    evse_id: int
    meter_stop_wh: int
    ended_at: Moment
    reason: str
    kind: Literal["transaction_ended"] = "transaction_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionHandedOver:
    """An open transaction went to another agent of the node with its station: it goes on, and is billed, there.

    `moves` counts the hand-overs of this transaction, this one included.
    """

    transaction_id: str
    station_id: str
    evse_id: int
    to_edge_id: str
    moves: int
    kind: Literal["transaction_handed_over"] = "transaction_handed_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionTakenOver:
    """A transaction that began at another agent of the node goes on here; as TransactionStarted, and with `moves`."""

    transaction_id: str
    charger_transaction_id: str
    station_id: str
    evse_id: int
    connector_id: int
    start_key: str
    token_uid: str | None
    contract_id: str
    meter_start_wh: int
    started_at: Moment
    tariff_id: str
    currency: str
    moves: int
    reservation_id: int | None = None
    kind: Literal["transaction_taken_over"] = "transaction_taken_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionMerged:
    """A transaction just taken over is `into_transaction_id` of this agent, begun anew while the other one could not be
    asked. It has ended, and is billed with that one alone."""

    transaction_id: str
    into_transaction_id: str
    station_id: str
    evse_id: int
    kind: Literal["transaction_merged"] = "transaction_merged"


class CdrIssued(Fact, frozen=True, kw_only=True):
    """The one bill of a transaction."""

    cdr: Cdr
    kind: Literal["cdr_issued"] = "cdr_issued"


class CdrQuarantined(Fact, frozen=True, kw_only=True):
    """A bill that is not plausible: kept with its reasons (`cdr.quarantine`) until a person decides. Not posted."""

    cdr: Cdr
    kind: Literal["cdr_quarantined"] = "cdr_quarantined"


class PostingLeg(Fact, frozen=True, kw_only=True):
    """One side of a posting: `amount` is added to the account's balance (debit positive, credit negative)."""

    account: str
    amount: Decimal


class PostingReason(StrEnum):
    """What a posting is for."""

    CDR = "cdr"
    HOLD = "hold"
    """Money of a wallet, or of what is left of a limit, is set aside for a transaction."""
    RELEASE = "release"
    """What was set aside is free again."""
    PAYMENT = "payment"
    REFUND = "refund"
    VOID = "void"
    CREDIT = "credit"
    """A credit CDR."""
    WRITE_OFF = "write_off"
    TILL = "till"
    """Cash that was put in, taken out, or found too much or too little."""
    TRANSFER = "transfer"
    """Between accounts, by a person or at reunion with the hub."""


class PostingMade(Fact, frozen=True, kw_only=True):
    """A double-entry posting; the legs sum to zero. `key` makes it idempotent: a CDR is posted once. `cdr_id` where it
    is about a bill, `by` is the member of staff where a person did it."""

    posting_id: str
    key: str
    currency: str
    legs: tuple[PostingLeg, ...]
    cdr_id: str | None = None
    reason: PostingReason = PostingReason.CDR
    text: str = ""
    by: str | None = None
    kind: Literal["posting_made"] = "posting_made"


# --- event -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStatusChanged:
    """A connector's status, and the charging state that OCPP 1.6 packs into it."""

    station_id: str
    evse_id: int
    connector_id: int
    status: ConnectorStatus
    charging_state: ChargingState | None = None
    error_code: str | None = None
    kind: Literal["connector_status_changed"] = "connector_status_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConnectionChanged:
    """A charging station's link to the edge came up or went down."""

    station_id: str
    is_online: bool
    ocpp_version: str | None = None
    kind: Literal["station_connection_changed"] = "station_connection_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationBooted:
    """A charging station told what it is. `reason` is OCPP 2.0.1's BootReasonEnumType, or Unknown for 1.6."""

    station_id: str
    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    reason: str = "Unknown"
    kind: Literal["station_booted"] = "station_booted"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenRefused:
    """A driver was turned away; `status` is OCPP 2.0.1's AuthorizationStatusEnumType."""

    station_id: str
    token_uid: str
    status: str
    kind: Literal["id_token_refused"] = "id_token_refused"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRaised:
    """Something a person should look at. The same `alarm_id` is not raised again until it is cleared."""

    alarm_id: str
    alarm: str
    severity: Severity
    text: str
    station_id: str | None = None
    evse_id: int | None = None
    kind: Literal["alarm_raised"] = "alarm_raised"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCleared:
    """The alarm's cause is gone."""

    alarm_id: str
    kind: Literal["alarm_cleared"] = "alarm_cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownStopReceived:
    """A charger ended a transaction that nobody knows: answered and kept, never mapped to another one."""

    station_id: str
    charger_transaction_id: str
    meter_stop_wh: int | None
    ended_at: Moment
    token_uid: str | None = None
    reason: str | None = None
    kind: Literal["unknown_stop_received"] = "unknown_stop_received"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownStopSettled:
    """An end that nobody knew belonged to a transaction of another agent of the node, and has done its part."""

    station_id: str
    charger_transaction_id: str
    transaction_id: str
    kind: Literal["unknown_stop_settled"] = "unknown_stop_settled"


class Outcome(StrEnum):
    """What became of a command: `accepted` and `failed` come from the charger, the others from the edge."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTaken:
    """The edge has remembered the command's id; it is never executed again. `expires_at` as the command says."""

    command_id: str
    command: str
    expires_at: Moment
    kind: Literal["command_taken"] = "command_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFinished:
    """The outcome of a command; `detail` says why it is not `accepted`. `result` is what the station told: by the names
    of the operation, or the payload as it came where the call was raw."""

    command_id: str
    outcome: Outcome
    detail: str = ""
    result: dict[str, JsonValue] | None = None
    kind: Literal["command_finished"] = "command_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentApplied:
    """A desired document took effect at the edge, or `problem` says why not and the last good one stays."""

    document: str
    version: int
    problem: str | None = None
    kind: Literal["document_applied"] = "document_applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensChanged:
    """The token list changed: by an import or a block at the site (`source` "site"), or by a document ("hub").

    `is_complete` replaces all tokens of that source; otherwise the tokens are added or overwritten by uid, and those of
    `removed` (uids as they are compared) go.
    """

    source: Literal["site", "hub"]
    tokens: tuple[Token, ...]
    is_complete: bool = False
    removed: tuple[str, ...] = ()
    kind: Literal["tokens_changed"] = "tokens_changed"


# --- telemetry -------------------------------------------------------------------------------------------------------


class SampledValue(NamedTuple):
    """A meter reading, on the wire an array: `value` in the measurand's base unit (Wh, W, mA, mV, percent), `after_ms`
    behind the entry's `at`."""

    measurand: Measurand
    value: int
    phase: str | None = None
    context: ReadingContext = ReadingContext.SAMPLE_PERIODIC
    after_ms: int = 0


class MeterValuesSampled(Fact, frozen=True, kw_only=True):
    """What the telemetry filter kept of a charger's message, at least one reading. `evse_id` 0: the station itself, or
    a meter of the site that has this id.

    `at` is the time of the earliest of its readings, by the charger's clock where that can be believed. `dropped`
    counts the readings of this EVSE that the filter let go since its entry before. `filter` names the filter's rules:
    what lies between two readings can be told from nothing else.

    Edges before contract 1.1 journaled one for each message; since then they wait at the edge to be packed into a
    TelemetryBlock.
    """

    station_id: str
    evse_id: int
    transaction_id: str | None
    at: Moment
    samples: tuple[SampledValue, ...]
    dropped: int = 0
    filter: str = "deadband-1"
    kind: Literal["meter_values_sampled"] = "meter_values_sampled"


MoneyBody = (
    TransactionStarted
    | TransactionEnded
    | TransactionHandedOver
    | TransactionTakenOver
    | TransactionMerged
    | CdrIssued
    | CdrQuarantined
    | BillDecided
    | ChainSealed
    | OpenTransactionsTold
    | PaymentBody
    | PostingMade
    | ReceiptBody
)
EventBody = (
    StaffBody
    | ClockNoted
    | DaySummed
    | EntriesShed
    | ChargingProfileSet
    | ChargingProfileCleared
    | ChargingLimitChanged
    | ConnectorStatusChanged
    | StationConnectionChanged
    | StationBooted
    | IdTokenRefused
    | AlarmRaised
    | AlarmCleared
    | UnknownStopReceived
    | UnknownStopSettled
    | DeviationSeen
    | CommandTaken
    | CommandFinished
    | DocumentApplied
    | TokensChanged
    | TariffsChanged
    | FilterChanged
    | CustomerBody
    | ReservationMade
    | ReservationEnded
    | LocalListSettled
    | AvailabilityChanged
    | StationAccepted
    | DeviceBody
    | SecurityEventSeen
    | CertificateIssued
    | CertificateAccepted
    | CertificateRevoked
    | InstalledCertificatesReported
    | StationPasswordChanged
    | StationSecurityProfileChanged
)
TelemetryBody = MeterValuesSampled | TelemetryBlock
Body = Annotated[MoneyBody | EventBody | TelemetryBody, Discriminator("kind")]

_STREAMS: Final = {
    **dict.fromkeys(get_args(MoneyBody), Stream.MONEY),
    **dict.fromkeys(get_args(EventBody), Stream.EVENT),
    **dict.fromkeys(get_args(TelemetryBody), Stream.TELEMETRY),
}


def stream_of(body: MoneyBody | EventBody | TelemetryBody) -> Stream:
    """The stream that a body belongs to."""
    return _STREAMS[type(body)]


class Entry(Fact, frozen=True, kw_only=True):
    """A fact in the journal. `at` is the site's wall time when it was decided (aware, UTC)."""

    stream: Stream
    seq: Count
    at: Moment
    body: Body
