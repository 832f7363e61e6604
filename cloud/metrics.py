"""The hub's Prometheus metrics, all names in one place."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """One registry per hub, so that two hubs in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.batches = Counter(
            "ohmstead_cloud_batches", "Batches of journal entries received", ["stream"], registry=self.registry
        )
        self.entries = Counter(
            "ohmstead_cloud_entries", "Journal entries committed for the first time", ["stream"], registry=self.registry
        )
        self.duplicates = Counter(
            "ohmstead_cloud_duplicate_entries", "Entries that were committed before", ["stream"], registry=self.registry
        )
        self.gaps = Counter(
            "ohmstead_cloud_gaps", "Batches refused because entries before them are missing", ["stream"],
            registry=self.registry,
        )  # fmt: skip
        self.dead_letters = Counter(
            "ohmstead_cloud_dead_letters", "Entries that could not be read or projected", ["stream"],
            registry=self.registry,
        )  # fmt: skip
        self.unreadable = Counter(
            "ohmstead_cloud_unreadable_messages", "MQTT messages that are none of the contract", ["branch"],
            registry=self.registry,
        )  # fmt: skip
        self.ingest_lag_s = Gauge(
            "ohmstead_cloud_ingest_lag_seconds", "Site time between the newest committed entry and its commit",
            ["stream"], registry=self.registry,
        )  # fmt: skip
        self.edge_lag_s = Gauge(
            "ohmstead_cloud_edge_lag_seconds", "Age of the oldest entry that an edge has for the hub", ["edge"],
            registry=self.registry,
        )  # fmt: skip
        self.commit_s = Histogram("ohmstead_cloud_commit_seconds", "Time to commit one batch", registry=self.registry)
        self.database_retries = Counter(
            "ohmstead_cloud_database_retries", "Writes repeated because the database was away", registry=self.registry
        )
        self.broker_connected = Gauge(
            "ohmstead_cloud_broker_connected", "1 while connected to the MQTT broker", ["broker"],
            registry=self.registry,
        )  # fmt: skip
        self.request_s = Histogram(
            "ohmstead_cloud_request_seconds", "REST latency", ["method", "route", "status"], registry=self.registry
        )
        self.websocket_clients = Gauge(
            "ohmstead_cloud_websocket_clients", "Open /v1/stream connections", registry=self.registry
        )
        self.websocket_cut_off = Counter(
            "ohmstead_cloud_websocket_cut_off", "Stream clients cut off because they read too slowly",
            registry=self.registry,
        )  # fmt: skip
