"""Journal entries about the upkeep of stations: jobs, variables, charging profiles, security, reservations, local
lists, and what models do otherwise than the standard. `protocols.sync.up` has them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from pydantic import AwareDatetime, JsonValue

from protocols.charger.jobs import AnyJob, FirmwareFile, StepStatus
from protocols.charger.operations.smart_charging import ChargingProfile
from protocols.ocpi.tariff import Tariff


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
class StationSecurityProfileChanged:
    """A station's security profile is being raised (OCPP 2.0.1 A05). `offered`: the station took the new one;
    `adopted`: it came with it, and is let in with no lower one any more; `forgotten`: staff let it in again as it is
    configured.

    `instead_of` is that of the configuration.
    """

    station_id: str
    stage: Literal["offered", "adopted", "forgotten"]
    security_profile: int
    instead_of: int
    kind: Literal["station_security_profile_changed"] = "station_security_profile_changed"


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


LOCAL_LIST_FAILED: Final = "local_list_failed"
"""The alarm about a station that does not take its local list, open until it settles."""


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
