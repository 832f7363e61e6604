"""The agent is killed with SIGKILL again and again during a busy day; it loses nothing that it has answered."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.journeys.harness import a_day

KILLS = 50
SEED = 20260302
SPEED = 600.0
"""The traffic then goes on for 285 s of the machine's time: 5.7 s for each kill and start, which take some 2 s."""


@pytest.mark.timeout(600)  # fifty starts of a process and what the day left: two minutes, more beside other work
async def test_fifty_kills_in_a_busy_day(tmp_path: Path) -> None:
    """Each at a seeded moment after the agent is ready: while stations come back, deliver queues, start and stop."""
    rng = random.Random(SEED)
    async with a_day(tmp_path, "busy", speed=SPEED) as day:
        await day.until(600)
        open_before: list[int] = []
        for _ in range(KILLS):
            await asyncio.sleep(rng.uniform(0.02, 0.9))
            await day.site.edge.kill()
            open_before.append(day.charging())
            await day.site.edge.start()
        assert not day.playing.done(), "all kills happen while drivers come and go"
        await day.break_off()
        assert sum(count > 0 for count in open_before) > KILLS // 2, "and most of them while somebody charges"
        await day.end()
        assert len(day.wall.lost_s) >= KILLS // 2, "the display said so each time it saw it"
