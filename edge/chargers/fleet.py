"""Which socket owns which station, and our calls to the stations: the `Chargers` port.

The newest authenticated socket owns its station (field_quirks 5, CWE-613). The one before it is closed, and its end
touches nothing: the site hears of it only through the StationConnected of the newer one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.conversation import Conversation
from edge.ports import CallFailed, Inbox, Overloaded
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import ChargerEvent, CommandAnswered, StationConnected, StationDisconnected
from protocols.errors import BadPayload
from protocols.ocpp.schema import Direction, validate

COMMAND_TIMEOUT_S: Final = 30.0
MAX_COMMANDS: Final = 1_000
"""Commands of the site that wait to be carried out; beyond it a command is dropped, logged and counted."""
RETRY_S: Final = 1.0
"""How long to wait before telling an overloaded site again what it has to know."""


@dataclass(slots=True, kw_only=True)
class _Station:
    """`announced` is the owner that the site was last told of; the lock keeps what it is told in order."""

    owner: Conversation | None = None
    announced: Conversation | None = None
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)
    last_heard_s: float | None = None


class Fleet:
    """`run` must be running for commands to be carried out; OcppServer.serve does that."""

    def __init__(
        self,
        inbox: Inbox,
        metrics: ChargerMetrics,
        *,
        command_timeout_s: float = COMMAND_TIMEOUT_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self._inbox = inbox
        self._metrics = metrics
        self._command_timeout_s = command_timeout_s
        self._retry_s = retry_s
        self._stations: dict[str, _Station] = {}
        self._commands: asyncio.Queue[ChargerCommand] = asyncio.Queue(maxsize=MAX_COMMANDS)
        self._tasks: asyncio.TaskGroup | None = None
        self._is_closing = False
        self._log = structlog.get_logger()

    # --- the Chargers port ---

    def send(self, command: ChargerCommand) -> None:
        """See edge.ports.Chargers."""
        try:
            self._commands.put_nowait(command)
        except asyncio.QueueFull:
            self._metrics.calls["Dropped"] += 1
            self._log.error("command_dropped", station_id=command.station_id, command_id=command.command_id)

    async def call(self, station_id: str, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """See edge.ports.Chargers. The payload is sent as it is: raw means raw."""
        try:
            answer = await self._owner(station_id).calls.call(action, payload, timeout_s)
        except CallFailed as failed:
            ours = failed.code in ("NotConnected", "Timeout", "Busy", "Invalid")
            self._metrics.calls[failed.code if ours else "CallError"] += 1
            raise
        self._metrics.calls["answered"] += 1
        return answer

    # --- what others may look at ---

    def is_connected(self, station_id: str) -> bool:
        station = self._stations.get(station_id)
        return station is not None and station.owner is not None

    def silent_s(self, station_id: str) -> float | None:
        """Real seconds since anything was heard of the station; None where it never was here since the start."""
        station = self._stations.get(station_id)
        if station is None:
            return None
        heard_s = station.owner.socket.last_heard_s if station.owner is not None else station.last_heard_s
        return None if heard_s is None else max(0.0, asyncio.get_running_loop().time() - heard_s)

    def conversations(self) -> Iterator[Conversation]:
        """All owners, in no order."""
        return (station.owner for station in list(self._stations.values()) if station.owner is not None)

    # --- for the server ---

    async def run(self) -> None:
        """Carry out commands until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            while True:
                tasks.create_task(self._carry_out(await self._commands.get()))

    def close(self) -> None:
        """The agent is going away: the ends of sockets say nothing about the stations any more."""
        self._is_closing = True

    @asynccontextmanager
    async def owning(self, conversation: Conversation) -> AsyncIterator[None]:
        """The station belongs to this conversation, and the site knows it, until the end or until a newer one comes."""
        station = self._stations.setdefault(conversation.station_id, _Station())
        previous, station.owner = station.owner, conversation
        self._metrics.connections += 1
        if previous is not None:
            self._supersede(previous)
        try:
            await self._announce(conversation.station_id, station)
            yield
        finally:
            self._metrics.connections -= 1
            conversation.retire()
            if station.owner is conversation:
                station.owner, station.last_heard_s = None, conversation.socket.last_heard_s
                await self._announce(conversation.station_id, station)
                if not conversation.is_known and station.owner is None:
                    self._stations.pop(conversation.station_id, None)  # strangers leave nothing behind

    def _supersede(self, previous: Conversation) -> None:
        previous.retire()
        self._metrics.takeovers += 1
        self._log.warning("station_taken_over", security=True, station_id=previous.station_id)
        if self._tasks is not None:
            self._tasks.create_task(previous.socket.close(1008, "a newer connection took over"))

    async def _announce(self, station_id: str, station: _Station) -> None:
        """Tell the site who owns the station now, until that is the truth; events of one station keep their order."""
        async with station.telling:
            while station.owner is not station.announced and not self._is_closing:
                owner = station.owner
                if owner is None:
                    await self._tell(StationDisconnected(station_id=station_id))
                else:
                    abilities = owner.dialect.abilities
                    await self._tell(
                        StationConnected(station_id=station_id, abilities=abilities, is_known=owner.is_known)
                    )
                station.announced = owner

    async def _carry_out(self, command: ChargerCommand) -> None:
        """Have one command done by its station, in the order of the commands; the outcome goes to the site."""
        try:
            dialect = self._owner(command.station_id).dialect
            action, payload = dialect.command(command)
            validate(dialect.version, action, Direction.REQUEST, payload)
            answer = await self.call(command.station_id, action, payload, self._command_timeout_s)
            is_accepted, detail = dialect.outcome(answer)
        except (CallFailed, BadPayload, ValueError) as error:
            is_accepted, detail = False, str(error)
        await self._tell(
            CommandAnswered(
                station_id=command.station_id, command_id=command.command_id, is_accepted=is_accepted, detail=detail
            )
        )

    async def _tell(self, event: ChargerEvent) -> None:
        """Have an event decided that no charger will repeat for us."""
        while True:
            try:
                await self._inbox.ask(event)
                return
            except Overloaded:
                await asyncio.sleep(self._retry_s)
            except Exception:
                self._log.exception("event_lost", event_type=type(event).__name__, station_id=event.station_id)
                return

    def _owner(self, station_id: str) -> Conversation:
        station = self._stations.get(station_id)
        if station is None or station.owner is None:
            raise CallFailed("NotConnected", f"{station_id} is not connected")
        return station.owner
