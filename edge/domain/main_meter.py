"""A station's own main meter (OCPP 1.6 §4.7 connectorId 0, 2.0.1 J01 evseId 0): none of its EVSEs can have delivered
what it does not show (field quirk 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge.domain.clock import believed
from edge.domain.transaction import MARGIN_WH, Transaction
from protocols.charger.events import Sample
from protocols.terms import Measurand

APART_PERCENT: Final = 110
"""Two meters and the losses between them: by so much the one may show more than the other."""


@dataclass(frozen=True, slots=True)
class MainMeter:
    """What its register showed last, in Wh, and when."""

    register_wh: int
    at: datetime


def reading(before: MainMeter | None, samples: Iterable[Sample], now: datetime) -> MainMeter | None:
    """The main meter after these samples; readings from a queue that are older than the last change nothing."""
    for sample in samples:
        if sample.measurand is Measurand.ENERGY_REGISTER and sample.phase is None:
            at, is_believed = believed(sample.at, now)
            if is_believed and (before is None or at >= before.at):
                before = MainMeter(sample.value, at)
    return before


def contradicts(meter: MainMeter, transaction: Transaction, rating_w: int, ended_at: datetime) -> str | None:
    """The evidence against a transaction's energy, None where there is none.

    Since its last reading the EVSE may have delivered what it is rated for. A meter that stands still or was reset
    meanwhile proves nothing, nor does one that was not read before the transaction began.
    """
    if transaction.main_wh is None or meter.register_wh <= transaction.main_wh:
        return None
    shown_wh = meter.register_wh - transaction.main_wh
    unread_wh = rating_w * max(0, int((ended_at - meter.at).total_seconds())) // 3600
    if (transaction.energy_wh - MARGIN_WH - unread_wh) * 100 <= shown_wh * APART_PERCENT:
        return None
    shown = f"from {transaction.main_wh} Wh to {meter.register_wh} Wh at {meter.at.isoformat()}"
    return f"{transaction.energy_wh} Wh, the station's main meter rose by {shown_wh} Wh, {shown}"
