"""The hub's connections to all its brokers: hears every edge, takes a message at a time, acknowledges after the commit.

An edge is at one broker at a time, and chooses which: the hub is at all of them. What came by a broker is acknowledged
there; desired documents are retained at each; commands go where the edge was heard last, and again where it is born.

MQTT 3.1.1 with a persistent session. The PUBACK that the client library gives on its own means nothing here: an entry
that is lost between the broker and the commit leaves a gap, and a gap is asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

import aiomqtt
import structlog
from sqlalchemy.exc import SQLAlchemyError

from cloud.clock import Clock
from cloud.ingest import old_quarters, presence, schema_versions, telemetry
from cloud.ingest.batches import store_batch
from cloud.ingest.brokers import BrokerAddress, client_of
from cloud.ingest.downlink import Downlink
from cloud.ingest.joining import MAX_TOGETHER, joined, weight
from cloud.ingest.live_values import LiveValues
from cloud.ingest.sync_reports import lag_of, note_gap
from cloud.live import Bell, BrokerPresence
from cloud.metrics import Metrics
from cloud.store import feed
from cloud.store.engine import Store, is_database_away
from protocols.errors import BadEntry, BadText
from protocols.sync.codec import Batch, ForeignVersion, decode, decode_batch, encode
from protocols.sync.down import Ack
from protocols.sync.present import Birth, EdgeState, Live
from protocols.sync.topics import HUB_LISTENS, EdgeAddress, Heard, Stream, parse_topic

MAX_BACKOFF_S: Final = 30.0
STABLE_AFTER_S: Final = 60.0
LIVE_EVERY_S: Final = 1.0
POLL_EVERY_S: Final = 1.0
DATABASE_BACKOFF_S: Final = (0.1, 5.0)
STOP_TIMEOUT_S: Final = 10.0
PRUNE_EVERY_S: Final = 3_600.0

_UNREADABLE: Final = (BadEntry, BadText, SQLAlchemyError, ValueError, OverflowError)
T = TypeVar("T")
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """A message, or batches of one stream that wait behind each other, and by which broker they came. One that is
    retained may be old: from before the edge moved on."""

    topic: str
    payloads: tuple[bytes, ...]
    broker: str
    is_retained: bool


class Ingest:
    """Run it as a task; cancel it `at_rest`, so that the message in hand is finished."""

    def __init__(
        self,
        *,
        store: Store,
        brokers: Sequence[BrokerAddress],
        clock: Clock,
        feed_bell: Bell,
        down_bell: Bell,
        broker_presence: BrokerPresence,
        metrics: Metrics,
        feed_keep: int,
        telemetry_keep: timedelta,
        quarters_keep: timedelta,
    ) -> None:
        self._store = store
        self._brokers = tuple(brokers)
        self._clock = clock
        self._feed_bell = feed_bell
        self._down_bell = down_bell
        self._presence = broker_presence
        self._metrics = metrics
        self._feed_keep = feed_keep
        self._telemetry_keep = telemetry_keep
        self._quarters_keep = quarters_keep
        self._turn = asyncio.Lock()  # one writer: a message, the live values or the way down
        self._met: set[tuple[str, EdgeAddress, str]] = set()
        self._lives: dict[tuple[EdgeAddress, str], LiveValues] = {}
        self._live_came = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled, through every absence of the brokers and the database."""
        await self._patiently(lambda: presence.forget_presence(self._store))
        async with asyncio.TaskGroup() as tasks:
            for broker in self._brokers:
                tasks.create_task(self._stay_connected(broker, tasks), name=f"broker-{broker.name}")
            tasks.create_task(self._write_lives(), name="lives")
            tasks.create_task(self._prune(), name="prune")

    @contextlib.asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Inside, no message is being taken: the moment to cancel. Waits at most STOP_TIMEOUT_S."""
        is_ours = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                is_ours = await self._turn.acquire()
        try:
            yield
        finally:
            if is_ours:
                self._turn.release()

    async def _stay_connected(self, broker: BrokerAddress, tasks: asyncio.TaskGroup) -> None:
        """Connect again and again. Each connection is a task of its own: on Python 3.11 a TaskGroup that loses a
        child leaves its task marked as cancelled, and this one must be able to tell its own cancellation.
        """
        attempt = 0
        while True:
            since = time.monotonic()
            reason = await tasks.create_task(self._serve_connection(broker), name=f"connection-{broker.name}")
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError  # the client's exit took it for a lost connection
            _log.warning("broker_lost", broker=broker.name, reason=reason)
            await self._patiently(lambda: presence.forget_presence(self._store, broker.name))
            attempt = 0 if time.monotonic() - since > STABLE_AFTER_S else attempt + 1
            await asyncio.sleep(random.uniform(0, min(MAX_BACKOFF_S, 0.25 * 2 ** min(attempt, 16))))  # noqa: S311

    async def _serve_connection(self, broker: BrokerAddress) -> str:
        """From connect to loss; returns why it ended."""
        try:
            client = client_of(broker)
            async with client, asyncio.TaskGroup() as tasks:
                downlink = Downlink(self._store, broker.name, self._publisher(client))
                tasks.create_task(self._hear(client, broker, downlink), name="hear")
                tasks.create_task(self._send_down(downlink), name="down")
                await client.subscribe(list(HUB_LISTENS))
                self._presence.connected.add(broker.name)
                self._metrics.broker_connected.labels(broker.name).set(1)
                _log.info("broker_connected", broker=broker.name)
        except (aiomqtt.MqttError, BadText) as error:  # BadText: a file of its settings is gone
            return str(error)
        except BaseExceptionGroup as group:
            lost, others = group.split(aiomqtt.MqttError)
            if others is not None or lost is None:
                raise
            return str(_first(lost))
        finally:
            self._presence.connected.discard(broker.name)
            self._metrics.broker_connected.labels(broker.name).set(0)
        return "ended"

    def _publisher(self, client: aiomqtt.Client) -> Callable[[str, bytes, bool], Awaitable[None]]:
        async def publish(topic: str, payload: bytes, is_retained: bool) -> None:
            await client.publish(topic, payload, qos=1, retain=is_retained)

        return publish

    async def _hear(self, client: aiomqtt.Client, broker: BrokerAddress, downlink: Downlink) -> None:
        """Batches as far as they wait, stream by stream; all else one by one, in its place. Only live values need not
        wait for batches before them: the newest is what counts."""
        batches: dict[str, list[bytes]] = {}
        gathered = 0
        async for message in client.messages:
            topic, payload = str(message.topic), message.payload
            alone = None
            if not isinstance(payload, bytes) or not payload:
                pass  # a retained message that was cleared
            elif topic.endswith("/live"):
                async with self._turn:
                    await self._take(client, downlink, Told(topic, (payload,), broker.name, message.retain))
            elif "/up/" in topic:
                batches.setdefault(topic, []).append(payload)
                gathered += weight(topic)
            else:
                alone = Told(topic, (payload,), broker.name, message.retain)
            if alone is None and len(client.messages) > 0 and gathered < MAX_TOGETHER:
                continue
            told = [Told(each, tuple(payloads), broker.name, is_retained=False) for each, payloads in batches.items()]
            batches.clear()
            gathered = 0
            for each in [*told, alone] if alone is not None else told:
                async with self._turn:
                    await self._take(client, downlink, each)

    async def _take(self, client: aiomqtt.Client, downlink: Downlink, told: Told) -> None:
        """What cannot be read is counted and left."""
        try:
            heard = parse_topic(told.topic)
        except BadText as error:
            self._leave("other", told.topic, error)
            return
        (payload, *_) = told.payloads
        try:
            match heard:
                case Heard(branch="up", rest=(stream,)):
                    await self._take_batches(client, heard, Stream(stream), told)
                case Heard(branch="birth", rest=()):
                    await self._take_birth(client, downlink, heard.address, decode(Birth, payload), told)
                case Heard(branch="state", rest=()):
                    state, at = decode(EdgeState, payload), self._clock()
                    await self._patiently(
                        lambda: presence.store_state(
                            self._store, heard.address, state, at, broker=told.broker, is_retained=told.is_retained
                        )
                    )
                    self._feed_bell.ring()
                case Heard(branch="live", rest=()):
                    self._remember_live(heard.address, decode(Live, payload))
                case _:
                    raise BadText("not a topic that the hub listens to")
        except _UNREADABLE as error:
            await self._refuse(heard, told.topic, error)

    async def _refuse(self, heard: Heard, topic: str, error: Exception) -> None:
        self._leave(heard.branch, topic, error)
        if isinstance(error, ForeignVersion):
            reason = error.reason
            await self._patiently(lambda: schema_versions.refuse(self._store, heard.address, reason, self._clock()))
            self._feed_bell.ring()

    def _leave(self, branch: str, topic: str, error: Exception) -> None:
        self._metrics.unreadable.labels(branch).inc()
        _log.warning("message_unreadable", topic=topic, reason=str(error)[:300])

    async def _take_batches(self, client: aiomqtt.Client, heard: Heard, stream: Stream, told: Told) -> None:
        """Each that can be read, whatever the others are."""
        read: list[Batch] = []
        for payload in told.payloads:
            try:
                batch = decode_batch(payload)
                if batch.stream != stream:
                    raise BadEntry(f"a batch of the {batch.stream} stream on the topic of the {stream} stream")
                read.append(batch)
            except _UNREADABLE as error:
                await self._refuse(heard, told.topic, error)
        self._metrics.batches.labels(stream).inc(len(read))
        for batch in joined(read):
            try:
                await self._take_batch(client, heard.address, batch)
            except _UNREADABLE as error:
                await self._refuse(heard, told.topic, error)

    async def _take_batch(self, client: aiomqtt.Client, address: EdgeAddress, batch: Batch) -> None:
        stream, now = batch.stream, self._clock()
        with self._metrics.commit_s.time():
            stored = await self._patiently(lambda: store_batch(self._store, address, batch, now))
        if not stored.is_foreign:
            await self._acknowledge(client, address, stored.ack)
        self._metrics.entries.labels(stream).inc(stored.new)
        self._metrics.duplicates.labels(stream).inc(stored.duplicates)
        if stored.newest_at is not None:
            self._metrics.ingest_lag_s.labels(stream).set((self._clock() - stored.newest_at).total_seconds())
        if stored.ack.resend:
            await self._patiently(lambda: note_gap(self._store, address, stream, now))
            self._metrics.gaps.labels(stream).inc()
            _log.warning("gap", edge=str(address.prefix), stream=stream.value, have=stored.ack.seq, got=batch.first_seq)
        if stored.dead:
            self._metrics.dead_letters.labels(stream).inc(stored.dead)
            _log.error("dead_letters", edge=str(address.prefix), stream=stream.value, count=stored.dead)
        self._feed_bell.ring()

    async def _take_birth(
        self, client: aiomqtt.Client, downlink: Downlink, address: EdgeAddress, birth: Birth, told: Told
    ) -> None:
        if birth.edge_id != address.edge_id:
            raise BadEntry(f"a birth of {birth.edge_id!r} on the topic of {address.edge_id!r}")
        is_first = (told.broker, address, birth.epoch) not in self._met
        met = await self._patiently(
            lambda: presence.store_birth(
                self._store, address, birth, self._clock(), is_first=is_first, is_retained=told.is_retained
            )
        )
        for ack in met.acks:
            answer = replace(ack, birth_at=birth.at, hub_at=self._clock())
            await self._acknowledge(client, address, answer)
        self._met.add((told.broker, address, birth.epoch))
        _log.info("edge_met", edge=address.prefix, epoch=birth.epoch, software=birth.software_version)
        downlink.forget(address)
        self._down_bell.ring()
        self._feed_bell.ring()

    async def _acknowledge(self, client: aiomqtt.Client, address: EdgeAddress, ack: Ack) -> None:
        await client.publish(address.ack(ack.stream), encode(ack), qos=1, retain=True)

    async def _send_down(self, downlink: Downlink) -> None:
        """Publish what waits when the bell rings, and once in a while for what another process has written."""
        with self._down_bell.listen() as rang:
            while True:
                rang.clear()
                async with self._turn:
                    has_more = await self._patiently(lambda: downlink.flush(self._clock()))
                if has_more:
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_EVERY_S):
                        await rang.wait()

    def _remember_live(self, address: EdgeAddress, live: Live) -> None:
        """Keep the newest values of each EVSE and meter until they are written."""
        if live.at.tzinfo is None:
            raise BadEntry("at: a time without a zone")
        self._lives.setdefault((address, live.epoch), LiveValues()).hear(live)
        self._live_came.set()
        if live.sync is not None:
            self._metrics.edge_lag_s.labels(address.edge_id).set(lag_of(live.sync, live.at).total_seconds())

    async def _write_lives(self) -> None:
        """Write what came in, all edges in one transaction: at once, and then no more for a second."""
        while True:
            await self._live_came.wait()
            self._live_came.clear()
            async with self._turn:
                lives, self._lives = self._lives, {}
                await self._store_lives(lives)
            self._feed_bell.ring()
            await asyncio.sleep(LIVE_EVERY_S)

    async def _store_lives(self, lives: presence.Lives) -> None:
        for reason in await self._patiently(lambda: presence.store_lives(self._store, lives, self._clock())):
            self._metrics.unreadable.labels("live").inc()
            _log.warning("live_refused", reason=reason[:300])

    async def _prune(self) -> None:
        """Keep the feed and the readings bounded."""
        while True:

            async def prune_feed() -> None:
                async with self._store.write() as connection:
                    await feed.prune(connection, self._feed_keep)

            async with self._turn:
                await self._patiently(prune_feed)
            before, has_more = self._clock() - self._telemetry_keep, True
            while has_more:
                async with self._turn:
                    has_more = await self._patiently(partial(telemetry.prune, self._store, before))
            before, has_more, place = self._clock() - self._quarters_keep, True, None
            while has_more:
                async with self._turn:
                    place = await self._patiently(partial(old_quarters.prune, self._store, before, place))
                has_more = place is not None
            await asyncio.sleep(PRUNE_EVERY_S)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it again until the database is back. Nothing is acknowledged meanwhile, so nothing is lost."""
        wait_s, longest_s = DATABASE_BACKOFF_S
        while True:
            try:
                return await work()
            except Exception as error:
                if not is_database_away(error):
                    raise
                self._metrics.database_retries.inc()
                _log.warning("database_away", reason=str(error).splitlines()[0])
            await asyncio.sleep(random.uniform(0, wait_s))  # noqa: S311 - jitter
            wait_s = min(2 * wait_s, longest_s)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
