"""The hub's way down: acknowledgements, desired documents and commands become events for the site to decide.

Nothing that arrives can stop the receiver. What cannot be read or does not concern us is logged and counted; a
document that cannot be read is also answered through the journal, so that the hub learns why.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Final

import aiomqtt
import structlog

from edge.domain.disk_events import LEDGER_FORKED, LedgerReplaced
from edge.domain.events import DocumentUnreadable, Refused, SiteEvent, SiteReply
from edge.domain.list_events import AccountsListed, ListBroken, TokensListed
from edge.ports import Inbox, Journal, Overloaded
from edge.uplink.broker import INTAKE_LIMIT
from edge.uplink.list_parts import account_parts, token_parts
from edge.uplink.metrics import UplinkMetrics
from edge.uplink.publisher import Publisher, stamp_at
from protocols.errors import BadEntry, BadText
from protocols.sync import codec
from protocols.sync.account_lists import AccountsPart
from protocols.sync.down import DOCUMENTS, Ack, AnyDocument, Command
from protocols.sync.lists import TokensPart
from protocols.sync.topics import EdgeAddress, parse_topic

RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 5.0
MAX_NAME: Final = 64
MAX_PROBLEM: Final = 200
MAX_UNREADABLE: Final = 16
FORKED: Final = (
    "the hub has other entries of this edge id and epoch than this ledger: another agent runs on a copy of it. Stop one"
    " of them; see the runbook, 'Two agents with one id'"
)


class IntakeOverflowed(Exception):
    """More came than could be decided, and some of it is lost; a new session brings what is retained again."""


class Receiver:
    """Takes one message after the other, in the order of the broker."""

    def __init__(
        self, address: EdgeAddress, journal: Journal, inbox: Inbox, publisher: Publisher, metrics: UplinkMetrics
    ) -> None:
        self._address = address
        self._journal = journal
        self._inbox = inbox
        self._publisher = publisher
        self._metrics = metrics
        self._unreadable: dict[str, int] = {}
        self._token_parts, self._account_parts = token_parts(), account_parts()
        self._log: Any = structlog.get_logger("edge.uplink")

    async def receive(self, client: aiomqtt.Client) -> None:
        """Take what comes until cancelled. Raises aiomqtt.MqttError and IntakeOverflowed."""
        self._token_parts.forget()
        self._account_parts.forget()
        messages = client.messages
        async for message in messages:
            await self._take(str(message.topic), message.payload)
            if len(messages) >= INTAKE_LIMIT - 1:
                raise IntakeOverflowed(f"{INTAKE_LIMIT} messages from the hub wait")

    async def _take(self, topic: str, payload: bytes) -> None:
        if not payload:
            return  # a retained message was cleared
        try:
            heard = parse_topic(topic)
        except BadText as error:
            self._refuse("unknown", "topic", str(error))
            return
        if heard.address != self._address:
            self._refuse("unknown", "foreign", f"topic of {heard.address.prefix}")
            return
        match (heard.branch, *heard.rest):
            case ("ack", stream):
                await self._take_ack(stream, payload)
            case ("down", "desired", ("tokens.part" | "accounts.part") as document):
                await self._take_part(document, payload)
            case ("down", "desired", document):
                await self._take_document(document, payload)
            case ("down", "command", command_id):
                await self._take_command(command_id, payload)
            case _:
                self._refuse("unknown", "topic", f"nothing is known of {heard.branch}")

    async def _take_ack(self, stream: str, payload: bytes) -> None:
        try:
            ack = codec.decode(Ack, payload)
        except BadEntry as error:
            self._refuse("ack", "unreadable", error.reason)
            return
        if ack.epoch != self._journal.epoch:
            self._refuse("ack", "epoch", "the Ack belongs to another epoch of this edge", epoch=ack.epoch)
        elif ack.stream != stream:
            self._refuse("ack", "stream", "the Ack and its topic name different streams", stream=stream)
        elif ack.seq > self._journal.last_seq(ack.stream):
            self._refuse("ack", "beyond", "the Ack is ahead of the journal", stream=stream, seq=ack.seq)
        elif not await self._is_ours(ack):
            self._refuse("ack", "fork", "the Ack is for entries of another agent", stream=stream, seq=ack.seq)
            await self._ask(LedgerReplaced(alarm=LEDGER_FORKED, text=FORKED))
        else:
            await self._take_ours(ack)

    async def _take_ours(self, ack: Ack) -> None:
        if (heard := self._publisher.hub_time.answered(ack)) is not None:
            await self._ask(heard)
        if self._publisher.is_news(ack):
            reply = await self._ask(ack)
            if isinstance(reply, Refused):
                self._refuse("ack", "refused", reply.reason, stream=ack.stream, seq=ack.seq)
            else:
                self._publisher.take(ack)

    async def _is_ours(self, ack: Ack) -> bool:
        """Whether the entry that an Ack ends with is the one of this ledger; where that was trimmed, it is believed."""
        if ack.entry_at is None or not ack.seq:
            return True
        return await stamp_at(self._journal, ack.stream, ack.seq) in (None, ack.entry_at)

    async def _take_document(self, document: str, payload: bytes) -> None:
        try:
            desired = _read_document(document, payload)
        except BadEntry as error:
            await self._answer_unreadable(document[:MAX_NAME], error.reason, payload)
            return
        self._unreadable.pop(document, None)
        await self._ask(desired)

    async def _take_part(self, document: str, payload: bytes) -> None:
        """A part that cannot be read leaves its list without an end; the hub sends it again, whole, after a while."""
        listed: TokensListed | AccountsListed | ListBroken | None
        try:
            if document == "tokens.part":
                listed = self._token_parts.take(codec.decode(TokensPart, payload))
            else:
                listed = self._account_parts.take(codec.decode(AccountsPart, payload))
        except BadEntry as error:
            self._refuse("desired", "unreadable", error.reason, document=document)
            return
        if listed is not None:
            await self._ask(listed)

    async def _answer_unreadable(self, document: str, problem: str, payload: bytes) -> None:
        """Once per document and content: a retained one comes again with every connect."""
        self._refuse("desired", "unreadable", problem, document=document)
        checksum = zlib.crc32(payload)
        if self._unreadable.get(document) == checksum:
            return
        if len(self._unreadable) >= MAX_UNREADABLE:
            self._unreadable.clear()
        await self._ask(DocumentUnreadable(document=document, problem=problem))
        self._unreadable[document] = checksum

    async def _take_command(self, command_id: str, payload: bytes) -> None:
        try:
            command = codec.decode(Command, payload)
            if command.id != command_id:
                raise BadEntry("the command and its topic name different ids")
        except BadEntry as error:
            self._refuse("command", "unreadable", error.reason, command_id=command_id[:MAX_NAME])
            return
        await self._ask(command)

    async def _ask(self, event: SiteEvent) -> SiteReply:
        """Have an event decided, however long the site is overloaded: what comes after it waits meanwhile."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                return await self._inbox.ask(event)
            except Overloaded:
                self._log.warning("uplink_inbox_full", waiting=type(event).__name__, pause_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RETRY_MAX_S)

    def _refuse(self, branch: str, reason: str, problem: str, **ids: object) -> None:
        self._metrics.refused.labels(branch, reason).inc()
        self._log.warning("uplink_message_refused", branch=branch, problem=problem[:MAX_PROBLEM], **ids)


def _read_document(document: str, payload: bytes) -> AnyDocument:
    """Raises BadEntry."""
    kind = DOCUMENTS.get(document)
    if kind is None:
        raise BadEntry("this version of the edge knows no such document")
    return codec.decode(kind, payload)
