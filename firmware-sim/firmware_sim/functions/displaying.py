"""Messages on the station's display, and what a transaction costs (OCPP 2.0.1 blocks O and I; of 1.6 the OCA's
application note on California pricing). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from firmware_sim.blocks.kept import Shown
from firmware_sim.station_model import StationModel

_PRIORITIES = ("AlwaysFront", "InFront", "NormalCycle")
_FORMATS = ("UTF8", "ASCII")
_MAX_MESSAGES = 20
COST_VENDOR = "org.openchargealliance.costmsg"
_COST_MESSAGES: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "SetUserPrice": {"idToken": str, "priceText": str},
    "RunningCost": {
        "transactionId": int,
        "timestamp": str,
        "meterValue": int,
        "cost": (int, float),
        "state": str,
        "chargingPrice": dict,
    },
    "FinalCost": {"transactionId": int, "cost": (int, float), "priceText": str},
}
"""The fields that each must have."""


def put(model: StationModel, message: Mapping[str, Any]) -> str:
    """SetDisplayMessage."""
    if message["priority"] not in _PRIORITIES:
        return "NotSupportedPriority"
    if message["message"]["format"] not in _FORMATS:
        return "NotSupportedMessageFormat"
    transaction_id = message.get("transaction_id")
    running = {evse.transaction_id for evse in model.evses.values()}
    if transaction_id is not None and transaction_id not in running:
        return "UnknownTransaction"
    if message["id"] not in model.kept.displays and len(model.kept.displays) >= _MAX_MESSAGES:
        return "Rejected"
    model.kept.displays[message["id"]] = dict(message)
    model.note("display_message", number=message["id"], text=message["message"]["content"])
    return "Accepted"


def clear(model: StationModel, number: int) -> str:
    """ClearDisplayMessage."""
    return "Unknown" if model.kept.displays.pop(number, None) is None else "Accepted"


def report(model: StationModel, request_id: int, ids: list[int] | None, priority: str | None, state: str | None) -> str:
    """GetDisplayMessages: the status, and the NotifyDisplayMessages behind it."""
    found = [
        each
        for each in model.kept.displays.values()
        if (not ids or each["id"] in ids)
        and priority in (None, each["priority"])
        and state in (None, each.get("state"))
    ]
    if not found:
        return "Unknown"
    for number, each in enumerate(found, start=1):
        model.tell(
            "NotifyDisplayMessages",
            is_asked=True,
            request_id=request_id,
            message_info=[each],
            tbc=number < len(found),
        )
    return "Accepted"


def forget(model: StationModel) -> None:
    """Messages go with their transaction, or when their time is over (O05, O06)."""
    running = {evse.transaction_id for evse in model.evses.values()}
    for number, each in list(model.kept.displays.items()):
        ends_at, transaction_id = each.get("end_date_time"), each.get("transaction_id")
        is_over = ends_at is not None and datetime.fromisoformat(ends_at) <= model.now
        if is_over or (transaction_id is not None and transaction_id not in running):
            del model.kept.displays[number]


def cost(model: StationModel, transaction_id: str, total: float) -> None:
    """CostUpdated: what the running transaction has cost so far."""
    model.kept.costs[transaction_id] = total
    model.note("cost_updated", transaction_id=transaction_id, total=str(total))


def show_cost(model: StationModel, message: str | None, data: str | None) -> str:
    """DataTransfer of the note: the status. A running cost is for a transaction that runs."""
    if not model.spec.shows_costs:
        return "UnknownVendorId"
    wanted = _COST_MESSAGES.get(message or "")
    if message is None or wanted is None:
        return "UnknownMessageId"
    try:
        told = json.loads(data or "")
    except ValueError:
        return "Rejected"
    if not isinstance(told, dict) or not all(isinstance(told.get(name), kind) for name, kind in wanted.items()):
        return "Rejected"
    if message == "RunningCost" and not _runs(model, told):
        return "Rejected"
    model.kept.shown.append(Shown(message, told))
    what: dict[str, Any] = {
        name: str(told[name]) for name in ("transactionId", "cost", "state", "priceText") if name in told
    }
    model.note("cost_shown", message=message, **what)
    return "Accepted"


def _runs(model: StationModel, told: Mapping[str, Any]) -> bool:
    running = {evse.transaction_id for evse in model.evses.values()} - {None}
    ids = {model.transactions[each].csms_id for each in running if each is not None}
    return told["transactionId"] in ids and told["state"] in ("Charging", "Idle")
