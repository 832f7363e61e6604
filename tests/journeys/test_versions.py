"""Edge and hub of different versions over a real broker: nothing stops, and what is not understood is kept and told."""

from __future__ import annotations

import json
import time
import zlib
from pathlib import Path

import aiomqtt
import pytest

from deploy.demo.site import Hub
from protocols.sync.codec import decode, encode_batch
from protocols.sync.down import Ack
from protocols.sync.topics import EdgeAddress, Stream, parse_topic
from protocols.timeline import Timeline
from tests.journeys.chaos import Weather
from tests.journeys.fault_site import ORIGIN, a_fault_site, a_hub, has_journaled, make_key
from tests.kit import Broker, start_broker, wait_until

pytestmark = pytest.mark.timeout(300)  # on a machine with other work

OLD = Path(__file__).parents[1] / "frames" / "sync_1_0"
ADDRESS = EdgeAddress(0, "edge-7")


async def test_an_edge_of_contract_1_0_is_understood(tmp_path: Path) -> None:
    """Its birth and every kind of its journal, byte for byte as it wrote them, to a hub of today."""
    birth = json.loads((OLD / "birth.json").read_bytes())
    told = _journal_of_before()
    timeline = Timeline(origin=ORIGIN, anchor_s=time.time(), speed=1)  # noqa: TID251 - the anchor of this run
    with start_broker() as broker:
        hub = a_hub(tmp_path, [broker.port], {"OHMSTEAD_TIMELINE": str(timeline)}, None)
        try:
            await hub.start()
            await make_key(hub, f"sqlite+aiosqlite:///{hub.database}", timeline)
            await _tell(broker, hub, birth, told)
            edge = await hub.client.get(f"edges/{ADDRESS.edge_id}")
            assert edge["software_version"] == birth["software_version"]
        finally:
            await hub.client.close()
            await hub.stop()


async def _tell(broker: Broker, hub: Hub, birth: dict[str, object], told: dict[Stream, list[bytes]]) -> None:
    """Say it all, and hear an Ack for all of it; what the hub could not place is named in its Ack."""
    async with aiomqtt.Client(broker.host, broker.port, timeout=5) as client:
        await client.subscribe([(topic, 1) for topic in ADDRESS.edge_listens])
        streams = [{"stream": each, "first_seq": 1, "last_seq": len(told[each]), "acked_seq": 0} for each in told]
        born = json.dumps({**birth, "streams": streams})
        await client.publish(ADDRESS.birth, born, qos=1, retain=True)
        for stream, entries in told.items():
            await client.publish(ADDRESS.up(stream), encode_batch(str(birth["epoch"]), stream, 1, entries), qos=1)
        acked: dict[Stream, Ack] = {}
        async for message in client.messages:
            heard = parse_topic(str(message.topic))
            if heard.branch == "ack" and isinstance(message.payload, bytes):
                ack = decode(Ack, message.payload)
                acked[ack.stream] = ack
            if all(each in acked and acked[each].seq == len(told[each]) for each in told):
                break
    letters = await hub.client.all(f"edges/{ADDRESS.edge_id}/dead-letters")
    assert [(each["stream"], each["seq"], each["reason"]) for each in letters] == []


def _journal_of_before() -> dict[Stream, list[bytes]]:
    """One entry of each kind that 1.0 had, numbered anew, in the order of their names."""
    told: dict[Stream, list[bytes]] = {stream: [] for stream in Stream}
    for path in sorted(OLD.glob("entry_*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        stream = Stream(document["stream"])
        document["seq"] = len(told[stream]) + 1
        told[stream].append(json.dumps(document).encode())
    return told


async def test_a_hub_that_does_not_know_a_kind_keeps_it_and_goes_on(tmp_path: Path) -> None:
    """As if the edge were newer: all of one kind of its events, and one entry of its money, are called otherwise."""
    renamed = [0]

    def newer(payload: bytes) -> bytes:
        text = zlib.decompress(payload) if payload[:1] == b"\x78" else payload
        if b'"entries"' not in text:
            return payload
        said = text.replace(b'"kind":"transaction_ended"', b'"kind":"transaction_sealed"')
        renamed[0] += said != text
        return said

    async with a_fault_site(tmp_path) as site:
        await site.more_at_hub(10)
        site.edge_ways[0].weather = Weather(rewrite=newer)
        await site.load.more(10)
        await wait_until(lambda: renamed[0] > 0, 20)
        await site.more_at_hub(20)
        assert await site.heal_and_judge(has_dead=True, has_sessions=False) > 10
        letters = await site.hub.client.all("edges/demo-site/dead-letters")
        assert letters
        assert all("transaction_sealed" in str(each) for each in letters)
        assert "dead_letter" in await site.hub_alarms()
        assert has_journaled(site.edge.ledger, "entry_rejected")
