"""The hub is killed while it takes in a backlog, and once it even loses its database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from deploy.demo.site import Site
from tests.journeys.harness import a_day, settle
from tests.kit import wait_until

KILLS = 4


def _entries_at_hub(site: Site) -> int:
    with closing(sqlite3.connect(f"file:{site.hub.database}?mode=ro", uri=True)) as database:
        count: int = database.execute("SELECT COUNT(*) FROM entries").fetchone()[0]
        return count


async def _more_than(site: Site, entries: int) -> None:
    await wait_until(lambda: _entries_at_hub(site) > entries)


async def test_the_hub_dies_in_the_middle_of_a_backlog(tmp_path: Path) -> None:
    """Killed as soon as it has taken in something of the backlog, again and again, always on the same database."""
    async with a_day(tmp_path, "afternoon", speed=1800) as day:
        await day.until(1_800)
        day.site.wan.cut()
        await day.until(21_600)
        before = _entries_at_hub(day.site)
        day.site.wan.heal()
        interrupted = 0
        for _ in range(KILLS):
            await _more_than(day.site, before)
            await day.site.hub.kill()
            before = _entries_at_hub(day.site)
            interrupted += 1
            await day.site.hub.start()
        assert interrupted == KILLS
        await day.end()

        # And now it loses all it had: every edge sends its whole journal again.
        await day.site.hub.kill()
        day.site.hub.forget()
        await day.site.hub.start()
        await day.site.hub.make_key()
        await settle(day.site, day.fleet)
