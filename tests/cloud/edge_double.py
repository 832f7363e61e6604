"""An edge reduced to its side of the sync contract, over a real broker: for tests of the hub."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import aiomqtt

from protocols.sync.account_lists import AccountsPart
from protocols.sync.codec import decode, encode
from protocols.sync.down import Ack, Command, DesiredAccounts, DesiredTariffs, DesiredTokens
from protocols.sync.filters import DesiredFilter
from protocols.sync.lists import TokensPart
from protocols.sync.present import Birth, EdgeState, Live
from protocols.sync.topics import EdgeAddress, Stream, parse_topic
from protocols.sync.up import Entry
from tests.cloud.samples import EDGE, EPOCH, wire
from tests.kit import Broker, wait_until


class EdgeDouble:
    """What it has heard is kept in lists."""

    def __init__(self, client: aiomqtt.Client, address: EdgeAddress) -> None:
        self._client = client
        self.address = address
        self.acks: list[Ack] = []
        self.documents: list[DesiredTokens] = []
        self.accounts: list[DesiredAccounts] = []
        self.tariffs: list[DesiredTariffs] = []
        self.filters: list[DesiredFilter] = []
        self.parts: list[TokensPart] = []
        self.account_parts: list[AccountsPart] = []
        self.commands: list[Command] = []

    async def subscribe(self) -> None:
        await self._client.subscribe([(topic, 1) for topic in self.address.edge_listens])

    async def listen(self) -> None:
        async for message in self._client.messages:
            heard = parse_topic(str(message.topic))
            assert isinstance(message.payload, bytes)
            if not message.payload:
                continue  # what was retained is cleared
            if heard.branch == "ack":
                self.acks.append(decode(Ack, message.payload))
            elif heard.rest == ("desired", "tokens"):
                self.documents.append(decode(DesiredTokens, message.payload))
            elif heard.rest == ("desired", "tokens.part"):
                self.parts.append(decode(TokensPart, message.payload))
            elif heard.rest == ("desired", "accounts.part"):
                self.account_parts.append(decode(AccountsPart, message.payload))
            elif heard.rest == ("desired", "accounts"):
                self.accounts.append(decode(DesiredAccounts, message.payload))
            elif heard.rest == ("desired", "tariffs"):
                self.tariffs.append(decode(DesiredTariffs, message.payload))
            elif heard.rest == ("desired", "filter"):
                self.filters.append(decode(DesiredFilter, message.payload))
            else:
                self.commands.append(decode(Command, message.payload))

    async def send(self, entries: Sequence[Entry], epoch: str = EPOCH) -> None:
        await self.send_raw(entries[0].stream, wire(entries, epoch))

    async def send_raw(self, stream: Stream, payload: bytes) -> None:
        await self._client.publish(self.address.up(stream), payload, qos=1)

    async def is_born(self, birth: Birth) -> None:
        await self._client.publish(self.address.birth, encode(birth), qos=1, retain=True)
        online = EdgeState(status="online", epoch=birth.epoch)
        await self._client.publish(self.address.state, encode(online), qos=1, retain=True)

    async def says(self, state: EdgeState) -> None:
        await self._client.publish(self.address.state, encode(state), qos=1, retain=True)

    async def shows(self, live: Live) -> None:
        await self._client.publish(self.address.live, encode(live), qos=0)

    async def acked(self, stream: Stream, seq: int, *, resend: bool | None = None, timeout_s: float = 10.0) -> Ack:
        """Wait for an Ack of this position."""

        def fits(ack: Ack) -> bool:
            return (ack.stream, ack.seq) == (stream, seq) and resend in (None, ack.resend)

        await wait_until(lambda: any(fits(ack) for ack in self.acks), timeout_s)
        return next(ack for ack in reversed(self.acks) if fits(ack))


@contextlib.asynccontextmanager
async def connected(broker: Broker, address: EdgeAddress = EDGE) -> AsyncIterator[EdgeDouble]:
    """An edge double on the broker."""
    async with aiomqtt.Client(broker.host, broker.port, timeout=5) as client, asyncio.TaskGroup() as tasks:
        edge = EdgeDouble(client, address)
        await edge.subscribe()
        listening = tasks.create_task(edge.listen())
        try:
            yield edge
        finally:
            listening.cancel()
