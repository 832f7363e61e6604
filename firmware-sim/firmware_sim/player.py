"""Plays a scenario on a fleet: drivers come and go as planned, and things break when they should."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from firmware_sim.faults import FaultAction, TimedAction, actions
from firmware_sim.fleet import Fleet
from firmware_sim.messages import ConnectorState
from firmware_sim.plan import Leaves, Session
from firmware_sim.scenario import Scenario
from firmware_sim.station import Station

_WALK_S = 15
"""Between plugging in and holding the card to the reader, and the other way round."""
_GIVE_UP_S = 90
"""How long a driver whose card was refused stands there before leaving."""
_LOSE_PATIENCE_S = 300
"""A driver whose session ended by itself takes the car away after five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Plays `scenario`, whose beginning is site time `begin`."""

    scenario: Scenario
    fleet: Fleet
    begin: datetime

    async def play(self) -> None:
        """All of it, until the planned duration is over and the last driver has gone; everything is then mended."""
        for station in self.fleet.stations.values():
            station.power_up()
        async with asyncio.TaskGroup() as tasks:
            breaking = tasks.create_task(self._break())
            drivers = [tasks.create_task(self._queue(*place)) for place in self._places()]
            tasks.create_task(self._close(breaking, drivers))

    def _places(self) -> list[tuple[str, int]]:
        return sorted({(session.station_id, session.evse_id) for session in self.scenario.sessions})

    async def _close(self, breaking: asyncio.Task[None], drivers: list[asyncio.Task[None]]) -> None:
        """After the planned duration nobody waits any longer: mend, send the drivers home, end what runs."""
        await self.fleet.clock.sleep_until(self._at(self.scenario.duration_s))
        breaking.cancel()
        for driver in drivers:
            driver.cancel()
        await asyncio.wait([breaking, *drivers])
        for station in self.fleet.stations.values():
            station.power_up()
            station.link_up()
            for evse in station.charger.evses.values():
                if evse.faulted:
                    station.clear_fault(evse.evse_id)
                station.unplug(evse.evse_id)

    def _at(self, offset_s: float) -> datetime:
        return self.begin + timedelta(seconds=offset_s)

    # --- what breaks ---

    async def _break(self) -> None:
        for action in actions(self.scenario.faults):
            at = self._at(action.at_s)
            await self.fleet.clock.sleep_until(at)
            _do(self.fleet[action.station_id], action, at)

    # --- who comes ---

    async def _queue(self, station_id: str, evse_id: int) -> None:
        """The drivers of one EVSE, one after the other; who finds it taken waits."""
        for session in self.scenario.sessions:
            if (session.station_id, session.evse_id) == (station_id, evse_id):
                await self.fleet.clock.sleep_until(self._at(session.at_s))
                await self._visit(session)

    async def _visit(self, session: Session) -> None:
        """One driver from arriving to leaving. The model's own instants are kept: a late computer moves nothing."""
        station, evse_id = self.fleet[session.station_id], session.evse_id
        evse = station.charger.evses[evse_id]
        clock = self.fleet.clock
        before = len(station.charger.transactions)
        at = self._at(session.at_s)
        if session.card_first:
            station.present(evse_id, session.id_token, at)
            at += timedelta(seconds=_WALK_S)
            await clock.sleep_until(at)
            station.plug(evse_id, session.vehicle, at)
        else:
            station.plug(evse_id, session.vehicle, at)
            at += timedelta(seconds=_WALK_S)
            await clock.sleep_until(at)
            station.present(evse_id, session.id_token, at)
        await station.wait_for(lambda _: evse.asking is None, None)
        if evse.transaction_id is None and len(station.charger.transactions) == before:
            await clock.sleep(_GIVE_UP_S)
        if evse.transaction_id is not None:
            await self._charge(station, session)
        station.unplug(evse_id)
        await station.wait_for(lambda _: evse.state is ConnectorState.AVAILABLE, None)

    async def _charge(self, station: Station, session: Session) -> None:
        """Wait until the vehicle has what it wants, stay parked, end by card or by pulling the plug."""
        evse = station.charger.evses[session.evse_id]
        clock = self.fleet.clock
        running = evse.transaction_id
        await station.wait_for(lambda _: evse.full_at is not None or evse.transaction_id != running, None)
        if evse.transaction_id != running or evse.full_at is None:
            await clock.sleep(_LOSE_PATIENCE_S)
            return
        leaving_at = evse.full_at + timedelta(seconds=session.parked_s)
        await clock.sleep_until(leaving_at)
        if evse.transaction_id == running and session.leaves is Leaves.CARD:
            station.present(session.evse_id, session.id_token, leaving_at)
            await clock.sleep_until(leaving_at + timedelta(seconds=_WALK_S))
        station.unplug(session.evse_id, leaving_at + timedelta(seconds=_WALK_S))


def _do(station: Station, action: TimedAction, at: datetime) -> None:
    match action.action:
        case FaultAction.POWER_CUT:
            station.power_cut(at)
        case FaultAction.POWER_UP:
            station.power_up(at)
        case FaultAction.LINK_CUT:
            station.link_cut(at)
        case FaultAction.LINK_UP:
            station.link_up()
        case FaultAction.FAULT:
            station.fault(action.evse_id or 1, at)
        case FaultAction.CLEAR_FAULT:
            station.clear_fault(action.evse_id or 1, at)
        case _:
            assert_never(action.action)
