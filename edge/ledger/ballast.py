"""A file that only takes room: given up on a full disk, it leaves the room in which running transactions end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

OPENS_WITH_BYTES: Final = 1_000_000


class Ballast:
    """`bytes` of the disk at `path`, held or given up."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        self.size_bytes = size_bytes

    @property
    def missing_bytes(self) -> int:
        """How much of it is given up now."""
        return self.size_bytes - min(self.size_bytes, self.path.stat().st_size if self.path.exists() else 0)

    def reserve(self) -> bool:
        """Take the room; whether it is taken. What there is no room for is not taken by half."""
        if not self.missing_bytes:
            return True
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, self.size_bytes)
            finally:
                os.close(handle)
        except OSError:
            self.release()
            return False
        return True

    def make_room(self) -> None:
        """At a start: a ledger cannot be opened where nothing can be written."""
        disk = os.statvfs(self.path.parent)
        if disk.f_bavail * disk.f_frsize < OPENS_WITH_BYTES:
            self.release()

    def release(self) -> bool:
        """Give the room up; whether there was any to give."""
        had = self.path.exists()
        self.path.unlink(missing_ok=True)
        return had
