"""The composition root: builds the agent and its adapters from the settings, and runs them together."""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.chargers.charger_metrics import ChargerMetrics
from edge.chargers.fleet import Fleet
from edge.chargers.frame_log import FrameLog, FrameLogSettings
from edge.chargers.frame_masking import Masker
from edge.chargers.frame_segments import FOLDER as FRAMES_FOLDER
from edge.chargers.habits import UNKNOWN_MODEL, Habits, Model
from edge.chargers.hardware import Hardware
from edge.chargers.ocpp_server import OcppServer, OcppServerSettings
from edge.chargers.password_change import PasswordChange
from edge.chargers.profile_change import ProfileChange
from edge.code_parts import presented_codes
from edge.config import EdgeConfig
from edge.disk_parts import ballast_of, ready_ledger, shedder, summer_of, tell_found
from edge.files_parts import file_server, offers_of
from edge.ledger.account_totals import Totaller
from edge.ledger.ledger import Ledger
from edge.ledger.ledger_metrics import LedgerMetrics
from edge.ledger.packing import Packer
from edge.ledger.restore import restore
from edge.ledger.sealing import Sealer
from edge.ledger.soundness import suspecting
from edge.ledger.staff_tables import wrong_pins
from edge.ledger.trim import Retention, Trimmer
from edge.local.doorkeeper import Doorkeeper
from edge.local.requests import Desk
from edge.local.server import LocalServer
from edge.local.settings import LocalSettings
from edge.metrics import AgentMetrics
from edge.modbus_parts import polled_stations
from edge.payment_parts import Errands, collecting, payment_desk
from edge.peers.link import PeerSettings
from edge.peers.peers import Peers
from edge.places import ledger_path, listening_path, staff_path, timeline_of, token_path
from edge.ports import Clock, Inbox
from edge.receipt_parts import receipt_desk
from edge.security_parts import security_parts
from edge.site_rules import rules_of
from edge.standby.stream import Streamer
from edge.standby_parts import attach as attach_standby
from edge.supervise import run_together
from edge.system_clock import machine_clock
from edge.token_file import ensure_token, read_token
from edge.uplink_parts import uplink_of
from protocols.charger import operation_reader
from protocols.ocpp.vocabulary import words
from protocols.site.requests import REQUEST

log = structlog.get_logger("edge")

COLLECT_AFTER: Final = (20_000, 20, 20)
"""For gc.set_threshold. Python's own 700 looks through every group of messages several times over (a tenth of the CPU)
and, with 10,000 stations connected, through all of their state every few seconds, a second long each time. Nearly
everything here ends by its reference count; what does not, a closed connection, can wait some minutes."""
BEGUN_AGAIN: Final = (
    "payments",
    "staff",
    "modbus",
    "files",
    "frames",
    "relay",
    "notary",
    "trim",
    "disk",
    "soundness",
    "seal",
    "sums",
    "packing",
    "accounts",
    "statements",
    "peers",
    "uplink",
)
"""What the site can do without for a while."""


