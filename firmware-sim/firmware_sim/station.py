"""One station that lives: the pure charger with its clock, its memory and its connection."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, assert_never

from ocpp.v16 import ChargePoint as Endpoint16  # type: ignore[import-untyped]
from ocpp.v201 import ChargePoint as Endpoint201  # type: ignore[import-untyped]
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from firmware_sim.by_hand import ByHand
from firmware_sim.charger import Charger
from firmware_sim.clock import SiteClock
from firmware_sim.habits import Habit
from firmware_sim.jobs import Jobs
from firmware_sim.memory import Memory
from firmware_sim.messages import (
    Answer,
    Answered,
    AuthorizeMessage,
    CallRefused,
    Event,
    HeartbeatMessage,
    IdleMeterMessage,
    LinkLost,
    LinkUp,
    Message,
    Note,
    Output,
    Phase,
    PowerCut,
    PowerRestored,
    Reboot,
    Rebooted,
    Reply,
    Said,
    SaidAnswer,
    TransactionMessage,
    Unanswered,
)
from firmware_sim.ocpp16_client import Ocpp16Mouth
from firmware_sim.ocpp201_client import Ocpp201Mouth, ocpp21_mouth
from firmware_sim.ocpp_client import CallFailed, Connection, Mouth, open_socket
from firmware_sim.orders import Download, MakeKey, Reconnect, Upload
from firmware_sim.outbox import Outbox
from firmware_sim.settings import OcppVersion, StationSpec
from firmware_sim.speaker import Speaker
from firmware_sim.station_model import StationModel
from firmware_sim.story import Teller, finished_transactions, silent
from protocols.timeline import Timeline

_T = TypeVar("_T")

_REBOOT_SITE_S = 10
_SOFT_RESET_SITE_S = 60
_TOO_SOON = timedelta(seconds=10)
_TOO_MANY = 3
"""More requests than this within that time, and a frail station restarts."""
_REPLY_LEAVES_S = 0.05
"""A charger answers the Reset before it restarts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient a station is. A call waits 30 s of site time, but at least `call_floor_s` on the machine's clock,
    since the other side computes in real time; everything else is in seconds of the machine."""

    call_site_s: float = 30.0
    call_floor_s: float = 5.0
    open_timeout_s: float = 10.0
    backoff_min_s: float = 0.2
    backoff_max_s: float = 5.0
    min_tick_s: float = 0.02
    """The model is asked at most this often; its times are exact all the same."""

    def call_timeout_s(self, timeline: Timeline) -> float:
        return max(timeline.real_s(self.call_site_s), self.call_floor_s)

    def backoff_s(self, failures: int, rng: random.Random) -> float:
        """Jittered and doubling: a fleet that lost its CSMS must not come back in one step."""
        ceiling_s = min(self.backoff_max_s, self.backoff_min_s * 2.0 ** min(failures, 16))
        return ceiling_s * rng.uniform(0.5, 1.0)


class Station(ByHand):
    """One charging station. The methods without `await` act at once, at site time `at` (now, when not given)."""

    def __init__(
        self,
        spec: StationSpec,
        *,
        edge_url: str,
        clock: SiteClock,
        rng: random.Random,
        memory: Memory,
        teller: Teller = silent,
        pace: Pace | None = None,
    ) -> None:
        remembered, queued = memory.load()
        self.password = spec.password
        self.spec = spec
        self.clock = clock
        self.charger = Charger(spec, clock.now(), remembered)
        self.outbox = Outbox(queued)
        self._edge_url = edge_url
        self._rng = rng
        self._memory = memory
        self._teller = teller
        self._pace = pace or Pace()
        self._connection: Connection | None = None
        self._link_allowed = True
        self._stale: list[Connection] = []
        self._asked_at: list[datetime] = []
        self._asked: dict[Said, asyncio.Future[Answer]] = {}
        self._jobs = Jobs(clock, self.feed)
        self._reboot: Reboot | None = None
        self._reconnect: Reconnect | None = None
        self._changed = asyncio.Event()

    # --- by hand ---

    def power_up(self, at: datetime | None = None) -> None:
        """Mains on: the station starts and connects by itself."""
        if not self.charger.powered:
            self.feed(PowerRestored(), at)

    def power_cut(self, at: datetime | None = None) -> None:
        """Mains off, without a word to anybody."""
        self.feed(PowerCut(), at)
        self._cut()

    def link_cut(self, at: datetime | None = None) -> None:
        """The network is gone, without a close frame, until `link_up`."""
        self._link_allowed = False
        self._cut()
        if self.charger.connected:
            self.feed(LinkLost(), at)

    def link_up(self) -> None:
        """The network is back; the station reconnects when its back-off lets it."""
        self._link_allowed = True
        self._notify()

    async def call(self, action: str, timeout_s: float = 10.0, **payload: Any) -> dict[str, Any]:
        """Say anything to the CSMS, in the words of the station's OCPP version (snake_case), and wait for the answer.

        Raises TimeoutError, or CallFailed for a CALLERROR.
        """
        said = Said(action=action, payload=payload)
        self._asked[said] = asyncio.get_running_loop().create_future()
        self._deliver([said])
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._asked[said]
        finally:
            del self._asked[said]
            self.outbox.done(said)
        if isinstance(answer, SaidAnswer):
            return dict(answer.payload)
        raise CallFailed(answer.code if isinstance(answer, CallRefused) else "GenericError")

    async def connect(self, timeout_s: float = 10.0) -> None:
        """Power up and wait until the CSMS has accepted the boot. Raises TimeoutError."""
        self.power_up()
        self.link_up()
        await self.wait_for(lambda station: station.charger.online, timeout_s)

    async def wait_for(self, condition: Callable[[Station], bool], timeout_s: float | None = 10.0) -> None:
        """Wait for a condition on this station, at most `timeout_s` real seconds. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                await self._changed.wait()

    @property
    def is_drained(self) -> bool:
        """Whether the CSMS has accepted this station and been told all that has to reach it."""
        return self.charger.registered and not self.outbox.durable

    def transactions(self) -> list[dict[str, Any]]:
        """The station's account of its finished transactions."""
        return finished_transactions(self.charger)

    # --- what a mouth needs ---

    def ask(self, event: Event) -> str:
        """Let the charger take a request of the CSMS; the status of the reply."""
        if not self.charger.powered:
            return "Rejected"
        return self.feed(event) or "Rejected"

    def act(self, request: Callable[[StationModel], _T]) -> _T:
        """Let a functional block of the charger take a request; what it says to it."""
        settings = self.charger.settings
        answer, outputs = self.charger.perform(request, self.clock.now())
        if self.charger.settings != settings:
            self.charger.configure(self.charger.settings)
        self._deliver(outputs, is_durable=True)
        return answer

    def asked(self) -> None:
        """Hear that the CSMS asks something; a frail station restarts when that is too much."""
        if Habit.FRAIL not in self.charger.habits:
            return
        now = self.clock.now()
        self._asked_at = [each for each in self._asked_at if now - each < _TOO_SOON] + [now]
        if len(self._asked_at) > _TOO_MANY and self._reboot is None:
            self._asked_at.clear()
            self._tell("overwhelmed")
            self._reboot = Reboot(hard=True)
            self._notify()

    def is_waiting(self, transaction_id: str | None) -> bool:
        """Whether messages of a transaction (None: of any) wait to be sent."""
        return any(transaction_id in (None, each.transaction_id) for each in self.outbox.durable)

    # --- life ---

    def feed(self, event: Event, at: datetime | None = None) -> str | None:
        """Hand one event to the model and act on what comes out; the status of its reply, when there is one."""
        outputs = self.charger.handle(event, at or self.clock.now())
        is_answer = isinstance(event, Answered) and isinstance(event.message, TransactionMessage | AuthorizeMessage)
        return self._deliver(outputs, is_durable=is_answer or isinstance(event, PowerCut))

    def _deliver(self, outputs: list[Output], *, is_durable: bool = False) -> str | None:
        reply: str | None = None
        for output in outputs:
            match output:
                case Reply():
                    reply = output.status
                case Reboot():
                    self._reboot = output
                case Reconnect():
                    self._reconnect = output
                case Download() | Upload() | MakeKey():
                    if not self._jobs.start(output):
                        self._tell("job_refused", job=type(output).__name__)
                case Note():
                    self._teller(self.spec.station_id, output)
                case _:
                    self.outbox.add(output)
                    if isinstance(output, TransactionMessage):
                        is_durable = True
                        self._tell_queued(output)
        if is_durable:
            self._memory.save(self.charger.remembered(), self.outbox.durable)
        self._notify()
        return reply

    def _tell_queued(self, message: TransactionMessage) -> None:
        if message.offline and message.phase is not Phase.UPDATED:
            self._tell("queued", message.evse_id, phase=message.phase.value, waiting=len(self.outbox))

    def _tell(self, what: str, evse_id: int | None = None, **detail: str | int | bool | None) -> None:
        self._teller(self.spec.station_id, Note(what=what, at=self.charger.now, evse_id=evse_id, detail=detail))

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _cut(self) -> None:
        if self._connection is not None:
            if Habit.STALE_SOCKET in self.charger.habits and self.charger.powered:
                self._connection.abandon()
                self._stale.append(self._connection)
            self._connection.cut()
            self._connection = None
        self.outbox.drop_transient()

    async def run(self) -> None:
        """Live until cancelled; what is remembered is then on the disk."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._let_time_pass())
                tasks.create_task(self._stay_connected())
                tasks.create_task(self._restart_when_told())
                tasks.create_task(self._reconnect_when_told())
                tasks.create_task(self._jobs.run())
        finally:
            for stale in self._stale:
                stale.drop()
            if self.charger.powered:
                self.charger.advance(self.clock.now())
            self._memory.save(self.charger.remembered(), self.outbox.durable)

    async def _let_time_pass(self) -> None:
        while True:
            due = self.charger.next_due()
            wait_s = None if due is None else max(self.clock.until_s(due), self._pace.min_tick_s)
            changed = self._changed
            try:
                async with asyncio.timeout(wait_s):
                    await changed.wait()
            except TimeoutError:
                self._deliver(self.charger.advance(self.clock.now()))

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            await self.wait_for(lambda it: it.charger.powered and it._link_allowed and it._reboot is None, None)
            try:
                socket = await open_socket(
                    self._edge_url,
                    self.charger,
                    password=self.password,
                    open_timeout_s=self._pace.open_timeout_s,
                )
            except (OSError, TimeoutError, InvalidHandshake) as error:
                if failures == 0:
                    self._tell("connect_failed", error=str(error) or type(error).__name__)
                failures += 1
                await asyncio.sleep(self._pace.backoff_s(failures, self._rng))
                continue
            failures = 0
            mouth, endpoint_class = _version(self.spec.ocpp)
            connection = Connection(
                socket,
                endpoint_class,
                mouth,
                self,
                call_timeout_s=self._pace.call_timeout_s(self.clock.timeline),
            )
            await self._converse(connection, mouth)
            await asyncio.sleep(self._pace.backoff_s(0, self._rng))

    async def _converse(self, connection: Connection, mouth: Mouth) -> None:
        """Use a connection until it ends, whoever ends it."""
        if not (self.charger.powered and self._link_allowed):
            connection.cut()
            return
        self._connection = connection
        self._tell("connected")
        self.feed(LinkUp())
        async with asyncio.TaskGroup() as tasks:
            # No error may leave a child: a group that ends in one leaves its parent marked as cancelled (3.11).
            speaking = tasks.create_task(self._speak(connection, mouth))
            try:
                with suppress(ConnectionClosed):
                    await connection.serve()
            finally:
                # First, since 3.11's wait_for may swallow the cancellation: the speaker then sees by itself.
                self._hang_up(connection)
                speaking.cancel()

    def _hang_up(self, connection: Connection) -> None:
        """The connection is over; when it ended by itself, the charger has to be told."""
        connection.cut()
        if self._connection is connection:
            self._connection = None
            self.outbox.drop_transient()
            if self.charger.connected:
                self.feed(LinkLost())
        self._tell("disconnected")

    async def _speak(self, connection: Connection, mouth: Mouth) -> None:
        """Send what waits, one call at a time, until the connection ends."""
        speaker = Speaker(self, connection, mouth)
        with suppress(ConnectionClosed):
            while self._connection is connection:
                await speaker.say_next()

    def is_current(self, connection: Connection) -> bool:
        """Whether the station still speaks over that connection."""
        return self._connection is connection

    async def something_new(self) -> None:
        """Wait until anything has changed."""
        await self._changed.wait()

    def answered(self, message: Message, answer: Answer) -> None:
        """A message is through."""
        self.outbox.done(message)
        if isinstance(message, Said) and (asked := self._asked.get(message)) is not None and not asked.done():
            asked.set_result(answer)
        self.feed(Answered(message=message, answer=answer))

    def unanswered(self, message: Message) -> None:
        """No answer in time: what is of no use later goes, the rest stays first in line and is sent again."""
        if isinstance(message, AuthorizeMessage | HeartbeatMessage | IdleMeterMessage):
            self.outbox.done(message)
        self._tell("unanswered", message=type(message).__name__)
        self.feed(Unanswered(message=message))

    async def _restart_when_told(self) -> None:
        while True:
            await self.wait_for(lambda it: it._reboot is not None, None)
            is_hard = self._reboot is not None and self._reboot.hard
            await asyncio.sleep(_REPLY_LEAVES_S)
            if not is_hard:
                try:
                    await self.wait_for(lambda it: len(it.outbox) == 0, self._pace.call_floor_s)
                except TimeoutError:
                    self._tell("reset_with_queue", waiting=len(self.outbox))
            if self._connection is not None:
                await self._connection.close()
            await self.clock.sleep(_REBOOT_SITE_S)
            self._reboot = None
            self.feed(Rebooted())

    async def _reconnect_when_told(self) -> None:
        """After a new password: finish the answer, go, and come back with it."""
        while True:
            await self.wait_for(lambda it: it._reconnect is not None, None)
            password = self._reconnect.password if self._reconnect is not None else None
            await asyncio.sleep(_REPLY_LEAVES_S)
            if password is not None:
                self.password = password
            self._reconnect = None
            if self._connection is not None:
                await self._connection.close()


def _version(ocpp: OcppVersion) -> tuple[Mouth, Any]:
    """The mouth and the package's endpoint of an OCPP version."""
    match ocpp:
        case OcppVersion.V16:
            return Ocpp16Mouth(), Endpoint16
        case OcppVersion.V201:
            return Ocpp201Mouth(), Endpoint201
        case OcppVersion.V21:
            from ocpp.v21 import ChargePoint as Endpoint21  # type: ignore[import-untyped]  # it takes long to load

            return ocpp21_mouth(), Endpoint21
        case _:
            assert_never(ocpp)
