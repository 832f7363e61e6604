"""A transaction as the charger remembers it, and as the run's summary tells it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from firmware_sim.messages import CARD_TYPE, StopReason, iso
from protocols.terms import ChargingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """`transaction_id` is the charger's own (2.0.1 sends it); `csms_id` the number a 1.6 CSMS gave, once known."""

    transaction_id: str
    evse_id: int
    id_token: str
    token_type: str = CARD_TYPE
    started_at: datetime
    meter_start_wh: int
    next_seq_no: int = 0
    remote_start_id: int | None = None
    csms_id: int | None = None
    group: str | None = None
    reservation_id: int | None = None
    charging_state: ChargingState = ChargingState.EV_CONNECTED
    ended_at: datetime | None = None
    meter_stop_wh: int | None = None
    reason: StopReason | None = None
    acknowledged_start: bool = False
    acknowledged_stop: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether the CSMS knows all that this charger has to tell of it."""
        return self.acknowledged_start and self.acknowledged_stop


def new_transaction_id(station_id: str, evse_id: int, at: datetime, number: int) -> str:
    """An id of 32 characters that no other transaction of this station has: derived, not drawn.

    `number` counts the station's transactions: two may begin at one instant.
    """
    return hashlib.sha256(f"{station_id}/{evse_id}/{iso(at)}/{number}".encode()).hexdigest()[:32]
