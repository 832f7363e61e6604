"""An agent and its clone: none takes for delivered what the hub has of the other."""

from __future__ import annotations

from edge.domain.disk_events import LEDGER_FORKED, LedgerReplaced
from protocols.sync import codec
from protocols.sync.down import Ack
from protocols.sync.topics import Stream
from tests.edge.uplink.parts import ADDRESS, EPOCH, Site, fake_hub, quick, running
from tests.kit import Broker, wait_until

MONEY = Stream.MONEY


async def test_an_ack_for_other_entries_is_refused_and_told(broker: Broker, site: Site) -> None:
    site.journal.grow(MONEY, 5)
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port))):
        await wait_until(lambda: site.journal.acked_seq(MONEY) == 5)
        site.journal.acked[MONEY] = 0  # as if it had never been told
        foreign = Ack(epoch=EPOCH, stream=MONEY, seq=4, entry_at="2026-03-02T08:00:00.000001Z")
        await hub.client.publish(ADDRESS.ack(MONEY), codec.encode(foreign), qos=1)
        await wait_until(lambda: site.inbox.of(LedgerReplaced) != [])
        assert site.value("refused_messages_total", branch="ack", reason="fork") == 1
        (told,) = site.inbox.of(LedgerReplaced)
        assert (told.alarm, site.journal.acked_seq(MONEY)) == (LEDGER_FORKED, 0)


async def test_an_ack_for_our_own_entry_is_taken_and_what_follows_says_what_it_stands_on(
    broker: Broker, site: Site
) -> None:
    site.journal.grow(MONEY, 8)
    ours = codec.stamp_of(site.journal.rows[MONEY][4])
    assert ours is not None
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port))):
        await wait_until(lambda: site.journal.acked_seq(MONEY) == 8)
        own = Ack(epoch=EPOCH, stream=MONEY, seq=5, entry_at=ours, resend=True)
        await hub.client.publish(ADDRESS.ack(MONEY), codec.encode(own), qos=1)
        await wait_until(lambda: any(batch.first_seq == 6 for batch in hub.batches))
        first, *_, again = (batch for batch in hub.batches if batch.stream is MONEY)
    assert (first.first_seq, first.after_at) == (1, None)
    assert (again.first_seq, again.after_at) == (6, ours)
    assert site.inbox.of(LedgerReplaced) == []
