"""An edge that takes lists in parts is told what changed, and everything where that does not do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from cloud.ingest.batches import store_batch
from cloud.ingest.parted_lists import RESEND_AFTER, PartedLists, Sent, to_send
from cloud.ingest.presence import store_birth, store_state
from cloud.ingest.token_lists import TokenSource
from cloud.store.engine import Store
from cloud.store.tables import tokens
from cloud.tokens import queries
from protocols.ocpi.token import Token
from protocols.sync.codec import decode
from protocols.sync.down import DesiredTokens
from protocols.sync.lists import LISTS, TokensPart, token_hash, total, written
from protocols.sync.present import EdgeState
from protocols.sync.topics import Stream
from protocols.sync.up import DocumentApplied, Entry
from tests.cloud.conftest import StartHub
from tests.cloud.edge_double import connected
from tests.cloud.samples import EDGE, EPOCH, batch, birth, minute
from tests.kit import Broker, wait_until

NOW = minute(10)


class Line:
    """What was published, in place of a broker."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bool]] = []

    async def publish(self, topic: str, payload: bytes, is_retained: bool) -> None:
        await asyncio.sleep(0)
        self.sent.append((topic, payload, is_retained))

    def parts(self) -> list[TokensPart]:
        found = [decode(TokensPart, payload) for topic, payload, _ in self.sent if topic == EDGE.part("tokens")]
        self.sent.clear()
        return found


def lists_of(store: Store, line: Line, broker: str = "here") -> PartedLists:
    return PartedLists(store, broker, line.publish, TokenSource(store))


async def add(store: Store, *uids: str) -> None:
    async with store.write() as connection:
        for uid in uids:
            await queries.add(connection, EDGE.domain, uid, plain(uid), NOW)


async def block(store: Store, uid: str) -> None:
    async with store.write() as connection:
        await queries.change(connection, EDGE.domain, uid, {"valid": False}, NOW)


def plain(uid: str) -> dict[str, Any]:
    return {"uid": uid, "contract_id": "C", "type": "RFID", "valid": True, "concurrent": False}


async def meet(store: Store, at_minute: float = 1, **more: Any) -> None:
    met = replace(birth(at=minute(at_minute)), understands=(LISTS,), **more)
    await store_birth(store, EDGE, met, NOW, is_first=True)
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH), NOW, broker="here")


async def says(store: Store, seq: int, version: int, problem: str | None = None) -> None:
    body = DocumentApplied(document="tokens", version=version, problem=problem)
    await store_batch(store, EDGE, batch([Entry(stream=Stream.EVENT, seq=seq, at=NOW, body=body)]), NOW)


def digest(*listed: Token) -> str:
    return written(total(map(token_hash, listed)))


async def test_first_the_whole_list_then_what_changed(store: Store) -> None:
    line = Line()
    lists = lists_of(store, line)
    await meet(store)
    await add(store, "A", "B")
    await lists.flush(NOW)
    assert line.sent[0] == (EDGE.desired("tokens"), b"", True), "what a hub of before retained is void"
    (whole,) = line.parts()
    a, b = (Token(uid=uid, contract_id="C") for uid in "AB")
    assert (whole.since, whole.version, whole.digest, whole.tokens) == (None, 2, digest(a, b), (a, b))
    await lists.flush(NOW)
    assert line.parts() == [], "it is on its way"
    await says(store, 1, 2)
    await block(store, "B")
    await lists.flush(NOW)
    (changed,) = line.parts()
    b = replace(b, valid=False)
    assert (changed.since, changed.version, changed.digest, changed.tokens) == (2, 3, digest(a, b), (b,))
    await says(store, 2, 3)
    await lists.flush(NOW)
    assert line.parts() == []


async def test_one_that_could_not_use_what_changed_is_sent_the_whole_once(store: Store) -> None:
    line = Line()
    lists = lists_of(store, line)
    await meet(store)
    await add(store, "A")
    await says(store, 1, 1)
    await add(store, "B")
    await lists.flush(NOW)
    assert [each.since for each in line.parts()] == [1]
    await says(store, 2, 2, "with what changed the list is not the hub's: the whole list is wanted")
    await lists.flush(NOW)
    assert [each.since for each in line.parts()] == [None]
    await says(store, 3, 2, "again")
    await lists.flush(NOW)
    assert line.parts() == [], "not again and again"
    await lists.flush(NOW + RESEND_AFTER)
    assert [each.since for each in line.parts()] == [None]


