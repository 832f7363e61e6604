"""A bus: one connection, one request at a time, and no answer that is not to what was asked.

Over TCP the number of the transaction tells a late answer from the right one. RTU has none: after a time-out the answer
may still come and look like that to the next read, an exception even more so. So before a read with the same function,
one with another function is sent: once that is answered, if only by an exception, nothing older can come, for devices
answer in order. A write's echo tells what was written where; a late one can do no harm, for writes are read back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge.chargers.modbus.frames import Framing, Request, framing_of, read_request, words_of, write_request
from edge.chargers.modbus.line import Connect, Line, LineLost, connect_to, why_unreachable
from edge.chargers.modbus.modbus_metrics import ModbusMetrics
from edge.chargers.modbus.turns import Turns, Urgency
from protocols.errors import OhmsteadError
from protocols.modbus.bus_address import BusAddress
from protocols.modbus.reads import Read
from protocols.modbus.register import Table
from protocols.modbus.setpoint import Write

MAX_TIMEOUTS: Final = 3
"""So many requests without any answer, one after the other, and a TCP connection is made anew: it may be half open."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
_FRAME_GAP_CHARACTERS: Final = 3.5
_MIN_FRAME_GAP_S: Final = 0.00175
_LONGEST_FRAME: Final = 256
_SERVER_EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledged, busy",
    6: "busy",
    10: "gateway has no path",
    11: "device behind the gateway does not answer",
}
_READABLE: Final = (Table.HOLDING, Table.INPUT, Table.COIL, Table.DISCRETE)
_GATEWAY: Final = frozenset({10, 11})


