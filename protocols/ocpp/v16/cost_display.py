"""Prices and costs on a station's display, as the OCA's application note "OCPP & California Pricing Requirements" puts
them into DataTransfer (OCPP 1.6 §5.6): SetUserPrice, RunningCost and FinalCost."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from protocols.charger.operations.transactions import ShowPrice, UnitPrices, UpdateCost
from protocols.errors import BadText
from protocols.ocpp.dialect import Calls, Payload
from protocols.ocpp.reading import write_stamp
from protocols.ocpp.v16.smart_charging import render_transaction_id
from protocols.ocpp.v16.wording import id_tag

VENDOR: Final = "org.openchargealliance.costmsg"
_JSON: Final = msgspec.json.Encoder(decimal_format="number")
"""A sum keeps the decimals that it has."""
_MAX_COST: Final = Decimal(10**9)


def render_show_price(show: ShowPrice) -> Calls:
    """SetUserPrice. Raises BadText where the token does not fit."""
    return _calls("SetUserPrice", {"idToken": id_tag(show.token_uid), "priceText": show.text})


def render_update_cost(update: UpdateCost) -> Calls:
    """RunningCost or FinalCost. Raises BadText where the transaction has no number, the sum is no cost, or it is not
    said what a running cost is the cost of."""
    transaction_id = render_transaction_id(update.charger_transaction_id)
    if update.total_cost >= _MAX_COST:
        raise BadText("a cost of a thousand million or more: no display takes that")
    cost = _amount(update.total_cost)
    if update.is_final:
        text = update.text or str(cost)
        return _calls("FinalCost", {"transactionId": transaction_id, "cost": cost, "priceText": text})
    if update.at is None or update.meter_wh is None:
        raise BadText("OCPP 1.6 takes a running cost with at and meter_wh alone: the time and the register it is for")
    data: Payload = {
        "transactionId": transaction_id,
        "timestamp": write_stamp(update.at),
        "meterValue": update.meter_wh,
        "cost": cost,
        "state": "Idle" if update.is_idle else "Charging",
        "chargingPrice": _charging_price(update.prices),
    }
    if update.prices.idle_hour is not None:
        data["idlePrice"] = {
            "graceMinutes": update.prices.grace_min,
            "hourPrice": _amount(update.prices.idle_hour),
        }
    return _calls("RunningCost", data)


def _charging_price(prices: UnitPrices) -> Payload:
    told = {"kWhPrice": prices.kwh, "hourPrice": prices.hour, "flatFee": prices.flat}
    return {name: _amount(price) for name, price in told.items() if price is not None}


def _amount(price: Decimal) -> Decimal:
    """Two decimals at least, and never with an exponent: not every display's parser knows one."""
    if price == price.quantize(Decimal("0.01")):
        return price.quantize(Decimal("0.01"))
    return Decimal(f"{price:f}")


def _calls(message: str, data: Payload) -> Calls:
    return [("DataTransfer", {"vendorId": VENDOR, "messageId": message, "data": _JSON.encode(data).decode()})]
