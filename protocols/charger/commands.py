"""What a site tells its chargers: answers to their requests, and commands in the imperative."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from protocols.terms import AuthorizationStatus

# --- replies: the answer to the event that was just decided ---


@dataclass(frozen=True, slots=True, kw_only=True)
class BootAnswer:
    """The station is accepted; it should send a Heartbeat every `heartbeat_interval_s`."""

    at: datetime
    heartbeat_interval_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenAnswer:
    """May the token charge? `group_id` lets another token of the group stop the transaction."""

    status: AuthorizationStatus
    group_id: str | None = None
    expires_at: datetime | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionAnswer:
    """The transaction is durable. `charger_transaction_id` is the id for its wire; `id_token` None: none was asked.

    `total_cost` is the running or final cost including taxes, as a decimal text, None where there is none.
    """

    charger_transaction_id: str
    id_token: IdTokenAnswer | None = None
    total_cost: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The event is taken in; there is nothing to say."""


Reply = BootAnswer | IdTokenAnswer | TransactionAnswer | Acknowledged

# --- commands ---


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTransaction:
    """OCPP 1.6 RemoteStartTransaction, 2.0.1 RequestStartTransaction. `remote_start_id` is ours, unique per station."""

    command_id: str
    station_id: str
    evse_id: int
    token_uid: str
    remote_start_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTransaction:
    """OCPP 1.6 RemoteStopTransaction, 2.0.1 RequestStopTransaction."""

    command_id: str
    station_id: str
    charger_transaction_id: str


ChargerCommand = StartTransaction | StopTransaction
