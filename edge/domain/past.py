"""Transactions that ended: what repeated and late messages still ask about them."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.fact import Fact


class PastTransaction(Fact, frozen=True, kw_only=True):
    """What is still asked about a transaction that has ended: its ids, for a repeated message."""

    transaction_id: str
    charger_transaction_id: str
    station_id: str
    start_key: str
    token_uid: str | None
    end_reason: str = ""
    moves: int = 0


@dataclass(frozen=True, slots=True)
class PastKey:
    """A transaction that an event names and memory does not hold: the agent asks the ledger before it decides."""

    station_id: str
    start_key: str | None = None
    charger_transaction_id: str | None = None
    transaction_id: str | None = None
    """For one that was handed over between agents."""
    cdr_id: str | None = None
    """Not the transaction is asked for but this bill."""
