"""What the file server counts."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class FileMetrics:
    """Bytes each way, requests by their outcome, and how much lies in the folder of uploads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent_bytes = Counter(
            "ohmstead_edge_files_sent_bytes", "firmware that went out to stations", registry=registry
        )
        self.received_bytes = Counter(
            "ohmstead_edge_files_received_bytes", "logs that came in from stations", registry=registry
        )
        self.requests = Counter(
            "ohmstead_edge_file_requests", "requests of stations, by status", ["way", "status"], registry=registry
        )
        self._kept = Gauge("ohmstead_edge_files_kept_bytes", "uploads that are kept", registry=registry)

    def watch(self, kept_bytes: Callable[[], float]) -> None:
        self._kept.set_function(kept_bytes)
