"""Functional block I: what a transaction costs so far, told to stations that show it to the driver (I02, I03)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from edge.domain.asking import ask
from edge.domain.decision import Decision
from edge.domain.pricing.price import price_session
from edge.domain.site import Site
from edge.domain.station import Station
from edge.domain.transaction import Transaction
from protocols.charger.operations.transactions import UpdateCost

AT_ONCE: Final = 100
"""Stations that are told in one tick; the others come with the next."""
_SHOWN_BY: Final = frozenset({"2.0.1", "2.1"})


def running_cost(transaction: Transaction, now: datetime) -> Decimal:
    """What the driver owes so far, taxes included."""
    return price_session(transaction.tariff, transaction.charging_periods(now), transaction.time_zone).total.incl_vat


def cost_to_tell(site: Site, transaction: Transaction, now: datetime) -> str | None:
    """For the answer to an update of the transaction, where the site tells running costs."""
    return str(running_cost(transaction, now)) if site.rules.running_cost_every is not None else None


def tell_costs(site: Site, decision: Decision, now: datetime) -> None:
    """CostUpdated for what runs at stations that can show it, and has not been told for long."""
    every = site.rules.running_cost_every
    if every is None:
        return
    told = 0
    for transaction in site.transactions.values():
        station = site.stations.get(transaction.station_id)
        since = site.cost_told.get(transaction.transaction_id, transaction.started_at)
        if told == AT_ONCE or now - since < every or station is None or not _shows_costs(station):
            continue
        told += 1
        site.cost_told[transaction.transaction_id] = now
        cost = UpdateCost(
            charger_transaction_id=transaction.charger_transaction_id, total_cost=running_cost(transaction, now)
        )
        ask(site, decision, transaction.station_id, cost, now)
    for ended in site.cost_told.keys() - site.transactions.keys():
        del site.cost_told[ended]


def _shows_costs(station: Station) -> bool:
    return station.is_online and station.abilities is not None and station.abilities.ocpp_version in _SHOWN_BY
