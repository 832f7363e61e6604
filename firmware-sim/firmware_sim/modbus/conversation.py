"""One peer: its bytes become requests to the devices behind the line, and their answers, good or bad, bytes again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from firmware_sim.modbus import pdu as wire
from firmware_sim.modbus.frames import Frame, Framing
from firmware_sim.modbus.misbehaviour import Conduct, Kind, Misbehaviour
from firmware_sim.modbus.pdu import Refusal

_GARBAGE: Final = bytes.fromhex("00ff13375a5aa5a5deadbeef0103fe")
_SILENCE_S: Final = 0.1
"""After so long without a byte what is incomplete is no request any more."""
_BITS_PER_BYTE: Final = 11
_SILENT_BYTES: Final = 7
"""Two pauses of 3.5 characters: before a request and before its answer (Modbus over Serial Line §2.5.1.1)."""


class Answering(Protocol):
    """A device on the line."""

    @property
    def conduct(self) -> Conduct: ...

    @property
    def unit_ids(self) -> frozenset[int]: ...

    def take(self, unit_id: int, pdu: bytes) -> bytes: ...


class Conversation:
    """`send` and `close` belong to the connection. With `baud` answers take as long as they would on such a line.

    A request is carried out when it comes, also where its answer is late.
    """

    def __init__(
        self,
        devices: Sequence[Answering],
        framing: Framing,
        send: Callable[[bytes], None],
        close: Callable[[], None],
        baud: int | None = None,
    ) -> None:
        self._by_unit = {unit_id: device for device in devices for unit_id in device.unit_ids}
        self._framing = framing
        self._send = send
        self._close = close
        self._baud = baud
        self._loop = asyncio.get_running_loop()
        self._free_at = 0.0
        self._held: bytes | None = None
        self._last: bytes | None = None
        self._is_deaf = False
        self._timers: set[asyncio.TimerHandle] = set()
        self._silence: asyncio.TimerHandle | None = None
        self.heard_at = self._loop.time()

    def received(self, data: bytes) -> None:
        """Bytes from the peer."""
        self.heard_at = self._loop.time()
        if self._is_deaf:
            return
        try:
            frames = self._framing.feed(data)
        except ValueError:
            self._close()
            return
        for frame in frames:
            self._serve(frame)
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self._loop.call_later(_SILENCE_S, self._framing.fall_silent)

    def end(self) -> None:
        """The connection is gone: what is still to be sent is dropped."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._silence is not None:
            self._silence.cancel()

    def _serve(self, frame: Frame) -> None:
        if frame.unit_id == 0 and 0 not in self._by_unit and not self._framing.answers_for_others:
            for each in dict.fromkeys(self._by_unit.values()):  # to all, and nobody answers
                each.take(min(each.unit_ids), frame.pdu)
            return
        device = self._by_unit.get(frame.unit_id)
        if device is None:
            if self._framing.answers_for_others:
                self._answer(frame, wire.refused(frame.pdu, Refusal.GATEWAY_TARGET), None)
            return
        misbehaviour = device.conduct.next(frame.pdu[0] if frame.pdu else 0)
        if misbehaviour is not None and misbehaviour.kind is Kind.EXCEPTION:
            self._answer(frame, wire.refused(frame.pdu, misbehaviour.exception), None)
            return
        self._answer(frame, device.take(frame.unit_id, frame.pdu), misbehaviour)

    def _answer(self, asked: Frame, pdu: bytes, misbehaviour: Misbehaviour | None) -> None:
        good = self._framing.wrap(asked._replace(pdu=pdu))
        before, self._last = self._last, pdu
        delay_s = self._line_s(asked, good)
        match misbehaviour.kind if misbehaviour is not None else None:
            case None | Kind.EXCEPTION:
                self._send_in_turn(good, delay_s)
            case Kind.SILENCE:
                pass
            case Kind.GARBAGE:
                self._send_in_turn(_GARBAGE, delay_s)
            case Kind.CORRUPT:
                self._send_in_turn(good[:-1] + bytes([good[-1] ^ 0x5A]), delay_s)
            case Kind.SHORT:
                self._send_in_turn(self._framing.wrap(asked._replace(pdu=_shortened(pdu))), delay_s)
            case Kind.LATE if misbehaviour is not None:
                self._later(delay_s + misbehaviour.delay_s, good)
            case Kind.SLOW if misbehaviour is not None:
                self._send_in_turn(good, delay_s + misbehaviour.delay_s)
            case Kind.SWAPPED_ID:
                self._send_in_turn(self._framing.wrap(_for_another(asked, pdu, self._framing)), delay_s)
            case Kind.SWAPPED_ORDER:
                self._held = good
            case Kind.STALE:
                self._send_in_turn(self._framing.wrap(asked._replace(pdu=before or pdu)), delay_s)
            case Kind.HALF_OPEN:
                self._is_deaf = True
            case Kind.CUT:
                self._close()

    def _send_in_turn(self, data: bytes, delay_s: float) -> None:
        """Behind those answers that are still to come, and before one that was held back."""
        if self._held is not None:
            data, self._held = data + self._held, None
        now = self._loop.time()
        at = max(now, self._free_at) + delay_s
        self._free_at = at
        if at <= now:
            self._send(data)
        else:
            self._later(at - now, data)

    def _later(self, delay_s: float, data: bytes) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self._send(data)

        timer = self._loop.call_later(delay_s, due)
        self._timers.add(timer)

    def _line_s(self, asked: Frame, answered: bytes) -> float:
        """How long the request and its answer are under way on a serial line."""
        if self._baud is None:
            return 0.0
        bytes_on_line = len(self._framing.wrap(asked)) + len(answered) + _SILENT_BYTES
        return bytes_on_line * _BITS_PER_BYTE / self._baud


def _shortened(pdu: bytes) -> bytes:
    """A read's answer with a word less; any other without its last byte."""
    is_read = len(pdu) > 3 and pdu[0] <= 4
    return bytes([pdu[0], pdu[1] - 2]) + pdu[2:-2] if is_read and pdu[1] >= 2 else pdu[:-1]


def _for_another(asked: Frame, pdu: bytes, framing: Framing) -> Frame:
    """With the number of another request; on a serial line, from another unit."""
    if framing.answers_for_others:
        return asked._replace(pdu=pdu, transaction=asked.transaction + 1 & 0xFFFF)
    return asked._replace(pdu=pdu, unit_id=asked.unit_id % 247 + 1)
