"""The simulator's own language, free of OCPP versions: events into the charger model, outputs out of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from firmware_sim.blocks.charging_profiles import ChargingProfile
from firmware_sim.meter import Reading
from firmware_sim.orders import Downloaded, Job, KeyMade, Reconnect, Uploaded
from firmware_sim.vehicle import Vehicle
from protocols.terms import ChargingState


def iso(at: datetime) -> str:
    """A timestamp as it goes on the wire and into the summary: UTC, milliseconds, `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """A timestamp of the CSMS; one without a zone is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


CARD_TYPE = "ISO14443"
"""OCPP 2.0.1 IdTokenEnumType of an RFID card; the tokens of remote starts bring their own."""


def masked(id_token: str) -> str:
    """An IdToken fit for a log: its last four characters."""
    return "…" + id_token[-4:]


class ConnectorState(StrEnum):
    """OCPP 1.6 ChargePointStatus (§7.7); OCPP 2.0.1 sees a coarser picture of the same."""

    AVAILABLE = "Available"
    RESERVED = "Reserved"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class Trigger(StrEnum):
    """OCPP 2.0.1 TriggerReasonEnumType: the reasons this charger has to send a TransactionEvent."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    REMOTE_START = "RemoteStart"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    METER_VALUE_CLOCK = "MeterValueClock"
    TRIGGER = "Trigger"
    STOP_AUTHORIZED = "StopAuthorized"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    REMOTE_STOP = "RemoteStop"
    DEAUTHORIZED = "Deauthorized"
    RESET_COMMAND = "ResetCommand"
    UNLOCK_COMMAND = "UnlockCommand"
    ABNORMAL_CONDITION = "AbnormalCondition"


class StopReason(StrEnum):
    """Why a transaction ended, in OCPP 1.6's words (§7.36); the 2.0.1 mouth has its own for the resets."""

    LOCAL = "Local"
    REMOTE = "Remote"
    EV_DISCONNECTED = "EVDisconnected"
    POWER_LOSS = "PowerLoss"
    DEAUTHORIZED = "DeAuthorized"
    SOFT_RESET = "SoftReset"
    HARD_RESET = "HardReset"
    UNLOCK_COMMAND = "UnlockCommand"
    MASTER_PASS = "MasterPass"  # noqa: S105  a reason, no password
    OTHER = "Other"


class Phase(StrEnum):
    """OCPP 2.0.1 TransactionEventEnumType."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class BootReason(StrEnum):
    """OCPP 2.0.1 BootReasonEnumType, those a simulated charger knows."""

    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"


# --- messages: what the charger says to the CSMS --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BootMessage:
    """The charger is up; nothing else may be sent before it was accepted (OCPP 1.6 §4.2)."""

    reason: BootReason


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatMessage:
    """A sign of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMessage:
    """A connector's state; EVSE 0 is the station itself. `previous` None: told although nothing changed."""

    evse_id: int
    state: ConnectorState
    previous: ConnectorState | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeMessage:
    """May this IdToken charge?"""

    evse_id: int
    id_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleMeterMessage:
    """A reading outside of any transaction."""

    evse_id: int
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionMessage:
    """One step of a transaction. Queued until answered, replayed in order with its own time, never altered."""

    phase: Phase
    transaction_id: str
    evse_id: int
    seq_no: int
    trigger: Trigger
    charging_state: ChargingState
    reading: Reading
    offline: bool
    at: datetime
    id_token: str | None = None
    remote_start_id: int | None = None
    reason: StopReason | None = None
    reservation_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """A call in the words of the station's own OCPP version: an action, and a payload with names in snake_case.

    `is_asked`: it follows from a request of the CSMS and may be sent while the boot is pending (2.0.1 B02).
    """

    action: str
    payload: Mapping[str, Any]
    is_asked: bool = False


Message = (
    BootMessage | HeartbeatMessage | StatusMessage | AuthorizeMessage | IdleMeterMessage | TransactionMessage | Said
)


# --- answers: what the CSMS said to a message -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BootAnswer:
    """`interval_s` is the heartbeat interval when accepted, else the time to wait before the next BootNotification."""

    accepted: bool
    interval_s: int
    pending: bool = False
    """Not yet, but the CSMS may ask already (OCPP 1.6 §4.2, 2.0.1 B02)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """Status of a token; None when the CSMS had nothing to say about it. `csms_id`: a 1.6 transactionId."""

    status: str | None
    csms_id: int | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainAnswer:
    """Heard, and nothing to do about it; also what is said of a message that this OCPP version does not have."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SaidAnswer:
    """What the CSMS answered to a `Said`, with names in snake_case."""

    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused:
    """A CALLERROR, as often as the charger cared to try."""

    code: str


Answer = BootAnswer | TokenAnswer | PlainAnswer | SaidAnswer | CallRefused


# --- events: what happens to the charger ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugged:
    evse_id: int
    vehicle: Vehicle


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplugged:
    evse_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A card held to the reader of an EVSE."""

    evse_id: int
    id_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCut:
    """The mains fail. Also what a simulator finds that was killed and started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRestored:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUp:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLost:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    message: Message
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """No answer came in time; an Authorize is then decided locally, everything else is sent again."""

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorFaulted:
    evse_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCleared:
    evse_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """The EVSE may offer at most `limit_w` (None: its rating)."""

    evse_id: int
    limit_w: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStart:
    """`evse_id` None: the charger chooses."""

    id_token: str
    token_type: str = CARD_TYPE
    evse_id: int | None = None
    remote_start_id: int | None = None
    group: str | None = None
    profile: ChargingProfile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStop:
    """The transaction by the id the CSMS knows: an int in 1.6, the charger's own in 2.0.1."""

    transaction: int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityChanged:
    """EVSE 0 means all of them."""

    evse_id: int
    operative: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRequested:
    hard: bool
    when_idle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebooted:
    """The firmware started again after a Reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockRequested:
    evse_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """TriggerMessage: `what` is the message that is wanted; EVSE 0 means all. `is_extended`: 1.6's other way."""

    what: str
    evse_id: int = 0
    is_extended: bool = False


Event = (
    Plugged
    | Unplugged
    | Presented
    | PowerCut
    | PowerRestored
    | LinkUp
    | LinkLost
    | Answered
    | Unanswered
    | ConnectorFaulted
    | FaultCleared
    | Limited
    | RemoteStart
    | RemoteStop
    | AvailabilityChanged
    | ResetRequested
    | Rebooted
    | UnlockRequested
    | Triggered
    | Downloaded
    | Uploaded
    | KeyMade
)


# --- other outputs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the CSMS is answered to its request: Accepted, Rejected, Scheduled, NotImplemented, Unlocked …"""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot:
    """The firmware restarts as soon as what is queued has been told (`hard`: at once)."""

    hard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something worth telling: one line of the story. Never holds an IdToken in clear."""

    what: str
    at: datetime
    evse_id: int | None = None
    detail: Mapping[str, str | int | bool | None]


Output = Message | Reply | Reboot | Reconnect | Job | Note
