"""One station's session with a real site, and what must hold whatever the station says.

Bytes go through the real conversation, reader and decisions; only sockets, the disk and the event loop are left out. A
session is a list of steps, so what went wrong once can be played again.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import pickle
import re
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
import structlog
from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.conversation import Conversation
from edge.chargers.frame_masking import Masker
from edge.chargers.habits import Habits
from edge.chargers.handshake import Admitted
from edge.chargers.station_socket import StationSocket
from edge.domain import view
from edge.domain.decide import decide, wanted
from edge.domain.events import Refused, Restarted, SiteEvent, Ticked
from edge.ports import OnReply
from protocols.charger.commands import AnyOperation, ChargerCommand, Operation, RawCall
from protocols.charger.events import CommandAnswered, SigningRequested, StationConnected
from protocols.charger.inquiries import ContractPresented, Inquiry
from protocols.errors import BadFrame, BadPayload, BadText
from protocols.ocpp.dialect import Result
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import CallError, CallResult, encode_call, parse
from protocols.ocpp.schema import Direction, validate
from protocols.ocpp.version import ErrorCode, Version, wire_code
from protocols.ocpp.vocabulary import words
from protocols.sync.codec import decode_entry, encode_entry
from protocols.sync.down import Command, Operate
from protocols.sync.up import CdrIssued, CdrQuarantined
from tests.edge.domain.site_kit import START, new_site

OPERATION: TypeAdapter[Operation] = TypeAdapter(AnyOperation)
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The hub's database can store no text with one."""
MAX_COMMANDS = 100
"""Commands that may come of one step; more would be a circle."""
MAX_STATE_BYTES = 2_000_000
"""What a site of two stations may take, pickled, whatever they say."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The station says these bytes."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Waited:
    """So much time passes."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The site has something done; `answers` are what the station says to its next calls."""

    operation: Operation
    answers: tuple[Any, ...] = ()


Step = Heard | Waited | Asked


