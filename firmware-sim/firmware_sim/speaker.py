"""Says what waits in a station's outbox, over one connection and in the words of one OCPP version."""

from __future__ import annotations

from typing import Any, Protocol

from firmware_sim.charger import Charger
from firmware_sim.clock import SiteClock
from firmware_sim.habits import Habit
from firmware_sim.messages import Answer, CallRefused, Message, Phase, PlainAnswer, TransactionMessage
from firmware_sim.ocpp_client import CallFailed, Connection, Mouth
from firmware_sim.outbox import Outbox


class Speaking(Protocol):
    """What a speaker needs of its station."""

    charger: Charger
    outbox: Outbox
    clock: SiteClock

    def is_current(self, connection: Connection) -> bool: ...

    async def something_new(self) -> None: ...

    def answered(self, message: Message, answer: Answer) -> None: ...

    def unanswered(self, message: Message) -> None: ...


class Speaker:
    """One call at a time; what gets a CALLERROR is tried again as the settings say (1.6 TransactionMessageAttempts)."""

    def __init__(self, station: Speaking, connection: Connection, mouth: Mouth) -> None:
        self._station = station
        self._connection = connection
        self._mouth = mouth
        self._refusals = 0

    async def say_next(self) -> None:
        """Send the first message that waits, or wait for one. Raises websockets' ConnectionClosed."""
        station, charger = self._station, self._station.charger
        if Habit.BURST in charger.habits and charger.registered and len(station.outbox.durable) > 1:
            await self._say_all()
            return
        message = station.outbox.next(
            registered=charger.registered,
            pending=charger.is_pending,
            overtakes=Habit.OUT_OF_ORDER in charger.habits,
        )
        if message is None:
            await station.something_new()
        else:
            await self._say(message)

    async def _say(self, message: Message) -> None:
        """Send a message; it leaves the outbox when it has been answered."""
        station = self._station
        call = self._mouth.call(message, station.charger)
        if call is None:
            station.answered(message, PlainAnswer())
            return
        try:
            answer = self._understood(message, await self._connection.call(call))
        except TimeoutError:
            station.unanswered(message)
            return
        except CallFailed as error:
            self._refusals += 1
            settings = station.charger.settings
            if isinstance(message, TransactionMessage) and self._refusals < settings.attempts:
                await station.clock.sleep(self._refusals * settings.attempt_interval_s)
                return
            answer = CallRefused(code=error.code)
        self._refusals = 0
        if station.is_current(self._connection):
            station.answered(message, answer)

    async def _say_all(self) -> None:
        """The queue in one burst, no answer waited for in between, but for the transactionId that a 1.6 CSMS gives."""
        station = self._station
        waiting = station.outbox.durable
        if station.charger.is_v16:
            begun = [number for number, each in enumerate(waiting, start=1) if each.phase is Phase.STARTED]
            waiting = waiting[: begun[0] if begun else None]
        calls = [self._mouth.call(each, station.charger) for each in waiting]
        try:
            results = iter(await self._connection.burst([each for each in calls if each is not None]))
        except TimeoutError:
            station.unanswered(waiting[0])
            return
        for message, call in zip(waiting, calls, strict=True):
            station.answered(message, PlainAnswer() if call is None else self._of_burst(message, next(results)))

    def _of_burst(self, message: Message, result: Any | None) -> Answer:
        try:
            return CallRefused(code="GenericError") if result is None else self._understood(message, result)
        except CallFailed as error:
            return CallRefused(code=error.code)

    def _understood(self, message: Message, result: Any) -> Answer:
        try:
            return self._mouth.answer(message, result)
        except (KeyError, TypeError, ValueError) as error:
            raise CallFailed("FormationViolation") from error
