"""One station on one socket: its requests are answered strictly in order, each after it was decided and is durable.

Nothing here waits: a frame goes as far as it can at once, and what the site decides comes back as a call.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, Protocol, get_args

import msgspec
import orjson
import structlog

from edge.chargers.calls import Calls
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.frame_log import FrameLog
from edge.chargers.frame_segments import FROM_STATION, TO_STATION
from edge.chargers.habits import Habits, Model
from edge.chargers.handshake import Admitted
from edge.chargers.station_socket import StationSocket
from edge.domain.events import Refused, SiteEvent, SiteReply, StaffReply
from edge.ports import Clock, Inbox, Overloaded, Relay
from protocols.charger.commands import BootAnswer
from protocols.charger.events import BootReported, ChargerEvent, IdTokenPresented, MeterValuesReported
from protocols.charger.inquiries import Inquiry
from protocols.errors import BadFrame, BadPayload
from protocols.ocpp.dialect import Decided, Immediate, Relayed
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import Call, CallError, Send, encode, encode_result, parse
from protocols.ocpp.proper_call import proper_call
from protocols.ocpp.quirks import catalogue
from protocols.ocpp.quirks.apply import corrected
from protocols.ocpp.quirks.model import BY_THE_BOOK
from protocols.ocpp.salvage import Deviation
from protocols.ocpp.schema import decode, known_actions, rescue
from protocols.ocpp.version import ErrorCode, Version, wire_code

COMPLAINTS_LOGGED: Final = 10
"""How many bad frames of one connection are logged; all are counted."""
MAX_FRAMES_PER_S: Final = 1_000
"""What a station says beyond it waits for the next second: one that runs wild shall not take the others' time."""
FRAMES_HELD: Final = 32
"""With so many frames waiting for their turn, nothing more is read from the socket: the station waits too."""
FRAMES_PER_STEP: Final = 32
"""How many waiting frames are served before the others have their turn."""
CHOKED_LIMIT_S: Final = 30.0
"""A station that does not read what it is sent is cut off after so long."""
RETRY_S: Final = 0.25
"""A full inbox is asked again after so long. The station waits meanwhile, within its own time-out."""

SAID_AGAIN: Final = frozenset({BootReported, IdTokenPresented, MeterValuesReported})
"""What is not decided for a station that has gone meanwhile: it cannot hear the answer and begins anew when it is back.
In a storm that outruns the machine, what is given up on by its sender shall not keep the others waiting. Transactions
and states are decided even so: not every station says them a second time."""

_FOR_STAFF: Final = frozenset(get_args(StaffReply))
_ANSWER: Final = re.compile(rb"\s*+\[\s*+[34]\s*+,")


class Belonging(Protocol):
    """Who must know that a conversation begins and ends: the fleet."""

    def join(self, conversation: Conversation) -> None: ...

    def leave(self, conversation: Conversation) -> None: ...


class Asked(msgspec.Struct, frozen=True, gc=False):
    """The request that the site is deciding upon: one for every message, so a Struct (see protocols.fact)."""

    message_id: str
    action: str
    handling: Decided | Relayed
    fingerprint: int
    at_s: float


