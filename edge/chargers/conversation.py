"""One station on one socket: its requests are answered strictly in order, each after it was decided and is durable."""

from __future__ import annotations

from typing import Final

import structlog
from websockets.exceptions import ConnectionClosed

from edge.chargers.calls import Calls
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.handshake import Admitted
from edge.chargers.station_socket import StationSocket
from edge.domain.events import Done, Refused
from edge.ports import CallFailed, Clock, Inbox, Overloaded
from protocols.errors import BadFrame, BadPayload
from protocols.ocpp.dialect import Decided, Immediate
from protocols.ocpp.dialects import DIALECTS
from protocols.ocpp.frame import Call, CallError, CallResult, encode, parse
from protocols.ocpp.schema import Direction, known_actions, validate
from protocols.ocpp.version import ErrorCode, wire_code

ANSWERS_KEPT: Final = 4
"""How many of the last answers are kept for a station that repeats a request with the same message id."""
COMPLAINTS_LOGGED: Final = 10
"""How many bad frames of one connection are logged; all are counted."""


class Conversation:
    """Reads, has it decided, answers. `is_stale` once a newer socket owns the station: then nothing more is read."""

    __slots__ = (
        "_answers",
        "_clock",
        "_complaints",
        "_inbox",
        "_metrics",
        "calls",
        "dialect",
        "is_known",
        "is_stale",
        "socket",
        "station_id",
    )

    def __init__(
        self, socket: StationSocket, admitted: Admitted, inbox: Inbox, clock: Clock, metrics: ChargerMetrics
    ) -> None:
        self.socket = socket
        self.station_id = admitted.station_id
        self.is_known = admitted.is_known
        self.dialect = DIALECTS[admitted.version]
        self.calls = Calls(self._send)
        self.is_stale = False
        self._inbox = inbox
        self._clock = clock
        self._metrics = metrics
        self._answers: dict[str, tuple[int, bytes]] = {}
        self._complaints = 0
        socket.on_answer = self._settle

    async def run(self) -> None:
        """Answer until the socket ends or is no longer the station's."""
        try:
            while not self.is_stale:
                raw = await self.socket.recv(decode=False)
                if self.is_stale:
                    return
                answer = await self.answer(raw)
                if answer is not None:
                    self._metrics.frames_out += 1
                    await self.socket.send_text(answer)
        except ConnectionClosed:
            return

    def retire(self) -> None:
        """The socket has ended or lost the station to a newer one."""
        self.is_stale = True
        self.socket.on_answer = None
        self.calls.close()

    async def answer(self, raw: bytes) -> bytes | None:
        """One frame to the frame that answers it; None where it is itself an answer. Never raises."""
        self._metrics.frames_in += 1
        try:
            frame = parse(raw, self.dialect.version)
        except BadFrame as bad:
            self._complain("unreadable", bad.code, bad.description)
            return encode(CallError(bad.message_id, bad.code, bad.description))
        if not isinstance(frame, Call):
            self.calls.settle(frame)
            return None
        handling = self.dialect.requests.get(frame.action)
        if not isinstance(handling, Decided):
            return encode(self._answer_alone(frame, handling))
        fingerprint = hash(raw)
        earlier = self._answers.get(frame.message_id)
        if earlier is not None:
            return self._repeated(frame, earlier[1] if earlier[0] == fingerprint else None)
        result = await self._decide(frame, handling)
        answer = encode(result)
        if isinstance(result, CallResult):
            self._answers[frame.message_id] = (fingerprint, answer)
            if len(self._answers) > ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]
        return answer

    def _answer_alone(self, call: Call, handling: Immediate | None) -> CallResult | CallError:
        version = self.dialect.version
        if handling is None:
            is_known = call.action in known_actions(version)
            code = ErrorCode.NOT_SUPPORTED if is_known else ErrorCode.NOT_IMPLEMENTED
            return self._refusal(call, wire_code(code, version), "this action is not supported here", is_known=is_known)
        try:
            validate(version, call.action, Direction.REQUEST, call.payload)
        except BadPayload as bad:
            return self._refusal(call, bad.code, bad.description)
        self._metrics.messages[call.action, "answered"] += 1
        return CallResult(call.message_id, handling.answer(self._clock()))

    async def _decide(self, call: Call, handling: Decided) -> CallResult | CallError:
        version = self.dialect.version
        try:
            validate(version, call.action, Direction.REQUEST, call.payload)
            event = handling.read(self.station_id, call.payload)
            reply = await self._inbox.ask(event)
            if isinstance(reply, Done | Refused):
                raise TypeError(f"the site answered a station's {call.action} with {type(reply).__name__}")
            payload = handling.render(reply)
        except BadPayload as bad:
            return self._refusal(call, bad.code, bad.description)
        except Overloaded:
            # Nothing was taken in: the station keeps its message and tries again.
            return self._refusal(call, wire_code(ErrorCode.INTERNAL_ERROR, version), "busy; please try again")
        except Exception:
            structlog.get_logger().exception("request_failed", station_id=self.station_id, action=call.action)
            return self._refusal(call, wire_code(ErrorCode.INTERNAL_ERROR, version), "internal error")
        self._metrics.messages[call.action, "answered"] += 1
        return CallResult(call.message_id, payload)

    def _repeated(self, call: Call, answer: bytes | None) -> bytes:
        if answer is not None:
            self._metrics.messages[call.action, "repeated"] += 1
            return answer
        structlog.get_logger().warning(
            "message_id_reused", security=True, station_id=self.station_id, action=call.action
        )
        code = wire_code(ErrorCode.PROTOCOL_ERROR, self.dialect.version)
        return encode(self._refusal(call, code, "this message id was just used for another message"))

    def _refusal(self, call: Call, code: str, description: str, *, is_known: bool = True) -> CallError:
        self._complain(call.action if is_known else "unknown", code, description)
        return CallError(call.message_id, code, description)

    def _complain(self, action: str, code: str, description: str) -> None:
        self._metrics.messages[action, code] += 1
        self._complaints += 1
        if self._complaints <= COMPLAINTS_LOGGED:
            structlog.get_logger().warning(
                "request_refused", station_id=self.station_id, action=action, code=code, problem=description
            )

    def _settle(self, raw: bytes) -> None:
        self._metrics.frames_in += 1
        try:
            frame = parse(raw, self.dialect.version)
        except BadFrame as bad:
            self._complain("unreadable", bad.code, bad.description)
            return
        if not isinstance(frame, Call):
            self.calls.settle(frame)

    async def _send(self, raw: bytes) -> None:
        self._metrics.frames_out += 1
        try:
            await self.socket.send_text(raw)
        except ConnectionClosed:
            raise CallFailed("NotConnected", "the connection ended before the call was sent") from None
