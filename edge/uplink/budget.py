"""What may go over a metered line now. Pure; times are monotonic seconds, sizes are bytes of PUBLISH packets.

Money first: what is new of it goes at once, also on credit, and a backlog of it before anything else. Then new events,
then new telemetry, which leaves a quarter of the allowance to them. A backlog has a share of its own, so that it takes
neither the present nor the line's other users their part. Live values take what their share allows: they thin out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from protocols.sync.topics import Stream

BURST_S: Final = 600.0
"""So much of what the line may carry can be saved up for later."""
TELEMETRY_FLOOR: Final = 0.25
LIVE_SHARE: Final = 0.2
PACKET_BYTES: Final = 9
"""Of a PUBLISH besides its topic and its payload, at most, for payloads up to 2 MB."""


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Fills at a steady rate up to what BURST_S bring. May be overdrawn: what follows waits until that is paid."""

    bytes_per_s: float
    level: float = field(init=False)
    _at_s: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.level = self.size

    @property
    def size(self) -> float:
        return self.bytes_per_s * BURST_S

    def fill(self, now_s: float) -> None:
        if self._at_s is not None:
            self.level = min(self.size, self.level + (now_s - self._at_s) * self.bytes_per_s)
        self._at_s = now_s

    def ready_at_s(self, floor: float, now_s: float) -> float:
        """When there will be more than `floor`; now, or later."""
        self.fill(now_s)
        return now_s if self.level > floor else now_s + (floor - self.level + 1) / self.bytes_per_s


class Budget:
    """The allowance of a line and of the backlog on it. Without a limit everything goes now."""

    def __init__(self, bytes_per_hour: int | None, backlog_share: float) -> None:
        self._line = Bucket(bytes_per_s=bytes_per_hour / 3600) if bytes_per_hour is not None else None
        self._backlog = (
            Bucket(bytes_per_s=bytes_per_hour / 3600 * backlog_share) if bytes_per_hour is not None else None
        )
        self._next_live_s = 0.0

    @property
    def level(self) -> float | None:
        """What may be sent now, in bytes; below 0 where money went on credit; None without a limit."""
        return self._line.level if self._line is not None else None

    def ready_at_s(self, stream: Stream, now_s: float, *, is_backlog: bool) -> float:
        """When a batch of the stream may go; `is_backlog` where more waits than it can take."""
        if self._line is None or self._backlog is None or (stream is Stream.MONEY and not is_backlog):
            return now_s
        floor = self._line.size * TELEMETRY_FLOOR if stream is Stream.TELEMETRY else 0.0
        ready_s = self._line.ready_at_s(floor, now_s)
        if is_backlog and stream is not Stream.MONEY:
            ready_s = max(ready_s, self._backlog.ready_at_s(0.0, now_s))
        return ready_s

    def live_at_s(self, now_s: float) -> float:
        """When live values may go."""
        if self._line is None:
            return now_s
        return max(self._next_live_s, self._line.ready_at_s(self._line.size * TELEMETRY_FLOOR, now_s))

    def spent(self, size: int, now_s: float, *, is_backlog: bool = False) -> None:
        """So much went out."""
        for bucket, is_meant in ((self._line, True), (self._backlog, is_backlog)):
            if bucket is not None and is_meant:
                bucket.fill(now_s)
                bucket.level -= size

    def spent_live(self, size: int, now_s: float) -> None:
        self.spent(size, now_s)
        if self._line is not None:
            self._next_live_s = now_s + size / (self._line.bytes_per_s * LIVE_SHARE)


def packet_bytes(topic: str, payload: bytes) -> int:
    """What a PUBLISH takes on the line, without TCP, TLS and IP."""
    return PACKET_BYTES + len(topic) + len(payload)
