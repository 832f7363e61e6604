"""The uplink on a real broker, with a hub, a journal and a site made for the test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiomqtt
from prometheus_client import CollectorRegistry

from edge.domain.events import Done, Refused, SiteEvent, SiteReply, UplinkChanged
from edge.ports import Overloaded, StreamFacts, SyncFacts
from edge.uplink.metrics import UplinkMetrics
from edge.uplink.progress import Progress
from edge.uplink.settings import BrokerSettings, UplinkSettings
from edge.uplink.uplink import MqttUplink
from protocols.ocpi.location import Location
from protocols.site.view import EvseView, SiteTotals, Snapshot
from protocols.sync import codec
from protocols.sync.down import Ack, RejectedEntry
from protocols.sync.present import Birth, EdgeState, EvseLive, Live, StreamPosition
from protocols.sync.topics import HUB_LISTENS, EdgeAddress, Heard, Stream, parse_topic
from protocols.sync.up import AlarmCleared, Entry, MeterValuesSampled, SampledValue, TransactionEnded
from protocols.terms import EvseRef, EvseState, Measurand
from tests.kit import Broker, wait_until

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
ADDRESS = EdgeAddress(1, "edge-7")
EPOCH = "epoch-1"


def entry(stream: Stream, seq: int) -> Entry:
    if stream is Stream.MONEY:
        body: Any = TransactionEnded(
            transaction_id=f"tx-{seq}", station_id="S1", evse_id=1, meter_stop_wh=seq, ended_at=NOW, reason="Local"
        )
    elif stream is Stream.EVENT:
        body = AlarmCleared(alarm_id=f"alarm-{seq}")
    else:
        samples = (SampledValue(Measurand.POWER, seq),)
        body = MeterValuesSampled(station_id="S1", evse_id=1, transaction_id=None, at=NOW, samples=samples)
    return Entry(stream=stream, seq=seq, at=NOW, body=body)


@dataclass
class FakeJournal:
    """The journal in memory."""

    epoch: str = EPOCH
    rows: dict[Stream, list[bytes]] = field(default_factory=lambda: {stream: [] for stream in Stream})
    acked: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))
    trimmed: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))
    reads: list[int] = field(default_factory=list)
    sessions: int = 0

    async def next_session(self) -> int:
        self.sessions += 1
        return self.sessions

    def grow(self, stream: Stream, count: int) -> None:
        first = len(self.rows[stream]) + 1
        self.rows[stream] += [codec.encode_entry(entry(stream, seq)) for seq in range(first, first + count)]

    def last_seq(self, stream: Stream) -> int:
        return len(self.rows[stream])

    def acked_seq(self, stream: Stream) -> int:
        return self.acked[stream]

    def first_seq(self, stream: Stream) -> int:
        return self.trimmed[stream] + 1

    async def read(
        self, stream: Stream, after_seq: int, max_entries: int, max_bytes: int
    ) -> Sequence[tuple[int, bytes]]:
        await asyncio.sleep(0)
        chosen: list[tuple[int, bytes]] = []
        size = 0
        after_seq = max(after_seq, self.trimmed[stream])
        for seq, raw in enumerate(self.rows[stream][after_seq : after_seq + max_entries], after_seq + 1):
            size += len(raw)
            if chosen and size > max_bytes:
                break
            chosen.append((seq, raw))
        self.reads.append(len(chosen))
        return chosen


@dataclass
class FakeInbox:
    """Decides like the agent: an Ack moves the journal."""

    journal: FakeJournal
    events: list[SiteEvent] = field(default_factory=list)
    overloads: int = 0
    refusals: int = 0

    async def ask(self, event: SiteEvent) -> SiteReply:
        await asyncio.sleep(0)
        if self.overloads:
            self.overloads -= 1
            raise Overloaded
        if self.refusals and isinstance(event, Ack):
            self.refusals -= 1
            return Refused(reason="not now")
        self.events.append(event)
        if isinstance(event, Ack):
            self.journal.acked[event.stream] = event.seq
        return Done(text="done")

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def presence(self) -> list[bool]:
        return [event.is_online for event in self.of(UplinkChanged)]


@dataclass
class FakeWindow:
    """A site of two EVSEs."""

    active: tuple[EvseRef, ...] = ()

    @contextlib.asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        yield

    def snapshot(self) -> Snapshot:
        raise NotImplementedError

    def totals(self) -> SiteTotals:
        return SiteTotals(
            at=NOW,
            power_w=0,
            is_uplink_online=False,
            uplink_since=None,
            backlog=0,
            open_alarms=0,
            allows_unknown_stations=False,
        )

    def evse_views(self, refs: Iterable[EvseRef]) -> tuple[EvseView, ...]:
        raise NotImplementedError

    def live(self, refs: Iterable[EvseRef], *, is_full: bool) -> Live:
        shown = sorted({*refs, *self.active} if is_full else refs)
        evses = tuple(EvseLive(station_id=r.station_id, evse_id=r.evse_id, state=EvseState.CHARGING) for r in shown)
        return Live(epoch=EPOCH, at=NOW, evses=evses)

    def active_evses(self) -> tuple[EvseRef, ...]:
        return self.active

    def birth(self) -> Birth:
        location = Location(id="L1", name="Lot", country_code="DE", party_id="OHM", time_zone="Europe/Berlin")
        return Birth(
            edge_id=ADDRESS.edge_id,
            epoch=EPOCH,
            software_version="0",
            at=NOW,
            location=location,
            evses=(),
            streams=tuple(StreamPosition(stream=stream, last_seq=1000, acked_seq=0) for stream in Stream),
        )

    def status(self) -> dict[str, Any]:
        return {}

    def stations(self) -> list[dict[str, Any]]:
        return []


@dataclass
class FakeHub:
    """Commits batches in memory and acknowledges them, as the contract says."""

    client: aiomqtt.Client
    stored: dict[Stream, dict[int, str]] = field(default_factory=lambda: {stream: {} for stream in Stream})
    order: list[tuple[Stream, int]] = field(default_factory=list)
    batches: list[codec.Batch] = field(default_factory=list)
    batch_bytes: list[int] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    numbers: list[tuple[str, int]] = field(default_factory=list)
    births: list[Birth] = field(default_factory=list)
    lives: list[Live] = field(default_factory=list)
    is_acking: bool = True
    rejects: dict[int, str] = field(default_factory=dict)

    def seq(self, stream: Stream) -> int:
        first_seqs = [each.first_seq for birth in self.births for each in birth.streams if each.stream is stream]
        count = max(first_seqs, default=1) - 1  # what the edge has no more is passed over
        while count + 1 in self.stored[stream]:
            count += 1
        return count

    async def run(self) -> None:
        async for message in self.client.messages:
            if message.payload:
                await self._take(parse_topic(str(message.topic)), message.payload)

    async def _take(self, heard: Heard, payload: bytes) -> None:
        match heard.branch:
            case "birth":
                self.births.append(codec.decode(Birth, payload))
            case "state":
                state = codec.decode(EdgeState, payload)
                self.states.append(state.status)
                self.numbers.append((state.status, state.session))
            case "live":
                self.lives.append(codec.decode(Live, payload))
            case "up":
                batch = codec.decode_batch(payload)
                self.batches.append(batch)
                self.batch_bytes.append(sum(map(len, batch.raw.values())))
                self.order += [(batch.stream, seq) for seq in batch.raw if seq not in self.stored[batch.stream]]
                self.stored[batch.stream].update(batch.raw)
                if self.is_acking:
                    await self.ack(batch.stream, self.seq(batch.stream))

    async def ack(self, stream: Stream, seq: int, *, resend: bool = False, epoch: str = EPOCH) -> None:
        rejected = tuple(RejectedEntry(seq=s, reason=r) for s, r in self.rejects.items() if s <= seq)
        message = Ack(epoch=epoch, stream=stream, seq=seq, rejected=rejected, resend=resend)
        await self.client.publish(ADDRESS.ack(stream), codec.encode(message), qos=1, retain=True)


@contextlib.asynccontextmanager
async def fake_hub(broker: Broker) -> AsyncIterator[FakeHub]:
    async with aiomqtt.Client(broker.host, broker.port, identifier="hub", timeout=2) as client:
        await client.subscribe([(topic, qos) for topic, qos in HUB_LISTENS])
        hub = FakeHub(client)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(hub.run())
            try:
                yield hub
            finally:
                running.cancel()


def quick(port: int, **changes: Any) -> UplinkSettings:
    """Settings for a link on loopback; what belongs to the broker goes there."""
    own = {name: changes.pop(name) for name in ("username", "password", "password_file", "tls") if name in changes}
    defaults: dict[str, Any] = {
        "brokers": (BrokerSettings(port=port, **own),),
        "reply_timeout_s": 2.0,
        "reconnect_min_s": 0.02,
        "reconnect_max_s": 0.2,
        "ack_timeout_s": 0.4,
        "resend_max_s": 0.8,
        "silent_after_s": 1.0,
        "live_interval_s": 0.05,
        "live_active_s": 0.3,
    }
    return UplinkSettings(**(defaults | changes))


@dataclass
class Site:
    journal: FakeJournal
    inbox: FakeInbox
    window: FakeWindow
    registry: CollectorRegistry

    @classmethod
    def new(cls) -> Site:
        journal = FakeJournal()
        return cls(journal, FakeInbox(journal), FakeWindow(), CollectorRegistry())

    def uplink(self, settings: UplinkSettings) -> MqttUplink:
        metrics = UplinkMetrics(self.registry)
        progress = Progress(self.facts, lambda: NOW, lambda at: at.date(), metrics)
        return MqttUplink(settings, ADDRESS, self.journal, self.window, self.inbox, metrics, progress)

    async def facts(self) -> SyncFacts:
        streams = tuple(
            StreamFacts(
                stream=stream,
                last_seq=self.journal.last_seq(stream),
                acked_seq=self.journal.acked_seq(stream),
                oldest_at=NOW if self.journal.last_seq(stream) > self.journal.acked_seq(stream) else None,
                dead_letters=0,
            )
            for stream in Stream
        )
        return SyncFacts(streams=streams, documents={"tokens": 7})

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"ohmstead_edge_uplink_{name}", labels) or 0.0

    def is_all_acked(self) -> bool:
        return all(self.journal.acked[stream] == self.journal.last_seq(stream) for stream in Stream)


@contextlib.asynccontextmanager
async def running(uplink: MqttUplink) -> AsyncIterator[MqttUplink]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(uplink.run())
        try:
            yield uplink
        finally:
            task.cancel()


async def all_acked(site: Site, timeout_s: float = 10) -> None:
    await wait_until(site.is_all_acked, timeout_s)