async def run_agent(
    config: EdgeConfig, clock: Clock, registry: CollectorRegistry | None = None, streamer: Streamer | None = None
) -> None:
    """Run until SIGTERM or SIGINT; with a streamer as one of two boxes.

    Raises LedgerError, BadText or OSError when it cannot start, StandDown when the other box is to serve.
    """
    registry = registry or CollectorRegistry()
    token = ensure_token(token_path(config))
    ballast, ledger_metrics = ballast_of(config), LedgerMetrics(registry)
    found = await ready_ledger(config, ballast, clock)
    with (
        suspecting(ledger_path(config)),
        Ledger(ledger_path(config), config.edge_id, ledger_metrics, ballast) as ledger,
    ):
        ledger.forget_commands(clock())
        ledger.forget_jobs(clock())
        rules = replace(rules_of(config), offers=offers_of(config))
        read_back = partial(restore, ledger, rules)
        watch = machine_clock(speed=timeline_of(config).speed, is_played=config.timeline is not None)
        agent = Agent(read_back(), ledger, clock, AgentMetrics(registry), lambda: ledger.with_writer(read_back), watch)
        charger_metrics = ChargerMetrics(registry)
        peers = _peers(config, agent, ledger)
        inbox: Inbox = agent if peers is None else peers
        fleet = Fleet(inbox, charger_metrics)
        security = security_parts(config, ledger, inbox, clock, fleet)
        passwords = PasswordChange(security.credentials, agent, agent, clock, fleet.version_of)
        frame_log = _frame_log(config, clock, charger_metrics)
        habits = _habits(config, inbox, charger_metrics, agent)
        server = OcppServer(
            _ocpp_settings(config),
            inbox,
            clock,
            fleet,
            security.credentials,
            charger_metrics,
            habits,
            frame_log,
            security.relay,
            security.revoked,
        )
        local_settings = LocalSettings(host=config.local.host, port=config.local.port)
        # The other agents of a node would not know it and turn the station away, or let it in.
        changes = fleet.passwords = passwords if peers is None else None
        profiles = fleet.profiles = ProfileChange(security.credentials, agent) if peers is None else None
        polled = polled_stations(config, inbox, clock, registry, agent.is_well)
        chargers = fleet if polled is None else Hardware(fleet, polled)
        payments = collecting(config, agent, ledger, clock)
        till = payment_desk(ledger, agent, payments)
        receipts = receipt_desk(config, ledger, agent, agent.believed_time)
        codes = presented_codes(config)
        uplink = uplink_of(config, ledger, agent, agent, clock, registry)
        sync = uplink.sync_status if uplink is not None else None
        pair = streamer.status if streamer is not None else None
        summer = summer_of(config, ledger, inbox, clock)
        desk = Desk(
            agent,
            chargers,
            agent,
            agent,
            clock,
            ledger,
            peers,
            changes,
            profiles,
            till,
            receipts,
            codes,
            sync,
            pair,
            summer.tell_now,
        )
        remembered = wrong_pins(ledger.connection, clock())
        doorkeeper = Doorkeeper(staff_path(config), agent, remembered=remembered)
        local = LocalServer(local_settings, token, agent, desk, registry, doorkeeper)
        agent.attach(chargers=chargers, screens=local, uplink=uplink, errands=Errands(security.notary, payments))
        ports = _Ports(listening_path(config), 2 if config.files is None else 3)
        ready = asyncio.Event()
        parts: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "agent": lambda: agent.run(ready),
            "ocpp": lambda: _after(ready, lambda: server.serve(lambda port: ports.note("ocpp", port))),
            "local": lambda: _after(ready, lambda: local.run(lambda: ports.note("local", local.port))),
            "staff": lambda: _after(ready, doorkeeper.run),
            "seal": lambda: _after(ready, Sealer(ledger, inbox, clock).run),
            "sums": lambda: _after(ready, summer.run),
            "packing": lambda: _after(ready, Packer(ledger, inbox, clock).run),
            "disk": lambda: _after(ready, shedder(config, agent, ledger, ballast, ledger_metrics).run),
            "trim": lambda: _after(ready, Trimmer(ledger, agent.believed_time, _retention(config)).run),
            "accounts": lambda: _after(ready, Totaller(ledger).run),
            "statements": lambda: _after(ready, receipts.run),
        }
        parts |= {
            "relay": security.relay.run,
            "notary": lambda: _after(ready, security.notary.run),
        }
        if (checker := tell_found(found, agent, ledger)) is not None:
            parts["soundness"] = lambda: _after(ready, checker.run)
        if streamer is not None:
            attach_standby(streamer, ledger, agent)
            parts["standby"] = streamer.run
        if payments is not None:
            parts["payments"] = lambda: _after(ready, payments.run)
        if polled is not None:
            parts["modbus"] = lambda: _after(ready, polled.run)
        if frame_log is not None:
            parts["frames"] = frame_log.run
        if peers is not None:
            peers.attach(fleet)
            parts["peers"] = lambda: _after(ready, peers.run)
        files = file_server(config, agent, clock, registry)
        if files is not None:
            parts["files"] = lambda: _after(ready, lambda: files.run(lambda port: ports.note("files", port)))
        if uplink is not None:
            parts["uplink"] = lambda: _after(ready, uplink.run)
        _build_readers()
        _log_start(config, agent)
        # The stations' settings, more than half of what a silent station takes, are read and not needed again.
        config = config.model_copy(update={"stations": ()})
        gc.freeze()  # what start-up made stays; the collector need not look at it again
        gc.set_threshold(*COLLECT_AFTER)
        try:
            await run_together(parts, BEGUN_AGAIN)
        finally:
            ports.forget()
    log.info("stopped")


