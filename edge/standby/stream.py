"""The box that serves: has what it commits at the other box before it is acknowledged, or knows that it goes alone.

What keeps two boxes from serving at once, seen from here: before this box acknowledges anything that the other does
not have, it has told the other so, or has seen the witness while the other was silent (edge/standby/watch.py has the
other side of that); and where it can reach neither it gives up, in half the time after which the other may take over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final, Protocol

import structlog

from edge.replica import Place, Shipment
from edge.standby import wire
from edge.standby.box import Box
from edge.standby.settings import BEAT_S, SILENT_AFTER_S, PairSettings
from edge.standby.standby_metrics import StandbyMetrics
from edge.standby.wire import Kind, Link, Word
from protocols.errors import OhmsteadError

log = structlog.get_logger("standby")

PIECE_BYTES: Final = 262_144
MAX_WAITING_BYTES: Final = 128_000_000
"""A standby that is so far behind is cut off, and begins anew."""
REJOIN_AFTER_S: Final = 5.0
TELL_AFTER_S: Final = 3.0
LOOK_EVERY_S: Final = 0.25
Ask = Callable[[], Coroutine[Any, Any, Word | None]]
See = Callable[[], Coroutine[Any, Any, bool]]
Tell = Callable[[bool, str], None]
Report = Callable[[str], None]


class StandDown(OhmsteadError):
    """This box serves no more: what it has not acknowledged it never will."""


class Tap(Protocol):
    """What is asked of the ledger between two commits; `read_base` beside them."""

    def resume(self, place: Place) -> Shipment | None: ...
    def begin(self) -> tuple[int, Shipment]: ...
    def read_base(self, offset: int, size: int) -> bytes: ...


class Follower:
    """The other box while it follows: what is on its way to it."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.heard_s = time.monotonic()
        self.number = 0
        """The last that it has said."""
        self.is_begun = False
        self.is_whole = False
        self.base_bytes: int | None = None
        self.waiting: deque[tuple[Kind, bytes]] = deque()
        self.waiting_bytes = 0
        self.unconfirmed: deque[Place] = deque()
        self.stirred = asyncio.Event()

    def begin(self, first: Shipment, base_bytes: int | None) -> None:
        self.is_begun, self.base_bytes, self.is_whole = True, base_bytes, base_bytes is None
        if base_bytes is not None:
            self.put(Kind.WORD, b'{"is": "base"}')
        self.ship(first)

    def ship(self, shipment: Shipment) -> None:
        if self.is_begun:
            self.unconfirmed.append(shipment.upto)
            self.put(Kind.SHIPMENT, shipment.encode())

    def put(self, kind: Kind, data: bytes) -> None:
        self.waiting.append((kind, data))
        self.waiting_bytes += len(data)
        self.stirred.set()
        if self.waiting_bytes > MAX_WAITING_BYTES:
            self.link.abort()

    def confirm(self, place: Place) -> None:
        if place in self.unconfirmed:
            while self.unconfirmed.popleft() != place:
                pass

    @property
    def has_all(self) -> bool:
        return self.is_begun and self.is_whole and not self.unconfirmed


