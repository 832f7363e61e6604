"""What happened, told as it happens (lines for people, JSON lines for programs) and summed up at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from firmware_sim.messages import Note, iso
from firmware_sim.station_model import StationModel

Teller = Callable[[str, Note], None]
"""Takes the station's id and the note."""


def silent(station_id: str, note: Note) -> None:
    """Tells nothing."""


def plain_line(station_id: str, note: Note) -> str:
    """One compact line for people."""
    where = station_id if note.evse_id is None else f"{station_id}*{note.evse_id}"
    detail = " ".join(f"{key}={value}" for key, value in note.detail.items())
    return f"{note.at:%H:%M:%S} {where:<8} {note.what} {detail}".rstrip()


def json_line(station_id: str, note: Note) -> str:
    """One JSON object: site time, station, EVSE, what, and what else there is to say."""
    body = {"at": iso(note.at), "station": station_id, "evse": note.evse_id, "what": note.what} | dict(note.detail)
    return json.dumps(body, ensure_ascii=False)


def finished_transactions(charger: StationModel) -> list[dict[str, Any]]:
    """The charger's own account of its finished transactions: the truth that bills are compared with."""
    return [
        {
            "station": charger.spec.station_id,
            "ocpp": charger.spec.ocpp.value,
            "evse": each.evse_id,
            "id_token": each.id_token,
            "transaction_id": each.transaction_id if charger.spec.ocpp.value != "ocpp1.6" else each.csms_id,
            "meter_start_wh": each.meter_start_wh,
            "meter_stop_wh": each.meter_stop_wh,
            "started_at": iso(each.started_at),
            "ended_at": iso(each.ended_at),
            "reason": each.reason.value if each.reason else None,
            "acknowledged_start": each.acknowledged_start,
            "acknowledged_stop": each.acknowledged_stop,
        }
        for each in charger.transactions.values()
        if each.ended_at is not None
    ]
