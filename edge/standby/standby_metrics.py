"""What is counted of a pair of boxes, at the one that serves."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class StandbyMetrics:
    """One set per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.in_step = Gauge(
            "ohmstead_edge_standby_in_step",
            "Whether nothing is acknowledged that the standby does not have: 1, or 0",
            registry=registry,
        )
        self.wait_seconds = Histogram(
            "ohmstead_edge_standby_wait_seconds",
            "How long a commit waited for the standby, after it was on this box's own disk",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
            registry=registry,
        )
        self.sent_bytes = Counter(
            "ohmstead_edge_standby_sent_bytes", "Bytes of the ledger sent to the standby", registry=registry
        )
        self.fell_behind = Counter(
            "ohmstead_edge_standby_fell_behind", "Times that the site went on without the standby", registry=registry
        )
        self.whole_copies = Counter(
            "ohmstead_edge_standby_whole_copies", "Times that the whole ledger was sent", registry=registry
        )
