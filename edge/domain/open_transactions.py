"""After a station booted: does it know of what runs here by our account? OCPP 2.0.1 E14.

A transaction that the station has ended, and of which it has nothing more to say, would stay open until it is given up
for lost. It is billed up to what was last heard of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from edge.domain.asking import ask
from edge.domain.billing import end_transaction
from edge.domain.decision import Decision
from edge.domain.site import Site
from edge.domain.station import Station
from edge.domain.transaction import TransactionState
from protocols.charger.abilities import OCPP_16
from protocols.charger.events import CommandAnswered
from protocols.charger.operations.transactions import GetTransactionStatus

FORGOTTEN: Final = "Other"
"""OCPP 2.0.1 ReasonEnumType: the station told none."""


def ask_about_open(site: Site, decision: Decision, station: Station, now: datetime) -> None:
    """Of each transaction that was interrupted and not heard of since; 1.6 cannot be asked."""
    if station.abilities is None or station.abilities == OCPP_16:
        return
    for ref in site.refs_of(station.station_id):
        transaction = site.at_evse(ref)
        if transaction is not None and transaction.state is TransactionState.INTERRUPTED:
            question = GetTransactionStatus(charger_transaction_id=transaction.charger_transaction_id)
            ask(site, decision, station.station_id, question, now)


def note_status(
    site: Site,
    decision: Decision,
    station: Station,
    operation: GetTransactionStatus,
    answer: CommandAnswered,
    now: datetime,
) -> None:
    """What the station has of it. Whatever is left to say will come: only where nothing is, it ends here."""
    told = answer.result or {}
    if not answer.is_accepted or told.get("is_ongoing") is not False or told.get("has_messages_queued") is not False:
        return
    charger_id = operation.charger_transaction_id
    transaction = site.by_charger_id(station.station_id, charger_id) if charger_id is not None else None
    if transaction is not None and transaction.state is TransactionState.INTERRUPTED:
        ended_at = transaction.last_heard_at
        end_transaction(site, decision, transaction, now, meter_stop_wh=None, ended_at=ended_at, reason=FORGOTTEN)
