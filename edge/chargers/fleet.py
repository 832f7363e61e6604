"""Which socket owns which station, and our calls to the stations: the `Chargers` port.

The newest authenticated socket owns its station (field_quirks 5, CWE-613). The one before it is closed, and its end
touches nothing: the site hears of it only through the StationConnected of the newer one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, Protocol

import structlog

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.conversation import Conversation
from edge.chargers.pacing import Pace
from edge.chargers.station_socket import POLICY_VIOLATION
from edge.domain.asking import OWN
from edge.domain.events import RawCallAnswered, Refused, SiteReply
from edge.ports import CallFailed, Inbox, Overloaded
from protocols.charger.commands import ChargerCommand, RawCall
from protocols.charger.events import CommandAnswered, StationConnected, StationDisconnected
from protocols.charger.operations.transactions import ShowPrice, UpdateCost
from protocols.errors import BadPayload, BadText
from protocols.ocpp.dialect import Dialect, Result
from protocols.ocpp.message_parts import in_parts, joined, refused
from protocols.ocpp.passwords import PASSWORD_ACTIONS
from protocols.ocpp.quirks.charging_profiles import adapted
from protocols.ocpp.schema import Direction, validate
from protocols.ocpp.security_profiles import PROFILE_ACTIONS
from protocols.ocpp.version import Version

COMMAND_TIMEOUT_S: Final = 30.0
MAX_COMMANDS: Final = 1_000
"""Commands of the site that wait to be carried out; beyond it a command is dropped, logged and counted."""
COMMANDS_AT_ONCE: Final = 25
STEP_S: Final = 0.05
"""So many commands are begun in a step, 500 a second: what is asked of thousands of stations after a boot storm shall
not become a storm of answers."""
ANSWER_FIRST_S: Final = 0.1
"""A question of the site's own often follows from what the station just said, whose answer went out a moment ago: so
long a station has to take that in. Some mix up what reaches them in one go."""
RETRY_S: Final = 1.0
"""How long to wait before telling an overloaded site again what it has to know."""

_NO_ANSWER: Final = frozenset({"NotConnected", "Timeout", "Busy", "Invalid"})
"""Codes of a CallFailed that the station never said."""


class PasswordWatch(Protocol):
    """Who must know that a call gives a station a new password: see password_change."""

    async def begin(self, station_id: str, action: str, payload: dict[str, Any]) -> bool: ...

    async def end(self, station_id: str, action: str, answer: dict[str, Any]) -> None: ...


class ProfileWatch(Protocol):
    """Who must know that a station took another security profile: see profile_change."""

    def heard(self, station_id: str, action: str, payload: dict[str, Any], answer: dict[str, Any]) -> None: ...


class _Station:
    """`announced` is the owner that the site was last told of; it is told one thing at a time, so in order."""

    __slots__ = ("announced", "is_telling", "last_heard_s", "owner", "pace")

    def __init__(self) -> None:
        self.owner: Conversation | None = None
        self.announced: Conversation | None = None
        self.pace: Pace | None = None  # of few stations
        self.is_telling = False
        self.last_heard_s: float | None = None


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
        self._is_closing = False
        self.passwords: PasswordWatch | None = None
        self.profiles: ProfileWatch | None = None
        self._log = structlog.get_logger()

    # --- the Chargers port ---

    def send(self, command: ChargerCommand) -> None:
        """See edge.ports.Chargers."""
        try:
            self._commands.put_nowait(command)
        except asyncio.QueueFull:
            self._metrics.calls["Dropped"] += 1
            self._log.error("command_dropped", station_id=command.station_id, command_id=command.command_id)

    def disconnect(self, station_id: str, reason: str) -> None:
        """See edge.ports.Chargers."""
        station = self._stations.get(station_id)
        if station is not None and station.owner is not None and station.owner.socket is not None:
            station.owner.socket.close(1001, reason)

    async def call(self, station_id: str, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """See edge.ports.Chargers. The payload is sent as it is: raw means raw."""
        answer, _ = await self._call_raw(station_id, action, payload, timeout_s)
        return answer

    async def _call_raw(
        self, station_id: str, action: str, payload: dict[str, Any], timeout_s: float
    ) -> tuple[dict[str, Any], str]:
        """The answer; and, where the site has to know of what was asked, why it does not."""
        owner = self._owner(station_id)
        answer = await self._call_watched(station_id, action, payload, timeout_s)
        if action not in owner.dialect.raw:
            return answer, ""
        problem = await self._make_known(station_id, owner.dialect, action, payload, answer)
        if problem:
            self._log.warning("raw_call_not_known_to_site", station_id=station_id, action=action, problem=problem)
            problem = f"the site does not know of it: {problem}"
        return answer, problem

    async def _make_known(
        self, station_id: str, dialect: Dialect, action: str, payload: dict[str, Any], answer: dict[str, Any]
    ) -> str:
        """Have the site learn what it would have learned from an operation; why it does not, if so."""
        try:
            validate(dialect.version, action, Direction.REQUEST, payload)
            operation = dialect.raw[action](payload)
        except (BadPayload, BadText) as error:
            return str(error)
        told = dialect.operations[type(operation)].read(operation, [answer])
        event = RawCallAnswered(
            station_id=station_id,
            operation=operation,
            is_accepted=told.is_accepted,
            detail=told.detail,
            result=told.result,
        )
        reply = await self._tell(event)
        return reply.reason if isinstance(reply, Refused) else ""

    async def _call_watched(
        self, station_id: str, action: str, payload: dict[str, Any], timeout_s: float
    ) -> dict[str, Any]:
        if action in PASSWORD_ACTIONS and self.passwords is not None:
            answer = await self._change_password(self.passwords, station_id, action, payload, timeout_s)
        else:
            answer = await self._call(station_id, action, payload, timeout_s)
        if action in PROFILE_ACTIONS and self.profiles is not None:
            self.profiles.heard(station_id, action, payload, answer)
        return answer

    async def _change_password(
        self, passwords: PasswordWatch, station_id: str, action: str, payload: dict[str, Any], timeout_s: float
    ) -> dict[str, Any]:
        try:
            is_watched = await passwords.begin(station_id, action, payload)
        except BadText as error:
            raise CallFailed("Busy", str(error)) from None
        try:
            answer = await self._call(station_id, action, payload, timeout_s)
        except CallFailed as failed:
            if is_watched and failed.code not in _NO_ANSWER:
                await passwords.end(station_id, action, {})
            raise
        if is_watched:
            await passwords.end(station_id, action, answer)
        return answer

    async def _call(self, station_id: str, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        try:
            owner = self._owner(station_id)
            owner.expect(action, payload)
            answer = await owner.calls.call(action, payload, timeout_s)
        except CallFailed as failed:
            self._metrics.calls[failed.code if failed.code in _NO_ANSWER else "CallError"] += 1
            raise
        self._metrics.calls["answered"] += 1
        return answer

    def status(self) -> dict[str, Any]:
        """See edge.ports.Chargers."""
        return self._metrics.status()

    # --- what others may look at ---

    def is_connected(self, station_id: str) -> bool:
        station = self._stations.get(station_id)
        return station is not None and station.owner is not None

    def version_of(self, station_id: str) -> Version | None:
        """The version that the station speaks; None where it is not connected."""
        station = self._stations.get(station_id)
        return station.owner.dialect.version if station is not None and station.owner is not None else None

    def silent_s(self, station_id: str) -> float | None:
        """Real seconds since anything was heard of the station; None where it never was here since the start."""
        station = self._stations.get(station_id)
        if station is None:
            return None
        owner = station.owner
        heard_s = owner.socket.last_heard_s if owner is not None and owner.socket is not None else station.last_heard_s
        return None if heard_s is None else max(0.0, asyncio.get_running_loop().time() - heard_s)

    def conversations(self) -> Iterator[Conversation]:
        """All owners, in no order."""
        return (station.owner for station in list(self._stations.values()) if station.owner is not None)

    # --- for the server ---

    async def run(self) -> None:
        """Carry out commands until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._carry_out(await self._commands.get()))
                for _ in range(min(self._commands.qsize(), COMMANDS_AT_ONCE - 1)):
                    tasks.create_task(self._carry_out(self._commands.get_nowait()))
                await asyncio.sleep(STEP_S)

    def close(self) -> None:
        """The agent is going away: the ends of sockets say nothing about the stations any more."""
        self._is_closing = True

    def join(self, conversation: Conversation) -> None:
        """The station belongs to this conversation until it leaves or a newer one comes. It is welcomed once the site
        knows."""
        station = self._stations.get(conversation.station_id)
        if station is None:
            station = self._stations[conversation.station_id] = _Station()
        previous, station.owner = station.owner, conversation
        self._metrics.connections += 1
        if previous is not None:
            self._supersede(previous)
        self._announce(conversation.station_id, station)

    def leave(self, conversation: Conversation) -> None:
        self._metrics.connections -= 1
        station = self._stations.get(conversation.station_id)
        if station is not None and station.owner is conversation:
            station.owner = None
            station.last_heard_s = conversation.socket.last_heard_s if conversation.socket is not None else None
            self._announce(conversation.station_id, station)

    def _supersede(self, previous: Conversation) -> None:
        previous.retire()
        self._metrics.takeovers += 1
        self._log.warning("station_taken_over", security=True, station_id=previous.station_id)
        if previous.socket is not None:
            previous.socket.close(POLICY_VIOLATION, "a newer connection took over")

    def _announce(self, station_id: str, station: _Station) -> None:
        """Tell the site who owns the station now, until that is the truth; events of one station keep their order."""
        owner = station.owner
        if station.is_telling or self._is_closing:
            return
        if owner is station.announced:
            return
        station.is_telling = True
        self._tell_owner(station_id, station, owner)

    def _tell_owner(self, station_id: str, station: _Station, owner: Conversation | None) -> None:
        if self._is_closing:
            return
        event: StationConnected | StationDisconnected
        if owner is None:
            event = StationDisconnected(station_id=station_id)
        else:
            event = StationConnected(station_id=station_id, abilities=owner.dialect.abilities, is_known=owner.is_known)
        try:
            self._inbox.put(event, partial(self._told, station_id, station, owner))
        except Overloaded:
            asyncio.get_running_loop().call_later(self._retry_s, self._tell_owner, station_id, station, owner)

    def _told(self, station_id: str, station: _Station, owner: Conversation | None, _reply: SiteReply) -> None:
        was, station.is_telling, station.announced = station.announced, False, owner
        if owner is not None and owner is station.owner:
            owner.welcome()
        if station.owner is None and owner is None and was is not None and not was.is_known:
            self._stations.pop(station_id, None)  # strangers leave nothing behind
        self._announce(station_id, station)

    async def _carry_out(self, command: ChargerCommand) -> None:
        """Have one command done by its station, in the order of the commands; the outcome goes to the site."""
        try:
            await self._wait_for_turn(command)
            result = await self._operate(command)
        except (CallFailed, BadPayload, BadText) as error:
            result = Result(is_accepted=False, detail=str(error))
        except Exception as error:  # an answer that cannot be read is the station's or our fault, and nobody else's
            self._log.exception("command_failed", station_id=command.station_id, command_id=command.command_id)
            result = Result(is_accepted=False, detail=f"the answer could not be read: {type(error).__name__}")
        if not result.is_accepted and isinstance(command.operation, ShowPrice | UpdateCost):
            self._log.info("cost_not_shown", station_id=command.station_id, status=result.detail.partition(":")[0])
        await self._tell(
            CommandAnswered(
                station_id=command.station_id,
                command_id=command.command_id,
                is_accepted=result.is_accepted,
                detail=result.detail,
                result=result.result,
            )
        )

    async def _wait_for_turn(self, command: ChargerCommand) -> None:
        """What the site asks by itself can wait, and must where the model takes harm from being asked much at once.
        Commands of people go at once."""
        station = self._stations.get(command.station_id)
        if station is None or station.owner is None or not command.command_id.startswith(OWN):
            return
        wanted, wait_s = station.owner.quirks.questions, ANSWER_FIRST_S
        if wanted.pause_s or wanted.most is not None:
            station.pace = station.pace or Pace()
            wait_s = max(wait_s, station.pace.turn(asyncio.get_running_loop().time(), wanted))
        await asyncio.sleep(wait_s)

    async def _operate(self, command: ChargerCommand) -> Result:
        """One call after the other; raises CallFailed, BadPayload or BadText at the first that cannot be made."""
        station_id, operation = command.station_id, command.operation
        if isinstance(operation, RawCall):
            action, payload = operation.action, operation.payload
            answer, problem = await self._call_raw(station_id, action, payload, self._command_timeout_s)
            return Result(is_accepted=True, detail=problem, result=answer)
        owner = self._owner(station_id)
        dialect, operation = owner.dialect, adapted(operation, owner.quirks)
        operated = dialect.operations.get(type(operation))
        if operated is None:
            raise BadText(f"OCPP {dialect.version} has no {operation.operation}")
        calls = [(action, in_parts(action, whole, command.limit)) for action, whole in operated.render(operation)]
        every = [(action, payload) for action, payloads in calls for payload in payloads]
        for action, payload in every:
            validate(dialect.version, action, Direction.REQUEST, payload)
        is_one = len(every) == 1
        answers = [
            joined([await self._answer(station_id, action, payload, is_one=is_one) for payload in payloads])
            for action, payloads in calls
        ]
        return operated.read(operation, answers)

    async def _answer(self, station_id: str, action: str, payload: dict[str, Any], *, is_one: bool) -> dict[str, Any]:
        """Where an operation is several calls, the station's CALLERROR to one of them is the status of that one: what
        came of the others is told all the same."""
        try:
            return await self._call_watched(station_id, action, payload, self._command_timeout_s)
        except CallFailed as failed:
            told = refused(action, payload, failed.code)
            if is_one or failed.code in _NO_ANSWER or told is None:
                raise
            return told

    async def _tell(self, event: CommandAnswered | RawCallAnswered) -> SiteReply | None:
        """Have an event decided that no charger will repeat for us."""
        while True:
            try:
                return await self._inbox.ask(event)
            except Overloaded:
                await asyncio.sleep(self._retry_s)
            except Exception:
                self._log.exception("event_lost", event_type=type(event).__name__, station_id=event.station_id)
                return None

    def _owner(self, station_id: str) -> Conversation:
        station = self._stations.get(station_id)
        if station is None or station.owner is None:
            raise CallFailed("NotConnected", f"{station_id} is not connected")
        return station.owner
