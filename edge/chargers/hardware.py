"""The `Chargers` port where a site has both: stations that speak OCPP, and chargers that are polled over Modbus."""

from __future__ import annotations

from typing import Any

from edge.chargers.fleet import Fleet
from edge.chargers.modbus.polled_stations import PolledStations
from edge.ports import CallFailed
from protocols.charger.commands import ChargerCommand


class Hardware:
    """Each command goes the way that its station is reached."""

    def __init__(self, fleet: Fleet, polled: PolledStations) -> None:
        self._fleet = fleet
        self._polled = polled

    def send(self, command: ChargerCommand) -> None:
        """See edge.ports.Chargers."""
        if command.station_id in self._polled:
            self._polled.send(command)
        else:
            self._fleet.send(command)

    def status(self) -> dict[str, Any]:
        """See edge.ports.Chargers."""
        return {**self._fleet.status(), "modbus": self._polled.status()}

    def disconnect(self, station_id: str, reason: str) -> None:
        """See edge.ports.Chargers. A polled charger has no socket."""
        self._fleet.disconnect(station_id, reason)

    async def call(self, station_id: str, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """See edge.ports.Chargers."""
        if station_id in self._polled:
            raise CallFailed("Invalid", f"{station_id} is a Modbus charger: {action} is for OCPP stations")
        return await self._fleet.call(station_id, action, payload, timeout_s)
