"""What somebody who stands beside a station can do to it, at once and at site time `at` (now, when not given)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from firmware_sim.charger import Charger
from firmware_sim.functions import charging
from firmware_sim.habits import Habit
from firmware_sim.messages import (
    ConnectorFaulted,
    Event,
    FaultCleared,
    Limited,
    Plugged,
    Presented,
    Unplugged,
)
from firmware_sim.station_model import StationModel
from firmware_sim.v201.smart_charging import external
from firmware_sim.vehicle import Vehicle

_T = TypeVar("_T")


class ByHand(ABC):
    """A station, as far as hands reach."""

    charger: Charger

    @abstractmethod
    def feed(self, event: Event, at: datetime | None = None) -> str | None:
        """Hand one event to the model and act on what comes out; the status of its reply, when there is one."""

    @abstractmethod
    def act(self, request: Callable[[StationModel], _T]) -> _T:
        """Let a functional block of the charger take a request; what it says to it."""

    def plug(self, evse_id: int, vehicle: Vehicle, at: datetime | None = None) -> None:
        """A driver plugs a vehicle in."""
        self.feed(Plugged(evse_id=evse_id, vehicle=vehicle), at)

    def unplug(self, evse_id: int, at: datetime | None = None) -> None:
        """A driver pulls the plug (a locked one too: the cable gives)."""
        self.feed(Unplugged(evse_id=evse_id), at)

    def present(self, evse_id: int, id_token: str, at: datetime | None = None) -> None:
        """A driver holds a card to the reader."""
        self.feed(Presented(evse_id=evse_id, id_token=id_token), at)

    def fault(self, evse_id: int, at: datetime | None = None) -> None:
        """The connector breaks."""
        self.feed(ConnectorFaulted(evse_id=evse_id), at)

    def clear_fault(self, evse_id: int, at: datetime | None = None) -> None:
        """The connector is well again."""
        self.feed(FaultCleared(evse_id=evse_id), at)

    def limit(self, evse_id: int, limit_w: int | None, at: datetime | None = None) -> None:
        """The EVSE offers at most `limit_w`; below 6 A per phase the session is suspended."""
        self.feed(Limited(evse_id=evse_id, limit_w=limit_w), at)

    def misbehave(self, *habits: Habit) -> None:
        """Take up habits, besides those of the data plate; those of the connection itself begin with the next one."""
        self.charger.habits.update(habits)

    def behave(self) -> None:
        """Give up all habits."""
        self.charger.habits.clear()

    def external_limit(self, evse_id: int, limit_w: int | None, *, is_grid_critical: bool = False) -> None:
        """An energy manager beside the station limits it (None: no longer); 2.0.1 tells the CSMS."""
        limit = None if limit_w is None else external(evse_id, limit_w)
        self.act(lambda model: charging.external_limit(model, evse_id, limit, is_grid_critical=is_grid_critical))

    def reset_register(self, evse_id: int, register_wh: int = 0) -> None:
        """The meter's register begins anew, or rolls over, in the middle of whatever runs there."""
        self.act(lambda model: model.set_register(evse_id, register_wh))
