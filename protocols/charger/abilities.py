"""What a charging station can do, declared as values: no subclass per vendor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EnergySource(StrEnum):
    """What energy is counted by where the site runs the transactions: a register that counts for ever, one that begins
    anew, measured power over time, or nothing."""

    TOTAL = "total"
    SESSION = "session"
    POWER = "power"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """A charger that says nothing by itself and knows no transactions. `rolls_over_at_wh`: where its register begins
    again from 0. `is_estimated`: what it tells of energy stands in for a measurement. `has_lock`: it can be told to let
    the cable go."""

    profile_id: str
    variant: str | None = None
    energy: EnergySource = EnergySource.TOTAL
    rolls_over_at_wh: int | None = None
    is_estimated: bool = False
    has_lock: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What the site may ask of a station. `ocpp_version` is the negotiated subprotocol's version, such as "1.6"; None
    where it speaks none and is `polled`."""

    ocpp_version: str | None
    polled: Polled | None = None


OCPP_16 = Abilities(ocpp_version="1.6")
OCPP_201 = Abilities(ocpp_version="2.0.1")
OCPP_21 = Abilities(ocpp_version="2.1")
