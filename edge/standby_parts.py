"""The parts of a pair of boxes, from the settings."""

from __future__ import annotations

import contextlib
from functools import partial

from edge.agent import Agent
from edge.config import EdgeConfig
from edge.domain.disk_events import STANDBY_HAD_MORE, LedgerReplaced, StandbyLooked
from edge.ledger.ledger import Ledger
from edge.ports import Overloaded
from edge.standby.address import Address, Holder
from edge.standby.settings import PairSettings
from edge.standby.stream import Streamer
from edge.standby.wire import context
from edge.standby.witness import Witness
from edge.standby_config import StandbySettings
from protocols.errors import BadText


def pair_settings(config: EdgeConfig, chosen: StandbySettings) -> PairSettings:
    host, _, port = chosen.peer.rpartition(":")
    return PairSettings(
        edge_id=config.edge_id,
        folder=config.data_dir / "standby",
        host=chosen.host,
        port=chosen.port,
        other_host=host,
        other_port=int(port),
        certificate_file=chosen.certificate_file,
        key_file=chosen.key_file,
        other_certificate_file=chosen.peer_certificate_file,
        wait_s=chosen.wait_ms / 1000,
        dead_after_s=chosen.dead_after_s,
        copy_mb_per_s=chosen.copy_mb_per_s,
    )


def holder_of(config: EdgeConfig, chosen: StandbySettings) -> Holder:
    address = Address(
        host=str(chosen.address.ip),
        prefix_length=chosen.address.network.prefixlen,
        port=config.ocpp.port,
        interface=chosen.interface,
        up=chosen.address_up,
        down=chosen.address_down,
    )
    return Holder(address)


def witness_of(chosen: StandbySettings) -> Witness:
    host, _, port = chosen.witness.rpartition(":")
    return Witness(host=host, port=int(port)) if host else Witness(host=chosen.witness)


def pair_problems(config: EdgeConfig) -> list[str]:
    """What is wrong with the files that `[standby]` names, and what it cannot be beside."""
    chosen = config.standby
    if chosen is None:
        return []
    problems = []
    if config.peers:
        problems.append("[standby] and [[peers]] exclude each other: stations' homes are asked of one address")
    if config.ocpp.port == 0:
        problems.append("[standby] needs a fixed [ocpp] port: chargers look for the site there at both boxes")
    try:
        context(chosen.certificate_file, chosen.key_file, chosen.peer_certificate_file, is_server=True)
    except BadText as error:
        problems.append(str(error))
    return problems


def attach(streamer: Streamer, ledger: Ledger, agent: Agent) -> None:
    """From now on commits wait for the other box, and the staff hears when they do not."""
    streamer.attach(ledger.attach(streamer), ledger.with_writer, partial(_tell, agent), partial(_report, agent))


def _tell(agent: Agent, is_behind: bool, why: str) -> None:
    """The next change tells where the inbox is full; the metric and `standby status` show it all the time."""
    with contextlib.suppress(Overloaded):
        agent.put(StandbyLooked(is_behind=is_behind, why=why))


def _report(agent: Agent, text: str) -> None:
    with contextlib.suppress(Overloaded):
        agent.put(LedgerReplaced(alarm=STANDBY_HAD_MORE, text=text))
