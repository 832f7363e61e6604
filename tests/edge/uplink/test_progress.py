"""What the uplink tells of itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from edge.uplink.metrics import UplinkMetrics
from edge.uplink.progress import Progress
from protocols.sync.topics import Stream
from tests.edge.uplink.parts import NOW, Site, fake_hub, quick, running
from tests.kit import Broker, wait_until

MONEY = Stream.MONEY


class Times:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_bytes_are_those_of_the_day() -> None:
    site, times = Site.new(), Times()
    progress = Progress(site.facts, times, lambda at: at.date(), UplinkMetrics(CollectorRegistry()))
    progress.sent(100, 900)
    progress.sent(50)
    report = await progress.report("b")
    assert (report.bytes_today, report.bytes_saved_today) == (150, 800)
    times.now = NOW + timedelta(days=1)
    progress.sent(7)
    report = await progress.report("b")
    assert (report.bytes_today, report.bytes_saved_today) == (7, 0)


async def test_time_to_drain_is_reckoned_from_what_was_acknowledged_of_late() -> None:
    site, times, clock = Site.new(), Times(), asyncio.get_running_loop().time
    progress = Progress(site.facts, times, lambda at: at.date(), UplinkMetrics(CollectorRegistry()))
    site.journal.grow(MONEY, 1000)
    assert (await progress.report("b")).streams[0].drains_in_s is None
    points = progress._points[MONEY]
    points += [(clock() - 200, 0), (clock() - 100, 100), (clock(), 600)]  # the first is too old to tell anything
    site.journal.acked[MONEY] = 600
    (money, *_) = (await progress.report("b")).streams
    assert (money.last_seq, money.acked_seq, money.drains_in_s) == (1000, 600, 80)
    site.journal.acked[MONEY] = 1000
    assert (await progress.report("b")).streams[0].drains_in_s == 0


async def test_status_and_what_the_hub_is_told_agree(broker: Broker, site: Site) -> None:
    site.journal.grow(MONEY, 20)
    uplink = site.uplink(quick(broker.port, report_every_s=0.0))
    async with fake_hub(broker) as hub, running(uplink):
        await wait_until(lambda: any(live.sync and live.sync.streams[0].acked_seq == 20 for live in hub.lives))
        told, shown = hub.lives[-1].sync, await uplink.sync_status()
    assert told is not None
    assert told.broker == shown["broker"] == f"127.0.0.1:{broker.port}"
    assert shown["streams"][0] == {
        "stream": "money",
        "backlog": 0,
        "last_seq": 20,
        "acked_seq": 20,
        "oldest_at": None,
        "drains_in_s": 0,
        "resends": 0,
        "dead_letters": 0,
    }
    assert shown["documents"] == {"tokens": 7}
    assert shown["last_ack_at"] == NOW.isoformat()
    assert 0 < told.bytes_today <= shown["bytes_today"]
    assert shown["bytes_saved_today"] > 1000
    assert datetime.fromisoformat(shown["counted_since"]).tzinfo == UTC
