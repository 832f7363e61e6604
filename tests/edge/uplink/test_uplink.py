"""The contract of sync.md on a real broker: everything arrives in order, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

from deploy.demo.wan import wan_link
from edge.domain.events import DocumentUnreadable
from protocols.ocpi.token import Token
from protocols.sync import codec
from protocols.sync.down import Ack, Command, DesiredTokens, RemoteStop
from protocols.sync.topics import Stream
from protocols.terms import EvseRef
from tests.edge.uplink.parts import ADDRESS, EPOCH, NOW, Site, all_acked, fake_hub, quick, running
from tests.kit import Broker, start_broker, wait_until

MONEY, EVENT, TELEMETRY = Stream.MONEY, Stream.EVENT, Stream.TELEMETRY


async def test_everything_arrives_once_and_in_order_money_first(broker: Broker, site: Site) -> None:
    site.journal.grow(EVENT, 3000)
    site.journal.grow(MONEY, 1200)
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port))) as uplink:
        await all_acked(site)
        assert [seq for stream, seq in hub.order if stream is MONEY] == list(range(1, 1201))
        assert [seq for stream, seq in hub.order if stream is EVENT] == list(range(1, 3001))
        assert hub.batches[0].stream is MONEY
        assert max(hub.batch_bytes) <= codec.MAX_BATCH_BYTES
        assert max(len(batch.raw) for batch in hub.batches) <= codec.MAX_BATCH_ENTRIES

        site.journal.grow(MONEY, 1)
        uplink.journal_grew()
        await all_acked(site)
        assert hub.stored[MONEY][1201] == site.journal.rows[MONEY][-1].decode()
        assert site.value("resends_total", stream="money") == 0
        await wait_until(lambda: site.inbox.presence == [True])


async def test_telemetry_goes_last_but_has_its_share(broker: Broker, site: Site) -> None:
    full = codec.MAX_BATCH_ENTRIES // 2  # so many entries of the test surely fit
    site.journal.grow(TELEMETRY, 8 * full)
    site.journal.grow(EVENT, 2 * full)
    site.journal.grow(MONEY, 20 * full)
    async with fake_hub(broker) as hub:
        hub.is_acking = False
        async with running(
            site.uplink(quick(broker.port, window_batches=100, ack_timeout_s=30.0, silent_after_s=60.0))
        ):
            await wait_until(lambda: all(hub.seq(s) == site.journal.last_seq(s) for s in Stream))
            order = "".join(batch.stream[0] for batch in hub.batches)
            assert order.startswith("mmmmmmmt")
            before_events = order[: order.index("e")]
            assert before_events.count("t") == len(before_events) // 8
            assert "m" not in order[order.index("e") :]
            for stream in Stream:
                await hub.ack(stream, hub.seq(stream))
            await all_acked(site)


async def test_birth_and_state_are_retained_and_a_clean_end_says_offline(broker: Broker, site: Site) -> None:
    async with running(site.uplink(quick(broker.port))):
        await wait_until(lambda: site.value("connected"))
        async with fake_hub(broker) as hub:
            await wait_until(lambda: hub.births and hub.states)
            assert hub.births[0].epoch == EPOCH
            await wait_until(lambda: hub.states[-1] == "online")
    async with fake_hub(broker) as hub:
        await wait_until(lambda: hub.states == ["offline"])


async def test_the_last_will_speaks_when_the_socket_is_cut(broker: Broker, site: Site) -> None:
    async with (
        wan_link(broker.host, broker.port) as wan,
        fake_hub(broker) as hub,
        running(site.uplink(quick(wan.port))),
    ):
        await wait_until(lambda: hub.states == ["online"])
        wan.cut()
        await wait_until(lambda: hub.states == ["online", "offline"])
        await wait_until(lambda: site.inbox.presence == [True, False])
        wan.heal()
        await wait_until(lambda: hub.states[-1] == "online")
        await wait_until(lambda: site.inbox.presence == [True, False, True])


async def test_a_silent_hub_is_asked_again_slowly_and_told_to_the_site(broker: Broker, site: Site) -> None:
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port))) as uplink:
        await wait_until(lambda: site.inbox.presence == [True])
        hub.is_acking = False
        site.journal.grow(MONEY, 10_000)
        uplink.journal_grew()
        await wait_until(lambda: site.value("resends_total", stream="money") >= 2)
        await wait_until(lambda: site.inbox.presence == [True, False])
        sent = sum(len(batch.raw) for batch in hub.batches)
        assert sent <= (4 + 4) * codec.MAX_BATCH_ENTRIES  # the window, then one batch at a time
        await wait_until(lambda: len(hub.batches) > 4)
        assert {batch.first_seq for batch in hub.batches[4:]} == {1}
        hub.is_acking = True
        await all_acked(site)
        assert [seq for _, seq in hub.order] == list(range(1, 10_001))
        await wait_until(lambda: site.inbox.presence == [True, False, True])


async def test_the_window_bounds_what_waits(broker: Broker, site: Site) -> None:
    site.journal.grow(MONEY, 20_000)
    async with fake_hub(broker) as hub:
        hub.is_acking = False
        async with running(site.uplink(quick(broker.port, ack_timeout_s=30.0, window_batches=3))):
            await wait_until(lambda: len(hub.batches) == 3)
            await hub.ack(MONEY, hub.batches[0].last_seq)
            await wait_until(lambda: len(hub.batches) == 4)
            await asyncio.sleep(0.1)
            assert len(hub.batches) == 4
            assert len(site.journal.reads) == 4


async def test_a_broker_killed_and_restarted_empty_loses_nothing(broker: Broker, site: Site) -> None:
    async with running(site.uplink(quick(broker.port))) as uplink:
        async with fake_hub(broker) as hub:
            site.journal.grow(MONEY, 20)
            uplink.journal_grew()
            await all_acked(site)
            hub.is_acking = False
            site.journal.grow(MONEY, 20)
            site.journal.grow(EVENT, 20)
            uplink.journal_grew()
            await wait_until(lambda: hub.seq(MONEY) == 40)
            stored = hub.stored
        await asyncio.to_thread(broker.kill)
        site.journal.grow(MONEY, 20)
        await asyncio.to_thread(broker.restart, empty=True)
        async with fake_hub(broker) as hub:
            hub.stored |= {MONEY: dict(list(stored[MONEY].items())[:20]), EVENT: {}}  # its database never had the rest
            await all_acked(site)
            assert (hub.seq(MONEY), hub.seq(EVENT)) == (60, 20)


async def test_resend_goes_back_also_behind_what_was_acked(broker: Broker, site: Site) -> None:
    site.journal.grow(MONEY, 30)
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port, ack_timeout_s=30.0))):
        await all_acked(site)
        hub.stored[MONEY] = {seq: raw for seq, raw in hub.stored[MONEY].items() if seq <= 10}  # restored from a backup
        for _ in range(4):
            await hub.ack(MONEY, 10, resend=True)
        await wait_until(lambda: hub.seq(MONEY) == 30)
        await all_acked(site)
        assert [batch.first_seq for batch in hub.batches if batch.first_seq > 1] == [11]
        assert site.value("resends_total", stream="money") == 1


async def test_a_journal_trimmed_before_it_had_a_hub_begins_where_it_begins(broker: Broker, site: Site) -> None:
    site.journal.grow(MONEY, 30)
    site.journal.trimmed[MONEY] = 20
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port))):
        await all_acked(site)
        assert sorted(hub.stored[MONEY]) == list(range(21, 31))
        assert {each.stream: each.first_seq for each in hub.births[0].streams} == {MONEY: 21, EVENT: 1, TELEMETRY: 1}


async def test_a_hub_that_lost_what_was_trimmed_since_is_told_where_the_journal_begins(
    broker: Broker, site: Site
) -> None:
    site.journal.grow(MONEY, 30)
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port, ack_timeout_s=30.0))):
        await all_acked(site)
        site.journal.trimmed[MONEY] = 20
        hub.stored[MONEY].clear()
        await hub.ack(MONEY, 5, resend=True)
        await wait_until(lambda: sorted(hub.stored[MONEY]) == list(range(21, 31)))
        await all_acked(site)
        assert len(hub.births) == 2


async def test_rejected_entries_are_told_to_the_site_and_the_stream_goes_on(broker: Broker, site: Site) -> None:
    site.journal.grow(EVENT, 5)
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port))):
        hub.rejects = {3: "unreadable"}
        await all_acked(site)
        (rejected,) = {r for ack in site.inbox.of(Ack) for r in ack.rejected}
        assert (rejected.seq, rejected.reason) == (3, "unreadable")


async def test_acks_that_are_old_foreign_or_ahead_change_nothing(broker: Broker, site: Site) -> None:
    site.journal.grow(MONEY, 5)
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port))):
        await all_acked(site)
        await hub.ack(MONEY, 5, epoch="another")
        await hub.ack(MONEY, 3)
        await hub.ack(MONEY, 6)
        await hub.client.publish(ADDRESS.ack(EVENT), codec.encode(Ack(epoch=EPOCH, stream=MONEY, seq=1)), qos=1)
        await hub.client.publish(ADDRESS.ack(MONEY), b"\x78\x9crubbish", qos=1)
        await wait_until(lambda: site.value("refused_messages_total", branch="ack", reason="unreadable"))
        for reason in ("epoch", "beyond", "stream"):
            assert site.value("refused_messages_total", branch="ack", reason=reason) == 1
        assert [ack.seq for ack in site.inbox.of(Ack)][-1] == 5


async def test_documents_and_commands_become_events(broker: Broker, site: Site) -> None:
    tokens = DesiredTokens(version=3, tokens=(Token(uid="04AA", contract_id="C1"),))
    command = Command(id="c1", issued_at=NOW, expires_at=NOW, body=RemoteStop(transaction_id="t1"))
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port))):
        await wait_until(lambda: site.inbox.presence == [True])
        publish = hub.client.publish
        await publish(ADDRESS.desired("tokens"), codec.encode(tokens), qos=1, retain=True)
        await publish(ADDRESS.desired("prices"), b"{}", qos=1, retain=True)
        await publish(ADDRESS.command("c1"), codec.encode(command), qos=1)
        await publish(ADDRESS.command("c2"), codec.encode(command), qos=1)
        await publish(ADDRESS.command("c1"), b"\xff", qos=1)
        await wait_until(lambda: site.value("refused_messages_total", branch="command", reason="unreadable") == 2)
        assert site.inbox.of(DesiredTokens) == [tokens]
        assert [event.document for event in site.inbox.of(DocumentUnreadable)] == ["prices"]
        assert site.inbox.of(Command) == [command]


async def test_an_unreadable_document_is_answered_once_over_reconnects(broker: Broker, site: Site) -> None:
    async with (
        wan_link(broker.host, broker.port) as wan,
        fake_hub(broker) as hub,
        running(site.uplink(quick(wan.port))),
    ):
        await hub.client.publish(ADDRESS.desired("tokens"), b'{"v":1}', qos=1, retain=True)
        await wait_until(lambda: site.inbox.of(DocumentUnreadable))
        wan.cut()
        await wait_until(lambda: not site.value("connected"))
        wan.heal()
        await wait_until(lambda: site.value("refused_messages_total", branch="desired", reason="unreadable") == 2)
        assert len(site.inbox.of(DocumentUnreadable)) == 1


async def test_an_overloaded_site_is_asked_again(broker: Broker, site: Site) -> None:
    site.journal.grow(MONEY, 3)
    site.inbox.overloads = 3
    async with fake_hub(broker), running(site.uplink(quick(broker.port))):
        await all_acked(site)


async def test_a_command_finds_its_way_over_a_blinking_link(broker: Broker, site: Site) -> None:
    command = Command(id="c1", issued_at=NOW, expires_at=NOW, body=RemoteStop(transaction_id="t1"))
    async with (
        wan_link(broker.host, broker.port) as wan,
        fake_hub(broker) as hub,
        running(site.uplink(quick(wan.port))),
    ):
        await wait_until(lambda: site.inbox.presence == [True])
        wan.cut()
        await wait_until(lambda: site.inbox.presence == [True, False])
        await hub.client.publish(ADDRESS.command("c1"), codec.encode(command), qos=1)
        wan.heal()
        await wait_until(lambda: site.inbox.of(Command) == [command])


async def test_a_half_open_link_is_found_by_the_missing_puback(broker: Broker, site: Site) -> None:
    settings = {"reply_timeout_s": 0.5, "keepalive_s": 60}
    async with (
        wan_link(broker.host, broker.port) as wan,
        fake_hub(broker) as hub,
        running(site.uplink(quick(wan.port, **settings))) as uplink,
    ):
        await wait_until(lambda: site.inbox.presence == [True])
        wan.cut(silent=True)
        site.journal.grow(MONEY, 5)
        uplink.journal_grew()
        await wait_until(lambda: site.inbox.presence == [True, False])
        assert wan.traffic.swallowed > 0
        wan.heal()
        await all_acked(site)
        assert hub.seq(MONEY) == 5
        await wait_until(lambda: site.inbox.presence == [True, False, True])


async def test_a_half_open_idle_link_is_found_by_keepalive(broker: Broker, site: Site) -> None:
    async with (
        wan_link(broker.host, broker.port) as wan,
        running(site.uplink(quick(wan.port, keepalive_s=1))),
    ):
        await wait_until(lambda: site.inbox.presence == [True])
        wan.cut(silent=True)
        await wait_until(lambda: site.inbox.presence == [True, False], timeout_s=6)


async def test_live_values_are_collected_and_never_queued(broker: Broker, site: Site) -> None:
    first, second = EvseRef("S1", 1), EvseRef("S2", 1)
    async with (
        wan_link(broker.host, broker.port) as wan,
        fake_hub(broker) as hub,
        running(site.uplink(quick(wan.port, live_interval_s=0.3, live_active_s=60))) as uplink,
    ):
        uplink.changed([first])  # offline: the birth will tell
        await wait_until(lambda: site.inbox.presence == [True])
        uplink.changed([first])
        await wait_until(lambda: len(hub.lives) == 1)
        for _ in range(50):
            uplink.changed([first])
            uplink.changed([second, first])
            await asyncio.sleep(0)
        await wait_until(lambda: len(hub.lives) == 2)
        assert [len(live.evses) for live in hub.lives] == [1, 2]
        wan.cut()
        await wait_until(lambda: not site.value("connected"))
        uplink.changed([first])
        wan.heal()
        await wait_until(lambda: hub.states[-1] == "online" and len(hub.births) == 2)
        uplink.changed([second])
        await wait_until(lambda: len(hub.lives) == 3)
        assert [evse.station_id for evse in hub.lives[-1].evses] == ["S2"]


async def test_active_evses_are_live_although_nothing_changes(broker: Broker, site: Site) -> None:
    site.window.active = (EvseRef("S1", 1),)
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port, live_active_s=0.1))):
        await wait_until(lambda: len(hub.lives) >= 3)


async def test_it_waits_for_a_broker_and_ends_at_once_when_told(broker: Broker, site: Site) -> None:
    await asyncio.to_thread(broker.kill)
    async with asyncio.timeout(5), running(site.uplink(quick(broker.port))):
        await wait_until(lambda: site.inbox.presence == [False])


async def test_it_ends_at_once_while_nothing_answers_its_connect(broker: Broker, site: Site) -> None:
    async with wan_link(broker.host, broker.port) as wan:
        wan.cut(silent=True)
        async with asyncio.timeout(2), running(site.uplink(quick(wan.port, reply_timeout_s=30.0))):
            await wait_until(lambda: wan.traffic.swallowed)
        await wait_until(lambda: not wan.is_carrying)  # no socket is left behind


async def test_a_reset_before_the_connack_is_not_waited_for(broker: Broker, site: Site) -> None:
    async with wan_link(broker.host, broker.port) as wan:
        wan.cut()
        async with running(site.uplink(quick(wan.port, reply_timeout_s=60.0))):
            await wait_until(lambda: wan.traffic.connections >= 3)
            wan.heal()
            await wait_until(lambda: site.inbox.presence[-1:] == [True])


async def test_a_fault_of_our_own_is_counted_and_tried_again(broker: Broker, site: Site) -> None:
    read = site.journal.read

    async def fail_once(*arguments: Any) -> Any:
        site.journal.read = read  # type: ignore[method-assign]
        raise ArithmeticError("a bug")

    site.journal.read = fail_once  # type: ignore[method-assign]
    site.journal.grow(MONEY, 5)
    async with fake_hub(broker), running(site.uplink(quick(broker.port))):
        await all_acked(site)
        assert site.value("faults_total") == 1


async def test_an_ack_that_the_site_refuses_moves_nothing(broker: Broker, site: Site) -> None:
    site.journal.grow(MONEY, 5)
    site.inbox.refusals = 1
    async with fake_hub(broker) as hub, running(site.uplink(quick(broker.port))):
        await all_acked(site)
        assert site.value("refused_messages_total", branch="ack", reason="refused") == 1
        assert len(hub.batches) >= 2  # sent again, since the first Ack did not count


async def test_a_broker_that_lets_no_one_in_is_tried_again_with_the_password_of_the_file(
    tmp_path: Path, site: Site
) -> None:
    password_file, secret = tmp_path / "password", tmp_path / "secret"
    subprocess.run(["mosquitto_passwd", "-c", "-b", password_file, "edge", "right"], check=True)
    password_file.chmod(0o644)
    tmp_path.chmod(0o755)
    rules = f"per_listener_settings false\nallow_anonymous false\npassword_file {password_file}\n"
    with start_broker(extra_config=rules) as broker:
        async with running(site.uplink(quick(broker.port, username="edge", password_file=secret))):
            await wait_until(lambda: site.inbox.presence == [False])
            secret.write_text("wrong\n")
            await asyncio.sleep(0.1)
            assert site.inbox.presence == [False]
            secret.write_text("right\n")
            await wait_until(lambda: site.inbox.presence == [False, True])
