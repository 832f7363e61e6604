"""From the edge to the hub: journal entries in batches, and beside them birth, state and live values.

An entry is a fact that lasts. Its identity is (edge_id, epoch, stream, seq); its order is seq, never time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple, get_args

from pydantic import AwareDatetime, Discriminator, JsonValue

from protocols.charger.jobs import AnyJob, FirmwareFile, StepStatus
from protocols.charger.operations.smart_charging import ChargingProfile
from protocols.ocpi.cdr import Cdr
from protocols.ocpi.location import Location
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.token import Token
from protocols.sync.topics import Count, Stream
from protocols.terms import ChargingState, ConnectorStatus, EvseState, Measurand, ReadingContext

SCHEMA_VERSION = 1

# --- money -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStarted:
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
    started_at: AwareDatetime
    tariff_id: str
    currency: str
    is_offline: bool = False
    reservation_id: int | None = None
    kind: Literal["transaction_started"] = "transaction_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded:
    """A transaction came to its end; the same commit holds its bill. `reason`: OCPP 2.0.1 ReasonEnumType or ours."""

    transaction_id: str
    station_id: str
    evse_id: int
    meter_stop_wh: int
    ended_at: AwareDatetime
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
    started_at: AwareDatetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrIssued:
    """The one bill of a transaction."""

    cdr: Cdr
    kind: Literal["cdr_issued"] = "cdr_issued"


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrQuarantined:
    """A bill that is not plausible: kept with its reasons (`cdr.quarantine`) until a person decides. Not posted."""

    cdr: Cdr
    kind: Literal["cdr_quarantined"] = "cdr_quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingLeg:
    """One side of a posting: `amount` is added to the account's balance (debit positive, credit negative)."""

    account: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingMade:
    """A double-entry posting; the legs sum to zero. `key` makes it idempotent: a CDR is posted once."""

    posting_id: str
    key: str
    cdr_id: str
    currency: str
    legs: tuple[PostingLeg, ...]
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
    ended_at: AwareDatetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationSeen:
    """Stations of a model did `count` times what the standard does not allow, and were understood all the same.

    `path` is that of the field, without numbers in lists; `frame` the first such message, what is secret masked. Empty
    where a station has not said what it is.
    """

    station_id: str
    vendor: str
    model: str
    firmware_version: str
    action: str
    path: str
    problem: str
    remedy: str
    count: int = 1
    frame: str | None = None
    kind: Literal["deviation_seen"] = "deviation_seen"


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
    expires_at: AwareDatetime
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

    `is_complete` replaces all tokens of that source; otherwise the tokens are added or overwritten by uid.
    """

    source: Literal["site", "hub"]
    tokens: tuple[Token, ...]
    is_complete: bool = False
    kind: Literal["tokens_changed"] = "tokens_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareAdded:
    """The catalogue has a file of firmware; its signature, where it has one, is good."""

    file: FirmwareFile
    kind: Literal["firmware_added"] = "firmware_added"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareRemoved:
    """The catalogue does not offer the file any more."""

    file_id: str
    kind: Literal["firmware_removed"] = "firmware_removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBegun:
    """A job over stations, all of them waiting for their turn, `at_once` at the most. What has not begun by `ends_at`
    fails."""

    job_id: str
    job: AnyJob
    station_ids: tuple[str, ...]
    at_once: int
    ends_at: AwareDatetime
    kind: Literal["job_begun"] = "job_begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStepChanged:
    """How far a station is with a job. `attempt` counts how often it was asked, `request_id` is what it was asked
    under. `result`: for a template {"variables": [{component, variable, wanted, status, read, is_equal}]}, for a log
    {"file", "size_bytes", "sha256"}."""

    job_id: str
    station_id: str
    status: StepStatus
    attempt: int = 0
    detail: str = ""
    request_id: int | None = None
    result: dict[str, JsonValue] | None = None
    kind: Literal["job_step_changed"] = "job_step_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """Every station of a job has come to its end; the three numbers count them."""

    job_id: str
    done: int
    failed: int
    cancelled: int
    kind: Literal["job_ended"] = "job_ended"


class VariableReading(NamedTuple):
    """An attribute of a variable of a station, on the wire an array. For an OCPP 1.6 key `component` is empty where
    2.0.1 has none for it. `value` None: the station tells none, or it is a secret."""

    component: str
    variable: str
    value: str | None
    mutability: str | None = None
    attribute: str = "Actual"
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    data_type: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariablesRead:
    """Variables as a station told them. `report_id` names the report that this is a part of; with its last part
    (`is_complete`) what the report did not name is no more. `identity` stands for the hardware and firmware that was
    asked for all, `problem` says why it did not tell."""

    station_id: str
    variables: tuple[VariableReading, ...]
    report_id: int | None = None
    is_complete: bool = False
    identity: int | None = None
    problem: str = ""
    kind: Literal["variables_read"] = "variables_read"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportKept:
    """A part of a report that a station was asked for: monitors, customer_information or display_messages, the items
    as OCPP 2.0.1 writes them. The newest of each kind is kept. `is_cut`: there was more than is kept."""

    station_id: str
    report: str
    request_id: int
    seq_no: int
    is_last: bool
    items: tuple[dict[str, JsonValue], ...]
    is_cut: bool = False
    kind: Literal["report_kept"] = "report_kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorsLearned:
    """How severe what a station's monitors tell is, by monitor id, 0 the most; None: the monitor is gone."""

    station_id: str
    severities: dict[int, int | None]
    kind: Literal["monitors_learned"] = "monitors_learned"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorEventsReported:
    """OCPP 2.0.1 NotifyEvent: what a station's monitors saw, as written there."""

    station_id: str
    events: tuple[dict[str, JsonValue], ...]
    is_cut: bool = False
    kind: Literal["monitor_events_reported"] = "monitor_events_reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfileSet:
    """A station has accepted a charging profile. EVSE 0: for the station, or each of its EVSEs."""

    station_id: str
    evse_id: int
    profile: ChargingProfile
    installed_at: AwareDatetime
    kind: Literal["charging_profile_set"] = "charging_profile_set"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfileCleared:
    """A charging profile is gone: cleared, replaced, past, or its transaction has ended."""

    station_id: str
    profile_id: int
    kind: Literal["charging_profile_cleared"] = "charging_profile_cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingLimitChanged:
    """Somebody other than the site limits a station (OCPP 2.0.1 NotifyChargingLimit), or does not any more.

    `source` is ChargingLimitSourceEnumType; `evse_id` None: the whole station; `limit_w` None: it did not say.
    """

    station_id: str
    source: str
    evse_id: int | None = None
    limit_w: int | None = None
    is_grid_critical: bool = False
    is_cleared: bool = False
    kind: Literal["charging_limit_changed"] = "charging_limit_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEventSeen:
    """A station reported a security event (OCPP 2.0.1 A04). `count` are all of this type that it ever reported;
    `left_out` says how many before this one were not journaled: a station that floods is counted, not written down."""

    station_id: str
    type: str
    count: int
    is_critical: bool = False
    reported_at: AwareDatetime | None = None
    tech_info: str | None = None
    left_out: int = 0
    kind: Literal["security_event_seen"] = "security_event_seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIssued:
    """The site CA signed a certificate for a station. `serial_number` and `fingerprint` (SHA-256) are hexadecimal,
    `certificate` is PEM; the key is the station's own and known to nobody else."""

    station_id: str
    certificate_type: str
    serial_number: str
    common_name: str
    fingerprint: str
    not_before: AwareDatetime
    not_after: AwareDatetime
    certificate: str
    kind: Literal["certificate_issued"] = "certificate_issued"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAccepted:
    """The station has taken its certificate into use."""

    station_id: str
    serial_number: str
    not_before: AwareDatetime
    not_after: AwareDatetime
    kind: Literal["certificate_accepted"] = "certificate_accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRevoked:
    """A certificate of the site CA is not believed any more, though it has not ended."""

    station_id: str
    serial_number: str
    kind: Literal["certificate_revoked"] = "certificate_revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledCertificatesReported:
    """All certificates that a station says it holds (OCPP 2.0.1 M03): {"certificate_type", "hash_algorithm",
    "issuer_name_hash", "issuer_key_hash", "serial_number", "children"}."""

    station_id: str
    certificates: tuple[dict[str, JsonValue], ...]
    kind: Literal["installed_certificates_reported"] = "installed_certificates_reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationPasswordChanged:
    """A station's password is being changed. `offered`: it is told a new one, and either is good; `adopted`: it came
    with the new one, which is the only good one; `withdrawn`: it did not take it.

    `hashes` are salted hashes of 128 random bits, of no use to whoever reads them; `instead_of` is that of the
    configuration.
    """

    station_id: str
    stage: Literal["offered", "adopted", "withdrawn"]
    hashes: tuple[str, ...] = ()
    instead_of: str = ""
    kind: Literal["station_password_changed"] = "station_password_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationMade:
    """A station took a reservation; `evse_id` None: of any of its EVSEs. `tariff` prices it, and the transaction that
    uses it. `session_id` is its id on a bill where no transaction used it."""

    station_id: str
    reservation_id: int
    evse_id: int | None
    token_uid: str
    group_id: str | None
    contract_id: str
    made_at: AwareDatetime
    expires_at: AwareDatetime
    session_id: str
    tariff: Tariff
    kind: Literal["reservation_made"] = "reservation_made"


