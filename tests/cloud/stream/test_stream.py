"""The stream tells everything once and in order, from now on or from a cursor."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from cloud import serve
from cloud.store.keys import Scope
from cloud.stream import api as stream
from protocols.sync.present import EdgeState
from protocols.sync.topics import Stream
from tests.cloud.conftest import RunningHub, StartHub, eventually
from tests.cloud.edge_double import connected
from tests.cloud.samples import EPOCH, birth, event_journal, money_journal
from tests.kit import Broker


async def opened(hub: RunningHub, query: str = "", domain: int = 0) -> ClientConnection:
    headers = {"Authorization": f"Bearer {await hub.key(domain, Scope.READ)}"}
    return await connect(hub.stream_url + query, additional_headers=headers)


async def take(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(15):
        return [json.loads(await socket.recv()) for _ in range(count)]


async def test_resumed_at_any_place_nothing_is_missing_and_nothing_double(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, connected(broker) as edge:
        whole = await opened(hub)
        hello = (await take(whole, 1))[0]
        assert hello["kind"] == "hello"
        await edge.is_born(birth())
        await edge.acked(Stream.EVENT, 0)
        await edge.send(event_journal())
        for number in range(1, 5):
            await edge.send(money_journal(4)[4 * number - 4 : 4 * number])
        await edge.acked(Stream.MONEY, 16)
        told = await take(whole, 8)
        while len([event for event in told if event["kind"] == "session"]) < 4:
            told += await take(whole, 1)
        assert {event["kind"] for event in told} == {"state", "session"}
        for place in (hello, *told[:-1]):
            resumed = await opened(hub, f"?cursor={place['cursor']}")
            assert (await take(resumed, 1))[0] == {"kind": "hello", "cursor": place["cursor"]}
            rest = told[told.index(place) + 1 :] if place in told else told
            assert await take(resumed, len(rest)) == rest
            await resumed.close()
        live = await opened(hub, f"?cursor={told[2]['cursor']}&kinds=state")
        await edge.says(EdgeState(status="offline", epoch=EPOCH))
        seen: dict[str, Any] = {}
        while seen.get("data", {}).get("is_stale") is not True:
            seen = (await take(live, 1))[0]
            assert seen["kind"] in ("hello", "state")
        await whole.close()
        await live.close()


async def test_another_domain_hears_nothing(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub, connected(broker) as edge:
        foreign = await opened(hub, domain=0x81)
        own = await opened(hub)
        await take(foreign, 1)
        await edge.send(money_journal(1))
        await take(own, 2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await foreign.recv()
        await foreign.close()
        await own.close()


async def test_who_may_listen(start_hub: StartHub, broker: Broker) -> None:
    async with start_hub(broker) as hub:
        for headers in ({}, {"Authorization": "Bearer osk_a_b"}):
            with pytest.raises(InvalidStatus) as refused:
                await connect(hub.stream_url, additional_headers=headers)
            assert refused.value.response.status_code == 401
            assert json.loads(refused.value.response.body)["code"].startswith("key_")
        key = await hub.key(0, Scope.READ)
        with pytest.raises(InvalidStatus):
            await connect(f"{hub.stream_url}?key={key}")
        offered = [Subprotocol(stream.SUBPROTOCOL), Subprotocol(stream.KEY_SUBPROTOCOL + key)]
        async with connect(hub.stream_url, subprotocols=offered) as browser:
            assert browser.subprotocol == stream.SUBPROTOCOL
            assert (await take(browser, 1))[0]["kind"] == "hello"


async def closed_with(socket: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        async with asyncio.timeout(15):
            while True:
                await socket.recv()
    return closed.value.rcvd.code if closed.value.rcvd else None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?cursor=nonsense", stream.CLOSE_BAD_REQUEST),
        ("?cursor=00000000-5", stream.CLOSE_CURSOR_UNKNOWN),
        ("?kinds=state,weather", stream.CLOSE_BAD_REQUEST),
    ],
)
async def test_what_cannot_be_told_is_refused_with_a_code(
    start_hub: StartHub, broker: Broker, query: str, code: int
) -> None:
    async with start_hub(broker) as hub:
        assert await closed_with(await opened(hub, query)) == code


async def test_a_revoked_key_ends_its_stream(
    start_hub: StartHub, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "KEY_CHECK_EVERY_S", 0.05)
    async with start_hub(broker) as hub:
        socket = await opened(hub)
        await hub.revoke_all_keys()
        assert await closed_with(socket) == stream.CLOSE_KEY_ENDED


async def test_a_slow_reader_is_cut_off_and_resumes(
    start_hub: StartHub, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops reading while more comes than its socket holds; others go on; it comes back and misses nothing."""
    monkeypatch.setattr(stream, "SEND_TIMEOUT_S", 0.3)
    monkeypatch.setattr(serve, "_listen", narrow_listener)
    async with start_hub(broker) as hub, connected(broker) as edge, await hub.client() as client:
        reader, writer = await raw_stream(hub)
        await reader.readuntil(b"hello")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        sent = await flood(client, edge, until="ohmstead_cloud_websocket_cut_off_total 1.0")

        async def clients() -> bool:
            return "ohmstead_cloud_websocket_clients 0.0" in (await client.get("/metrics")).text

        await eventually(clients, True)
        writer.close()
        async with await opened(hub, "?kinds=session&cursor=" + await hub.first_cursor()) as again:
            told = await take(again, sent + 1)
        assert [event["data"]["id"] for event in told[1:]] == [f"edge-1-tx-{number}" for number in range(1, sent + 1)]


def narrow_listener(host: str, port: int) -> socket.socket:
    """What it takes in has little room to wait for who reads it, so a slow reader is known soon."""
    listener = socket.create_server((host, port))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return listener


async def raw_stream(hub: RunningHub) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket by hand, so that the test decides when its socket is read."""
    host, port = hub.url.removeprefix("http://").split(":")
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # set before the connect, it also keeps the kernel's
    narrow.setblocking(False)  # buffers from growing to megabytes
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=narrow, limit=1024)
    request = (
        f"GET /v1/stream?kinds=session HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {await hub.key(0, Scope.READ)}\r\n\r\n"
    )
    writer.write(request.encode())
    await writer.drain()
    return reader, writer


async def flood(client: httpx.AsyncClient, edge: Any, until: str) -> int:
    """Send sessions until the hub's metrics say so; returns how many."""
    at_once = 25
    for sent in range(0, 40_000, at_once):
        await edge.send(money_journal(at_once, first=sent + 1))
        await edge.acked(Stream.MONEY, 4 * (sent + at_once))
        if until in (await client.get("/metrics")).text:
            return sent + at_once
    raise AssertionError(until)
