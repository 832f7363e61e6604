"""Two brokers, both real: one dies, is cut off or has no hub."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from deploy.demo.wan import Wan, wan_link
from edge.uplink.settings import BrokerSettings
from protocols.sync.topics import Stream
from tests.edge.uplink.parts import FakeHub, Site, all_acked, fake_hub, quick, running
from tests.kit import Broker, start_broker, wait_until


@pytest.fixture
def backup() -> Iterator[Broker]:
    with start_broker() as started:
        yield started


def both(first: Broker | Wan, second: Broker | Wan, **changes: Any) -> Any:
    brokers = (BrokerSettings(port=first.port), BrokerSettings(port=second.port))
    return quick(0, **({"brokers": brokers, "probe_every_s": 0.1, "failback_after_s": 0.4} | changes))


@contextlib.asynccontextmanager
async def hub_at(first: Broker, second: Broker) -> AsyncIterator[tuple[FakeHub, FakeHub]]:
    """One hub at both: what came by either is stored."""
    async with fake_hub(first) as one, fake_hub(second) as two:
        two.stored, two.order = one.stored, one.order
        yield one, two


async def test_when_the_primary_is_away_the_backup_takes_over_until_it_is_back(
    broker: Broker, backup: Broker, site: Site
) -> None:
    site.journal.grow(Stream.MONEY, 700)
    async with (
        wan_link(broker.host, broker.port) as wan,
        hub_at(broker, backup) as (one, two),
        running(site.uplink(both(wan, backup))) as uplink,
    ):
        await all_acked(site)
        one.is_acking = False  # what the primary has taken goes no further
        site.journal.grow(Stream.MONEY, 700)
        uplink.journal_grew()
        await wait_until(lambda: one.batches[-1].last_seq > 700)
        wan.cut()
        await all_acked(site)
        assert site.value("broker") == 1
        assert two.order == [(Stream.MONEY, seq) for seq in range(1, 1401)]
        one.is_acking = True
        wan.heal()
        await wait_until(lambda: site.value("broker_switches_total", reason="primary_is_back"))
        site.journal.grow(Stream.MONEY, 3)
        uplink.journal_grew()
        await all_acked(site)
        assert one.batches[-1].last_seq == 1403
        assert site.inbox.presence.count(False) == 1


async def test_a_broker_without_a_hub_is_left_for_the_one_that_has_it(
    broker: Broker, backup: Broker, site: Site
) -> None:
    site.journal.grow(Stream.EVENT, 3)
    settings = both(broker, backup, silent_after_s=0.3, failback_after_s=60.0)
    async with fake_hub(backup) as hub, running(site.uplink(settings)):
        await all_acked(site)
        assert len(hub.stored[Stream.EVENT]) == 3
        assert site.value("broker_switches_total", reason="hub_is_silent") == 1


async def test_what_a_session_says_of_itself_carries_its_number(broker: Broker, backup: Broker, site: Site) -> None:
    async with (
        wan_link(broker.host, broker.port) as wan,
        hub_at(broker, backup) as (one, two),
        running(site.uplink(both(wan, backup, failback_after_s=60.0))),
    ):
        await wait_until(lambda: one.numbers == [("online", 1)])
        wan.cut()
        await wait_until(lambda: two.numbers and two.numbers[0][0] == "online")
        await wait_until(lambda: one.numbers == [("online", 1), ("offline", 1)])  # the will, perhaps late
        assert two.numbers[0][1] > 1
