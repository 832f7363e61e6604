"""Keeps every frame from and to the stations, off the hot path and never in its way.

The event loop puts a frame into a queue and goes on: that is all of it there, less than a microsecond. A thread masks
the secrets (`frame_masking`), compresses and writes (`frame_segments`), in steps so short that the loop never waits
long for the interpreter's lock, and for a tenth of its time at most. What it cannot keep up with is left out,
counted, and marked as a gap in the log.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.frame_masking import Masker
from edge.chargers.frame_segments import COMPRESSION, GAP, GZIP, Segments
from edge.ports import Clock

MAX_WAITING: Final = 20_000
"""Frames that wait for the thread."""
MAX_WAITING_BYTES: Final = 8 * 1024 * 1024
STEP_FRAMES: Final = 16
STEP_S: Final = 0.000_5
"""The thread gives way to the event loop after so much of its own time..."""
REST: Final = 9.0
"""... for so many times as long."""
GATHER_S: Final = 0.02
"""Frames gather for so long before the thread wakes: each time that it takes the interpreter's lock from a busy
event loop costs more than a handful of frames."""
IDLE_S: Final = 0.2
MEMBER_BYTES: Final = 256 * 1024
"""Of text: what is compressed as one."""
FLUSH_S: Final = 2.0
"""What was heard is on the disk, and can be read, after so long."""
TIDY_S: Final = 60.0
NOT_MASKED: Final = b'["frame not masked"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLogSettings:
    """`stations` empty: all of them."""

    folder: Path
    max_bytes: int
    keep: timedelta
    max_frames_per_s: int
    stations: frozenset[str] = frozenset()


class FrameLog:
    """`note` on the event loop, all else in a thread of its own while `run` runs. `speed` is that of site time."""

    __slots__ = (
        "_allowed",
        "_begun_ms",
        "_clock",
        "_compressor",
        "_flushed_s",
        "_gaps_told",
        "_is_failing",
        "_is_stopping",
        "_lines",
        "_masker",
        "_member",
        "_metrics",
        "_most_per_s",
        "_noted",
        "_noted_bytes",
        "_refilled_s",
        "_segments",
        "_speed",
        "_stations",
        "_taken",
        "_taken_bytes",
        "_text_bytes",
        "_tidied_s",
        "_waiting",
    )

    def __init__(
        self,
        settings: FrameLogSettings,
        clock: Clock,
        words: Callable[[], frozenset[str]],
        metrics: ChargerMetrics,
        speed: float = 1.0,
    ) -> None:
        self._stations = settings.stations
        self._most_per_s = settings.max_frames_per_s
        self._clock = clock
        self._speed = speed
        self._metrics = metrics
        self._masker = Masker(words, secrets.token_bytes(16))
        keep_ms = int(settings.keep.total_seconds() * 1000)
        self._segments = Segments(settings.folder, settings.max_bytes, keep_ms)
        self._waiting: deque[tuple[float, str, bytes, bytes]] = deque()
        # Each number is changed by the loop or by the thread alone: one that both change would lose counts.
        self._noted = self._noted_bytes = 0  # by the loop
        self._allowed = float(min(self._most_per_s, MAX_WAITING))  # by the thread, as all below
        self._taken = self._taken_bytes = 0
        self._refilled_s = time.monotonic()
        self._is_stopping = threading.Event()
        self._compressor = zlib.compressobj(COMPRESSION, zlib.DEFLATED, GZIP)
        self._member: list[bytes] = []
        self._lines = 0
        self._text_bytes = 0
        self._begun_ms = 0
        self._flushed_s = 0.0
        self._tidied_s = 0.0
        self._gaps_told = 0
        self._is_failing = False

    # --- on the event loop ---

    def note(self, station_id: str, direction: bytes, raw: bytes) -> None:
        """A frame came FROM_STATION or went TO_STATION."""
        if self._stations and station_id not in self._stations:
            return
        if self._noted >= self._allowed or self._noted_bytes - self._taken_bytes > MAX_WAITING_BYTES:
            self._metrics.frames_left_out += 1
            return
        self._noted += 1
        self._noted_bytes += len(raw)
        self._waiting.append((time.monotonic(), station_id, direction, raw))

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        self._is_stopping.clear()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="frame-log") as executor:
            writing = asyncio.get_running_loop().run_in_executor(executor, self._write)
            try:
                await asyncio.shield(writing)
            finally:
                self._is_stopping.set()
                await writing

    # --- in the thread ---

    def _write(self) -> None:
        self._masker.learn()
        while not self._is_stopping.is_set():
            began_s = time.thread_time()
            self._refill()
            self._take(began_s + STEP_S)
            used_s = time.thread_time() - began_s
            if used_s < STEP_S:
                self._is_stopping.wait(GATHER_S if self._waiting else IDLE_S)
            else:
                time.sleep(REST * used_s)
            self._flush_when_due()
        while self._waiting:
            self._take(time.thread_time() + 1.0)
        self._flush()
        self._guarded(self._segments.close)

    def _refill(self) -> None:
        """So many frames more may be noted: a second's at most, and no more than may wait."""
        now_s, noted = time.monotonic(), self._noted
        left = self._allowed - noted + (now_s - self._refilled_s) * self._most_per_s
        self._refilled_s = now_s
        self._allowed = min(noted + min(left, self._most_per_s), self._taken + MAX_WAITING)

    def _take(self, until_s: float) -> None:
        """Some of the frames that wait, as many as the time allows."""
        now_s, now_ms = time.monotonic(), self._now_ms()
        at_ms, ms_per_s = now_ms, 1000 * self._speed
        waiting, mask = self._waiting, self._masker.mask
        lines: list[bytes] = []
        while waiting:
            for _ in range(min(STEP_FRAMES, len(waiting))):
                at_s, station_id, direction, raw = waiting.popleft()
                self._taken += 1
                self._taken_bytes += len(raw)
                at_ms = now_ms - int((now_s - at_s) * ms_per_s)
                try:
                    shown = mask(raw)
                except Exception:  # a fault of ours shows nothing of the frame, and stops nothing
                    structlog.get_logger().exception("frame_not_masked", frame_bytes=len(raw))
                    shown = NOT_MASKED
                lines.append(b"%d\t%b\t%b\t%b\n" % (at_ms, station_id.encode(), direction, shown))
            if time.thread_time() >= until_s:
                break
        missing = self._metrics.frames_left_out + self._metrics.frames_not_written
        if missing > self._gaps_told:
            lines.append(b"%d\t\t%b\t%d\n" % (at_ms, GAP, missing - self._gaps_told))
            self._gaps_told = missing
        if lines:
            self._add(lines, at_ms)

    def _add(self, lines: list[bytes], at_ms: int) -> None:
        if not self._lines:
            self._begun_ms = at_ms
        text = b"".join(lines)
        self._lines += len(lines)
        self._text_bytes += len(text)
        self._member.append(self._compressor.compress(text))  # gives up the interpreter's lock meanwhile
        if self._text_bytes >= MEMBER_BYTES:
            self._flush()

    def _flush_when_due(self) -> None:
        now_s = time.monotonic()
        if now_s - self._flushed_s >= FLUSH_S:
            self._flush()
        if now_s - self._tidied_s >= TIDY_S:
            self._tidied_s = now_s
            self._guarded(lambda: self._segments.drop_old(self._now_ms()))

    def _flush(self) -> None:
        self._flushed_s = time.monotonic()
        if not self._lines:
            return
        member = b"".join((*self._member, self._compressor.flush()))
        lines, self._lines, self._text_bytes = self._lines, 0, 0
        self._member.clear()
        self._compressor = zlib.compressobj(COMPRESSION, zlib.DEFLATED, GZIP)
        if self._guarded(lambda: self._segments.append(member, self._begun_ms)):
            self._metrics.frames_logged += lines
        else:
            self._metrics.frames_not_written += lines
        self._metrics.frame_log_bytes = self._segments.total_bytes

    def _guarded(self, step: Callable[[], None]) -> bool:
        """A disk that is full or gone stops nobody: what could not be written is counted, and it is said once."""
        try:
            step()
        except OSError as error:
            if not self._is_failing:
                structlog.get_logger().warning("frame_log_not_written", reason=str(error))
            self._is_failing = True
            return False
        self._is_failing = False
        return True

    def _now_ms(self) -> int:
        return int(self._clock().timestamp() * 1000)
