"""Which broker is tried, when, and when to go back to the primary. Pure; times are monotonic seconds.

    primary ──lost, or no session with it lasts──▶ next ──…──▶ the last ──▶ primary …      in turn, ever more slowly
       ▲                                            │
       └──── primary has answered all probes for failback_after_s, at most a quarter longer ─────┘

A session that was stable and broke is tried again where it was, once: a blink of the line moves nobody. A return that
does not last doubles the time that the primary must have answered before the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

FAILBACK_SPREAD: Final = 1.25
"""So much longer at most a site waits for the primary, drawn anew each time: not all come back at once."""
MAX_DOUBLINGS: Final = 5


@dataclass(slots=True, kw_only=True)
class BrokerChoice:
    """`current` is the broker to be with, 0 the primary. `jitter` draws between two numbers."""

    brokers: int
    reconnect_min_s: float
    reconnect_max_s: float
    stable_after_s: float
    failback_after_s: float
    silent_after_s: float
    jitter: Callable[[float, float], float]
    current: int = 0
    failures: int = 0
    _since_s: float | None = field(default=None, init=False)
    _return_at_s: float | None = field(default=None, init=False)
    _is_return: bool = field(default=False, init=False)
    _failed_returns: int = field(default=0, init=False)
    _silences: int = field(default=0, init=False)

    @property
    def silence_limit_s(self) -> float:
        """How long the hub may acknowledge nothing before it is looked for at another broker: longer each time, for it
        may be away altogether."""
        return min(self.silent_after_s * 2.0**self._silences, max(self.reconnect_max_s, self.silent_after_s))

    def begun(self, now_s: float) -> None:
        """A session with `current` stands."""
        self._since_s = now_s

    def heard(self) -> None:
        """The hub has acknowledged something: it is at this broker."""
        self._silences = 0

    def lost(self, now_s: float) -> float:
        """The session broke, or none came about; how long to wait before `current` is tried."""
        is_stable = self._since_s is not None and now_s - self._since_s >= self.stable_after_s
        if is_stable:
            self.failures = 1
            self._judge_return(now_s)
        else:
            self.failures += 1
            self._go_on()
        self._since_s = self._return_at_s = None
        rounds = -(-self.failures // self.brokers)
        longest_s = min(self.reconnect_max_s, self.reconnect_min_s * 2.0 ** min(rounds, 32))
        return self.jitter(self.reconnect_min_s, max(self.reconnect_min_s, longest_s))

    def silent(self) -> float:
        """The hub was silent for `silence_limit_s`; how long to wait before `current`, another broker, is tried."""
        self._silences = min(self._silences + 1, 16)
        self._go_on()
        self._since_s = self._return_at_s = None
        return self.jitter(0.0, self.reconnect_min_s)

    def probed(self, now_s: float, *, is_reachable: bool) -> bool:
        """The primary was looked at from another broker; True when it is time to return to it."""
        if not is_reachable or self.current == 0:
            self._return_at_s = None
            return False
        if self._return_at_s is None:
            wait_s = self.failback_after_s * 2.0**self._failed_returns
            self._return_at_s = now_s + self.jitter(wait_s, wait_s * FAILBACK_SPREAD)
        return now_s >= self._return_at_s

    def returned(self) -> None:
        """The session was left for the primary."""
        self.current = self.failures = 0
        self._since_s = self._return_at_s = None
        self._is_return = True

    def _judge_return(self, now_s: float) -> None:
        if self.current == 0 and self._since_s is not None and now_s - self._since_s >= self.failback_after_s:
            self._is_return, self._failed_returns = False, 0

    def _go_on(self) -> None:
        if self._is_return:
            self._failed_returns = min(self._failed_returns + 1, MAX_DOUBLINGS)
        self._is_return = False
        self.current = (self.current + 1) % self.brokers
