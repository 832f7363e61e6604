"""The box that follows: keeps the copy, watches the first, and says when to take over from it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import structlog

from edge.replica import NOWHERE, BadShipment, Shipment
from edge.standby import wire
from edge.standby.box import Box
from edge.standby.copy import Copy
from edge.standby.line import Line
from edge.standby.settings import BEAT_S, SILENT_AFTER_S, PairSettings
from edge.standby.watch import Watch
from edge.standby.wire import BROKEN, BadWord, Kind, Link, Word

log = structlog.get_logger("standby")

AGAIN_AFTER_S: Final = 0.25
LOOK_EVERY_S: Final = 0.25
CALL_S: Final = 5.0
See = Callable[[], Coroutine[Any, Any, bool]]


class Followed:
    """What this box has of the other. `run` returns when it is to take over."""

    def __init__(self, box: Box, settings: PairSettings, line: Line, see_witness: See, is_held: See) -> None:
        """Raises OSError where the copy cannot be kept."""
        self._box = box
        self._settings = settings
        self._line = line
        self._see_witness = see_witness
        self._is_held = is_held
        self.copy = Copy(settings.folder)
        self._watch = Watch(dead_after_s=settings.dead_after_s, heard_s=time.monotonic())
        self._is_distrusted = False
        self._reason = "it has just started"
        self._asked_path = settings.folder / "take-over"
        self.is_forced = False

    async def run(self, only_here: dict[str, Any] | None = None) -> None:
        """Raises OSError when the disk of the copy fails for good. `only_here`: what this box has that the other does
        not, from the time when it served."""
        self._line.on_word = self._hear_word
        self._asked_path.unlink(missing_ok=True)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow(only_here))
            settling = tasks.create_task(self._settle())
            ticking = tasks.create_task(self._notice_standing_still())
            await self._watch_first()
            following.cancel()
            settling.cancel()
            ticking.cancel()
        self._line.on_word = lambda _: None

    def status(self) -> dict[str, Any]:
        return {
            "role": "following",
            "term": self._box.term,
            "in_step": self._watch.is_in_step,
            "has_copy": self.copy.is_whole,
            "heard_s_ago": round(time.monotonic() - self._watch.heard_s, 1),
            "why_not": self._reason,
        }

    # --- the first ---

    def _hear_word(self, word: Word) -> None:
        """What it says where it asks, too."""
        if word.is_serving and word.term >= self._box.term:
            self._watch.hear(time.monotonic())
            if word.is_alone:
                self._watch.in_step(is_in_step=False, why_not="the first went on without this copy")

    async def _follow(self, only_here: dict[str, Any] | None) -> None:
        while True:
            try:
                await self._session(only_here)
            except BadShipment as error:
                log.warning("standby_begins_anew", reason=str(error))
                self._is_distrusted = True
            except BadWord as error:
                log.warning("standby_refused", reason=str(error))
            except BROKEN as error:
                log.debug("standby_link_broken", reason=str(error) or type(error).__name__)
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _session(self, only_here: dict[str, Any] | None) -> None:
        """From a connection to its end. What was believed before is over as soon as the first hears of this one."""
        place = NOWHERE if self._is_distrusted or not self.copy.is_whole else self.copy.place
        if not await self._is_serving():
            return
        async with asyncio.timeout(CALL_S):
            self._watch.in_step(is_in_step=False, why_not="the copy is being brought up to date")
            link, word = await self._line.call(wants="follow", place=wire.pack_place(place).hex(), only_here=only_here)
        try:
            self._hear_word(word)
            log.info("standby_following", term=word.term, place=place.salts.hex())
            while True:
                async with asyncio.timeout(SILENT_AFTER_S * 2):
                    kind, data = await link.read()
                self._watch.hear(time.monotonic())
                await self._take(link, kind, data)
        finally:
            link.close()

    async def _is_serving(self) -> bool:
        word = await self._line.ask()
        if word is not None:
            self._hear_word(word)
        return word is not None and word.is_serving

    async def _take(self, link: Link, kind: Kind, data: bytes) -> None:
        try:
            match kind:
                case Kind.SHIPMENT:
                    await asyncio.to_thread(self.copy.add, Shipment.decode(data))
                    link.send(Kind.PLACE, wire.pack_place(self.copy.place))
                case Kind.PIECE:
                    await asyncio.to_thread(self.copy.base, *wire.unpack_piece(data))
                case Kind.WORD:
                    await self._take_word(link, wire.as_json(data))
                case Kind.PLACE:
                    raise BadWord("a place, and nothing was sent")
        except OSError as error:
            # What a failed fsync has left is not known: all of it once more.
            raise BadShipment(f"the disk of the copy: {error}") from error
        await link.drain()

    async def _take_word(self, link: Link, word: dict[str, Any]) -> None:
        match word.get("is"):
            case "base":
                await asyncio.to_thread(self.copy.begin_base)
                self._is_distrusted = False
            case "whole":
                await asyncio.to_thread(self.copy.end_base)
                link.send_json(**{"is": "whole"})
            case "beat":
                self._watch.hear_in_step(is_in_step=bool(word.get("in_step")), repeated=int(word.get("repeats", 0)))
                self._watch.said += 1
                link.send_json(**{"is": "beat", "number": self._watch.said})
            case _:
                raise BadWord(f"not known: {word}")

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            with contextlib.suppress(FileNotFoundError):  # a whole ledger comes, in place of what was here
                try:
                    await asyncio.to_thread(self.copy.settle_full)
                except (OSError, BadShipment):
                    if self.copy.is_whole:
                        self.copy.path.unlink()  # what it holds is not known; the next start begins anew
                        raise

    async def _notice_standing_still(self) -> None:
        """Whatever holds this box up half as long as the first waits for it: a full processor, a stopped process."""
        loop, bound_s = asyncio.get_running_loop(), self._settings.wait_s / 2
        while True:
            due_s = loop.time() + bound_s / 4
            await asyncio.sleep(bound_s / 4)
            if loop.time() - due_s > bound_s:
                self._watch.stand_still()

    # --- to take over ---

    async def _watch_first(self) -> None:
        """Until it is time to take over."""
        while True:
            if await self._is_time():
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _is_time(self) -> bool:
        now_s = time.monotonic()
        if self._watch.is_silent(now_s):
            async with asyncio.TaskGroup() as tasks:
                seen = tasks.create_task(self._see_witness())
                held = tasks.create_task(self._is_held())
            now_s = time.monotonic()
            self._watch.see_witness(now_s, is_there=seen.result())
            self._watch.see_address(now_s, is_held=held.result())
        self._reason = self._watch.reason_to_wait(now_s) or "it takes over"
        is_made_to = (asked := self._asked()) is not None and self._may_be_made_to(
            is_forced=asked == "force", now_s=now_s
        )
        if not is_made_to and self._watch.reason_to_wait(now_s) is not None:
            return False
        self._box.takes_over = True
        other = await self._line.ask()
        if other is not None and (other.is_serving or (other.is_active and other.term > self._box.term)):
            self._box.takes_over = False
            self._hear_word(other)
            return False
        self.is_forced = is_made_to and not self._watch.is_in_step
        log.critical("standby_takes_over", silent_s=round(now_s - self._watch.heard_s, 1), is_forced=self.is_forced)
        return True

    def _asked(self) -> str | None:
        """What a person has left for this box to do (`ohmstead-edge standby take-over`)."""
        try:
            asked = json.loads(self._asked_path.read_text(encoding="utf-8"))["take_over"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self._asked_path.unlink(missing_ok=True)
        return str(asked)

    def _may_be_made_to(self, *, is_forced: bool, now_s: float) -> bool:
        """Force leaves the witness, the time and what is missing out of it; two that serve it does not make."""
        if not self.copy.is_whole:
            log.error("standby_not_taken_over", reason="there is no whole copy here")
        elif not self._watch.is_silent(now_s, SILENT_AFTER_S):
            log.error("standby_not_taken_over", reason="the first is heard: stop it before")
        elif not (is_forced or self._watch.is_in_step):
            log.error("standby_not_taken_over", reason=f"{self._watch.why_not}; --force takes over all the same")
        else:
            return True
        return False


def leave_request(folder: Path, *, is_forced: bool) -> None:
    """Have the box that follows with this folder take over. Raises OSError."""
    draft = folder / "take-over.new"
    draft.write_text(json.dumps({"take_over": "force" if is_forced else "in step"}), encoding="utf-8")
    draft.replace(folder / "take-over")
