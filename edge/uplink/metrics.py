"""What the uplink counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class UplinkMetrics:
    """One set per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connected = Gauge("ohmstead_edge_uplink_connected", "1 while a broker session stands", registry=registry)
        self.online = Gauge("ohmstead_edge_uplink_online", "1 while the hub is known to be there", registry=registry)
        self.connects = Counter("ohmstead_edge_uplink_connects", "Broker sessions begun", registry=registry)
        self.broker = Gauge(
            "ohmstead_edge_uplink_broker", "Number of the broker last connected to; 0 is the primary", registry=registry
        )
        self.switches = Counter(
            "ohmstead_edge_uplink_broker_switches", "Times that another broker was chosen", ["reason"],
            registry=registry,
        )  # fmt: skip
        self.batches = Counter(
            "ohmstead_edge_uplink_batches",
            "Batches handed to the broker, repeats included",
            ["stream"],
            registry=registry,
        )
        self.sent_bytes = Counter(
            "ohmstead_edge_uplink_sent_bytes", "Bytes of batches, as compressed", ["stream"], registry=registry
        )
        self.deferred = Counter(
            "ohmstead_edge_uplink_deferred", "Times that a stream or live values had to wait for the line's allowance",
            ["stream"], registry=registry,
        )  # fmt: skip
        self.allowance = Gauge(
            "ohmstead_edge_uplink_allowance_bytes", "What may be sent now on a metered line; below 0: on credit",
            registry=registry,
        )  # fmt: skip
        self.acked_seq = Gauge(
            "ohmstead_edge_uplink_acked_seq",
            "The last entry that the hub has acknowledged",
            ["stream"],
            registry=registry,
        )
        self.backlog = Gauge(
            "ohmstead_edge_uplink_backlog", "Entries that the hub has not acknowledged", ["stream"], registry=registry
        )
        self.lag_s = Gauge(
            "ohmstead_edge_uplink_lag_seconds", "Site time since the oldest entry that the hub has not acknowledged",
            ["stream"], registry=registry,
        )  # fmt: skip
        self.resends = Counter(
            "ohmstead_edge_uplink_resends",
            "Times that a stream went back to its last Ack",
            ["stream"],
            registry=registry,
        )
        self.refused = Counter(
            "ohmstead_edge_uplink_refused_messages",
            "Messages from the hub that were not used",
            ["branch", "reason"],
            registry=registry,
        )
        self.faults = Counter(
            "ohmstead_edge_uplink_faults", "Sessions that ended by a fault of our own", registry=registry
        )
        self.live = Counter("ohmstead_edge_uplink_live_messages", "Messages with live values", registry=registry)
