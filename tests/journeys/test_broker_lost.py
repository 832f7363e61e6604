"""The broker is killed and comes back empty: what it had taken and not passed on is sent again."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.harness import a_day


async def test_the_broker_dies_and_has_forgotten_everything(tmp_path: Path) -> None:
    async with a_day(tmp_path, "afternoon", speed=1800) as day:
        await day.wall.see_uplink(is_online=True)
        for hour in (2, 4):
            await day.until(hour * 3_600)
            await day.site.hub.kill()  # so that the broker holds messages that nobody has taken
            await day.until(hour * 3_600 + 1_800)
            day.site.broker.kill()
            await day.wall.see_uplink(is_online=False)
            day.site.broker.restart(empty=True)
            await day.site.hub.start()
            await day.wall.see_uplink(is_online=True)
        await day.end()
