"""What a charger keeps without power, as one JSON file per station: odometers, known ids, transactions, the queue,
changed variables, the local list and the firmware.

A file is replaced whole (write beside, rename), so a simulator that is killed leaves the old or the new one. It is
not forced to the disk: it survives the end of the process, not of the machine.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from firmware_sim.blocks.tokens import TokenEntry
from firmware_sim.messages import Phase, StopReason, TransactionMessage, Trigger, iso
from firmware_sim.meter import Reading
from firmware_sim.station_model import Remembered
from firmware_sim.transaction import Transaction
from protocols.errors import BadText
from protocols.terms import ChargingState, ReadingContext


class Memory:
    """One station's durable memory; without a folder it remembers nothing and costs nothing."""

    def __init__(self, folder: Path | None, station_id: str) -> None:
        self._file = None if folder is None else folder / f"{station_id.replace('/', '_')}.json"
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)

    def load(self) -> tuple[Remembered, tuple[TransactionMessage, ...]]:
        """What was saved last. Raises BadText for a file that is not one of ours."""
        if self._file is None or not self._file.exists():
            return Remembered(), ()
        try:
            saved = json.loads(self._file.read_text())
            remembered = Remembered(
                register_uj={int(evse_id): int(uj) for evse_id, uj in saved["register_uj"].items()},
                accepted=frozenset(saved["accepted"]),
                transactions=tuple(_transaction(each) for each in saved["transactions"]),
                saved_at=datetime.fromisoformat(saved["saved_at"]),
                values={(*row[:3], int(row[3])): row[4] for row in saved.get("values", ())},
                list_version=saved.get("list_version", 0),
                list_entries=tuple(_entry(each) for each in saved.get("list_entries", ())),
                firmware=saved.get("firmware"),
            )
            return remembered, tuple(_message(each) for each in saved["queue"])
        except (ValueError, KeyError, TypeError) as error:
            raise BadText(f"{self._file}: not a station's memory ({error}); delete it to begin anew") from error

    def save(self, remembered: Remembered, queue: tuple[TransactionMessage, ...]) -> None:
        """Replace what was saved."""
        if self._file is None:
            return
        body = {
            "saved_at": iso(remembered.saved_at),
            "register_uj": dict(remembered.register_uj),
            "accepted": sorted(remembered.accepted),
            "transactions": [asdict(each) for each in remembered.transactions],
            "values": [[*key, value] for key, value in remembered.values.items()],
            "list_version": remembered.list_version,
            "list_entries": [asdict(each) for each in remembered.list_entries],
            "firmware": remembered.firmware,
            "queue": [asdict(each) for each in queue],
        }
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(body, default=_json_time, separators=(",", ":")))
        beside.replace(self._file)


def _json_time(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} does not belong into a memory")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _entry(saved: dict[str, Any]) -> TokenEntry:
    return TokenEntry(**{**saved, "expires_at": _time(saved["expires_at"])})


def _transaction(saved: dict[str, Any]) -> Transaction:
    return Transaction(
        **{
            **saved,
            "started_at": datetime.fromisoformat(saved["started_at"]),
            "ended_at": _time(saved["ended_at"]),
            "reason": saved["reason"] and StopReason(saved["reason"]),
            "charging_state": ChargingState(saved["charging_state"]),
        }
    )


def _message(saved: dict[str, Any]) -> TransactionMessage:
    reading = saved["reading"]
    return TransactionMessage(
        **{
            **saved,
            "phase": Phase(saved["phase"]),
            "trigger": Trigger(saved["trigger"]),
            "charging_state": ChargingState(saved["charging_state"]),
            "reason": saved["reason"] and StopReason(saved["reason"]),
            "at": datetime.fromisoformat(saved["at"]),
            "reading": Reading(
                **{
                    **reading,
                    "at": datetime.fromisoformat(reading["at"]),
                    "context": ReadingContext(reading["context"]),
                    "current_ma": tuple(reading["current_ma"]),
                    "voltage_v": tuple(reading["voltage_v"]),
                }
            ),
        }
    )