class _Ports:
    """Notes where the agent listens, whole or not at all."""

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._count = count
        self._ports: dict[str, int] = {}

    def note(self, name: str, port: int) -> None:
        self._ports[name] = port
        if len(self._ports) == self._count:
            unfinished = self._path.with_suffix(".new")
            unfinished.write_text(json.dumps(self._ports), encoding="utf-8")
            unfinished.replace(self._path)

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)


def _build_readers() -> None:
    """Commands that ask one thing build none of these; an agent has them before the first question."""
    REQUEST.rebuild()
    operation_reader.build()


async def _after(ready: asyncio.Event, part: Callable[[], Awaitable[None]]) -> None:
    """Nobody is let in before the agent has its state back."""
    await ready.wait()
    await part()


def _log_start(config: EdgeConfig, agent: Agent) -> None:
    log.info(
        "starting",
        edge_id=config.edge_id,
        epoch=agent.site.epoch,
        stations=len(agent.site.stations),
        open_transactions=len(agent.site.transactions),
        tokens=len(agent.site.tokens),
        uplink=[f"{each.host}:{each.port}" for each in config.uplink.endpoints] if config.uplink else None,
        timeline=config.timeline,
    )


def _ocpp_settings(config: EdgeConfig) -> OcppServerSettings:
    return OcppServerSettings(
        host=config.ocpp.host,
        port=config.ocpp.port,
        allow_unknown=config.ocpp.allow_unknown,
        ping_interval_s=config.ocpp.ping_interval_s,
        ping_timeout_s=config.ocpp.ping_timeout_s,
        silence_limit_s=config.ocpp.silence_limit_s,
        trusted_proxies=config.ocpp.trusted_proxies,
        is_proxy_tls_believed=config.ocpp.proxy_tls,
        default_versions={each.id: each.default_version for each in config.stations if each.default_version},
        polled=frozenset(device.id for device in config.modbus),
    )


def _habits(config: EdgeConfig, inbox: Inbox, metrics: ChargerMetrics, agent: Agent) -> Habits:
    def model_of(station_id: str) -> Model:
        station = agent.site.stations.get(station_id)
        return Model(station.vendor, station.model, station.firmware_version) if station is not None else UNKNOWN_MODEL

    pings = {each.id: each.pings for each in config.stations if each.pings is not None}
    masker = Masker(words, secrets.token_bytes(16))
    masker.learn()
    return Habits(inbox, metrics, masker.mask, model_of, pings)


def _retention(config: EdgeConfig) -> Retention:
    return Retention(
        journal=timedelta(days=config.ledger.keep_journal_days),
        past_transactions=timedelta(days=config.ledger.keep_transactions_days),
        waits_for_ack=config.uplink is not None,
    )


def _frame_log(config: EdgeConfig, clock: Clock, metrics: ChargerMetrics) -> FrameLog | None:
    chosen = config.frame_log
    if not chosen.enabled:
        return None
    settings = FrameLogSettings(
        folder=config.data_dir / FRAMES_FOLDER,
        max_bytes=chosen.max_mb * 1_000_000,
        keep=timedelta(days=chosen.keep_days),
        max_frames_per_s=chosen.max_frames_per_s,
        stations=chosen.stations,
    )
    return FrameLog(settings, clock, words, metrics, timeline_of(config).speed)


def _peers(config: EdgeConfig, agent: Agent, ledger: Ledger) -> Peers | None:
    if not config.peers:
        return None
    peers = [
        PeerSettings(edge_id=peer.edge_id, url=peer.url, token=partial(read_token, peer.token_file))
        for peer in config.peers
    ]
    return Peers(config.edge_id, peers, agent, ledger)