class ReservationEnd(StrEnum):
    """How a reservation came to its end; `removed`: the station gave it up, and it costs nothing."""

    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationEnded:
    """A reservation is over. `transaction_id` is the one that used it, and is billed with it."""

    station_id: str
    reservation_id: int
    session_id: str
    reason: ReservationEnd
    ended_at: AwareDatetime
    transaction_id: str | None = None
    kind: Literal["reservation_ended"] = "reservation_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalListSettled:
    """What is known of a station's local list: that it took `version` of its list, with so many `tokens`, which is
    equal to the edge's tokens of `tokens_version`; `checksum` proves it (BLAKE2b of 16 bytes over the list as
    edge.domain.local_lists writes it). `left_out` may charge there and found no room.

    `is_supported` False: the station, with this firmware, has no local list.
    """

    station_id: str
    firmware_version: str | None
    is_supported: bool = True
    version: int = 0
    tokens_version: int = 0
    checksum: str = ""
    tokens: int = 0
    left_out: int = 0
    kind: Literal["local_list_settled"] = "local_list_settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityChanged:
    """A station agreed to put an EVSE out of service or back, or all of it (`evse_id` 0). `is_scheduled`: it does so
    when the transaction ends that still runs."""

    station_id: str
    evse_id: int
    is_operative: bool
    is_scheduled: bool = False
    connector_id: int | None = None
    kind: Literal["availability_changed"] = "availability_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationAccepted:
    """The staff let a station in that was told to wait when it booted."""

    station_id: str
    kind: Literal["station_accepted"] = "station_accepted"


