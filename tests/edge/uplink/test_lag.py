"""The staff hears when the hub falls behind."""

from __future__ import annotations

import asyncio

from edge.domain.events import SyncLagged
from edge.uplink.lag import StreamLag, watch_lag
from protocols.sync.topics import Stream
from tests.edge.domain.site_kit import Play
from tests.edge.uplink.parts import Site
from tests.kit import wait_until


def test_what_flows_has_no_lag_however_much_it_is() -> None:
    lag = StreamLag()
    for now_s in range(0, 10_000, 10):  # always a hundred behind, always on the move
        assert lag.look(now_s + 100, now_s, float(now_s)) <= 110


def test_what_stands_lags_until_it_is_there_and_what_came_since_begins_anew() -> None:
    lag = StreamLag()
    assert lag.look(0, 0, 0.0) == 0
    assert lag.look(10, 5, 10.0) == 0
    assert lag.look(20, 5, 20.0) == 10
    assert lag.look(30, 9, 400.0) == 390
    assert lag.look(30, 10, 500.0) == 0
    assert lag.look(30, 10, 600.0) == 100
    assert lag.look(30, 30, 700.0) == 0
    assert lag.look(31, 30, 9000.0) == 0


async def test_the_site_is_told_once_each_way() -> None:
    site = Site.new()
    site.inbox.overloads = 1
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch_lag(site.journal, site.inbox, limit_s=0.05, every_s=0.01))
        site.journal.grow(Stream.MONEY, 3)
        await wait_until(lambda: [event.is_lagging for event in site.inbox.of(SyncLagged)] == [False, True])
        assert "money 3" in site.inbox.of(SyncLagged)[-1].text
        site.journal.acked[Stream.MONEY] = 3
        await wait_until(lambda: [event.is_lagging for event in site.inbox.of(SyncLagged)] == [False, True, False])
        watching.cancel()


def test_it_is_an_alarm_until_the_hub_has_caught_up() -> None:
    play = Play()
    for _ in range(2):
        play.tell(SyncLagged(is_lagging=True, text="money 3"))
    assert set(play.site.alarms) == {"sync_lag:uplink"}
    play.tell(SyncLagged(is_lagging=False, text=""))
    assert not play.site.alarms
