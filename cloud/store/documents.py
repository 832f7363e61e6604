"""How a row is told to the world: the same JSON object over REST and in the feed. Money is text, times end in Z."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import orjson

_SESSION: Final = (
    "id", "edge_id", "location_id", "station_id", "evse_id", "status", "token_uid", "contract_id", "is_offline",
    "start_date_time", "end_date_time", "meter_start_wh", "meter_stop_wh", "energy_wh", "tariff_id", "currency",
)  # fmt: skip
_ALARM: Final = (
    "id", "edge_id", "location_id", "alarm_id", "alarm", "severity", "text", "station_id", "evse_id", "raised_at",
    "cleared_at",
)  # fmt: skip
_DEVIATION: Final = (
    "id", "edge_id", "vendor", "model", "firmware_version", "action", "path", "problem", "remedy", "count", "first_at",
    "last_at", "station_id", "frame",
)  # fmt: skip
_SECURITY_EVENT: Final = (
    "id", "edge_id", "station_id", "type", "is_critical", "count", "first_at", "last_at", "tech_info",
)  # fmt: skip
_CERTIFICATE: Final = (
    "edge_id", "station_id", "serial_number", "certificate_type", "common_name", "fingerprint", "not_before",
    "not_after", "issued_at", "accepted_at", "revoked_at",
)  # fmt: skip
_EVSE: Final = (
    "station_id", "evse_id", "label", "max_power_w", "tariff_id", "state", "as_of", "power_w", "energy_wh",
    "state_of_charge_percent", "transaction_id", "cost", "connector_status", "charging_state", "error_code",
)  # fmt: skip


_PAYMENT: Final = (
    "edge_id", "contract_id", "cdr_id", "method", "state", "amount", "currency", "refunded", "at", "provider",
    "provider_ref", "till_session_id", "given", "change", "reverses", "text",
)  # fmt: skip


def to_json(value: object) -> bytes:
    """Ordinary JSON: times as ISO 8601 with Z, money as text."""
    return orjson.dumps(value, default=_encode, option=orjson.OPT_UTC_Z)


def session_document(row: Mapping[Any, Any]) -> dict[str, Any]:
    document = {name: row[name] for name in _SESSION}
    cost = (row["cost_excl_vat"], row["cost_incl_vat"])
    document["total_cost"] = None if None in cost else {"excl_vat": cost[0], "incl_vat": cost[1]}
    document["stop_reason"] = row["stop_reason"]
    document["cdr_id"] = row["cdr_id"]
    document["last_updated"] = row["updated_at"]
    return document


def alarm_document(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _ALARM} | {"status": "open" if row["cleared_at"] is None else "cleared"}


def payment_document(row: Mapping[Any, Any]) -> dict[str, Any]:
    mine = {"id": row["payment_id"], **{name: row[name] for name in _PAYMENT}}
    return mine | {"by": row["staff"], "last_updated": row["updated_at"]}


def balance_document(
    contract_id: str, edge_id: str, currency: str, *, balance: Decimal, held: Decimal
) -> dict[str, Any]:
    """What a contract owes at one edge, what is held included; negative where the edge has its money."""
    return {"contract_id": contract_id, "edge_id": edge_id, "currency": currency, "balance": balance, "held": held}


def security_event_document(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _SECURITY_EVENT}


def certificate_document(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _CERTIFICATE}


def deviation_document(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _DEVIATION}


def evse_document(row: Mapping[Any, Any], *, is_stale: bool) -> dict[str, Any]:
    """`is_stale` says that the edge cannot be heard: the values are those of `as_of`, not of now."""
    return {name: row[name] for name in _EVSE} | {"is_stale": is_stale}


def _encode(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"no JSON for {type(value).__name__}")