class Conversation:
    """Hears, has it decided, answers. `is_stale` once a newer socket owns the station: then it says nothing more."""

    __slots__ = (
        "_allowed",
        "_answer",
        "_answered",
        "_asked",
        "_clock",
        "_complaints",
        "_frame_log",
        "_frames_this_second",
        "_habits",
        "_inbox",
        "_is_resting",
        "_metrics",
        "_relay",
        "_second_ends_s",
        "_waiting",
        "calls",
        "dialect",
        "fleet",
        "is_begun",
        "is_known",
        "is_stale",
        "loop",
        "quirks",
        "slot",
        "socket",
        "station_id",
    )

    def __init__(
        self,
        admitted: Admitted,
        fleet: Belonging,
        inbox: Inbox,
        clock: Clock,
        metrics: ChargerMetrics,
        loop: asyncio.AbstractEventLoop,
        habits: Habits,
        frame_log: FrameLog | None = None,
        relay: Relay | None = None,
    ) -> None:
        self.station_id = admitted.station_id
        self.is_known = admitted.is_known
        self.dialect = DIALECTS[admitted.version]
        self.calls = Calls(self._send)
        self.fleet = fleet
        self.loop = loop
        self.quirks = habits.quirks_of(self.station_id)
        self.socket: StationSocket | None = None
        self.slot = -1
        self.is_begun = False
        self.is_stale = False
        self._inbox = inbox
        self._clock = clock
        self._metrics = metrics
        self._habits = habits
        self._frame_log = frame_log
        self._relay = relay
        self._allowed: set[str] | None = None
        self._asked: Asked | None = None
        self._answered: tuple[str, int] | None = None
        self._answer = b""
        self._waiting: list[bytes] = []
        self._is_resting = False
        self._complaints = 0
        self._second_ends_s = 0.0
        self._frames_this_second = 0

    # --- from the socket ---

    def begin(self, socket: StationSocket) -> None:
        """The socket is open. Nothing is answered before the site knows of it: the fleet calls `welcome`."""
        self.socket = socket
        self.fleet.join(self)

    def welcome(self) -> None:
        """The site knows that the station is here."""
        self.is_begun = True
        self.go_on()

    def take(self, raw: bytes, now_s: float) -> None:
        """A message from the station. An answer to a call of ours passes the requests that wait (1.6 J §4.1.1):
        calls that cross on the wire would otherwise hold each other up."""
        if self.is_stale:
            return
        self._metrics.frames_in += 1
        if self._frame_log is not None:
            self._frame_log.note(self.station_id, FROM_STATION, raw)
        if now_s >= self._second_ends_s:
            self._second_ends_s, self._frames_this_second = now_s + 1.0, 0
        self._frames_this_second += 1
        if (self._asked is None and self.is_begun and not self._waiting and self._may_serve()) or _ANSWER.match(raw):
            self._serve(raw, now_s)
        else:
            self._hold(raw)

    def go_on(self) -> None:
        """Serve what waits, until a request has to be decided or the station does not read."""
        served = 0
        self._is_resting = False
        while self._waiting and self._asked is None and self.is_begun and not self.is_stale:
            if not self._may_serve():
                return
            if served == FRAMES_PER_STEP:
                self._rest(0.0)
                return
            served += 1
            self._serve(self._waiting.pop(0), self.loop.time())
            if len(self._waiting) == FRAMES_HELD - 1 and self.socket is not None:
                self.socket.resume_reading()

    def choke(self) -> None:
        """The station does not read, and the buffers towards it are full."""
        self.loop.call_later(CHOKED_LIMIT_S, self._cut_off_if_choked)

    def end(self) -> None:
        """The socket is gone."""
        self.retire()
        self.fleet.leave(self)

    def retire(self) -> None:
        """The socket has ended or lost the station to a newer one."""
        self.is_stale = True
        self._waiting.clear()
        self.calls.close()

    # --- a frame ---

    def _serve(self, raw: bytes, now_s: float) -> None:
        try:
            frame = proper_call(raw, self.dialect.version) or parse(raw, self.dialect.version)
        except BadFrame as bad:
            self._complain("unreadable", bad.code, bad.description)
            self._say(encode(CallError(bad.message_id, bad.code, bad.description)))
            return
        if not isinstance(frame, Call):
            if not isinstance(frame, Send):
                self.calls.settle(frame)
            return
        handling = self.dialect.requests.get(frame.action)
        if self._allowed is not None and handling is not None and frame.action not in self._allowed:
            text = "the station is not accepted yet: only its BootNotification and what it was asked for"
            self._say(encode(self._refusal(frame, ErrorCode.SECURITY_ERROR, text)))
        elif handling is None or isinstance(handling, Immediate):
            self._say(self._answer_alone(frame, handling))
        else:
            self._ask(frame, handling, hash(raw), now_s)

    def _answer_alone(self, call: Call, handling: Immediate | None) -> bytes:
        version = self.dialect.version
        if handling is None:
            is_known = call.action in known_actions(version)
            code = wire_code(ErrorCode.NOT_SUPPORTED if is_known else ErrorCode.NOT_IMPLEMENTED, version)
            return encode(self._refusal(call, code, "this action is not supported here", is_known=is_known))
        try:
            if call.decoded is None:
                decode(version, call.action, call.payload)
        except BadPayload as bad:
            mended = rescue(version, call.action, call.payload)
            if mended is None:
                return encode(self._refusal(call, bad.code, bad.description))
            self._note(call, mended[1])
        self._metrics.messages[call.action, "answered"] += 1
        return encode_result(call.message_id, handling.answer(self._clock()))

    def _ask(self, call: Call, handling: Decided | Relayed, fingerprint: int, now_s: float) -> None:
        if self._answered is not None and self._answered[0] == call.message_id:
            self._repeat(call, is_same=self._answered[1] == fingerprint)
            return
        deviations: tuple[Deviation, ...] = ()
        try:
            try:
                payload = call.decoded or decode(self.dialect.version, call.action, call.payload)
            except BadPayload:
                mended = rescue(self.dialect.version, call.action, call.payload)
                if mended is None:
                    raise
                payload, deviations = mended
            event: Any = handling.read(self.station_id, payload)
        except BadPayload as bad:
            self._say(encode(self._refusal(call, bad.code, bad.description)))
            return
        except Exception:
            structlog.get_logger().exception("request_failed", station_id=self.station_id, action=call.action)
            self._say(encode(self._internal_error(call.message_id, call.action)))
            return
        if type(event) is BootReported:
            self.quirks = catalogue.of(event.vendor, event.model, event.firmware_version)
        elif self.quirks is not BY_THE_BOOK:
            event = corrected(event, self.quirks)
        self._asked = Asked(call.message_id, call.action, handling, fingerprint, now_s)
        if type(handling) is Relayed and isinstance(event, Inquiry):
            self._inquire(event)
        else:
            self._put(event)
        if deviations:  # told behind a boot, which says of which model they are
            self._note(call, deviations, event if type(event) is BootReported else None)

    def _note(self, call: Call, deviations: tuple[Deviation, ...], boot: BootReported | None = None) -> None:
        model = Model(boot.vendor, boot.model, boot.firmware_version) if boot is not None else None
        frame = orjson.dumps([2, call.message_id, call.action])[:-1] + b"," + bytes(call.payload) + b"]"
        self._habits.note(self.station_id, deviations, frame, self.loop.time(), model)

    def _inquire(self, inquiry: Inquiry) -> None:
        """Others than the site have the answer, or what it needs to decide. The station's next requests wait for it,
        those of all others do not."""
        if self._relay is None:
            self._inquired(Refused(reason="there is nobody to ask"))
        else:
            self._relay.ask(inquiry, self._inquired)

    def _inquired(self, found: SiteReply | ChargerEvent) -> None:
        if isinstance(found, ChargerEvent):
            self._put(found)
        else:
            self._replied(found)

    def _put(self, event: SiteEvent) -> None:
        """Nothing that a station says is refused for want of time: it waits here, and the station for its answer."""
        if self.is_stale:
            return  # it will say it again, on its new socket
        try:
            self._inbox.put(event, self._replied, self._is_gone if type(event) in SAID_AGAIN else None)
        except Overloaded:
            self._metrics.held_by_full_inbox += 1
            self.loop.call_later(RETRY_S, self._put, event)

    def _is_gone(self) -> bool:
        return self.is_stale

    def _replied(self, reply: SiteReply) -> None:
        """What the site decided upon the request is durable."""
        asked, self._asked = self._asked, None
        if asked is None or self.is_stale:
            return
        if isinstance(reply, Refused):  # its decision failed, and the agent has logged why
            self._say(encode(self._internal_error(asked.message_id, asked.action)))
            if self._waiting:
                self.go_on()
            return
        try:
            if type(reply) in _FOR_STAFF:  # one look, where isinstance takes one for each class
                raise TypeError(f"the site answered a station's {asked.action} with {type(reply).__name__}")
            told: Any = reply
            answer = encode_result(asked.message_id, asked.handling.render(told))
            if type(reply) is BootAnswer:
                self._limit(reply)
        except Exception:
            structlog.get_logger().exception("request_failed", station_id=self.station_id, action=asked.action)
            self._say(encode(self._internal_error(asked.message_id, asked.action)))
        else:
            self._answered, self._answer = (asked.message_id, asked.fingerprint), answer
            self._metrics.answered(asked.action, self.loop.time() - asked.at_s)
            self._say(answer)
        if self._waiting:
            self.go_on()

    def _limit(self, boot: BootAnswer) -> None:
        """OCPP 2.0.1 B02.FR.09, B03.FR.07: who is not accepted is refused all but what it is asked for. Transactions
        are heard even so: nobody shall charge for nothing because a station does not wait."""
        if boot.status == "Accepted" or self.dialect.version is Version.V16:
            self._allowed = None
        elif self._allowed is None:
            self._allowed = {"BootNotification", "NotifyReport", "TransactionEvent"}

    def expect(self, action: str, payload: dict[str, Any]) -> None:
        """What a station that is not accepted yet is asked for, it may say."""
        if self._allowed is not None and action == "TriggerMessage":
            message = str(payload.get("requestedMessage"))
            self._allowed.add("SignCertificate" if message.startswith("Sign") else message)

    def _repeat(self, call: Call, *, is_same: bool) -> None:
        """The same message again, as it is said by a station that missed the answer, gets the answer that it got."""
        if is_same:
            self._metrics.messages[call.action, "repeated"] += 1
            self._say(self._answer)
            return
        structlog.get_logger().warning(
            "message_id_reused", security=True, station_id=self.station_id, action=call.action
        )
        code = wire_code(ErrorCode.PROTOCOL_ERROR, self.dialect.version)
        self._say(encode(self._refusal(call, code, "this message id was just used for another message")))

    # --- waiting ---

    def _may_serve(self) -> bool:
        """Not beyond the rate, and not for a station that does not read its answers."""
        if self.socket is not None and self.socket.choked_since_s is not None:
            return False
        if self._frames_this_second > MAX_FRAMES_PER_S:
            left_s = self._second_ends_s - self.loop.time()
            if left_s > 0:
                self._metrics.slowed_down += 1
                self._rest(left_s)
                return False
            self._frames_this_second = 0
        return True

    def _cut_off_if_choked(self) -> None:
        since_s = self.socket.choked_since_s if self.socket is not None else None
        if since_s is not None and self.socket is not None and self.loop.time() - since_s >= CHOKED_LIMIT_S - 1.0:
            self._metrics.choked_closed += 1
            self.socket.abort()

    def _rest(self, delay_s: float) -> None:
        if not self._is_resting:
            self._is_resting = True
            self.loop.call_later(delay_s, self.go_on)

    def _hold(self, raw: bytes) -> None:
        self._waiting.append(raw)
        if len(self._waiting) >= FRAMES_HELD and self.socket is not None:
            self.socket.pause_reading()

    # --- towards the station ---

    def _say(self, raw: bytes) -> None:
        self._metrics.frames_out += 1
        if self.socket is not None and self.socket.send(raw) and self._frame_log is not None:
            self._frame_log.note(self.station_id, TO_STATION, raw)

    def _send(self, raw: bytes) -> bool:
        """For our own calls; False where the connection is at its end."""
        self._metrics.frames_out += 1
        is_sent = self.socket is not None and self.socket.send(raw)
        if is_sent and self._frame_log is not None:
            self._frame_log.note(self.station_id, TO_STATION, raw)
        return is_sent

    def _refusal(self, call: Call, code: str, description: str, *, is_known: bool = True) -> CallError:
        self._complain(call.action if is_known else "unknown", code, description)
        return CallError(call.message_id, code, description)

    def _internal_error(self, message_id: str, action: str) -> CallError:
        code = wire_code(ErrorCode.INTERNAL_ERROR, self.dialect.version)
        self._complain(action, code, "internal error")
        return CallError(message_id, code, "internal error")

    def _complain(self, action: str, code: str, description: str) -> None:
        self._metrics.messages[action, code] += 1
        self._complaints += 1
        if self._complaints <= COMPLAINTS_LOGGED:
            structlog.get_logger().warning(
                "request_refused", station_id=self.station_id, action=action, code=code, problem=description
            )
