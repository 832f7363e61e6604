"""A token that is created or blocked here reaches every edge of its domain, also one that was offline."""

from __future__ import annotations

from protocols.ocpi.token import Token
from protocols.sync.codec import encode_entry
from protocols.sync.topics import EdgeAddress, Stream
from protocols.sync.up import DocumentApplied, Entry, TokensChanged
from tests.cloud.conftest import StartHub, eventually
from tests.cloud.edge_double import connected
from tests.cloud.samples import birth, minute
from tests.kit import Broker, wait_until

NEW = {"uid": "04a2b3c4", "contract_id": "C-1"}


async def test_a_new_token_reaches_edges_online_and_offline(start_hub: StartHub, broker: Broker) -> None:
    offline = EdgeAddress(0, "edge-2")
    foreign = EdgeAddress(0x81, "edge-3")
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        async with connected(broker, offline) as other, connected(broker, foreign) as third:
            await edge.is_born(birth())
            await other.is_born(birth(offline, site="site-2"))
            await third.is_born(birth(foreign, site="site-3"))
            for each in (edge, other, third):
                await each.acked(Stream.EVENT, 0)
        made = await client.post("/v1/tokens", json=NEW)
        assert (made.status_code, made.json()["document_version"]) == (201, 1)
        await wait_until(lambda: bool(edge.documents))
        assert edge.documents[-1].version == 1
        assert edge.documents[-1].tokens == (Token(uid="04a2b3c4", contract_id="C-1"),)
        async with connected(broker, offline) as other, connected(broker, foreign) as third:
            await wait_until(lambda: bool(other.documents))
            blocked = await client.patch("/v1/tokens/04A2B3C4", json={"valid": False})
            assert blocked.json()["valid"] is False
            await wait_until(lambda: other.documents[-1].version == 2)
            assert other.documents[-1].tokens[0].valid is False
            assert third.documents == []


async def test_an_edge_that_has_the_newest_version_is_left_alone(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await client.post("/v1/tokens", json=NEW)
        await edge.is_born(birth(documents={"tokens": 1}))
        applied = DocumentApplied(document="tokens", version=1)
        await edge.send([Entry(stream=Stream.EVENT, seq=1, at=minute(1), body=applied)])
        await edge.acked(Stream.EVENT, 1)
        shown = (await client.get("/v1/edges/edge-1")).json()["documents"]
        assert [(document["version"], document["desired_version"]) for document in shown] == [(1, 1)]
        assert edge.documents == []
        await client.patch("/v1/tokens/04a2b3c4", json={"valid": False})
        await wait_until(lambda: bool(edge.documents))


async def test_versions_go_on_above_what_an_edge_has(start_hub: StartHub, broker: Broker) -> None:
    """The hub has lost its database; a lower version would be ignored by the edges."""
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(birth(documents={"tokens": 41}))
        await edge.acked(Stream.EVENT, 0)
        assert (await client.post("/v1/tokens", json=NEW)).json()["document_version"] == 42
        await wait_until(lambda: bool(edge.documents) and edge.documents[-1].version == 42)


async def test_a_site_keeps_tokens_of_its_own(start_hub: StartHub, broker: Broker) -> None:
    own = TokensChanged(source="site", tokens=(Token(uid="S1", contract_id="C-9"), Token(uid="S2", contract_id="C-9")))
    fewer = TokensChanged(source="site", tokens=(Token(uid="S2", contract_id="C-9", valid=False),), is_complete=True)
    journal = [Entry(stream=Stream.EVENT, seq=seq, at=minute(seq), body=body) for seq, body in ((1, own), (2, fewer))]
    assert encode_entry(journal[0])
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.send(journal)
        await edge.acked(Stream.EVENT, 2)

        async def listed() -> object:
            items = (await client.get("/v1/tokens")).json()["items"]
            return [(item["uid"], item["source"], item["edge_id"], item["valid"]) for item in items]

        await eventually(listed, [("S2", "site", "edge-1", False)])
        refused = await client.patch("/v1/tokens/S2", json={"valid": True})
        assert (refused.status_code, refused.json()["code"]) == (409, "token_of_site")


async def test_refusals(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client:
        assert (await client.post("/v1/tokens", json=NEW)).status_code == 201
        again = await client.post("/v1/tokens", json={**NEW, "uid": " 04A2B3C4 "})
        assert (again.status_code, again.json()["code"]) == (409, "token_exists")
        for wrong in ({}, {"uid": "", "contract_id": "x"}, {**NEW, "uid": "x" * 37}, {**NEW, "uid": "a\x1b[2J"},
                      {**NEW, "more": 1}, {**NEW, "expires_at": "2026-01-01T00:00:00"}):  # fmt: skip
            refused = await client.post("/v1/tokens", json=wrong)
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        assert (await client.patch("/v1/tokens/nobody", json={"valid": True})).status_code == 404
