"""Counters of the charger side. Plain integers on the hot path; Prometheus reads them when it scrapes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

LATENCY_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class ChargerMetrics(Collector):
    """Labels are bounded: actions are those of the standard or `unknown`, outcomes and reasons are ours."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages: Counter[tuple[str, str]] = Counter()
        """Requests of stations by (action, outcome): `answered`, `repeated` or the CALLERROR code."""
        self.calls: Counter[str] = Counter()
        """Our own calls by outcome: `answered`, `NotConnected`, `Timeout`, `Busy`, `Invalid`, `CallError`."""
        self.deviations: Counter[tuple[str, str]] = Counter()
        """What was mended in requests of stations, by (action, remedy)."""
        self.refusals: Counter[str] = Counter()
        """Handshakes refused, by reason."""
        self.frames_in = 0
        self.frames_out = 0
        self.connections = 0
        """Stations connected now."""
        self.takeovers = 0
        self.silent_closed = 0
        self.choked_closed = 0
        self.slowed_down = 0
        """How often a station's frames had to wait because it said too many in a second."""
        self.held_by_full_inbox = 0
        self.frames_logged = 0
        """Lines written to the frame log."""
        self.frames_left_out = 0
        """Frames that the frame log could not keep up with."""
        self.frames_not_written = 0
        """Frames that the disk did not take."""
        self.frame_log_bytes = 0
        self._latencies: dict[str, list[int]] = {}
        self._latency_sums_s: dict[str, float] = {}
        registry.register(self)

    def answered(self, action: str, latency_s: float) -> None:
        """A request that the site decided upon was answered, so long after it had come."""
        self.messages[action, "answered"] += 1
        counts = self._latencies.get(action)
        if counts is None:
            counts = self._latencies[action] = [0] * (len(LATENCY_BUCKETS_S) + 1)
            self._latency_sums_s[action] = 0.0
        counts[bisect_left(LATENCY_BUCKETS_S, latency_s)] += 1
        self._latency_sums_s[action] += latency_s

    def status(self) -> dict[str, Any]:
        """For `status`: what a person looks at first. Latencies as cumulative counts of "at most so many seconds"."""
        return {
            "connections": self.connections,
            "messages": {
                action: sum(count for (name, _), count in self.messages.items() if name == action)
                for action in sorted({action for action, _ in self.messages})
            },
            "refused_requests": sum(
                count for (_, outcome), count in self.messages.items() if outcome not in ("answered", "repeated")
            ),
            "repeated_requests": sum(count for (_, outcome), count in self.messages.items() if outcome == "repeated"),
            "answer_at_most_s": self._all_latencies(),
            "mended_requests": sum(self.deviations.values()),
            "refused_handshakes": dict(self.refusals),
            "takeovers": self.takeovers,
            "closed": {"silent": self.silent_closed, "not_reading": self.choked_closed},
            "frame_log": {
                "written": self.frames_logged,
                "left_out": self.frames_left_out + self.frames_not_written,
                "bytes": self.frame_log_bytes,
            },
            "waited": {"too_many_frames": self.slowed_down, "inbox_full": self.held_by_full_inbox},
        }

    def _all_latencies(self) -> dict[str, int]:
        sums = [sum(counts) for counts in zip(*self._latencies.values(), strict=True)]
        return dict(zip((*map(str, LATENCY_BUCKETS_S), "+Inf"), accumulate(sums), strict=False))

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client.registry.Collector."""
        messages = CounterMetricFamily(
            "ohmstead_ocpp_messages", "Requests of stations by action and outcome", labels=("action", "outcome")
        )
        for (action, outcome), count in self.messages.items():
            messages.add_metric((action, outcome), count)
        calls = CounterMetricFamily("ohmstead_ocpp_calls", "Calls to stations by outcome", labels=("outcome",))
        for outcome, count in self.calls.items():
            calls.add_metric((outcome,), count)
        deviations = CounterMetricFamily(
            "ohmstead_ocpp_deviations", "What was mended in requests of stations", labels=("action", "remedy")
        )
        for (action, remedy), count in self.deviations.items():
            deviations.add_metric((action, remedy), count)
        refusals = CounterMetricFamily(
            "ohmstead_ocpp_refused_handshakes", "WebSocket handshakes refused before the upgrade", labels=("reason",)
        )
        for reason, count in self.refusals.items():
            refusals.add_metric((reason,), count)
        frames = CounterMetricFamily("ohmstead_ocpp_frames", "OCPP frames by direction", labels=("direction",))
        frames.add_metric(("in",), self.frames_in)
        frames.add_metric(("out",), self.frames_out)
        yield from (messages, calls, deviations, refusals, frames)
        yield GaugeMetricFamily("ohmstead_ocpp_connections", "Stations connected now", self.connections)
        yield CounterMetricFamily("ohmstead_ocpp_takeovers", "Sockets replaced by a newer one", self.takeovers)
        yield CounterMetricFamily(
            "ohmstead_ocpp_silent_closed", "Sockets closed because nothing was heard of them", self.silent_closed
        )
        yield CounterMetricFamily(
            "ohmstead_ocpp_choked_closed", "Sockets closed because what they were sent was not read", self.choked_closed
        )
        yield CounterMetricFamily(
            "ohmstead_ocpp_slowed_down", "Times that a station had to wait for saying too much", self.slowed_down
        )
        yield CounterMetricFamily(
            "ohmstead_ocpp_held_by_full_inbox",
            "Times that a request had to wait for a place in the inbox",
            self.held_by_full_inbox,
        )
        logged = CounterMetricFamily(
            "ohmstead_frame_log_frames",
            "Frames by what became of them in the frame log: written, left out in a flood, not taken by the disk",
            labels=("outcome",),
        )
        logged.add_metric(("written",), self.frames_logged)
        logged.add_metric(("left_out",), self.frames_left_out)
        logged.add_metric(("not_written",), self.frames_not_written)
        yield logged
        yield GaugeMetricFamily("ohmstead_frame_log_bytes", "Size of the frame log's files", self.frame_log_bytes)
        yield self._latency()

    def _latency(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "ohmstead_ocpp_answer_seconds",
            "Time from a request to its answer, the commit included, by action",
            labels=("action",),
        )
        for action, counts in self._latencies.items():
            buckets, total = [], 0
            for limit, count in zip((*map(str, LATENCY_BUCKETS_S), "+Inf"), counts, strict=True):
                total += count
                buckets.append((limit, total))
            family.add_metric((action,), buckets, self._latency_sums_s[action])
        return family
