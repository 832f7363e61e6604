"""The way to the hub, made from the settings."""

from __future__ import annotations

from functools import partial
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry

from edge.config import EdgeConfig
from edge.ledger.ledger import Ledger
from edge.ledger.sync_reading import sync_facts
from edge.ports import Clock, Inbox, Window
from edge.uplink.metrics import UplinkMetrics
from edge.uplink.progress import Progress
from edge.uplink.settings import BrokerSettings, TlsSettings, UplinkSettings
from edge.uplink.uplink import MqttUplink
from edge.uplink_config import BrokerSettings as Endpoint
from protocols.errors import BadText
from protocols.sync.topics import EdgeAddress


def uplink_of(
    config: EdgeConfig, ledger: Ledger, window: Window, inbox: Inbox, clock: Clock, registry: CollectorRegistry
) -> MqttUplink | None:
    """None where the settings name no broker."""
    if (chosen := config.uplink) is None:
        return None
    settings = UplinkSettings(
        brokers=tuple(_broker(each) for each in chosen.endpoints),
        keepalive_s=chosen.keepalive_s,
        reconnect_min_s=chosen.reconnect_min_s,
        reconnect_max_s=chosen.reconnect_max_s,
        failback_after_s=chosen.failback_after_s,
        probe_every_s=chosen.probe_every_s,
        ack_timeout_s=chosen.ack_timeout_s,
        silent_after_s=chosen.silent_after_s,
        lag_alarm_s=chosen.lag_alarm_min * 60.0,
        bytes_per_hour=chosen.bytes_per_hour,
        backlog_share=chosen.backlog_percent / 100,
    )
    address = EdgeAddress(config.domain, config.edge_id)
    metrics, zone = UplinkMetrics(registry), ZoneInfo(config.location.time_zone)
    facts = partial(ledger.look, sync_facts)
    progress = Progress(facts, clock, lambda at: at.astimezone(zone).date(), metrics)
    return MqttUplink(settings, address, ledger, window, inbox, metrics, progress)


def broker_problems(config: EdgeConfig) -> list[str]:
    """What is wrong with the files that the brokers' settings name."""
    problems = []
    for broker in map(_broker, config.uplink.endpoints if config.uplink is not None else ()):
        for look in (broker.read_password, broker.tls.context if broker.tls is not None else None):
            try:
                if look is not None:
                    look()
            except BadText as error:
                problems.append(f"uplink broker {broker.name}: {error}")
    return problems


def _broker(chosen: Endpoint) -> BrokerSettings:
    tls = TlsSettings(
        ca_file=chosen.ca_file,
        certificate_file=chosen.certificate_file,
        key_file=chosen.key_file,
        server_name=chosen.server_name,
    )
    return BrokerSettings(
        host=chosen.host,
        port=chosen.port,
        username=chosen.username,
        password_file=chosen.password_file,
        tls=tls if chosen.tls else None,
    )
