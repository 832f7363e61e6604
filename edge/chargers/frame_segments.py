"""The frame log's files: numbered segments of gzip members, each whole by itself; the oldest segment is dropped first.

`zcat` reads a segment; so does the agent's own command while another process writes, and after a crash: what was cut
off is one member at the end. A line is `milliseconds TAB station TAB direction TAB frame`, the time being site time
since 1970.
"""

from __future__ import annotations

import os
import re
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

FOLDER: Final = "frames"
"""In the agent's data folder."""
FROM_STATION: Final = b"<"
TO_STATION: Final = b">"
GAP: Final = b"!"
"""Directions of a line; a gap has no frame but the number of frames that are missing there."""

SEGMENTS_AT_LEAST: Final = 16
"""The log is cut into so many segments at least, by size and by age: what is dropped at once is a small part of it."""
LARGEST_SEGMENT_BYTES: Final = 8 * 1024 * 1024
COMPRESSION: Final = 3
"""A third of the time of zlib's usual 6, for nearly the same size."""
GZIP: Final = 31
"""zlib's `wbits` for a gzip member with its header and checksum."""
_MAGIC: Final = b"\x1f\x8b\x08\x00"
_READ_BYTES: Final = 4_096
_NAME: Final = re.compile(r"(\d{10})-(\d{8}T\d{6}Z)\.gz")
_STAMP: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One file; no frame in it is older than `begins_ms` but by a change of the clock."""

    number: int
    begins_ms: int
    path: Path


class Segments:
    """The writer's side: `max_bytes` at most, and nothing is kept longer than `keep_ms`. For one thread at a time."""

    def __init__(self, folder: Path, max_bytes: int, keep_ms: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep_ms = keep_ms
        self._segment_bytes = min(LARGEST_SEGMENT_BYTES, max_bytes // SEGMENTS_AT_LEAST)
        self._segment_ms = keep_ms // SEGMENTS_AT_LEAST
        self._files: deque[tuple[Segment, int]] = deque()
        """All but the open one, with their sizes, oldest first."""
        self._open: Segment | None = None
        self._file = -1
        self._size = 0
        self._last_number = 0
        self._rest_bytes = 0
        self._is_begun = False

    @property
    def total_bytes(self) -> int:
        return self._rest_bytes + self._size

    def append(self, member: bytes, begins_ms: int) -> None:
        """Write a member whose first line is from then, in one step. Raises OSError, and then nothing of it counts."""
        self._begin()
        segment = self._open
        if segment is None or self._size + len(member) > self._segment_bytes or self._is_long(segment, begins_ms):
            self._begin_segment(begins_ms)
        self._make_room(len(member))
        try:
            written = os.write(self._file, member)
        except OSError:
            self.close()
            raise
        self._size += written
        if written < len(member):  # the disk is full
            self.close()
            raise OSError("the disk took a part of it")

    def drop_old(self, now_ms: int) -> None:
        """Drop what is too old. Raises OSError."""
        self._begin()
        if self._open is not None and self._is_long(self._open, now_ms):
            self.close()
        while self._files and self._files[0][0].begins_ms + self._keep_ms < now_ms:
            self._drop_oldest()

    def close(self) -> None:
        """The next member begins a new segment."""
        if self._open is not None:
            os.close(self._file)
            self._files.append((self._open, self._size))
            self._rest_bytes += self._size
            self._open, self._size = None, 0

    def _begin(self) -> None:
        """Look once at what is there. Nothing is appended to it: its end may be torn."""
        if self._is_begun:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._files = deque((segment, segment.path.stat().st_size) for segment in segments(self._folder))
        self._rest_bytes = sum(size for _, size in self._files)
        self._last_number = self._files[-1][0].number if self._files else 0
        self._is_begun = True

    def _is_long(self, segment: Segment, now_ms: int) -> bool:
        return not 0 <= now_ms - segment.begins_ms < max(self._segment_ms, 1)

    def _begin_segment(self, begins_ms: int) -> None:
        self.close()
        stamp = datetime.fromtimestamp(begins_ms / 1000, UTC).strftime(_STAMP)
        path = self._folder / f"{self._last_number + 1:010d}-{stamp}.gz"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._last_number += 1
        self._open = Segment(number=self._last_number, begins_ms=begins_ms, path=path)

    def _make_room(self, more_bytes: int) -> None:
        while self._files and self.total_bytes + more_bytes > self._max_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        segment, size = self._files[0]
        segment.path.unlink(missing_ok=True)
        self._files.popleft()
        self._rest_bytes -= size


def segments(folder: Path) -> list[Segment]:
    """What is in the folder, oldest first; other files are none of ours. Raises OSError where there is no folder."""
    found = []
    for path in folder.iterdir():
        name = _NAME.fullmatch(path.name)
        if name is not None:
            begins = datetime.strptime(name[2], _STAMP).replace(tzinfo=UTC)
            found.append(Segment(number=int(name[1]), begins_ms=int(begins.timestamp()) * 1000, path=path))
    return sorted(found, key=lambda segment: segment.number)


def members(data: bytes) -> Iterator[tuple[int, bytes | None]]:
    """The members of a segment, each with the place behind it; None for bytes that are no whole member. At the end that
    may be one which is just being written."""
    place = 0
    while place < len(data):
        end, text = _member(data, place)
        if text is None:
            following = data.find(_MAGIC, place + 1)
            end = len(data) if following < 0 else following
        yield end, text
        place = end


def _member(data: bytes, place: int) -> tuple[int, bytes | None]:
    unpacking = zlib.decompressobj(GZIP)
    parts = []
    try:
        while place < len(data) and not unpacking.eof:
            piece = data[place : place + _READ_BYTES]
            parts.append(unpacking.decompress(piece))
            place += len(piece)
    except zlib.error:
        return place, None
    return (place - len(unpacking.unused_data), b"".join(parts)) if unpacking.eof else (place, None)
