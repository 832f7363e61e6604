"""How a station answers a command of ours; alike in both versions for all that carries a status."""

from __future__ import annotations

from typing import Any

from protocols.ocpp.reading import read_text


def read_outcome(payload: dict[str, Any]) -> tuple[bool, str]:
    """Is it accepted, and otherwise why not: the status, and 2.0.1's statusInfo where there is one."""
    status = read_text(payload.get("status")) or "no status"
    if status == "Accepted":
        return True, ""
    info = payload.get("statusInfo")
    reasons = (info.get("reasonCode"), info.get("additionalInfo")) if isinstance(info, dict) else ()
    return False, ": ".join([status, *(text for reason in reasons if (text := read_text(reason)))])
