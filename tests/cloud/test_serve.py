"""The whole hub over a real broker and real sockets."""

from __future__ import annotations

from protocols.sync.topics import Stream
from tests.cloud.conftest import StartHub, eventually
from tests.cloud.edge_double import connected
from tests.cloud.samples import birth, cdr, event_journal, money_journal
from tests.kit import Broker


async def test_a_bill_travels_from_the_edge_to_rest(start_hub: StartHub, broker: Broker) -> None:
    journal = money_journal(3)
    async with start_hub(broker) as hub, connected(broker) as edge, await hub.client() as client:
        await edge.is_born(birth())
        await edge.acked(Stream.MONEY, 0, resend=True)
        await edge.send(journal)
        await edge.send(event_journal())
        await edge.acked(Stream.MONEY, len(journal), resend=False)
        await edge.acked(Stream.EVENT, 4)
        page = (await client.get("/v1/cdrs")).json()
        assert [item["id"] for item in page["items"]] == [cdr(number).id for number in (3, 2, 1)]
        assert page["items"][0]["total_cost"] == {"excl_vat": "4.50", "incl_vat": "5.36"}
        session = (await client.get("/v1/sessions/edge-1-tx-2")).json()
        assert (session["status"], session["energy_wh"]) == ("COMPLETED", 10_002)

        async def ready() -> int:
            return (await client.get("/readyz")).status_code

        await eventually(ready, 200)
