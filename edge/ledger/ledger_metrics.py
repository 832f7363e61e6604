"""What the ledger counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from protocols.sync.topics import Stream


class LedgerMetrics:
    """One set per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.journal_bytes = Counter(
            "ohmstead_edge_ledger_journal_bytes", "Bytes of entries committed to the journal", registry=registry
        )
        self.write_seconds = Histogram(
            "ohmstead_edge_ledger_write_seconds",
            "Time in which a commit is written, until it is on the disk",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
            registry=registry,
        )
        self.wal_copy_seconds = Histogram(
            "ohmstead_edge_ledger_wal_copy_seconds",
            "Time in which the write-ahead log is copied: beside the commits, or between two of them",
            ["where"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
            registry=registry,
        )
        self.trimmed_rows = Counter(
            "ohmstead_edge_ledger_trimmed_rows", "Rows removed because of their age", ["table"], registry=registry
        )
        self.trim_seconds = Histogram(
            "ohmstead_edge_ledger_trim_seconds",
            "Time of one step of the trimming, for which a commit may have to wait",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1),
            registry=registry,
        )
        self.shed_entries = Counter(
            "ohmstead_edge_ledger_shed_entries",
            "Entries dropped because the disk was too full",
            ["stream"],
            registry=registry,
        )
        self.disk_free_bytes = Gauge(
            "ohmstead_edge_ledger_disk_free_bytes", "Free room on the ledger's disk", registry=registry
        )
        self.disk_level = Gauge(
            "ohmstead_edge_ledger_disk_level",
            "How short of room the disk is: 0 roomy, 1 thins telemetry, 2 sheds telemetry, 3 also events, 4 full",
            registry=registry,
        )
        self._journal_rows = Gauge(
            "ohmstead_edge_ledger_journal_rows", "Entries in the journal", ["stream"], registry=registry
        )
        self._file_bytes = Gauge("ohmstead_edge_ledger_file_bytes", "Size of the ledger's file", registry=registry)
        self._wal_bytes = Gauge(
            "ohmstead_edge_ledger_wal_bytes", "Size of the write-ahead log beside it", registry=registry
        )

    def watch(self, path: Path, journal_rows: Mapping[Stream, Callable[[], int]]) -> None:
        """Look at an open ledger whenever the metrics are read."""
        self._file_bytes.set_function(lambda: _size(path))
        self._wal_bytes.set_function(lambda: _size(path.with_name(path.name + "-wal")))
        for stream, count in journal_rows.items():
            self._journal_rows.labels(stream).set_function(count)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
