"""All that the site decides upon: what chargers did, what the hub and the staff want, and the passing of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from edge.domain.clock_events import ClockEvent
from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.customer_events import CustomerEvent
from edge.domain.disk_events import DiskEvent
from edge.domain.list_events import AccountsListed, ListBroken, TokensListed
from edge.domain.past import PastTransaction
from edge.domain.payment_events import PaymentEvent, PaymentReply
from edge.domain.proof_events import ChainGrown, DayReckoned
from edge.domain.receipt_events import ReceiptEvent, ReceiptReply
from edge.domain.staff_events import StaffEvent
from edge.domain.telemetry_events import ReadingsPacked
from edge.domain.transaction import Transaction
from protocols.charger.commands import Acknowledged, Operation, Reply
from protocols.charger.events import ChargerEvent
from protocols.charger.jobs import FirmwareFile
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.token import Token
from protocols.sync.down import Ack, Command, DesiredAccounts, DesiredTariffs, DesiredTokens
from protocols.sync.filters import DesiredFilter
from protocols.sync.up import UnknownStopReceived


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensImported:
    """The staff brought a token list; `replaces_all` drops the site's other own tokens."""

    tokens: tuple[Token, ...]
    replaces_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffsImported:
    """The staff brought tariffs; `replaces_all` drops those that it brought before."""

    tariffs: tuple[Tariff, ...]
    by: str
    replaces_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBlocked:
    """The staff blocked a token, or let it in again."""

    uid: str
    is_blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentUnreadable:
    """The hub sent a desired document that does not decode; the last good one stays."""

    document: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCallAnswered:
    """A station answered a raw call, which means this operation. Nothing was asked of the site before."""

    station_id: str
    operation: Operation
    is_accepted: bool
    detail: str = ""
    result: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareFileAdded:
    """The staff put a file into the catalogue of firmware: it lies there, and its signature is good."""

    file: FirmwareFile


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareFileRemoved:
    """The staff takes a file out of the catalogue of firmware."""

    file_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFetched:
    """The file server gave a station so much of a job's file. `is_whole`: its last byte went out."""

    job_id: str
    station_id: str
    sent_bytes: int
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBrought:
    """A station brought the file server a file for a job; it lies in the folder of uploads under `name`."""

    job_id: str
    station_id: str
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkChanged:
    """The hub can be reached, or cannot: the broker is gone, or nothing has been acknowledged for too long."""

    is_online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncLagged:
    """The hub is far behind the journal, or not any more; `text` is for the staff."""

    is_lagging: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimitReached:
    """Stations are turned away because the agent may open no more files; or there is room again."""

    is_reached: bool
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StationsClaimed:
    """Another agent of the node has these stations on its sockets and asks for what is open of them here."""

    station_ids: tuple[str, ...]
    by_edge_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAnswered:
    """What other agents of the node had of a station that came to this one.

    `given` are copies of transactions that are this agent's from now on, `ended` the last that were ended there,
    `stops` the ends kept there for transactions that nobody knew. `is_complete`: no agent is left that was not asked
    since `claim`, the number that `NotAtHome` told.
    """

    station_id: str
    claim: int
    is_complete: bool
    last_charger_number: int = 0
    given: tuple[Transaction, ...] = ()
    ended: tuple[PastTransaction, ...] = ()
    stops: tuple[UnknownStopReceived, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerChanged:
    """Another agent of the node could not be asked, or can be again."""

    edge_id: str
    is_reachable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmDismissed:
    """The staff has seen to an alarm."""

    alarm_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSigned:
    """The site CA made a certificate for a station; see protocols.sync.up.CertificateIssued. `chain` is what the
    station is sent: PEM, its own certificate first."""

    station_id: str
    certificate_type: str
    serial_number: str
    common_name: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    certificate: str
    chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningFailed:
    """The site CA could not sign."""

    station_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationOrdered:
    """The staff takes back a certificate that the site CA signed."""

    station_id: str
    serial_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged:
    """How the change of a station's password goes on; see protocols.sync.up.StationPasswordChanged."""

    station_id: str
    stage: Literal["offered", "adopted", "withdrawn"]
    hashes: tuple[str, ...] = ()
    instead_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityProfileChanged:
    """How the raising of a station's profile goes on; see protocols.sync.upkeep.StationSecurityProfileChanged."""

    station_id: str
    stage: Literal["offered", "adopted", "forgotten"]
    security_profile: int
    instead_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFailed:
    """A fault of ours: an event could not be decided and was refused."""

    event_type: str
    station_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLetIn:
    """The staff accepts a station that was told to wait when it booted."""

    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time has passed: a second of the machine's time or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The agent has read its ledger and begins; always the first event."""


SiteEvent = (
    ChargerEvent
    | Ack
    | Command
    | DesiredAccounts
    | DesiredFilter
    | AccountsListed
    | ListBroken
    | TokensListed
    | DesiredTariffs
    | DesiredTokens
    | CustomerEvent
    | DocumentUnreadable
    | TokensImported
    | TariffsImported
    | TokenBlocked
    | RawCallAnswered
    | FirmwareFileAdded
    | FirmwareFileRemoved
    | FileFetched
    | FileBrought
    | UplinkChanged
    | SyncLagged
    | StationsClaimed
    | ClaimAnswered
    | PeerChanged
    | ConnectionLimitReached
    | AlarmDismissed
    | CertificateSigned
    | SigningFailed
    | RevocationOrdered
    | PasswordChanged
    | SecurityProfileChanged
    | DecisionFailed
    | BillDecisionAsked
    | ChainGrown
    | DayReckoned
    | ClockEvent
    | DiskEvent
    | ReadingsPacked
    | PaymentEvent
    | StaffEvent
    | StationLetIn
    | ReceiptEvent
    | Ticked
    | Restarted
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The request is carried out and durable; `text` says what was done, for a person."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The request is not carried out; `reason` says why and what to do."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The station is with another agent of the node: it says there what it said, and is not answered here."""

    station_id: str


class NotAtHome(Acknowledged, frozen=True, kw_only=True):
    """The station is connected, but the other agents of the node must be asked for what they have of it."""

    claim: int


StaffReply = Done | Elsewhere | PaymentReply | BillSettled | ReceiptReply
"""What no station is answered."""
SiteReply = Reply | Refused | StaffReply
