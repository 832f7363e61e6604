"""What of one stream is on its way to the hub: go back N, over batches. Pure; times are monotonic seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from protocols.sync.topics import Stream


@dataclass(slots=True, kw_only=True)
class SendWindow:
    """The state of one stream during one connection.

    `acked_seq` is the last entry that the hub has, `sent_seq` the last that was handed to the broker. While the hub
    is silent only one batch at a time is sent again, ever more slowly, as a sign of life that costs little; its next
    Ack opens the window again.
    """

    stream: Stream
    max_batches: int
    ack_timeout_s: float
    resend_max_s: float
    acked_seq: int
    sent_seq: int = field(init=False)
    waiting_since_s: float | None = field(default=None, init=False)
    """Since when entries wait without any progress; None when nothing waits."""
    _unacked: deque[tuple[int, float]] = field(default_factory=deque, init=False)
    _silences: int = field(default=0, init=False)
    _rewound_to: tuple[int, float] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.sent_seq = self.acked_seq

    @property
    def has_room(self) -> bool:
        return len(self._unacked) < (1 if self._silences else self.max_batches)

    @property
    def batches_waiting(self) -> int:
        return len(self._unacked)

    def sent(self, last_seq: int, now_s: float) -> None:
        """A batch that ends with `last_seq` is on its way."""
        self._unacked.append((last_seq, now_s))
        self.sent_seq = last_seq
        if self.waiting_since_s is None:
            self.waiting_since_s = now_s

    def acknowledged(self, seq: int, now_s: float) -> None:
        """The hub has everything up to and with `seq`, more than before."""
        self.acked_seq = seq
        self.sent_seq = max(self.sent_seq, seq)
        while self._unacked and self._unacked[0][0] <= seq:
            self._unacked.popleft()
        self._silences = 0
        self.waiting_since_s = now_s if self._unacked else None

    def is_repeated_rewind(self, seq: int, now_s: float) -> bool:
        """True for the same request again within the ack time-out: every batch behind one gap asks for it.

        Some of these overtake nothing and come when the gap is closed already; a hub that truly lost it twice asks on.
        """
        return self._rewound_to is not None and (
            self._rewound_to[0] == seq and now_s - self._rewound_to[1] < self.ack_timeout_s
        )

    def rewind(self, seq: int, now_s: float) -> None:
        """The hub asks for everything from `seq` + 1 again."""
        self.acked_seq = self.sent_seq = seq
        self._unacked.clear()
        self._silences, self._rewound_to = 0, (seq, now_s)

    def resend_at_s(self) -> float | None:
        """When the oldest batch will be sent again if no Ack comes; None when nothing waits."""
        if not self._unacked or self.waiting_since_s is None:
            return None
        patience_s = min(self.ack_timeout_s * (1 << self._silences), max(self.resend_max_s, self.ack_timeout_s))
        return max(self._unacked[0][1], self.waiting_since_s) + patience_s

    def go_back(self) -> None:
        """No Ack came in time: the next batch sent begins behind the last Ack."""
        self._silences = min(self._silences + 1, 16)
        self.sent_seq = self.acked_seq
        self._unacked.clear()
