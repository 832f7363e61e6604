"""From the hub to the edge: acknowledgements, desired documents and commands."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Discriminator, Field

from protocols.charger.commands import AnyOperation
from protocols.charger.jobs import MAX_STATIONS, AnyJob, StationName, StationPattern
from protocols.ocpi.customer import Contract, Customer
from protocols.ocpi.tariff import Tariff
from protocols.ocpi.token import Token
from protocols.sync.filters import DesiredFilter
from protocols.sync.topics import Count, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedEntry:
    """An entry that the hub could not read; it lies in the dead-letter table of both sides."""

    seq: Count
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """All entries of the stream up to and with `seq` are committed at the hub. Retained.

    `resend` asks the edge to go back and send again from `seq` + 1: after a gap, or when the hub has lost its data.
    `entry_at` is when the entry `seq` was made, as the edge wrote it: where it is another one than the edge's, this Ack
    is for another agent, such as a clone. The answer to a birth names it by its time, `birth_at`, and says what the
    hub's clock shows, `hub_at`.
    """

    epoch: str
    stream: Stream
    seq: Count
    rejected: tuple[RejectedEntry, ...] = ()
    resend: bool = False
    entry_at: str | None = None
    birth_at: AwareDatetime | None = None
    hub_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredTokens:
    """All tokens that the hub wants the edge to know. Retained; a higher `version` replaces a lower one."""

    version: Count
    tokens: tuple[Token, ...]
    document: Literal["tokens"] = "tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredAccounts:
    """All customers and contracts that the hub wants the edge to know, and what the other edges posted to contracts up
    to `as_of`: by contract, debit positive, holds for running transactions included. Retained, as DesiredTokens."""

    version: Count
    customers: tuple[Customer, ...]
    contracts: tuple[Contract, ...]
    balances: dict[str, Decimal]
    as_of: AwareDatetime
    document: Literal["accounts"] = "accounts"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredTariffs:
    """All tariffs that the hub wants its edges to know; each takes those of its own currency. Retained, as
    DesiredTokens."""

    version: Count
    tariffs: tuple[Tariff, ...]
    document: Literal["tariffs"] = "tariffs"


AnyDocument = DesiredTokens | DesiredAccounts | DesiredTariffs | DesiredFilter
DOCUMENTS: Final[dict[str, type[AnyDocument]]] = {
    "tokens": DesiredTokens,
    "accounts": DesiredAccounts,
    "tariffs": DesiredTariffs,
    "filter": DesiredFilter,
}
"""Desired documents by the name that their topic ends with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStart:
    """Start a transaction at an EVSE for a token."""

    station_id: str
    evse_id: int
    token_uid: str
    command: Literal["remote_start"] = "remote_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStop:
    """Stop a running transaction."""

    transaction_id: str
    command: Literal["remote_stop"] = "remote_stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operate:
    """Have a charging station do something that all versions of OCPP name alike."""

    station_id: str
    operation: AnyOperation
    command: Literal["operate"] = "operate"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStation:
    """Send a charging station a call of OCPP as it is; the outcome brings its answer as it came."""

    station_id: str
    action: str
    payload: dict[str, Any]
    command: Literal["call_station"] = "call_station"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartJob:
    """Do something at many stations: those of `station_ids`, or without them all that `match`. The outcome's result is
    {"job_id", "stations"}. `at_once` and `give_up_after_s` are the site's own where they are None."""

    job: AnyJob
    station_ids: Annotated[tuple[StationName, ...], Field(max_length=MAX_STATIONS)] = ()
    match: StationPattern | None = None
    at_once: Annotated[int, Field(ge=1, le=MAX_STATIONS)] | None = None
    give_up_after_s: Annotated[int, Field(ge=60, le=90 * 86_400)] | None = None
    command: Literal["start_job"] = "start_job"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJob:
    """Ask no further stations of a job. Those that were asked already may go on: no version of OCPP can call them
    back."""

    job_id: str
    command: Literal["cancel_job"] = "cancel_job"


CommandBody = Annotated[
    RemoteStart | RemoteStop | Operate | CallStation | StartJob | CancelJob, Discriminator("command")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Executed at most once and never after `expires_at`; the outcome is a journal entry."""

    id: str
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    body: CommandBody
