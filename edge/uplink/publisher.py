"""The journal's way up: reads behind the last Ack, sends batches, and goes back when the hub does not answer.

The journal is the only queue. In memory there is at most one batch and, per stream, the numbers of a few that wait
for their Ack, however long the backlog is. A PUBACK says that the broker is alive and has room, nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import aiomqtt
import structlog

from edge.ports import Journal, Window
from edge.uplink.budget import Budget, packet_bytes
from edge.uplink.hub_time import HubTime
from edge.uplink.metrics import UplinkMetrics
from edge.uplink.presence import Presence
from edge.uplink.progress import Progress
from edge.uplink.send_window import SendWindow
from edge.uplink.settings import UplinkSettings
from protocols.sync import codec
from protocols.sync.down import Ack
from protocols.sync.present import EdgeState
from protocols.sync.topics import EdgeAddress, Stream

ENTRY_BYTES: Final = codec.MAX_BATCH_BYTES - codec.MAX_BATCH_ENTRIES - 512
"""What the entries of a batch may take, so that with its head and commas it stays within MAX_BATCH_BYTES."""
BACKLOG_ENTRIES: Final = 100
"""Where more wait than these, what is sent is no news any more."""
TELEMETRY_TURN: Final = 8
"""Of so many batches one is telemetry, when it waits: a backlog of money does not shut it out."""


class Publisher:
    """Sends the streams, the more important one first: events go when no money can, telemetry when no events can."""

    def __init__(
        self,
        settings: UplinkSettings,
        address: EdgeAddress,
        journal: Journal,
        window: Window,
        presence: Presence,
        metrics: UplinkMetrics,
        budget: Budget,
        progress: Progress,
        on_progress: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._address = address
        self._journal = journal
        self._site = window
        self._presence = presence
        self._metrics = metrics
        self._budget = budget
        self._progress = progress
        self._deferred: set[Stream] = set()
        self._on_progress = on_progress
        self._session = 0
        self.hub_time = HubTime()
        self._wake = asyncio.Event()
        self._streams: dict[Stream, SendWindow] = {}
        self._stamps: dict[Stream, tuple[int, str | None]] = {}
        """Of the entry that was sent last: its number, and when it was made."""
        self._passed_over = 0
        self._log: Any = structlog.get_logger("edge.uplink")

    def journal_grew(self) -> None:
        self._wake.set()

    def begin(self) -> None:
        """Take up every stream behind its last Ack, for a new connection."""
        self._streams = {
            stream: SendWindow(
                stream=stream,
                max_batches=self._settings.window_batches,
                ack_timeout_s=self._settings.ack_timeout_s,
                resend_max_s=self._settings.resend_max_s,
                acked_seq=self._journal.acked_seq(stream),
            )
            for stream in Stream
        }

    @property
    def has_backlog(self) -> bool:
        return any(self._journal.last_seq(stream) > window.acked_seq for stream, window in self._streams.items())

    async def introduce(self, client: aiomqtt.Client) -> None:
        """Birth, then `online`, both retained."""
        await self._send_birth(client)
        await client.publish(self._address.state, self.state("online"), qos=1, retain=True)

    def state(self, status: str) -> bytes:
        """The state document, also for the last will."""
        is_online = status == "online"
        return codec.encode(
            EdgeState(status="online" if is_online else "offline", epoch=self._journal.epoch, session=self._session)
        )

    async def new_session(self) -> None:
        """Before each connect: so that what an older session says of itself later is known to be old."""
        self._session = await self._journal.next_session()

    def waiting_since_s(self) -> float | None:
        """Since when entries wait for the hub without any progress; None where nothing waits."""
        waiting = (window.waiting_since_s for window in self._streams.values())
        return min((since_s for since_s in waiting if since_s is not None), default=None)

    async def send(self, client: aiomqtt.Client) -> None:
        """Send all that is not acknowledged, and what comes, until cancelled. Raises aiomqtt.MqttError."""
        clock = asyncio.get_running_loop().time
        while True:
            self._wake.clear()
            next_look_s = self._look_at_timers(clock())
            window, ready_at_s = self._next_window(clock())
            if window is not None:
                await self._send_batch(client, window)
                continue
            try:
                looks = [at_s for at_s in (next_look_s, ready_at_s) if at_s is not None]
                async with asyncio.timeout_at(min(looks, default=None)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    # --- acknowledgements, from the receiver ---

    def is_news(self, ack: Ack) -> bool:
        """True for an Ack that moves its stream; anything else is a repeat."""
        window = self._streams[ack.stream]
        if ack.resend:
            return not window.is_repeated_rewind(ack.seq, asyncio.get_running_loop().time())
        return ack.seq > window.acked_seq

    def take(self, ack: Ack) -> None:
        """Move a stream to an Ack that is news and durable."""
        window, now_s = self._streams[ack.stream], asyncio.get_running_loop().time()
        is_progress = ack.seq > window.acked_seq
        if is_progress:
            window.acknowledged(ack.seq, now_s)
            self._progress.acked(ack.stream, ack.seq)
        if ack.resend:
            window.rewind(ack.seq, now_s)
            self._metrics.resends.labels(ack.stream).inc()
            self._progress.resent(ack.stream)
            self._log.warning("uplink_resend_asked", stream=ack.stream, after_seq=ack.seq)
        self._metrics.acked_seq.labels(ack.stream).set(ack.seq)
        self._metrics.backlog.labels(ack.stream).set(self._journal.last_seq(ack.stream) - ack.seq)
        if is_progress:
            self._presence.set(is_online=True)
            self._on_progress()
        self._wake.set()

    # --- inside ---

    def _next_window(self, now_s: float) -> tuple[SendWindow | None, float | None]:
        """The stream whose turn it is; without one, when the line's allowance lets the next one go."""
        waiting = [
            window
            for stream, window in self._streams.items()
            if window.has_room and self._journal.last_seq(stream) > window.sent_seq
        ]
        ready_s = {w.stream: self._budget.ready_at_s(w.stream, now_s, is_backlog=self._is_backlog(w)) for w in waiting}
        able = [window for window in waiting if ready_s[window.stream] <= now_s]
        self._note_deferred({stream for stream, at_s in ready_s.items() if at_s > now_s})
        if not able:
            return None, min(ready_s.values(), default=None)
        telemetry = able[-1] if able[-1].stream is Stream.TELEMETRY else None
        if telemetry is None or (telemetry is not able[0] and self._passed_over < TELEMETRY_TURN - 1):
            self._passed_over += telemetry is not None
            return able[0], None
        self._passed_over = 0
        return telemetry, None

    def _is_backlog(self, window: SendWindow) -> bool:
        return self._journal.last_seq(window.stream) - window.sent_seq > BACKLOG_ENTRIES

    def _note_deferred(self, deferred: set[Stream]) -> None:
        for stream in deferred - self._deferred:
            self._metrics.deferred.labels(stream).inc()
            self._progress.deferred()
        self._deferred = deferred

    async def _send_birth(self, client: aiomqtt.Client) -> None:
        async with self._site.still():
            birth = self._site.birth()
        streams = tuple(replace(each, first_seq=self._journal.first_seq(each.stream)) for each in birth.streams)
        payload = codec.encode(replace(birth, streams=streams))
        self._spend(self._address.birth, payload)
        self.hub_time.asked(birth.at)
        await client.publish(self._address.birth, payload, qos=1, retain=True)

    async def _send_batch(self, client: aiomqtt.Client, window: SendWindow) -> None:
        after_seq = window.sent_seq
        rows = await self._journal.read(window.stream, after_seq, codec.MAX_BATCH_ENTRIES, ENTRY_BYTES)
        if window.sent_seq != after_seq:
            return  # an Ack moved the stream while we read
        first_seq = rows[0][0]
        if first_seq != after_seq + 1:
            # The hub has lost what retention dropped here since: told where the journal begins, it goes on from there.
            self._log.error("uplink_journal_gap", stream=window.stream, after_seq=after_seq, next_seq=first_seq)
            await self._send_birth(client)
            if window.sent_seq != after_seq:
                return
        entries = [entry for index, (seq, entry) in enumerate(rows) if seq == first_seq + index]
        after_at = await self._stamp(window.stream, first_seq - 1)
        if window.sent_seq != after_seq:
            return
        self._stamps[window.stream] = (first_seq + len(entries) - 1, codec.stamp_of(entries[-1]))
        payload = codec.encode_batch(self._journal.epoch, window.stream, first_seq, entries, after_at)
        plain = sum(map(len, entries)) + len(entries)
        self._spend(self._address.up(window.stream), payload, plain, is_backlog=self._is_backlog(window))
        window.sent(first_seq + len(entries) - 1, asyncio.get_running_loop().time())
        self._metrics.batches.labels(window.stream).inc()
        self._metrics.sent_bytes.labels(window.stream).inc(len(payload))
        await client.publish(self._address.up(window.stream), payload, qos=1)

    def _spend(self, topic: str, payload: bytes, plain: int | None = None, *, is_backlog: bool = False) -> None:
        """`plain` is what its entries take as they are."""
        now_s, size = asyncio.get_running_loop().time(), packet_bytes(topic, payload)
        self._budget.spent(size, now_s, is_backlog=is_backlog)
        self._progress.sent(size, plain)
        if (level := self._budget.level) is not None:
            self._metrics.allowance.set(level)

    async def _stamp(self, stream: Stream, seq: int) -> str | None:
        """When an entry was made; None for one that is not there."""
        known_seq, stamp = self._stamps.get(stream, (0, None))
        if seq in (0, known_seq):
            return stamp if seq else None
        return await stamp_at(self._journal, stream, seq)

    def _look_at_timers(self, now_s: float) -> float | None:
        """Go back where an Ack is overdue and see whether the hub is silent; when to look again, None for never."""
        looks: list[float] = []
        for stream, window in self._streams.items():
            resend_at_s = window.resend_at_s()
            if resend_at_s is not None and resend_at_s <= now_s:
                self._log.warning("uplink_ack_overdue", stream=stream, after_seq=window.acked_seq)
                self._metrics.resends.labels(stream).inc()
                self._progress.resent(stream)
                window.go_back()
            elif resend_at_s is not None:
                looks.append(resend_at_s)
            if window.waiting_since_s is not None:
                silent_at_s = window.waiting_since_s + self._settings.silent_after_s
                if silent_at_s <= now_s:
                    self._presence.set(is_online=False)
                else:
                    looks.append(silent_at_s)
        return min(looks, default=None)


async def stamp_at(journal: Journal, stream: Stream, seq: int) -> str | None:
    """When an entry was made; None for one that is not there any more."""
    rows = await journal.read(stream, seq - 1, 1, 1)
    return codec.stamp_of(rows[0][1]) if rows and rows[0][0] == seq else None
