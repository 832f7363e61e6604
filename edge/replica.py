"""What a ledger tells whoever keeps a second one in step with it: the pages that each commit wrote."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple, Protocol, Self

from protocols.errors import OhmsteadError

FRAME_HEAD_BYTES: Final = 24
"""Before each page in the write-ahead log: its number, the database's size in pages where a commit ends, salts, sums
(sqlite.org/fileformat2.html, "The Write-Ahead Log")."""
MAX_FRAMES_BYTES: Final = 1 << 28
_FRAME: Final = struct.Struct(">II")
_HEAD: Final = struct.Struct(">4sI8sI8sIII")
_MAGIC: Final = b"OhmR"


class BadShipment(OhmsteadError):
    """This is not what a ledger wrote."""


class Place(NamedTuple):
    """A moment between two commits: the write-ahead log by its random salts, and how many frames of it there are.

    As long as a log lasts, frames are only added behind a commit, so two places in one log say which was first, and a
    copy that has all up to one of them lacks what is between that and the other.
    """

    salts: bytes
    frames: int


NOWHERE: Final = Place(bytes(8), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """The frames of one commit or several, as they stand in the log: what was at `after` becomes what is at `upto`."""

    after: Place
    upto: Place
    page_bytes: int
    frames: bytes

    def encode(self) -> bytes:
        checksum = zlib.crc32(self.frames)
        return _HEAD.pack(_MAGIC, self.page_bytes, *self.after, *self.upto, len(self.frames), checksum) + self.frames

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises BadShipment."""
        if len(data) < _HEAD.size:
            raise BadShipment("a shipment is cut off")
        head, frames = data[: _HEAD.size], data[_HEAD.size :]
        return cls._made(head, frames)

    @classmethod
    def read(cls, file: BinaryIO) -> Self | None:
        """The next one of a file, None at its end. Raises BadShipment where it is cut off or damaged."""
        head = file.read(_HEAD.size)
        if not head:
            return None
        if len(head) < _HEAD.size:
            raise BadShipment("a shipment is cut off")
        size = _HEAD.unpack(head)[6]
        if size > MAX_FRAMES_BYTES:
            raise BadShipment("a shipment of impossible size")
        return cls._made(head, file.read(size))

    @classmethod
    def _made(cls, head: bytes, frames: bytes) -> Self:
        magic, page_bytes, after, after_frames, upto, upto_frames, size, checksum = _HEAD.unpack(head)
        if magic != _MAGIC or size != len(frames) or checksum != zlib.crc32(frames):
            raise BadShipment("a shipment is damaged")
        if page_bytes < 512 or size % (FRAME_HEAD_BYTES + page_bytes):
            raise BadShipment("a shipment is not of whole pages")
        return cls(
            after=Place(after, after_frames), upto=Place(upto, upto_frames), page_bytes=page_bytes, frames=frames
        )

    def pages(self) -> Iterator[tuple[int, int, memoryview]]:
        """Number, the database's size in pages where a commit ends (else 0), and content."""
        view, step = memoryview(self.frames), FRAME_HEAD_BYTES + self.page_bytes
        for at in range(0, len(view), step):
            number, size = _FRAME.unpack_from(view, at)
            yield number, size, view[at + FRAME_HEAD_BYTES : at + step]


class Replica(Protocol):
    """Who keeps a second ledger in step."""

    def wants(self) -> bool:
        """Whether anybody follows just now; pages are read for somebody only."""
        ...

    def committed(self, shipment: Shipment) -> None:
        """Called after each commit, in the writer's thread."""
        ...

    def lost_track(self, why: str) -> None:
        """What a commit wrote could not be read: whoever follows must begin anew. In the writer's thread."""
        ...

    async def confirmed(self) -> None:
        """Return when all that was committed before may be acknowledged. Raises OhmsteadError when it never may."""
        ...