class Streamer:
    """Implements Replica. `attach` gives it the ledger before anything is committed."""

    def __init__(
        self,
        box: Box,
        settings: PairSettings,
        metrics: StandbyMetrics,
        ask: Ask,
        see_witness: See,
        give_up: Callable[[], Awaitable[None]],
    ) -> None:
        """`give_up` lets go of the site's address."""
        self._box = box
        self._settings = settings
        self._metrics = metrics
        self._ask = ask
        self._see_witness = see_witness
        self._give_up = give_up
        self._tap: Tap | None = None
        self._with_writer: Callable[[Callable[[], Any]], Awaitable[Any]] | None = None
        self._tell: Tell = lambda _, __: None
        self._report: Report = lambda _: None
        self._only_there: str | None = None
        self._loop = asyncio.get_running_loop()
        self._follower: Follower | None = None
        self._stirred = asyncio.Event()
        self._turning = asyncio.Lock()
        # One that was in step when this box ended may believe that it still is, until it is told otherwise.
        self._is_in_step = self._may_take_over = box.memory is not None and not box.memory.is_alone
        """`_may_take_over`: whether the other box may believe that it has everything."""
        self._fell_s, self._alone_s = float("-inf"), time.monotonic()
        self._touched_s = time.monotonic()
        self._ended: str | None = None
        self._is_told = False
        self._text = "the standby has not been there since this agent started"

    def attach(
        self, tap: Tap, with_writer: Callable[[Callable[[], Any]], Awaitable[Any]], tell: Tell, report: Report
    ) -> None:
        """`tell` hears whether the standby is behind, and why; `report` what a person has to know."""
        self._tap, self._with_writer, self._tell, self._report = tap, with_writer, tell, report

    # --- port Replica ---

    def wants(self) -> bool:
        return self._follower is not None

    def committed(self, shipment: Shipment) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: so has all that was to be acknowledged
            self._loop.call_soon_threadsafe(self._offer, shipment)

    def lost_track(self, why: str) -> None:
        log.error("standby_cannot_follow", reason=why)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._cut_off)

    async def confirmed(self) -> None:
        """Raises StandDown."""
        if self._is_in_step:
            begun_s = time.monotonic()
            try:
                async with asyncio.timeout(self._settings.wait_s):
                    await self._until(lambda: self._ended or self._follower is None or self._follower.has_all)
            except TimeoutError:
                pass
            if self._follower is None or not self._follower.has_all:
                await self._go_alone()
            self._metrics.wait_seconds.observe(time.monotonic() - begun_s)
        if self._ended is not None:
            raise StandDown(self._ended)

    # --- the other box, while it follows ---

    async def follow(self, link: Link, asked: dict[str, Any]) -> None:
        """Until the connection ends. The other box has forgotten that it was in step before it asked."""
        if self._tap is None or self._with_writer is None or self._ended is not None:
            return
        self._cut_off()
        async with self._turning:
            await asyncio.to_thread(self._box.note_alone, is_alone=True)
            self._fall("the standby is being brought up to date", may_take_over=False)
        follower = self._follower = Follower(link)
        place = wire.place_of(asked.get("place"))
        try:
            await self._with_writer(partial(self._begin, self._tap, follower, place))
            log.info("standby_follows", from_place=place.salts.hex(), whole=follower.base_bytes)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send(self._tap, follower))
                tasks.create_task(self._hear(follower))
                tasks.create_task(self._join(follower))
        except* (wire.BadWord, *wire.BROKEN) as group:
            log.info("standby_gone", reason=", ".join(str(e) or type(e).__name__ for e in group.exceptions))
        finally:
            if self._follower is follower:
                self._follower = None
            self._stirred.set()

    def hear_only_there(self, more: dict[str, Any]) -> None:
        """What the other box has, from when it served, that was not here when this one took over."""
        text = (
            f"The other box had more when this one took over: entries {more.get('entries')}, bills {more.get('bills')}."
            f" They are in its data folder alone ({more.get('file')}), and at the hub where it was told of them"
        )
        if text != self._only_there:
            self._only_there = text
            log.critical("standby_had_more", **more)
            self._report(text)

    def _begin(self, tap: Tap, follower: Follower, place: Place) -> None:
        """In the writer's thread: what is committed from now on is offered after this."""
        first, size = tap.resume(place), None
        if first is None:
            size, first = tap.begin()
        self._loop.call_soon_threadsafe(follower.begin, first, size)

    async def _send(self, tap: Tap, follower: Follower) -> None:
        offset, beaten_s = 0, float("-inf")
        while True:
            if time.monotonic() - beaten_s >= BEAT_S:
                beaten_s = time.monotonic()
                follower.link.send(Kind.WORD, self._beat(follower))
            elif follower.waiting:
                kind, data = follower.waiting.popleft()
                follower.waiting_bytes -= len(data)
                follower.link.send(kind, data)
                self._metrics.sent_bytes.inc(len(data))
            elif follower.base_bytes is not None:
                piece = await asyncio.to_thread(tap.read_base, offset, PIECE_BYTES)
                follower.link.send(Kind.PIECE, wire.pack_piece(offset, piece))
                self._metrics.sent_bytes.inc(len(piece))
                offset += len(piece)
                if offset >= follower.base_bytes or not piece:
                    follower.base_bytes = None
                    self._metrics.whole_copies.inc()
                    follower.put(Kind.WORD, b'{"is": "whole"}')
                await asyncio.sleep(PIECE_BYTES / (self._settings.copy_mb_per_s * 1e6))
            else:
                follower.stirred.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_S):
                        await follower.stirred.wait()
            await follower.link.drain()

    def _beat(self, follower: Follower) -> bytes:
        return json.dumps({"is": "beat", "in_step": self._is_in_step, "repeats": follower.number}).encode()

    async def _hear(self, follower: Follower) -> None:
        while True:
            kind, data = await follower.link.read()
            follower.heard_s = self._touched_s = time.monotonic()
            if kind is Kind.PLACE:
                follower.confirm(wire.unpack_place(data))
            elif kind is Kind.WORD:
                word = wire.as_json(data)
                follower.is_whole |= word.get("is") == "whole"
                follower.number = int(word.get("number", follower.number))
            self._stirred.set()

    async def _join(self, follower: Follower) -> None:
        """In step whenever it has everything, but not at once again after it was slow."""
        while True:
            await self._until(lambda: follower.has_all and not self._is_in_step)
            if (early_s := self._fell_s + REJOIN_AFTER_S - time.monotonic()) > 0:
                await asyncio.sleep(early_s)
            async with self._turning:
                if follower.has_all and self._follower is follower and self._ended is None:
                    await asyncio.to_thread(self._box.note_alone, is_alone=False)
                    self._is_in_step = self._may_take_over = True
                    follower.put(Kind.WORD, self._beat(follower))
                    self._metrics.in_step.set(1)
                    self._is_told = False
                    self._tell(False, "")
                    log.info("standby_in_step")

    def _offer(self, shipment: Shipment) -> None:
        if self._follower is not None:
            self._follower.ship(shipment)

    def _cut_off(self) -> None:
        if self._follower is not None:
            self._follower.link.abort()
            self._follower = None

    # --- alone ---

    async def _go_alone(self) -> None:
        """Return when this box may acknowledge what the other does not have, or is in step again, or has ended."""
        async with self._turning:
            self._box.goes_alone = True
            while self._is_in_step and self._ended is None:
                async with asyncio.TaskGroup() as tasks:
                    asked = tasks.create_task(self._ask())  # which tells the other that we go alone
                    seen = tasks.create_task(self._see_witness())
                if await self._is_deposed(asked.result()):
                    break
                if asked.result() is not None or seen.result():
                    self._touched_s = time.monotonic()
                    # Not before: a box that was never allowed to must not serve alone when it is started again.
                    await asyncio.to_thread(self._box.note_alone, is_alone=True)
                    slow = "is too slow" if self._follower is not None else "does not answer"
                    self._fall(f"the standby {slow}", may_take_over=asked.result() is None)
                    self._metrics.fell_behind.inc()
                    self._fell_s = time.monotonic()
                else:
                    await asyncio.sleep(0.1)
            self._box.goes_alone = False

    def _fall(self, why: str, *, may_take_over: bool) -> None:
        """Whoever is to hear of it does some seconds later, if it is still so."""
        if self._is_in_step:
            log.warning("standby_behind", reason=why)
            self._alone_s = time.monotonic()
        self._is_in_step, self._may_take_over, self._text = False, may_take_over, why
        self._metrics.in_step.set(0)

    async def run(self) -> None:
        """Look after the other box and the witness. Raises StandDown when this box must serve no more."""
        self._touched_s = time.monotonic()  # what was before, nothing was acknowledged by
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._fence())
                tasks.create_task(self._look_again())
        except* StandDown:
            pass
        raise StandDown(self._ended or "it was asked to")

    async def _look_again(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        follower = self._follower
        if follower is None or time.monotonic() - follower.heard_s > SILENT_AFTER_S:
            other = await self._ask()
            if await self._is_deposed(other):
                return
            if other is not None:
                self._touched_s = time.monotonic()
            if self._is_in_step:
                await self._go_alone()
            elif other is not None:
                self._may_take_over = False  # the question told it
        if await self._see_witness():
            self._touched_s = time.monotonic()
        if not self._is_in_step and time.monotonic() - self._alone_s > 2 * self._settings.dead_after_s:
            self._may_take_over = False  # it is dead, or has seen that it was cut off
        if not (self._is_in_step or self._is_told) and time.monotonic() - self._alone_s > TELL_AFTER_S:
            self._is_told = True
            self._tell(True, self._text)

    async def _fence(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S / 2)
            silent_s = time.monotonic() - self._touched_s
            is_cut_off = self._may_take_over and silent_s > self._settings.fence_after_s
            if self._ended is None and is_cut_off and not await self._is_anybody_there():
                await self._end("neither the standby nor the witness can be reached: the standby may be taking over")
            if self._ended is not None:
                raise StandDown(self._ended)

    async def _is_anybody_there(self) -> bool:
        """Asked once more: a box that stood still has only not looked."""
        async with asyncio.TaskGroup() as tasks:
            asked, seen = tasks.create_task(self._ask()), tasks.create_task(self._see_witness())
        if asked.result() is None and not seen.result():
            return False
        self._touched_s = time.monotonic()
        await self._is_deposed(asked.result())
        return True

    async def _is_deposed(self, other: Word | None) -> bool:
        if other is not None and other.is_active and other.term > self._box.term:
            await self._end(f"the other box has taken over (term {other.term})")
        return self._ended is not None

    async def _end(self, why: str) -> None:
        self._ended, self._box.is_serving = why, False
        log.critical("standing_down", reason=why)
        self._stirred.set()
        await self._give_up()

    async def _until(self, holds: Callable[[], object]) -> None:
        while not holds():
            self._stirred.clear()
            await self._stirred.wait()

    def status(self) -> dict[str, Any]:
        follower = self._follower
        return {
            "role": "serving" if self._ended is None else "standing down",
            "term": self._box.term,
            "in_step": self._is_in_step and follower is not None and self._ended is None,
            "other_follows": follower is not None,
            "waiting_bytes": follower.waiting_bytes if follower is not None else 0,
            "copying": follower is not None and not follower.is_whole,
            "why_not": self._ended or (None if self._is_in_step else self._text),
        }
