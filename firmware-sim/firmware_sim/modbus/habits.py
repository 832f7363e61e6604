"""What single models do that their profiles tell in words only: who may connect, what is on the type plate. Data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from firmware_sim.modbus.bits import Cell, Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """`connections` None: as many as want. `below_minimum_pauses`: a limit that is too low is no error but a pause.
    `aborts_at_zero`: a limit of 0 ends the session. `session_ends_at_zero`: its energy is 0 once the car has gone."""

    connections: int | None = None
    idle_close_s: int | None = None
    below_minimum_pauses: bool = False
    aborts_at_zero: bool = False
    session_ends_at_zero: bool = False
    plate: Mapping[str, Cell] = field(default_factory=dict)


_HABITS: Final[Mapping[str, Habits]] = MappingProxyType(
    {
        "abl_emh1": Habits(plate={"modify_state": Raw(0xA1A1)}),
        "alfen_eve": Habits(
            connections=2,
            idle_close_s=60,
            below_minimum_pauses=True,
            plate={"meter_state": Raw(3), "availability": Raw(1), "ocpp_state": Raw(1)},
        ),
        "alpitronic_hyc": Habits(below_minimum_pauses=True, aborts_at_zero=True),
        "compleo_ebox_pro": Habits(below_minimum_pauses=True),
        "delta_ac_max_slim": Habits(plate={"charger_state": Raw(1)}),
        "evse_din": Habits(plate={"firmware": Raw(18)}),
        "keba_p30_p40": Habits(plate={"product": Raw(310_011), "firmware": Raw(30_100)}),
        "mennekes_amtron_hcc3": Habits(plate={"name": "AMTRON Xtra", "phases": Raw(3)}),
        "phoenix_charx": Habits(plate={"meter_type": Raw(1)}),
        "webasto_next": Habits(session_ends_at_zero=True),
    }
)
_NONE: Final = Habits()


def habits_of(profile_id: str) -> Habits:
    """The habits of a model; none of its own for those that have none."""
    return _HABITS.get(profile_id, _NONE)
