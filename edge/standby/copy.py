"""The copy of another box's ledger: a file of SQLite, and what was committed since in files beside it.

What comes is appended to a file and on the disk before it is confirmed (`add`). When that file is long the next one is
begun, and the pages of the full one are written into the copy beside (`settle_full`): whole pages, so it can be done
again from the beginning after a crash. A copy of the whole ledger is read while commits go on there, so it is whole
only together with all that was committed meanwhile: until `end_base` it has no name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from edge.replica import NOWHERE, BadShipment, Shipment

ROLL_AFTER_BYTES: Final = 16_000_000
_NAME, _DRAFT = "copy.sqlite", "copy.draft"


class Copy:
    """In a folder of its own. One thread at a time, but for `settle_full`, which may run beside `add`."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self.path = folder / _NAME
        self.place = NOWHERE
        """Up to where the copy has everything; NOWHERE while it is none."""
        self._draft: BinaryIO | None = None
        self._open: BinaryIO | None = None
        self._number = 0
        self._recover()

    def close(self) -> None:
        for file in (self._open, self._draft):
            if file is not None:
                file.close()
        self._open = self._draft = None

    @property
    def is_whole(self) -> bool:
        return self.path.exists() and self._draft is None

    # --- as it comes ---

    def begin_base(self) -> None:
        """Forget what is here: the whole ledger comes, piece by piece."""
        self.close()
        self.path.unlink(missing_ok=True)
        for each in self._parts():
            each.unlink()
        _keep_names(self._folder)
        self.place = NOWHERE
        self._draft = _opened(self._folder / _DRAFT)
        self._roll()

    def base(self, offset: int, data: bytes) -> None:
        if self._draft is None:
            raise BadShipment("a piece of a ledger, and none was begun")
        _write_all(self._draft.fileno(), data, offset)

    def end_base(self) -> None:
        """From now on it is a copy."""
        if self._draft is None:
            raise BadShipment("the end of a ledger, and none was begun")
        os.fsync(self._draft.fileno())
        self._draft.close()
        self._draft = None
        (self._folder / _DRAFT).rename(self.path)
        _keep_names(self._folder)

    def add(self, shipment: Shipment) -> None:
        """Have it on the disk. Raises BadShipment where it does not follow what is here, OSError."""
        if shipment.after != self.place:
            raise BadShipment(f"what follows {shipment.after} came, and here is {self.place}")
        file = self._open
        if file is None or file.tell() > ROLL_AFTER_BYTES:
            file = self._roll()
        _append(file, shipment)
        self.place = shipment.upto

    # --- into the copy ---

    def settle_full(self) -> int:
        """Write the files that are full into the copy; returns how many there were. Not while a ledger is coming."""
        full = self._parts()[:-1] if self.is_whole else []
        for part in full:
            self._settle(part)
        return len(full)

    def settle(self) -> Path:
        """Write all into the copy and have it on the disk; returns it. Nothing can be added any more. Raises OSError,
        BadShipment where it is no copy."""
        if not self.is_whole:
            raise BadShipment(f"there is no whole copy in {self._folder}")
        self.close()
        for part in self._parts():
            self._settle(part)
        return self.path

    def _settle(self, part: Path) -> None:
        pages = 0
        with self.path.open("r+b") as copy, part.open("rb") as file:
            for shipment in _shipments(file):
                for number, size, page in shipment.pages():
                    _write_all(copy.fileno(), page, (number - 1) * shipment.page_bytes)
                    pages = size * shipment.page_bytes or pages
            if pages:
                os.ftruncate(copy.fileno(), pages)
            os.fsync(copy.fileno())
        part.unlink()
        _keep_names(self._folder)

    # --- the files ---

    def _parts(self) -> list[Path]:
        return sorted(self._folder.glob("pages-*"))

    def _roll(self) -> BinaryIO:
        """Begin the next file. It says first where it begins, so that the place is known whatever is in it."""
        if self._open is not None:
            self._open.close()
        self._number += 1
        file = self._open = _opened(self._folder / f"pages-{self._number:010}")
        _append(file, Shipment(after=self.place, upto=self.place, page_bytes=4096, frames=b""))
        _keep_names(self._folder)
        return file

    def _recover(self) -> None:
        """After an end of any kind: what was confirmed is here, behind it perhaps half of what was not."""
        parts = self._parts()
        self._number = int(parts[-1].name.removeprefix("pages-")) if parts else 0
        if not self.path.exists():
            return
        for part in parts:
            with part.open("r+b") as file:
                good = 0
                try:
                    for shipment in _shipments(file):
                        self.place, good = shipment.upto, file.tell()
                except BadShipment:
                    if part != parts[-1]:  # all others were whole when this one was begun: the disk has lost something
                        self.place = NOWHERE
                        return
                    file.truncate(good)
        if parts:
            self._open = parts[-1].open("ab")


def _append(file: BinaryIO, shipment: Shipment) -> None:
    file.write(shipment.encode())
    file.flush()
    os.fdatasync(file.fileno())


def _shipments(file: BinaryIO) -> Iterator[Shipment]:
    while (shipment := Shipment.read(file)) is not None:
        yield shipment


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "r+b")


def _write_all(handle: int, data: bytes | memoryview, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written


def _keep_names(folder: Path) -> None:
    """A file's name is durable when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
