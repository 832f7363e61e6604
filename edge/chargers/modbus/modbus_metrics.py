"""Counters of the Modbus side. Plain integers on the hot path; Prometheus reads them when it scrapes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

LATENCY_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class ModbusMetrics(Collector):
    """Labels are bounded: kinds and reasons are ours, never a device's words."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.polls: Counter[str] = Counter()
        """Rounds by outcome: `good` or `failed`."""
        self.requests = 0
        self.errors: Counter[str] = Counter()
        """Requests without a good answer, by kind: see bus.BusFault."""
        self.strays = 0
        """Answers to something else than what was asked: late, swapped, of another unit."""
        self.reconnects = 0
        self.writes: Counter[str] = Counter()
        """Setpoints and switches written, by reason: see control.Reason."""
        self.unconfirmed = 0
        """Setpoints that a device did not show when they were read back, however often they were written."""
        self.feeds = 0
        self.feeds_late = 0
        """Feeds that came after the watchdog's time-out had passed."""
        self.feeds_withheld = 0
        """Feeds that were left out because the agent was not well."""
        self.back_offs = 0
        self.implausible = 0
        """Values that were not believed."""
        self.devices: Counter[str] = Counter()
        """Devices by `connected` and `lost`, now."""
        self._latencies = [0] * (len(LATENCY_BUCKETS_S) + 1)
        self._latency_sum_s = 0.0
        registry.register(self)

    def answered(self, latency_s: float) -> None:
        """A request was answered, so long after it was sent."""
        self._latencies[bisect_left(LATENCY_BUCKETS_S, latency_s)] += 1
        self._latency_sum_s += latency_s

    def status(self) -> dict[str, Any]:
        """For `status`: what a person looks at first."""
        return {
            "devices": dict(self.devices),
            "polls": dict(self.polls),
            "requests": self.requests,
            "errors": dict(self.errors),
            "strays": self.strays,
            "writes": dict(self.writes),
            "unconfirmed": self.unconfirmed,
            "feeds": {"fed": self.feeds, "late": self.feeds_late, "withheld": self.feeds_withheld},
            "answer_at_most_s": dict(self._buckets()),
        }

    def _buckets(self) -> list[tuple[str, int]]:
        return list(zip((*map(str, LATENCY_BUCKETS_S), "+Inf"), accumulate(self._latencies), strict=True))

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client.registry.Collector."""
        yield _labelled("ohmstead_modbus_polls", "Rounds of reading a device, by outcome", "outcome", self.polls)
        yield CounterMetricFamily("ohmstead_modbus_requests", "Modbus requests sent", self.requests)
        yield _labelled("ohmstead_modbus_errors", "Modbus requests without a good answer, by kind", "kind", self.errors)
        yield CounterMetricFamily("ohmstead_modbus_strays", "Answers that nobody had asked for", self.strays)
        yield CounterMetricFamily("ohmstead_modbus_reconnects", "Connections made to a bus", self.reconnects)
        yield _labelled("ohmstead_modbus_writes", "Setpoints and switches written, by reason", "reason", self.writes)
        yield CounterMetricFamily(
            "ohmstead_modbus_unconfirmed", "Setpoints that the device did not show when read back", self.unconfirmed
        )
        feeds = CounterMetricFamily("ohmstead_modbus_watchdog_feeds", "Feeds of watchdogs", labels=("outcome",))
        for outcome, fed in (("fed", self.feeds), ("late", self.feeds_late), ("withheld", self.feeds_withheld)):
            feeds.add_metric((outcome,), fed)
        yield feeds
        yield CounterMetricFamily("ohmstead_modbus_back_offs", "Times a silent device was left alone", self.back_offs)
        yield CounterMetricFamily("ohmstead_modbus_implausible", "Values that were not believed", self.implausible)
        devices = GaugeMetricFamily("ohmstead_modbus_devices", "Modbus devices by state", labels=("state",))
        for state in ("connected", "lost"):
            devices.add_metric((state,), self.devices[state])
        yield devices
        yield HistogramMetricFamily(
            "ohmstead_modbus_answer_seconds",
            "Time from a Modbus request to its answer",
            buckets=self._buckets(),
            sum_value=self._latency_sum_s,
        )


def _labelled(name: str, help_text: str, label: str, counts: Counter[str]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=(label,))
    for value, number in counts.items():
        family.add_metric((value,), number)
    return family
