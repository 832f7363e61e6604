"""Whatever comes after the handshake, whole or cut: it stays in its own connection and harms nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.edge.chargers.scripted import PASSWORD, Running, basic, exchange, running_server
from tests.kit import wait_until

OPCODES = st.sampled_from([0x0, 0x1, 0x2, 0x3, 0x7, 0x8, 0x9, 0xA, 0xB, 0xF])
PAYLOADS = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b'[2,"1","Heartbeat",{}]',
            b'[2,"2","Authorize",{"idTag":"A"}]',
            b'[3,"9",{}]',
            b'[2,"1","Hea',
            b'rtbeat",{}]',
            b"\x03\xe8",
            b"\x00\x01",
            b"\x03",
            b"\x03\xe8\xff\xfe",
        ]
    ),
)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """One frame, mostly as RFC 6455 wants it."""
    payload = draw(PAYLOADS)
    first = draw(OPCODES) | (0x80 if draw(st.integers(0, 3)) else 0) | draw(st.sampled_from([0, 0, 0, 0x40, 0x10]))
    is_masked = draw(st.integers(0, 9)) > 0
    length = draw(st.sampled_from([len(payload)] * 8 + [len(payload) + 5, 2**20, 2**63]))
    head = struct.pack("!B", first)
    mask_bit = 0x80 if is_masked else 0
    if length < 126:
        head += struct.pack("!B", mask_bit | length)
    elif length < 2**16:
        head += struct.pack("!BH", mask_bit | 126, length)
    else:
        head += struct.pack("!BQ", mask_bit | 127, length)
    if not is_masked:
        return head + payload
    mask = draw(st.binary(min_size=4, max_size=4))
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
CUTS = st.lists(st.integers(1, 400), max_size=6)


async def opened(server: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    authorization = basic("CS-1", PASSWORD)["Authorization"]
    writer.write(
        b"GET /CS-1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
        b"Authorization: " + authorization.encode() + b"\r\n\r\n"
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(frames(), min_size=1, max_size=12), CUTS)
async def test_no_bytes_harm_more_than_their_own_connection(drawn: list[bytes], cuts: list[int]) -> None:
    async with running_server(close_timeout_s=0.05, ping_interval_s=3600) as server, server.connect("CS-2") as other:
        with capture_logs() as logs:
            _reader, writer = await opened(server)
            with contextlib.suppress(ConnectionError):
                for piece in _cut(b"".join(drawn), cuts):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
            assert (await exchange(other, 2, "1", "Heartbeat", {}))[0] == 3
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            await wait_until(lambda: server.metrics.connections == 1)
        assert [line for line in logs if line["event"] in ("connection_failed", "request_failed")] == []


def _cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    pieces, start = [], 0
    for cut in cuts:
        pieces.append(stream[start : start + cut])
        start += cut
    return [piece for piece in (*pieces, stream[start:]) if piece]
