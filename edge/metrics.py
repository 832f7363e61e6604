"""The agent's own Prometheus metrics; the adapters bring theirs. All are listed in docs/metrics.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from edge.ports import Commit
from protocols.sync.topics import Stream

COMMIT_BUCKETS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)
PRESENT: Final = MappingProxyType(
    {
        "inbox_events": "Events that wait to be decided",
        "inbox_oldest_seconds": "How long the oldest of them has waited",
        "stations_online": "Charging stations that are connected",
        "transactions_open": "Transactions that run",
        "power_watts": "Power that the site's EVSEs draw, as they say",
        "alarms_open": "Alarms that are not cleared",
        "clock_offset_seconds": "The hub's time less the site's; NaN where it was not heard since the machine's start",
        "clock_is_bad": "1 while the site's clock is wrong, or stepped and not confirmed, or nobody ever set it",
    }
)
LAG_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class AgentMetrics:
    """What passes through the agent."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.inbox_full = Counter(
            "ohmstead_edge_inbox_full", "Events that had to wait because the inbox was full", registry=registry
        )
        self.moot_events = Counter(
            "ohmstead_edge_moot_events",
            "Events that were dropped undecided because their station had gone; it says them again",
            registry=registry,
        )
        self.failed_decisions = Counter(
            "ohmstead_edge_failed_decisions",
            "Events that could not be decided and were refused: faults of this program",
            registry=registry,
        )
        self._telemetry = Counter(
            "ohmstead_edge_telemetry_readings",
            "Meter readings by what became of them: kept, dropped by the filter, thinned under pressure",
            ["outcome"],
            registry=registry,
        )
        self._telemetry_seen = (0, 0, 0)
        self._present = {
            name: Gauge(f"ohmstead_edge_{name}", about, registry=registry) for name, about in PRESENT.items()
        }
        self._meters = Gauge(
            "ohmstead_edge_meter_power_watts",
            "What flows through a meter of the site: taken from it, or from the grid; NaN while that is not known",
            ["meter", "role"],
            registry=registry,
        )
        self.pressure = Gauge(
            "ohmstead_edge_pressure_level",
            "What gives way because more comes than can be made durable: 0 nothing, 1 and 2 telemetry",
            registry=registry,
        )
        self.loop_lag_seconds = Histogram(
            "ohmstead_edge_loop_lag_seconds",
            "How late the event loop is, looked at four times a second",
            buckets=LAG_BUCKETS_S,
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
            buckets=COMMIT_BUCKETS_S,
            registry=registry,
        )

    def count_commit(self, commit: Commit) -> None:
        self.commit_entries.observe(len(commit.entries))
        streams = [entry.stream for entry in commit.entries]
        for stream in Stream:
            if count := streams.count(stream):
                self.entries.labels(stream).inc(count)

    def count_telemetry(self, kept: int, dropped: int, thinned: int) -> None:
        """The site's own counts since the start; of the dropped ones some were thinned."""
        now = (kept, dropped - thinned, thinned)
        if now != self._telemetry_seen:
            for outcome, count, before in zip(("kept", "dropped", "thinned"), now, self._telemetry_seen, strict=True):
                self._telemetry.labels(outcome).inc(max(0, count - before))
            self._telemetry_seen = now

    def watch(self, looks: Mapping[str, Callable[[], float]]) -> None:
        """How to look at what is in `PRESENT`, whenever the metrics are read."""
        for name, look in looks.items():
            self._present[name].set_function(look)

    def watch_meter(self, meter_id: str, role: str, look: Callable[[], float]) -> None:
        """How to look at what a meter of the site shows, NaN where that is not known now."""
        self._meters.labels(meter_id, role).set_function(look)

    # --- for `status`: counts since the start, from which a watcher takes differences ---

    def count_of_inbox_full(self) -> int:
        return int(_samples(self.inbox_full)["_total"])

    def commits(self) -> dict[str, Any]:
        """How many, with how many entries, how long in all, and how many at most so long (seconds, cumulative)."""
        return {"entries": _samples(self.commit_entries)["_sum"], **_histogram(self.commit_seconds)}

    def loop_lag(self) -> dict[str, Any]:
        return _histogram(self.loop_lag_seconds)


def _samples(metric: Counter | Histogram) -> Mapping[str, float]:
    (family,) = metric.collect()
    return {
        sample.name.removeprefix(family.name): sample.value for sample in family.samples if "le" not in sample.labels
    }


def _histogram(metric: Histogram) -> dict[str, Any]:
    (family,) = metric.collect()
    sums = _samples(metric)
    buckets = [(s.labels["le"], int(s.value)) for s in family.samples if "le" in s.labels]
    return {"count": int(sums["_count"]), "seconds": round(sums["_sum"], 6), "at_most_s": dict(buckets)}