class BusFault(StrEnum):
    """Why there is no good answer."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    EXCEPTION = "exception"
    GARBAGE = "garbage"
    DISCONNECTED = "disconnected"


class BusError(OhmsteadError):
    """A request without a good answer. `code` is the device's exception; `lost_s` how long it held the bus in vain."""

    def __init__(self, fault: BusFault, text: str, *, code: int | None = None, lost_s: float = 0.0) -> None:
        super().__init__(text)
        self.fault = fault
        self.code = code
        self.lost_s = lost_s

    @property
    def is_refusal(self) -> bool:
        """The device is there and will not have this request: its own exception, no gateway's and not a "busy"."""
        return self.code is not None and self.code not in _GATEWAY and self.code not in (5, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusTimes:
    """What is waited for: an answer (the time on the line comes on top), and a connection."""

    answer_s: float = 1.0
    connect_s: float = 3.0


class Bus:
    """Connects when it is first asked, and again whenever it is asked and the pause since the last attempt is over."""

    def __init__(
        self,
        address: BusAddress,
        metrics: ModbusMetrics,
        *,
        times: BusTimes | None = None,
        connect: Connect | None = None,
        random: Callable[[], float] = random.random,
        is_logged: bool = True,
    ) -> None:
        """`is_logged` False: whoever asks is a person, and told."""
        self.address = address
        self._is_logged = is_logged
        self._metrics = metrics
        self._times = times or BusTimes()
        self._connect = connect or connect_to(address)
        self._random = random
        self._turns = Turns()
        self._line: Line | None = None
        self._attempts = 0
        self._connect_not_before_s = 0.0
        self._free_at_s = 0.0
        self._timeouts = 0
        self._unanswered: dict[int, set[int]] = {}
        """By unit: the functions of reads whose answers may still come, on a line that has no numbers for them."""
        self._devices = 0
        import structlog  # which takes a tenth of a second, and most commands open no bus

        self._log = structlog.get_logger().bind(bus=str(address))

    def join(self) -> None:
        """One more device is on the bus."""
        self._devices += 1

    def leave(self) -> None:
        self._devices -= 1

    @property
    def share(self) -> float:
        """Which part of the bus's time one device may lose for the others; all of them together half of it."""
        return 1.0 if self._devices <= 1 else 0.5 / self._devices

    def retry_wait_s(self) -> float:
        """So long the bus is not connected again; 0 while it is, or may be."""
        if self._line is not None and self._line.is_open:
            return 0.0
        return max(0.0, self._connect_not_before_s - asyncio.get_running_loop().time())

    async def read(
        self, read: Read, *, urgency: Urgency = Urgency.POLL, pause_s: float = 0.0, is_twice: bool = False
    ) -> list[int]:
        """The words (or bits) of a read. `pause_s`: so long the bus is left alone afterwards. `is_twice`: the device
        only wakes at the first request, so nothing may come between it and the second. Raises BusError."""
        request = read_request(read.unit_id, read.table, read.address, read.count)
        return words_of(read, await self._ask(request, urgency, pause_s, is_twice=is_twice))

    async def write(
        self, write: Write, *, urgency: Urgency = Urgency.WRITE, pause_s: float = 0.0, is_twice: bool = False
    ) -> None:
        """Returns once the device has echoed the write; `is_twice` as in `read`. Raises BusError: then it may have been
        done or not."""
        await self._ask(write_request(write), urgency, pause_s, is_twice=is_twice)

    def close(self) -> None:
        if self._line is not None:
            self._line.close("closed")
            self._line = None

    # --- one request ---

    async def _ask(self, request: Request, urgency: Urgency, pause_s: float, *, is_twice: bool) -> bytes:
        async with self._turns.take(urgency):
            lost_s = await self._wake(request, pause_s) if is_twice else 0.0
            try:
                return await self._once(request, pause_s)
            except BusError as error:
                error.lost_s += lost_s
                raise

    async def _wake(self, request: Request, pause_s: float) -> float:
        """The first of two: whatever is answered to it, or nothing. Returns the time that this has cost the bus."""
        try:
            await self._once(request, pause_s)
        except BusError as error:
            if error.fault is BusFault.UNREACHABLE:
                raise
            return error.lost_s
        return 0.0

    async def _once(self, request: Request, pause_s: float) -> bytes:
        began_s = asyncio.get_running_loop().time()
        try:
            line = await self._connected()
            if framing_of(self.address.transport) is Framing.RTU:
                await self._settle(line, request)
            pdu = await self._exchange(line, request)
        except BusError as error:
            self._metrics.errors[error.fault] += 1
            raise
        finally:
            self._free_at_s = asyncio.get_running_loop().time() + pause_s
        if pdu[0] & 0x80:
            self._metrics.errors[BusFault.EXCEPTION] += 1
            text = _SERVER_EXCEPTIONS.get(pdu[1], "of no known meaning")
            lost_s = asyncio.get_running_loop().time() - began_s if pdu[1] in _GATEWAY else 0.0
            raise BusError(BusFault.EXCEPTION, f"exception {pdu[1]}, {text}", code=pdu[1], lost_s=lost_s)
        return pdu

    async def _exchange(self, line: Line, request: Request) -> bytes:
        loop = asyncio.get_running_loop()
        await self._wait_until(self._free_at_s)
        began_s = loop.time()
        self._metrics.requests += 1
        is_answered = False
        try:
            async with asyncio.timeout(self._times.answer_s + self._line_s(request)):
                pdu = await line.ask(request)
            is_answered = True
        except TimeoutError:
            self._note_silence(line)
            raise BusError(BusFault.TIMEOUT, "no answer", lost_s=loop.time() - began_s) from None
        except LineLost as lost:
            fault = BusFault.GARBAGE if lost.is_garbled else BusFault.DISCONNECTED
            if lost.is_garbled:
                line.close(str(lost))
            raise BusError(fault, str(lost), lost_s=loop.time() - began_s) from None
        finally:
            if not is_answered:  # also when nobody waits for it any longer
                self._note_unanswered(request)
        self._timeouts = self._attempts = 0
        self._metrics.answered(loop.time() - began_s)
        return pdu

    def _note_unanswered(self, request: Request) -> None:
        if framing_of(self.address.transport) is Framing.RTU and request.is_read:
            self._unanswered.setdefault(request.unit_id, set()).add(request.function)

    def _note_silence(self, line: Line) -> None:
        """No answer: a TCP connection in which half a frame stands, or nothing comes any more, is made anew."""
        self._timeouts += 1
        is_stuck = framing_of(self.address.transport) is Framing.TCP and line.is_mid_frame
        if is_stuck or (self._timeouts >= MAX_TIMEOUTS and self.address.line == ""):
            line.close("half a frame" if is_stuck else "no answers")

    def _line_s(self, request: Request) -> float:
        """What request and answer take on the line."""
        return (len(request.body) + request.size + 8) * self.address.character_s

    # --- RTU ---

    async def _settle(self, line: Line, request: Request) -> None:
        """The silence between frames; and after a time-out, whatever could be taken for the answer is let go by."""
        gap_s = max(_MIN_FRAME_GAP_S, _FRAME_GAP_CHARACTERS * self.address.character_s)
        longest_s = asyncio.get_running_loop().time() + _LONGEST_FRAME * self.address.character_s + gap_s
        await self._wait_until(min(line.heard_s + gap_s, longest_s))
        line.drain()
        out = self._unanswered.get(request.unit_id, set())
        if request.function not in out:
            return
        table = next((table for table in _READABLE if table.read_function not in out), None)
        if table is not None:
            await self._exchange(line, read_request(request.unit_id, table, 0, 1))
        else:
            await self._hear_nothing(line)
        del self._unanswered[request.unit_id]
        await self._wait_until(line.heard_s + gap_s)
        line.drain()

    async def _hear_nothing(self, line: Line) -> None:
        """Answers of every kind are out, so that only silence can part them. Raises BusError."""
        began_s = asyncio.get_running_loop().time()
        await asyncio.sleep(self._times.answer_s)
        if line.heard_s > began_s:
            raise BusError(BusFault.TIMEOUT, "late answers still come", lost_s=self._times.answer_s)

    async def _wait_until(self, at_s: float) -> None:
        wait_s = at_s - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    # --- the connection ---

    async def _connected(self) -> Line:
        if self._line is not None and self._line.is_open:
            return self._line
        loop = asyncio.get_running_loop()
        if (wait_s := self._connect_not_before_s - loop.time()) > 0:
            raise BusError(BusFault.UNREACHABLE, f"not connected; tried again in {wait_s:.1f} s")
        self.close()
        line = Line(framing_of(self.address.transport), self._note_stray)
        pause_s = self._random() * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._attempts, 10))
        try:
            async with asyncio.timeout(self._times.connect_s):
                await self._connect(lambda: line)
        except (OSError, TimeoutError, ValueError) as error:  # pyserial's errors are OSErrors
            self._attempts += 1
            self._connect_not_before_s = loop.time() + pause_s
            text = why_unreachable(error)
            if self._is_logged:
                self._log.info("modbus_bus_unreachable", reason=text, attempts=self._attempts)
            raise BusError(BusFault.UNREACHABLE, text) from None
        self._attempts, self._timeouts = self._attempts + 1, 0
        self._connect_not_before_s = loop.time() + pause_s  # should it be lost again at once
        self._metrics.reconnects += 1
        self._line = line
        return line

    def _note_stray(self) -> None:
        self._metrics.strays += 1
