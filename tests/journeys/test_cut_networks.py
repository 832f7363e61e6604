"""Packets are dropped silently on the agent's line, in one direction and in both (nft, in a network of our own): both
sides find out, the backup takes over, nobody goes to and fro, and nothing is lost or doubled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
ROOT = Path(__file__).parents[2]


def _why_not() -> str | None:
    """A network of one's own takes root (or a user namespace), ip and nft."""
    if missing := [each for each in ("unshare", "ip", "nft") if shutil.which(each, path=PATH) is None]:
        return f"no {missing[0]} on this machine (Debian: apt-get install iproute2 nftables)"
    trying = "ip link set lo up && nft add table inet line"
    tried = subprocess.run(["unshare", "-n", "sh", "-c", trying], env={"PATH": PATH}, capture_output=True, text=True)
    return f"no network of one's own here: {tried.stderr.strip()}" if tried.returncode else None


@pytest.mark.timeout(300)
def test_packets_are_dropped_silently(tmp_path: Path) -> None:
    if (reason := _why_not()) is not None:
        pytest.skip(reason)
    journey = f'ip link set lo up && exec "{sys.executable}" -m tests.journeys.cut_networks "{tmp_path}"'
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", journey], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    print(done.stdout[-6_000:])
    assert done.returncode == 0, done.stderr[-3_000:]
