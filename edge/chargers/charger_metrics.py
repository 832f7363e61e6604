"""Counters of the charger side. Plain integers on the hot path; Prometheus reads them when it scrapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class ChargerMetrics(Collector):
    """Labels are bounded: actions are those of the standard or `unknown`, outcomes and reasons are ours."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages: Counter[tuple[str, str]] = Counter()
        """Requests of stations by (action, outcome): `answered`, `repeated` or the CALLERROR code."""
        self.calls: Counter[str] = Counter()
        """Our own calls by outcome: `answered`, `NotConnected`, `Timeout`, `Busy`, `Invalid`, `CallError`."""
        self.refusals: Counter[str] = Counter()
        """Handshakes refused, by reason."""
        self.frames_in = 0
        self.frames_out = 0
        self.connections = 0
        """Stations connected now."""
        self.takeovers = 0
        self.silent_closed = 0
        registry.register(self)

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
        refusals = CounterMetricFamily(
            "ohmstead_ocpp_refused_handshakes", "WebSocket handshakes refused before the upgrade", labels=("reason",)
        )
        for reason, count in self.refusals.items():
            refusals.add_metric((reason,), count)
        frames = CounterMetricFamily("ohmstead_ocpp_frames", "OCPP frames by direction", labels=("direction",))
        frames.add_metric(("in",), self.frames_in)
        frames.add_metric(("out",), self.frames_out)
        yield from (messages, calls, refusals, frames)
        yield GaugeMetricFamily("ohmstead_ocpp_connections", "Stations connected now", self.connections)
        yield CounterMetricFamily("ohmstead_ocpp_takeovers", "Sockets replaced by a newer one", self.takeovers)
        yield CounterMetricFamily(
            "ohmstead_ocpp_silent_closed", "Sockets closed because nothing was heard of them", self.silent_closed
        )
