"""The link carries, breaks and heals as told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from deploy.demo.wan import wan_link
from tests.kit import wait_until


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def ask(port: int, text: bytes, timeout_s: float = 5) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(timeout_s):
            writer.write(text)
            await writer.drain()
            return await reader.readexactly(len(text))
    finally:
        writer.transport.abort()


async def test_it_carries_both_ways_and_counts() -> None:
    async with echo() as port, wan_link("127.0.0.1", port) as wan:
        text = b"x" * 1_000_000
        assert await ask(wan.port, text) == text
        await wait_until(lambda: wan.traffic.up == wan.traffic.down == len(text))
        await wait_until(lambda: not wan.is_carrying)


async def test_the_end_of_one_side_reaches_the_other() -> None:
    async with echo() as port, wan_link("127.0.0.1", port) as wan:
        reader, writer = await asyncio.open_connection("127.0.0.1", wan.port)
        writer.write_eof()
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.transport.abort()


async def test_a_cut_resets_what_runs_and_what_comes_until_it_is_healed() -> None:
    async with echo() as port, wan_link("127.0.0.1", port) as wan:
        reader, writer = await asyncio.open_connection("127.0.0.1", wan.port)
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        wan.cut()
        async with asyncio.timeout(5):
            with contextlib.suppress(OSError):
                assert await reader.read() == b""
        writer.transport.abort()
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await ask(wan.port, b"b")
        wan.heal()
        assert await ask(wan.port, b"c") == b"c"


async def test_a_silent_cut_swallows_and_says_nothing() -> None:
    async with echo() as port, wan_link("127.0.0.1", port) as wan:
        reader, writer = await asyncio.open_connection("127.0.0.1", wan.port)
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        wan.cut(silent=True)
        writer.write(b"lost")
        with pytest.raises(TimeoutError):
            await ask(wan.port, b"new", timeout_s=0.2)
        await wait_until(lambda: wan.traffic.swallowed == 7)
        assert not reader.at_eof()
        wan.heal()
        async with asyncio.timeout(5):
            with contextlib.suppress(OSError):
                assert await reader.read() == b""
        writer.transport.abort()
        assert await ask(wan.port, b"c") == b"c"


async def test_delay_holds_back_both_ways() -> None:
    clock = asyncio.get_running_loop().time
    async with echo() as port, wan_link("127.0.0.1", port, delay_s=0.1) as wan:
        began_s = clock()
        assert await ask(wan.port, b"slow") == b"slow"
        assert clock() - began_s >= 0.2