async def test_it_goes_where_the_edge_is_and_only_while_it_is_there(store: Store) -> None:
    line, elsewhere = Line(), Line()
    here, there = lists_of(store, line), lists_of(store, elsewhere, "there")
    await meet(store)
    await add(store, "A")
    await there.flush(NOW)
    await store_state(store, EDGE, EdgeState(status="offline", epoch=EPOCH), NOW, broker="here")
    await here.flush(NOW)
    assert (line.sent, elsewhere.sent) == ([], [])
    await store_state(store, EDGE, EdgeState(status="online", epoch=EPOCH), NOW, broker="here")
    await here.flush(NOW)
    assert len(line.parts()) == 1


async def test_another_list_under_the_same_version_is_replaced(store: Store) -> None:
    line = Line()
    lists = lists_of(store, line)
    await add(store, "A")
    right = digest(Token(uid="A", contract_id="C"))
    await meet(store, documents={"tokens": 1}, digests={"tokens": right})
    lists.forget(EDGE)
    await lists.flush(NOW)
    assert line.parts() == []
    await meet(store, 2, documents={"tokens": 1}, digests={"tokens": "0" * 32})
    lists.forget(EDGE)
    await lists.flush(NOW)
    assert [(each.since, each.digest) for each in line.parts()] == [(None, right)]


async def test_an_edge_of_before_gets_all_in_one_message(store: Store) -> None:
    line = Line()
    lists = lists_of(store, line)
    await store_birth(store, EDGE, birth(), NOW, is_first=True)
    await add(store, "A", "B")
    await lists.flush(NOW)
    ((topic, payload, is_retained),) = line.sent
    assert (topic, is_retained) == (EDGE.desired("tokens"), True)
    assert len(decode(DesiredTokens, payload).tokens) == 2


async def test_many_tokens_come_in_parts_and_a_change_of_one_in_one(store: Store) -> None:
    line = Line()
    lists = lists_of(store, line)
    await meet(store)
    await add(store, "A")
    place = {"domain": EDGE.domain, "source": "hub", "edge_id": "", "document_version": 1, "updated_at": NOW}
    rows = [{**place, **plain(f"N{number:05}"), "key": f"N{number:05}"} for number in range(5_000)]
    async with store.write() as connection:
        await connection.execute(insert(tokens), rows)
    await lists.flush(NOW)
    parts = line.parts()
    assert [each.part for each in parts] == list(range(1, len(parts) + 1))
    assert len(parts) > 2
    assert sum(len(each.tokens) for each in parts) == 5_001
    await says(store, 1, 1)
    await block(store, "N00007")
    await lists.flush(NOW)
    sent = line.sent[-1][1]
    assert len(sent) < 500
    (one,) = line.parts()
    assert [each.uid for each in one.tokens] == ["N00007"]


@pytest.mark.parametrize(
    ("sent", "applied", "refused", "expected"),
    [
        (None, 0, None, "whole"),
        (None, 3, None, "changes"),
        (None, 3, 4, "whole"),
        (Sent(4, True, NOW), 3, None, "changes"),
        (Sent(5, False, NOW), 3, None, "nothing"),
        (Sent(5, False, NOW), 3, 4, "nothing"),
        (Sent(5, False, NOW), 3, 5, "whole"),
        (Sent(5, True, NOW), 3, 5, "nothing"),
        (Sent(5, True, NOW - RESEND_AFTER), 3, 5, "whole"),
        (Sent(5, False, NOW - RESEND_AFTER + timedelta(seconds=1)), 3, None, "nothing"),
    ],
)
def test_what_an_edge_needs(sent: Sent | None, applied: int, refused: int | None, expected: str) -> None:
    assert to_send(sent, applied, refused, 5, NOW) == expected


async def test_by_rest_and_broker(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, await hub.client() as client, connected(broker) as edge:
        await edge.is_born(replace(birth(), understands=(LISTS,)))
        await edge.acked(Stream.EVENT, 0)
        assert (await client.post("/v1/tokens", json={"uid": "A1", "contract_id": "C"})).status_code == 201
        await wait_until(lambda: bool(edge.parts))
        (part,) = edge.parts
        assert ([each.uid for each in part.tokens], part.since, edge.documents) == (["A1"], None, [])
