"""The folder of the file server: firmware by its id, and what stations brought, within bounds.

What comes in is written under a name of ours beside its place and renamed when it is whole and on the disk: a file that
can be seen is complete, whatever was killed meanwhile. No name of a station's choice decides where a file lies.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

FOLDER: Final = "files"
STAMP: Final = "%Y%m%dT%H%M%SZ"
_STAMP_CHARS: Final = 16
_FILE_ID: Final = re.compile(r"[0-9a-f]{8,64}")
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")
MAX_NAME_CHARS: Final = 100
CHUNK_BYTES: Final = 256 * 1024


def safe_name(text: str, instead: str) -> str:
    """A file's name made of what somebody called it: letters, digits, dots and dashes, and never hidden."""
    return _ODD.sub("_", text)[-MAX_NAME_CHARS:].lstrip(".") or instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file that lies in the folder now; `name` is its path below the folder of uploads."""

    name: str
    size_bytes: int
    sha256: str


class FileStore:
    """Below `data_dir`. Its methods block: call them in a thread where that matters."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / FOLDER
        self.uploads = self._root / "uploads"
        self._firmware = self._root / "firmware"
        self._incoming = self._root / "incoming"

    def prepare(self) -> int:
        """Make the folders, forget what was cut off, and say how many bytes of uploads there are."""
        for folder in (self.uploads, self._firmware, self._incoming):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        for left in self._incoming.iterdir():
            left.unlink()
        return sum(path.stat().st_size for path in self.uploads.glob("*/*"))

    def firmware(self, file_id: str) -> Path | None:
        """Where a file of the catalogue lies; None where it does not."""
        path = self._firmware / file_id
        return path if _FILE_ID.fullmatch(file_id) and path.is_file() else None

    def incoming(self) -> Incoming:
        """Begin a file."""
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o750)
        return Incoming(self._incoming / f"{secrets.token_hex(16)}.part")

    def keep_firmware(self, part: Incoming, file_id: str) -> Path:
        return part.become(self._firmware / file_id)

    def drop_firmware(self, file_id: str) -> None:
        path = self.firmware(file_id)
        if path is not None:
            path.unlink()

    def keep_upload(self, part: Incoming, station_id: str, name: str, now: datetime) -> Stored:
        """Put a whole upload into its place, under a name that is new."""
        # By its digest where the id has odd letters: two stations never share a folder.
        plain = safe_name(station_id, "_")
        if plain != station_id:
            plain = f"{plain}-{hashlib.sha256(station_id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        stamp = now.strftime(STAMP)
        path = self.uploads / plain / f"{stamp}-{secrets.token_hex(3)}-{safe_name(name, 'log')}"
        part.become(path)
        return Stored(name=f"{plain}/{path.name}", size_bytes=part.size_bytes, sha256=part.sha256)

    def drop_upload(self, stored: Stored) -> None:
        (self.uploads / stored.name).unlink(missing_ok=True)

    def tidy(self, now: datetime, keep: timedelta) -> int:
        """Drop uploads older than `keep` in site time; says how many bytes went."""
        before = (now - keep).strftime(STAMP)
        gone = 0
        for path in self.uploads.glob("*/*"):
            if path.name[:_STAMP_CHARS] < before:
                gone += path.stat().st_size
                path.unlink()
        for folder in self.uploads.iterdir():
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        return gone


class Incoming:
    """A file that is being written. Left without `become` it is as if it had never been."""

    def __init__(self, path: Path) -> None:
        self._path = path
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
        self._file: BinaryIO = os.fdopen(handle, "wb")
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def become(self, path: Path) -> Path:
        """On the disk, and then in its place."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._path.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return path
