"""The reservations that stand; `reservations` decides with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from protocols.sync.upkeep import ReservationMade
from protocols.terms import EvseRef

_NONE: Final[Mapping[int, ReservationMade]] = MappingProxyType({})


@dataclass(slots=True)
class ReservationBook:
    """`standing` by station and number. `reserved` are the EVSEs that are kept for somebody just now. `back_at`: when a
    station with reservations connected last."""

    standing: dict[str, dict[int, ReservationMade]] = field(default_factory=dict)
    reserved: dict[EvseRef, ReservationMade] = field(default_factory=dict)
    back_at: dict[str, datetime] = field(default_factory=dict)

    def of(self, station_id: str) -> Mapping[int, ReservationMade]:
        return self.standing.get(station_id, _NONE)

    def all(self) -> list[ReservationMade]:
        return [made for standing in self.standing.values() for made in standing.values()]

    def keep(self, made: ReservationMade) -> None:
        self.standing.setdefault(made.station_id, {})[made.reservation_id] = made
        if made.evse_id is not None:
            self.reserved[EvseRef(made.station_id, made.evse_id)] = made

    def free(self, made: ReservationMade) -> bool:
        """It stands, but its EVSE is not kept any more. False where it was not kept before."""
        ref = EvseRef(made.station_id, made.evse_id or 0)
        if self.reserved.get(ref) is not made:
            return False
        del self.reserved[ref]
        return True

    def forget(self, made: ReservationMade) -> None:
        self.free(made)
        standing = self.standing[made.station_id]
        del standing[made.reservation_id]
        if not standing:
            del self.standing[made.station_id]
            self.back_at.pop(made.station_id, None)
