"""The journey of test_cut_networks.py, in a network of its own: `python -m tests.journeys.cut_networks FOLDER`.

Packets of the agent's line are dropped by nft when they arrive: neither TCP nor anybody tells. It fails as tests do.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.journeys.fault_site import FaultSite, a_fault_site
from tests.kit import wait_until

KEEPALIVE_S: Final = 2.0
EDGE_NOTICES_S: Final = 2 * KEEPALIVE_S
"""A PINGREQ goes out after a keepalive without an answer, and is waited for as long. A hub that acknowledges nothing is
left sooner than that here (harness.SETTINGS)."""
SLACK_S: Final = 5.0
"""For a machine with other work."""
MOVED: Final = "uplink_broker_switched"
SETTINGS: Final = {
    "OHMSTEAD_EDGE_UPLINK__PROBE_EVERY_S": "0.5",
    "OHMSTEAD_EDGE_UPLINK__FAILBACK_AFTER_S": "3",
}


async def play(folder: Path) -> None:
    _nft("add table inet line", "add chain inet line arriving { type filter hook input priority 0; }")
    log = folder / "edge.log"
    async with a_fault_site(folder, broker_count=2, has_doors=True, settings=SETTINGS) as site:
        primary, backup = site.doors
        await site.more_at_hub(10)
        for rule in (f"tcp dport {primary}", f"tcp sport {primary}"):
            await _one_way(site, log, rule)
        # Both brokers away: charging goes on, and what was kept is told when they are back.
        _drop(f"tcp dport {{ {primary}, {backup} }}", f"tcp sport {{ {primary}, {backup} }}")
        await wait_until(lambda: not _is_online(log), EDGE_NOTICES_S + SLACK_S)
        await site.load.more(20)
        _flush()
        await site.more_at_hub(20, 40)
        sessions = await site.heal_and_judge()
        moves = log.read_text().count(MOVED)
        print(f"{sessions} sessions, {moves} moves between the brokers")
        assert moves <= 8, "it goes to and fro"


async def _one_way(site: FaultSite, log: Path, rule: str) -> None:
    """One direction falls silent: the edge notices in time and goes to the other broker; and back when all is well."""
    moved = _count(log, MOVED)
    _drop(rule)
    began_s = time.monotonic()
    await wait_until(lambda: _count(log, MOVED) > moved, EDGE_NOTICES_S + SLACK_S)
    edge_s = time.monotonic() - began_s
    await site.more_at_hub(10)
    again_s = time.monotonic() - began_s
    print(f"{rule}: the edge left it after {edge_s:.1f} s, the hub heard of it at the backup after {again_s:.1f} s")
    moved = _count(log, MOVED)
    _flush()
    await wait_until(lambda: _count(log, MOVED) > moved, 20)
    await site.more_at_hub(10)


def _count(log: Path, what: str) -> int:
    return log.read_text().count(what)


def _is_online(log: Path) -> bool:
    told = [line for line in log.read_text().splitlines() if "uplink_changed" in line]
    return bool(told) and "is_online=True" in told[-1]


def _drop(*rules: str) -> None:
    _nft(*(f"add rule inet line arriving {rule} drop" for rule in rules))


def _flush() -> None:
    _nft("flush chain inet line arriving")


def _nft(*commands: str) -> None:
    subprocess.run(["nft", "-f", "-"], input="\n".join(commands), text=True, check=True)


if __name__ == "__main__":
    asyncio.run(play(Path(sys.argv[1])))
