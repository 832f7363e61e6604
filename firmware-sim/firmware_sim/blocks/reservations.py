"""The reservations of one station (OCPP 1.6 §5.13, 2.0.1 block H). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

ANY_EVSE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Until `expires_at` an EVSE (0: any) is kept for an IdToken, or for all who share its group."""

    reservation_id: int
    evse_id: int
    id_token: str
    group: str | None
    expires_at: datetime

    def is_for(self, id_token: str, group: str | None) -> bool:
        """Whether a driver may use what is reserved."""
        same_token = self.id_token.casefold() == id_token.casefold()
        return same_token or (self.group is not None and group is not None and self.group == group)


@dataclass(slots=True, kw_only=True)
class Reservations:
    """All that stand, by id."""

    by_id: dict[int, Reservation] = field(default_factory=dict)

    def of(self, evse_id: int) -> Reservation | None:
        """The reservation of that very EVSE."""
        return next((each for each in self.by_id.values() if each.evse_id == evse_id), None)

    @property
    def unplaced(self) -> list[Reservation]:
        """Those for any EVSE, oldest first."""
        return [each for each in self.by_id.values() if each.evse_id == ANY_EVSE]

    def held(self, free: Iterable[int]) -> frozenset[int]:
        """The EVSEs that show Reserved: the reserved ones, and all free ones when as many are promised (H01.FR.20)."""
        open_ones = [evse_id for evse_id in free if self.of(evse_id) is None]
        held = {each.evse_id for each in self.by_id.values() if each.evse_id != ANY_EVSE}
        if self.unplaced and len(self.unplaced) >= len(open_ones):
            held.update(open_ones)
        return frozenset(held)

    def usable(self, evse_id: int, id_token: str, group: str | None) -> Reservation | None:
        """The reservation that this driver uses up by charging here."""
        own = self.of(evse_id)
        candidates = [own] if own is not None else self.unplaced
        return next((each for each in candidates if each.is_for(id_token, group)), None)
