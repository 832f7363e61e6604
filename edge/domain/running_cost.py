"""Functional block I: what a transaction costs so far, told to stations that show it to the driver (I02, I03); and what
OCPP 1.6 stations are told that can show prices and costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from edge.domain.asking import ask
from edge.domain.cost_displays import Shown
from edge.domain.decision import Decision
from edge.domain.pricing.price import price_session
from edge.domain.shown_prices import bill_text, price_text, prices_now
from edge.domain.site import Site
from edge.domain.station import Station
from edge.domain.transaction import Transaction
from protocols.charger.operations.transactions import ShowPrice, UpdateCost
from protocols.ocpi.cdr import Cdr

AT_ONCE: Final = 100
"""Stations that are told in one tick; the others come with the next."""
FRESH: Final = timedelta(minutes=5)
"""What a transaction cost that ended longer ago, while its station was away, is nothing for its display any more."""
SHOWN_BY: Final = frozenset({"2.0.1", "2.1"})


def running_cost(transaction: Transaction, now: datetime) -> Decimal:
    """What the driver owes so far, taxes included."""
    return price_session(transaction.tariff, transaction.charging_periods(now), transaction.time_zone).total.incl_vat


def cost_to_tell(site: Site, transaction: Transaction, now: datetime) -> str | None:
    """For the answer to an update of the transaction, where the site tells running costs."""
    return str(running_cost(transaction, now)) if site.rules.running_cost_every is not None else None


def tell_costs(site: Site, decision: Decision, now: datetime) -> None:
    """Of what runs at stations that can show it: where they have not been told for long, and where what a 1.6 station
    reckons on by itself is right no more."""
    every = site.rules.running_cost_every
    if every is None:
        return
    told = 0
    for transaction in site.transactions.values():
        station = site.stations.get(transaction.station_id)
        if told == AT_ONCE or station is None or not station.is_online or station.abilities is None:
            continue
        if station.abilities.ocpp_version in SHOWN_BY:
            if now - site.cost_told.get(transaction.transaction_id, transaction.started_at) < every:
                continue
            update = UpdateCost(
                charger_transaction_id=transaction.charger_transaction_id, total_cost=running_cost(transaction, now)
            )
        elif site.displays.has(station) and _is_due(site, transaction, now, every):
            update = cost_for_display(transaction, now)
            site.displays.told[transaction.transaction_id] = Shown(prices=update.prices, is_idle=update.is_idle)
        else:
            continue
        told += 1
        site.cost_told[transaction.transaction_id] = now
        ask(site, decision, transaction.station_id, update, now)
    for ended in site.cost_told.keys() - site.transactions.keys():
        del site.cost_told[ended]
        site.displays.told.pop(ended, None)


# --- OCPP 1.6 ---


def _is_due(site: Site, transaction: Transaction, now: datetime, every: timedelta) -> bool:
    """At once when it has begun, and when another price holds than the one that it was told."""
    told_at = site.cost_told.get(transaction.transaction_id)
    if told_at is None or now - told_at >= every:
        return True
    shown = Shown(prices=prices_now(transaction, now), is_idle=_is_idle(transaction))
    return site.displays.told.get(transaction.transaction_id) != shown


def cost_for_display(transaction: Transaction, now: datetime) -> UpdateCost:
    """What it costs, and all by which its station reckons on from there: it is told the register that it shows."""
    known_wh = transaction.last_wh if transaction.last_wh is not None else transaction.meter_start_wh or 0
    return UpdateCost(
        charger_transaction_id=transaction.charger_transaction_id,
        total_cost=running_cost(transaction, now),
        at=now,
        meter_wh=max(0, known_wh - transaction.offset_wh),
        is_idle=_is_idle(transaction),
        prices=prices_now(transaction, now),
    )


def complete(site: Site, station: Station, update: UpdateCost, now: datetime) -> UpdateCost:
    """What somebody wants shown: where it is a sum alone, an OCPP 1.6 display is told the rest, too."""
    transaction = site.by_charger_id(station.station_id, update.charger_transaction_id)
    is_16 = station.abilities is not None and station.abilities.ocpp_version == "1.6"
    if not is_16 or transaction is None or update.is_final or update.at is not None:
        return update
    return replace(cost_for_display(transaction, now), total_cost=update.total_cost)


def tell_price(site: Site, decision: Decision, station: Station, token_uid: str, now: datetime) -> None:
    """A driver who may charge has presented a card: what it costs them here, where that is the same at every EVSE."""
    if site.rules.running_cost_every is None or not site.displays.has(station):
        return
    token = site.tokens.find(token_uid)
    group_id, contract_id = (token.group_id, token.contract_id) if token is not None else (None, None)
    evses = [site.evses[ref].evse for ref in site.refs_of(station.station_id)]
    tariffs = {site.tariff_of(evse, now, group_id, contract_id) for evse in evses}
    if len(tariffs) != 1:
        return
    text = price_text(tariffs.pop(), site.rules.location.time_zone, now)
    if text:
        ask(site, decision, station.station_id, ShowPrice(token_uid=token_uid, text=text), now)


def tell_final(site: Site, decision: Decision, cdr: Cdr, charger_transaction_id: str, now: datetime) -> None:
    """It was billed so much."""
    station = site.stations[cdr.station_id]
    if site.rules.running_cost_every is None or not station.is_online or not site.displays.has(station):
        return
    if now - cdr.end_date_time < FRESH:
        final = UpdateCost(
            charger_transaction_id=charger_transaction_id,
            total_cost=cdr.total_cost.incl_vat,
            is_final=True,
            text=bill_text(cdr),
        )
        ask(site, decision, cdr.station_id, final, now)


def _is_idle(transaction: Transaction) -> bool:
    return bool(transaction.phases) and not transaction.phases[-1].is_charging
