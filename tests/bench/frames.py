"""Payloads in a file, from the process that makes them to the one that takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

EDGE_ID: Final = "bench"


def write_frames(path: Path, payloads: Sequence[bytes]) -> None:
    """Each behind its length."""
    path.write_bytes(b"".join(len(each).to_bytes(4) + each for each in payloads))


def read_frames(path: Path) -> Iterator[bytes]:
    raw, at = path.read_bytes(), 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4])
        yield raw[at + 4 : at + 4 + length]
        at += 4 + length
