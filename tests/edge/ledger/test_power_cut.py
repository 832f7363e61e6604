"""The power fails while the ledger commits: what was acknowledged is on the disk.

SIGKILL never shows a sync that is missing, for the kernel still writes what the process has written. So the ledger is
on an ext4 file system in a file, and that file on XFS, where a copy is one moment (reflink): what ext4 was not told to
sync is not in it. The copy is mounted as the disk after the cut.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.ledger.database import LedgerError
from edge.ledger.ledger import Ledger
from protocols.sync.topics import Stream

CUTS = 3
COMMITS_BETWEEN = 40
OUTER_BYTES, INNER_BYTES = 400 << 20, 64 << 20
PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
ROOT = Path(__file__).parents[3]


def _run(*command: str | Path) -> None:
    """Raises CalledProcessError."""
    subprocess.run(command, env={"PATH": PATH}, check=True, capture_output=True)


@contextlib.contextmanager
def _mounted(image: Path, at: Path) -> Iterator[None]:
    at.mkdir()
    _run("mount", "-o", "loop", image, at)
    try:
        yield
    finally:
        _run("umount", "-l", at)


@contextlib.contextmanager
def _formatted(kind: str, image: Path, size_bytes: int, at: Path) -> Iterator[None]:
    with image.open("wb") as file:
        file.truncate(size_bytes)
    _run(f"mkfs.{kind}", "-q", image)
    with _mounted(image, at):
        yield


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted ext4 whose image lies on XFS. Skips where there is no XFS, or nothing may be mounted."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_formatted("xfs", tmp_path / "xfs.img", OUTER_BYTES, tmp_path / "xfs"))
            stack.enter_context(_formatted("ext4", tmp_path / "xfs" / "disk.img", INNER_BYTES, tmp_path / "disk"))
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no ext4 on XFS can be made here (Debian: apt-get install xfsprogs; root): {error}")
        yield tmp_path / "disk"


def _lost(disk: Path, mode: str) -> list[int]:
    """At each cut: how many acknowledged entries are not on the disk afterwards."""
    lost = []
    command = [sys.executable, "-m", "tests.edge.ledger.commit_loop", str(disk / "ledger.sqlite"), mode]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    try:
        for number in range(CUTS):
            for _ in range(COMMITS_BETWEEN):
                acknowledged = int(writer.stdout.readline())
            writer.send_signal(signal.SIGSTOP)
            after = disk.parent / "xfs" / f"after-{number}.img"
            _run("cp", "--reflink=always", disk.parent / "xfs" / "disk.img", after)
            writer.send_signal(signal.SIGCONT)
            with _mounted(after, disk.parent / f"after-{number}"):
                lost.append(acknowledged - _last_seq(disk.parent / f"after-{number}" / "ledger.sqlite"))
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    return lost


def _last_seq(path: Path) -> int:
    """0 where there is no ledger, or none that can be read."""
    try:
        with Ledger(path, "edge-1") as ledger:
            return ledger.last_seq(Stream.EVENT)
    except (LedgerError, sqlite3.DatabaseError):
        return 0


def test_what_was_acknowledged_outlives_the_power(disk: Path) -> None:
    assert [each for each in _lost(disk, "as_it_is") if each > 0] == []


def test_the_cut_shows_it_when_nothing_is_synced(disk: Path) -> None:
    """The same without a sync: or else the test above would show nothing."""
    assert max(_lost(disk, "careless")) > 0
