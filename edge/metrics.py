"""The agent's own Prometheus metrics; the adapters bring theirs. All are listed in docs/metrics.md."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from edge.ports import Commit
from protocols.sync.topics import Stream


class AgentMetrics:
    """What passes through the agent."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.inbox_full = Counter(
            "ohmstead_edge_inbox_full", "Events that had to wait because the inbox was full", registry=registry
        )
        self.loop_lag_seconds = Histogram(
            "ohmstead_edge_loop_lag_seconds",
            "How late the event loop is, looked at four times a second",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.entries = Counter(
            "ohmstead_edge_journal_entries", "Entries committed to the journal", ["stream"], registry=registry
        )
        self.commit_entries = Histogram(
            "ohmstead_edge_commit_entries",
            "Entries per commit",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "ohmstead_edge_commit_seconds",
            "Time from the decision of a group to its durability",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
            registry=registry,
        )

    def count_commit(self, commit: Commit) -> None:
        self.commit_entries.observe(len(commit.entries))
        streams = [entry.stream for entry in commit.entries]
        for stream in Stream:
            if count := streams.count(stream):
                self.entries.labels(stream).inc(count)
