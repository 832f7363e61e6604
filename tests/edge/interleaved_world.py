"""A real agent with real conversations over lists, which may crash at any place, and the stations around it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.conversation import Conversation
from edge.chargers.fleet import Fleet
from edge.chargers.habits import Habits
from edge.chargers.handshake import Admitted
from edge.chargers.station_socket import StationSocket
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.metrics import AgentMetrics
from protocols.ocpp.version import Version
from tests.edge.domain.site_kit import START, new_site
from tests.edge.gated_ledger import Gate, Screens

QUIET_TURNS: Final = 25
"""The event loop has nothing to do after so many turns in which no thread of the ledger was at work."""
STEP: Final = timedelta(seconds=20)
STEP_WH: Final = 60
UNANSWERED: Final = (b"[3", b"[4")


@dataclass(slots=True)
class Message:
    """Something of a transaction, said until it is acknowledged."""

    what: str
    action: str
    payload: dict[str, Any]
    message_id: str = ""


@dataclass(slots=True)
class Session:
    """A transaction as its station counts it; `name` is the server's (1.6) or the station's own."""

    start_wh: int
    name: str = ""
    stop_wh: int | None = None
    seq_no: int = 0


class Wire:
    """A station's end of a socket, as the conversation uses it; answers must come in the order of the requests."""

    choked_since_s: float | None = None
    last_heard_s = 0.0

    def __init__(self, station: Station) -> None:
        self._station = station
        self.expected: deque[str | None] = deque()
        self.is_dead = False

    def send(self, raw: bytes) -> bool:
        if self.is_dead:
            return False
        kind, message_id, *rest = json.loads(raw)
        if kind == 2:
            return True  # a question of the site's; this station does not answer
        assert self.expected, f"an answer to nothing: {raw!r}"
        wanted = self.expected.popleft()
        assert wanted in (None, message_id), f"{raw!r} answers before {wanted}"
        self._station.hear(kind, message_id, rest)
        return True

    def close(self, code: int, reason: str = "") -> None:
        self.is_dead = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Station:
    """A charger that obeys the standard: one message of a transaction at a time, repeated until it is answered."""

    def __init__(self, world: World, station_id: str, version: Version, token: str) -> None:
        self.world = world
        self.station_id = station_id
        self.version = version
        self.token = token
        self.wire: Wire | None = None
        self.talk: Conversation | None = None
        self.session: Session | None = None
        self.pending: Message | None = None
        self.last: Message | None = None
        self.last_start: Message | None = None
        self.done: list[Session] = []
        self.register_wh = 1000
        self._said = 0

    # --- connection ---

    def connect(self) -> None:
        """On a new socket; the one before, if it is still there, does not know yet."""
        old = self.wire
        self.wire = Wire(self)
        world = self.world
        admitted = Admitted(station_id=self.station_id, version=self.version, subprotocol="", is_known=True)
        loop = asyncio.get_running_loop()
        habits = Habits(world.agent, world.charger_metrics, lambda raw: raw)
        self.talk = Conversation(admitted, world.fleet, world.agent, world.clock, world.charger_metrics, loop, habits)
        self.talk.begin(cast(StationSocket, self.wire))
        assert old is None or old.is_dead, "only the newest socket is the station's"
        if self.version is Version.V16:
            self.say("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        else:
            station = {"vendorName": "V", "model": "M"}
            self.say("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    def disconnect(self) -> None:
        if self.wire is not None and self.talk is not None:
            self.wire.is_dead = True
            self.talk.end()
        self.wire = self.talk = None

    def crash(self) -> None:
        """The server is gone, and with it all that it might have said."""
        if self.wire is not None:
            self.wire.is_dead = True
        self.wire = self.talk = None

    # --- what it says ---

    def say(self, action: str, payload: dict[str, Any], message_id: str = "") -> str:
        self._said += 1
        message_id = message_id or f"{self.station_id}-{self._said}"
        self._send(json.dumps([2, message_id, action, payload]).encode(), message_id)
        return message_id

    def spoil(self, raw: bytes) -> None:
        self._send(raw, None)

    def _send(self, raw: bytes, message_id: str | None) -> None:
        if self.wire is None or self.talk is None or self.wire.is_dead:
            return
        if not raw.startswith(UNANSWERED):
            self.wire.expected.append(message_id)
        self.talk.take(raw, asyncio.get_running_loop().time())

    def go_on(self, what: str) -> None:
        """Begin, meter or end a transaction, or say again what was not answered."""
        if self.wire is None:
            return
        if self.pending is None:
            self.pending = self._next(what)
        if self.pending is not None:
            self.pending.message_id = self.say(self.pending.action, self.pending.payload)

    def repeat(self, which: str) -> None:
        """Say something of a transaction again, answered or not, as stations with bad nerves do."""
        message = self.last_start if which == "start" else self.last
        if message is not None and self.wire is not None:
            self.say(message.action, message.payload, message.message_id if which == "same" else "")

    def _next(self, what: str) -> Message | None:
        self.register_wh += STEP_WH
        if self.session is None:
            what, self.session = "start", Session(self.register_wh)
        elif what == "go":
            what = "meter" if self.register_wh // STEP_WH % 2 else "stop"
        message = self._message_16(what) if self.version is Version.V16 else self._message_201(what)
        if what == "stop":
            self.session.stop_wh = self.register_wh
        if what == "start":
            self.last_start = message
        self.last = message
        return message

    def _message_16(self, what: str) -> Message:
        assert self.session is not None
        at, wh = self.world.stamp(), self.register_wh
        match what:
            case "start":
                payload = {"connectorId": 1, "idTag": self.token, "meterStart": wh, "timestamp": at}
                return Message(what, "StartTransaction", payload)
            case "stop":
                payload = {"transactionId": int(self.session.name), "meterStop": wh, "timestamp": at}
                return Message(what, "StopTransaction", payload)
        sample = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        payload = {
            "connectorId": 1,
            "transactionId": int(self.session.name),
            "meterValue": [{"timestamp": at, "sampledValue": [sample]}],
        }
        return Message(what, "MeterValues", payload)

    def _message_201(self, what: str) -> Message:
        assert self.session is not None
        session, at = self.session, self.world.stamp()
        session.name = session.name or f"T{len(self.done)}"
        kind, trigger, context = {
            "start": ("Started", "Authorized", "Transaction.Begin"),
            "meter": ("Updated", "MeterValuePeriodic", "Sample.Periodic"),
            "stop": ("Ended", "EVDeparted", "Transaction.End"),
        }[what]
        register = {"value": self.register_wh, "context": context, "measurand": "Energy.Active.Import.Register"}
        payload: dict[str, Any] = {
            "eventType": kind,
            "timestamp": at,
            "triggerReason": trigger,
            "seqNo": session.seq_no,
            "transactionInfo": {"transactionId": session.name},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [{"timestamp": at, "sampledValue": [register]}],
        }
        if what == "start":
            payload["idToken"] = {"idToken": self.token, "type": "ISO14443"}
        session.seq_no += 1
        return Message(what, "TransactionEvent", payload)

    # --- what it hears ---

    def hear(self, kind: int, message_id: str, rest: list[Any]) -> None:
        pending = self.pending
        if pending is None or pending.message_id != message_id:
            return
        assert kind == 3, f"{pending.action} was refused: {rest}"
        self.pending = None
        session = self.session
        assert session is not None
        match pending.what:
            case "start":
                session.name = session.name or str(rest[0]["transactionId"])
                assert self.world.is_kept(self.station_id, session.name), "a start was acknowledged that is not kept"
            case "stop":
                assert self.world.is_billed(self.station_id, session), "a stop was acknowledged that is not billed"
                self.done.append(session)
                self.session = None


@dataclass(slots=True)
class World:
    """The process under test, which may crash, and the stations around it, which do not."""

    folder: Path
    now: datetime = START
    ledger: Ledger = field(init=False)
    gate: Gate = field(init=False)
    agent: Agent = field(init=False)
    fleet: Fleet = field(init=False)
    charger_metrics: ChargerMetrics = field(init=False)
    stations: dict[str, Station] = field(init=False)
    running: asyncio.Task[None] = field(init=False)
    reading: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        self.stations = {
            "A": Station(self, "A", Version.V16, "GOOD"),
            "B": Station(self, "B", Version.V201, "OTHER"),
        }

    @property
    def path(self) -> Path:
        return self.folder / "ledger.sqlite"

    def clock(self) -> datetime:
        return self.now

    def stamp(self) -> str:
        return self.now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # --- the process ---

    async def start(self) -> None:
        self.ledger = Ledger(self.path, "edge-1")
        self.gate = Gate(self.ledger)
        site = restore(self.ledger, new_site().rules)
        site.tokens.site.update(new_site().tokens.site)
        self.agent = Agent(site, self.gate, self.clock, AgentMetrics(CollectorRegistry()))
        self.charger_metrics = ChargerMetrics(CollectorRegistry())
        self.fleet = Fleet(self.agent, self.charger_metrics)
        self.agent.attach(chargers=self.fleet, screens=Screens(self.gate), uplink=None)
        self.running = asyncio.get_running_loop().create_task(self.agent.run())
        self.reading = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        await self.settle()

    async def crash(self) -> None:
        """What is not in the file is gone."""
        for station in self.stations.values():
            station.crash()
        self.running.cancel()
        await asyncio.wait([self.running])
        self.reading.close()
        self.ledger.close()

    async def settle(self) -> None:
        """Until nothing more happens by itself. Raises what the agent died of."""
        quiet = 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            quiet = 0 if self.gate.at_work else quiet + 1
        if self.running.done():
            self.running.result()

    # --- what is in the file ---

    def is_kept(self, station_id: str, name: str) -> bool:
        return (
            self._count("open_transactions", station_id, name) + self._count("past_transactions", station_id, name) == 1
        )

    def is_billed(self, station_id: str, session: Session) -> bool:
        """Once, with the energy that the station has counted."""
        if self._count("open_transactions", station_id, session.name):
            return False
        query = (
            "SELECT COUNT(*), SUM(is_quarantined) FROM cdrs JOIN past_transactions USING (transaction_id)"
            " WHERE station_id = ? AND charger_transaction_id = ?"
        )
        return bool(self.reading.execute(query, (station_id, session.name)).fetchone() == (1, 0))

    def _count(self, table: str, station_id: str, name: str) -> int:
        query = f"SELECT COUNT(*) FROM {table} WHERE station_id = ? AND charger_transaction_id = ?"  # noqa: S608
        (count,) = self.reading.execute(query, (station_id, name)).fetchone()
        return int(count)

    async def look(self) -> None:
        """A screen that asks: it is shown what is in the file, or it waits."""

        async def seen() -> set[str]:
            async with self.agent.still():
                return set(self.agent.site.transactions)

        looking = asyncio.get_running_loop().create_task(seen())
        await self.settle()
        if looking.done():
            rows = self.reading.execute("SELECT transaction_id FROM open_transactions").fetchall()
            assert looking.result() == {transaction_id for (transaction_id,) in rows}
        looking.cancel()
        await asyncio.wait([looking])
