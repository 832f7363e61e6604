"""Reads from the write-ahead log what a commit has put there, and the whole ledger for whoever begins to follow.

All that is written goes through the writer's thread, which looks here after each commit; so the log cannot begin anew
between two looks without being read to its end before. How far it reaches says the index beside it (`-shm`,
sqlite.org/walformat.html §2.3): frames behind that may be left over from a transaction that was undone.

No file that is opened here is closed before the ledger's connections: to close one gives up the locks that the process
has on it (fcntl(2)).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO, Final

from edge.replica import FRAME_HEAD_BYTES, NOWHERE, Place, Replica, Shipment

_WAL_HEAD_BYTES: Final = 32
_INDEX: Final = struct.Struct("=IIIBBHII8x8s")


class WalTap:
    """`look`, `resume` and `begin` are called in the writer's thread, between commits."""

    def __init__(self, path: Path, replica: Replica) -> None:
        """To be made when the ledger is open. Raises OSError."""
        self._replica = replica
        self._files: tuple[IO[bytes], ...] = tuple(
            path.with_name(path.name + ending).open("rb") for ending in ("", "-wal", "-shm")
        )
        self._database, self._log, self._index = (file.fileno() for file in self._files)
        self._here, self._page_bytes = self._look_at_index()
        self._ended = NOWHERE
        """Where the log before this one ended."""

    def close(self) -> None:
        """After all connections of the ledger are closed."""
        for file in self._files:
            file.close()

    def look(self) -> None:
        """After each commit: hand on what it wrote. Nothing that fails here is a fault of the commit."""
        try:
            before, (here, self._page_bytes) = self._here, self._look_at_index()
            if here == before:
                return
            if here.salts != before.salts:
                self._ended = before
            self._here = here
            if self._replica.wants():
                first = before.frames if here.salts == before.salts else 0
                self._replica.committed(self._ship(before, first))
        except (OSError, struct.error, ValueError) as error:
            self._replica.lost_track(str(error))

    def resume(self, place: Place) -> Shipment | None:
        """What came since a place; None where that cannot be told any more. Raises OSError."""
        if place.salts == self._here.salts and place.frames <= self._here.frames:
            return self._ship(place, place.frames)
        if place == self._ended and place != NOWHERE:
            return self._ship(place, 0)
        return None

    def begin(self) -> tuple[int, Shipment]:
        """For a whole copy: the size of the database, and all of the present log. Raises OSError.

        The database may be read from now on while commits and checkpoints go on: whatever changes in it from now on is
        in this shipment or in one that follows, and puts right what was read half written.
        """
        return os.fstat(self._database).st_size, self._ship(NOWHERE, 0)

    def read_base(self, offset: int, size: int) -> bytes:
        """A piece of the database as it is now. In any thread."""
        return os.pread(self._database, size, offset)

    def _look_at_index(self) -> tuple[Place, int]:
        *_, page_bytes, frames, _, salts = _INDEX.unpack(os.pread(self._index, _INDEX.size, 0))
        return Place(salts, frames), page_bytes if page_bytes != 1 else 65_536

    def _ship(self, after: Place, first: int) -> Shipment:
        step = FRAME_HEAD_BYTES + self._page_bytes
        size = (self._here.frames - first) * step
        frames = os.pread(self._log, size, _WAL_HEAD_BYTES + first * step)
        if len(frames) != size:
            raise OSError(f"the log has {len(frames)} bytes where {size} were committed")
        if frames and (frames[-step + 4 : -step + 8] == bytes(4) or frames[-step + 8 : -step + 16] != self._here.salts):
            raise OSError("the log's last frame is not that of a commit")
        return Shipment(after=after, upto=self._here, page_bytes=self._page_bytes, frames=frames)