class Finding(Exception):
    """Something that must not happen. `where` names the fault, so that it is told once."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(f"{where}\n{text}")
        self.where = where


@dataclass
class Session:
    """Plays steps; raises Finding at the first thing that is wrong. `told` is called with what the station hears."""

    version: Version
    told: Callable[[Any], None] = lambda _document: None
    now: datetime = START
    calls: int = 0
    events: int = 0
    relayed: int = 0
    finding: Finding | None = None
    faults: list[str] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)
    choked_since_s: float | None = None

    def __post_init__(self) -> None:
        self.site = new_site()
        self.station_id = "A" if self.version is Version.V16 else "B"
        self.dialect = DIALECTS[self.version]
        self._answers: deque[Any] = deque()
        self._commands: deque[ChargerCommand] = deque()
        self._numbers = itertools.count(1)
        metrics = ChargerMetrics(CollectorRegistry())
        habits = Habits(cast(Any, self), metrics, Masker(words, b"fuzz").mask)
        admitted = Admitted(station_id=self.station_id, version=self.version, subprotocol="", is_known=True)
        me = cast(Any, self)
        self.talk = Conversation(admitted, me, me, lambda: self.now, metrics, me, habits, None, me)
        self._tell(Restarted())
        self._tell(StationConnected(station_id=self.station_id, abilities=self.dialect.abilities))
        self.talk.begin(cast(StationSocket, self))

    def play(self, steps: list[Step]) -> None:
        for step in steps:
            self.step(step)
        self.close()

    def step(self, step: Step) -> None:
        with _faults_told(self.faults):
            match step:
                case Heard(raw=raw):
                    self._hear(raw)
                case Waited(seconds=seconds):
                    self.now += timedelta(seconds=seconds)
                    self._tell(Ticked())
                case Asked(operation=operation, answers=answers):
                    self._answers.extend(answers)
                    self._ask(operation)
            self._carry_out()
        if self.finding is not None:
            raise self.finding
        if self.faults:
            raise Finding(_place_of(self.faults[0]), self.faults[0])

    def close(self) -> None:
        """What is shown and kept of the site can be told, and is bounded."""
        try:
            view.snapshot(self.site, self.now)
            json.dumps([view.status(self.site, self.now), view.stations(self.site, self.now)])
            view.birth(self.site, self.now)
        except Exception:
            text = traceback.format_exc()
            raise Finding(_place_of(text), text) from None
        size = len(pickle.dumps(self.site))
        if size > MAX_STATE_BYTES:
            raise Finding("unbounded state", f"the site takes {size} bytes")

    # --- what the station says ---

    def _hear(self, raw: bytes) -> None:
        before, events, relayed = pickle.dumps(self.site), self.events, self.relayed
        self.said.clear()
        self.talk._frames_this_second = 0
        self.talk.take(raw, 0.0)
        expected = self._expected(raw)
        if expected is None:
            _check(not self.said, "an answer was answered", raw)
            return
        _check(len(self.said) == 1, f"{len(self.said)} answers", raw)
        answer = orjson.loads(self.said[0])
        self.told(answer)
        message_id, action = expected
        _check(answer[1] == message_id, "another message id", raw, answer)
        if answer[0] == 3:
            try:
                validate(self.version, action, Direction.RESPONSE, answer[2])
            except BadPayload as bad:
                raise Finding(f"bad answer to {action}: {bad.description}", f"{raw!r}\n{answer}") from None
            return
        kind, _, code, description, details = answer
        _check(kind == 4 and code in _CODES[self.version], "no code of the standard", raw, answer)
        _check(len(description) <= 255 and details == {}, "a strange CALLERROR", raw, answer)
        if self.faults or self.finding is not None:
            return
        if relayed == self.relayed:
            _check(code != "InternalError", "an InternalError", raw, answer)
            _check(events == self.events, f"an event of a refused {action}", raw, answer)
            _check(before == pickle.dumps(self.site), f"a change by a refused {action}", raw, answer)

    def _expected(self, raw: bytes) -> tuple[str, str] | None:
        """Message id and action of what has to be answered; None where nothing has."""
        try:
            frame = parse(raw, self.version)
        except BadFrame as bad:
            return bad.message_id, ""
        if isinstance(frame, CallResult | CallError) or not hasattr(frame, "action") or type(frame).__name__ == "Send":
            return None
        return frame.message_id, frame.action

    # --- what the site wants ---

    def _ask(self, operation: Operation) -> None:
        body = Operate(station_id=self.station_id, operation=operation)
        number = next(self._numbers)
        expires_at = self.now + timedelta(minutes=5)
        self._tell(Command(id=f"c{number}", issued_at=self.now, expires_at=expires_at, body=body))

    def _carry_out(self) -> None:
        for _ in range(MAX_COMMANDS):
            if not self._commands:
                return
            command = self._commands.popleft()
            if command.station_id == self.station_id:
                result = self._operated(command.operation)
            else:
                result = Result(is_accepted=False, detail="NotConnected")
            self._tell(
                CommandAnswered(
                    station_id=command.station_id,
                    command_id=command.command_id,
                    is_accepted=result.is_accepted,
                    detail=result.detail,
                    result=result.result,
                )
            )
        raise Finding("commands without end", str(self._commands))

    def _operated(self, operation: Operation | RawCall) -> Result:
        """As the fleet has it done."""
        operated = self.dialect.operations.get(type(operation))
        if operated is None or isinstance(operation, RawCall):
            return Result(is_accepted=False, detail="not in this version")
        try:
            calls = operated.render(operation)
            for action, payload in calls:
                validate(self.version, action, Direction.REQUEST, payload)
                encode_call("1", action, payload)
                self.told(payload)
        except (BadText, BadPayload) as error:
            return Result(is_accepted=False, detail=str(error))
        answers = [self._answers.popleft() if self._answers else {"status": "Accepted"} for _ in calls]
        self.calls += len(calls)
        result = operated.read(operation, answers)
        json.dumps(result.result)
        return result

    # --- an inbox, a fleet, a loop, a relay and a socket, as the conversation needs them ---

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, _is_moot: object = None) -> None:
        self.events += 1
        reply: Any = Refused(reason="failed")
        with contextlib.suppress(Exception):
            reply = self._tell(event)
        if on_reply is not None:
            on_reply(reply)

    def _tell(self, event: SiteEvent) -> Any:
        try:
            wanted(self.site, event)
            decision = decide(self.site, event, self.now)
            for entry in decision.entries:
                encoded = encode_entry(entry)
                _check(NUL.search(encoded) is None, f"a NUL in {type(entry.body).__name__}", encoded)
                _check(encode_entry(decode_entry(encoded)) == encoded, "an entry that changes when it is read", encoded)
                if isinstance(entry.body, CdrIssued | CdrQuarantined):
                    cdr = entry.body.cdr
                    _check(cdr.total_energy_wh >= 0 and cdr.total_cost.incl_vat >= 0, "a negative bill", encoded)
        except Finding as finding:
            self.finding = self.finding or finding
            raise
        except Exception:
            self.faults.append(traceback.format_exc())
            raise
        self._commands.extend(decision.commands)
        return decision.reply

    def join(self, conversation: Conversation) -> None:
        conversation.welcome()

    def leave(self, conversation: Conversation) -> None: ...

    def ask(self, inquiry: Inquiry, on_answer: Callable[[Any], None]) -> None:
        """A contract is judged by the site, a signing request too; of what only others know, nobody knows anything."""
        self.relayed += 1
        match inquiry:
            case ContractPresented(presented=presented):
                on_answer(presented)
            case SigningRequested():
                on_answer(inquiry)
            case _:
                on_answer(Refused(reason="nobody knows"))

    def time(self) -> float:
        return (self.now - START).total_seconds()

    def call_later(self, _delay_s: float, _call: object, *_arguments: object) -> None:
        raise Finding("the conversation waits", "nothing here is ever full")

    def send(self, raw: bytes) -> bool:
        self.said.append(raw)
        return True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


_CODES = {version: frozenset(wire_code(code, version) for code in ErrorCode) for version in Version}


def _check(is_right: bool, where: str, *evidence: object) -> None:
    if not is_right:
        raise Finding(where, "\n".join(repr(each)[:4000] for each in evidence))


def _place_of(text: str) -> str:
    """The line of ours where it was raised last, and the error's name: the same fault has the same place."""
    places = [line.strip() for line in text.splitlines() if line.strip().startswith("File ")]
    ours = [place for place in places if "/site-packages/" not in place and "/lib/python" not in place]
    return f"{text.strip().splitlines()[-1].split(':')[0]} at {(ours or places or ['?'])[-1]}"


@contextlib.contextmanager
def _faults_told(faults: list[str]) -> Iterator[None]:
    """What the product catches and logs as a fault of its own is one here; so is what it raises."""

    def tell(_logger: object, _name: str, event: Any) -> Any:
        if event.get("exc_info"):
            faults.append("".join(traceback.format_exception(*sys.exc_info())))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[tell], cache_logger_on_first_use=False)
    try:
        yield
    except Finding:
        raise
    except Exception:
        faults.append(traceback.format_exc())
    finally:
        structlog.configure(**before)