# --- telemetry -------------------------------------------------------------------------------------------------------


class SampledValue(NamedTuple):
    """A meter reading, on the wire an array: `value` in the measurand's base unit (Wh, W, mA, mV, percent), `after_ms`
    behind the entry's `at`."""

    measurand: Measurand
    value: int
    phase: str | None = None
    context: ReadingContext = ReadingContext.SAMPLE_PERIODIC
    after_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValuesSampled:
    """What the telemetry filter kept of a charger's message, at least one reading. `evse_id` 0: the station itself.

    `at` is the time of the earliest of its readings, by the charger's clock where that can be believed. `dropped`
    counts the readings of this EVSE that the filter let go since its entry before. `filter` names the filter's rules:
    what lies between two readings can be told from nothing else.
    """

    station_id: str
    evse_id: int
    transaction_id: str | None
    at: AwareDatetime
    samples: tuple[SampledValue, ...]
    dropped: int = 0
    filter: str = "deadband-1"
    kind: Literal["meter_values_sampled"] = "meter_values_sampled"


DeviceBody = (
    FirmwareAdded
    | FirmwareRemoved
    | JobBegun
    | JobStepChanged
    | JobEnded
    | VariablesRead
    | ReportKept
    | MonitorsLearned
    | MonitorEventsReported
)
"""What stations were told and told of themselves."""
MoneyBody = (
    TransactionStarted
    | TransactionEnded
    | TransactionHandedOver
    | TransactionTakenOver
    | TransactionMerged
    | CdrIssued
    | CdrQuarantined
    | PostingMade
)
EventBody = (
    ChargingProfileSet
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
)
TelemetryBody = MeterValuesSampled
Body = Annotated[MoneyBody | EventBody | TelemetryBody, Discriminator("kind")]

_STREAMS: Final = {
    **dict.fromkeys(get_args(MoneyBody), Stream.MONEY),
    **dict.fromkeys(get_args(EventBody), Stream.EVENT),
    TelemetryBody: Stream.TELEMETRY,
}


def stream_of(body: MoneyBody | EventBody | TelemetryBody) -> Stream:
    """The stream that a body belongs to."""
    return _STREAMS[type(body)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A fact in the journal. `at` is the site's wall time when it was decided (aware, UTC)."""

    stream: Stream
    seq: Count
    at: AwareDatetime
    body: Body


# --- beside the journal ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseLive:
    """The present of one EVSE. `cost` is before taxes; None where nothing is measured or no transaction runs."""

    station_id: str
    evse_id: int
    state: EvseState
    power_w: int | None = None
    energy_wh: int | None = None
    state_of_charge_percent: int | None = None
    transaction_id: str | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What changed since the last one, at most once a second; `at` is site time."""

    epoch: str
    at: AwareDatetime
    evses: tuple[EvseLive, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPosition:
    """`last_seq` is the newest entry in the journal, `acked_seq` the last that the hub has acknowledged; 0 for none.

    `first_seq` is the oldest entry that is still there: what was before it went by retention and cannot be sent again.
    """

    stream: Stream
    last_seq: Count
    acked_seq: Count
    first_seq: Count = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """Who an edge is and how its site stands, retained. `documents` maps a document's name to the version applied."""

    edge_id: str
    epoch: str
    software_version: str
    at: AwareDatetime
    location: Location
    evses: tuple[EvseLive, ...]
    streams: tuple[StreamPosition, ...]
    documents: dict[str, int] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeState:
    """Retained, and the connection's last will. `epoch` tells whose will it is."""

    status: Literal["online", "offline"]
    epoch: str
