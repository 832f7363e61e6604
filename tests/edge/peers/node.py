"""A node of agents without sockets: real decisions, real ledgers, and a station that goes from one to another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import structs

from edge.domain.decide import decide, wanted
from edge.domain.events import ClaimAnswered, NotAtHome, SiteEvent, SiteReply, StationsClaimed
from edge.domain.site import Site
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.peers.claim import Claim
from edge.peers.peers import _for
from edge.ports import Commit, StationRecord
from protocols.charger.abilities import OCPP_16, OCPP_201
from protocols.charger.commands import TransactionAnswer
from protocols.charger.events import (
    Sample,
    StationConnected,
    StationDisconnected,
    TransactionBegan,
    TransactionContinued,
    TransactionFinished,
)
from protocols.ocpi.cdr import Cdr
from protocols.terms import Measurand
from tests.edge.domain.site_kit import START, new_site

NAMES = ("a", "b", "c")


@dataclass
class NodeAgent:
    """One agent: what it is told is decided and committed at once, as a group of one."""

    name: str
    ledger: Ledger
    site: Site = field(init=False)
    claim: Claim | None = None
    is_up: bool = True

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """What was not committed is gone."""
        rules = replace(new_site().rules, edge_id=self.name, peers=frozenset(NAMES) - {self.name})
        self.site = restore(self.ledger, rules)
        self.site.tokens.site.update(new_site().tokens.site)
        self.claim = None

    def tell(self, event: SiteEvent, now: datetime) -> SiteReply:
        if keys := wanted(self.site, event):
            for past in asyncio.run(self.ledger.recall(keys)):
                self.site.remember(past)
        decision = decide(self.site, event, now)
        commit = Commit(
            entries=decision.entries,
            checkpoints=list(decision.checkpoints.values()),
            last_charger_number=self.site.last_charger_number,
        )
        if not commit.is_empty:
            asyncio.run(self.ledger.commit(commit))
        return decision.reply

    def record(self, station_id: str) -> StationRecord:
        (record,) = asyncio.run(self.ledger.records_of((station_id,)))
        return record

    def bills(self) -> list[Cdr]:
        from edge.ledger.reader import LedgerReader

        reader = LedgerReader(self.ledger.path)
        return list(reader.cdrs(START - timedelta(days=1), START + timedelta(days=999)))


@dataclass
class Session:
    """What the station knows of a transaction; `told` counts how far it has got its word through."""

    number: int
    evse: int
    start_wh: int
    began: TransactionBegan
    id_: str | None
    ended: TransactionFinished | None = None
    is_start_answered: bool = False
    is_done: bool = False


@dataclass
class Node:
    agents: dict[str, NodeAgent]
    station_id: str = "A"
    now: datetime = START
    at: str | None = None
    sessions: list[Session] = field(default_factory=list)
    meters: dict[int, int] = field(default_factory=lambda: {1: 1000, 2: 2000})

    # --- the station ---

    def connect(self, name: str) -> None:
        self.drop()
        agent = self.agents[name]
        if not agent.is_up:
            return
        self.at = name
        abilities = OCPP_16 if self.station_id == "A" else OCPP_201
        reply = agent.tell(StationConnected(station_id=self.station_id, abilities=abilities), self.now)
        agent.claim = None
        if isinstance(reply, NotAtHome):
            others = set(self.agents) - {name}
            agent.claim = Claim(
                station_id=self.station_id, number=reply.claim, waiting=others, heard=_nobody, gave_up=_nobody
            )
            own = replace(agent.record(self.station_id), ended=(), stops=())
            agent.claim.learn(name, name, own, 0, is_settled=True)

    def drop(self) -> None:
        if self.at is not None:
            self.agents[self.at].tell(StationDisconnected(station_id=self.station_id), self.now)
            self.at = None

    def plug(self, evse: int) -> None:
        if any(s.evse == evse and s.ended is None for s in self.sessions) or len(self.sessions) > 8:
            return
        if self.station_id == "B" and evse != 1:
            return
        number = len(self.sessions) + 1
        given = f"T{number}" if self.station_id == "B" else None
        began = TransactionBegan(
            station_id=self.station_id,
            evse_id=evse,
            connector_id=1,
            charger_transaction_id=given,
            token_uid="GOOD" if evse == 1 else "OTHER",
            meter_start_wh=self.meters[evse],
            at=self.now,
        )
        self.sessions.append(Session(number, evse, self.meters[evse], began, given))

    def unplug(self, evse: int) -> None:
        for session in self.sessions:
            if session.evse == evse and session.ended is None:
                session.ended = TransactionFinished(
                    station_id=self.station_id,
                    charger_transaction_id="",
                    token_uid=None,
                    meter_stop_wh=self.meters[evse],
                    at=self.now,
                )

    def charge(self, energy_wh: int) -> None:
        for session in self.sessions:
            if session.ended is None:
                self.meters[session.evse] += energy_wh

    def speak(self, *, is_heard: bool = True) -> None:
        """The station says the first thing it has no answer to; where `is_heard` is not, the answer is lost."""
        if self.at is None:
            return
        agent = self.agents[self.at]
        for session in self.sessions:
            if not session.is_start_answered:
                reply = agent.tell(session.began, self.now)
                if isinstance(reply, TransactionAnswer) and is_heard:
                    session.id_, session.is_start_answered = reply.charger_transaction_id, True
                return
            if session.ended is not None and not session.is_done:
                assert session.id_ is not None
                reply = agent.tell(structs.replace(session.ended, charger_transaction_id=session.id_), self.now)
                session.is_done = is_heard and isinstance(reply, TransactionAnswer)
                return
            if session.ended is None and self.station_id == "B":
                register = Sample(measurand=Measurand.ENERGY_REGISTER, value=self.meters[1], at=self.now)
                agent.tell(
                    TransactionContinued(
                        station_id="B",
                        charger_transaction_id=session.id_ or "",
                        evse_id=1,
                        token_uid=None,
                        at=self.now,
                        samples=(register,),
                    ),
                    self.now,
                )

    # --- the agents among each other ---

    def ask(self, name: str, other: str, *, is_committed: bool = True) -> None:
        """One agent asks another, where it still waits for that one; not committed, it is killed before it keeps it."""
        agent, asked = self.agents[name], self.agents[other]
        claim = agent.claim
        if claim is None or other not in claim.waiting or not asked.is_up:
            return
        is_settled = True
        record = asked.record(self.station_id)
        known = {moved.transaction_id: moved.moves for moved in record.moved}
        for referral in claim.unexplained().get(other, ()):
            if known.get(referral.transaction_id, 0) < referral.moves:
                is_settled &= self._fetch(asked, self.agents[referral.from_edge_id])
        record, number = self._claimed(asked, name)
        if not is_committed:
            agent.restart()
            if self.at == name:
                self.at = None
            return
        claim.learn(name, other, record, number, is_settled=is_settled)
        for named in claim.unexplained():
            claim.waiting.add(named)
        reply_to = _answer(claim, name, record)
        agent.tell(reply_to, self.now)
        if reply_to.is_complete and agent.claim is claim:
            agent.claim = None

    def _claimed(self, asked: NodeAgent, by: str) -> tuple[StationRecord, int]:
        asked.tell(StationsClaimed(station_ids=(self.station_id,), by_edge_id=by), self.now)
        asked.claim = None
        if self.at == asked.name:
            self.drop()
        return _for(by, asked.record(self.station_id)), asked.ledger.last_charger_number

    def _fetch(self, agent: NodeAgent, source: NodeAgent) -> bool:
        if not source.is_up:
            return False
        record, number = _for(agent.name, source.record(self.station_id)), 0
        claim = Claim(
            station_id=self.station_id, number=0, waiting={source.name}, heard=_nobody, gave_up=_nobody,
            last_charger_number=number,
        )  # fmt: skip
        agent.tell(_answer(claim, agent.name, record), self.now)
        return True

    def crash(self, name: str) -> None:
        self.agents[name].restart()
        if self.at == name:
            self.at = None

    def settle(self, name: str) -> None:
        """All are up; the station stays with one agent until everything is said and everything explained."""
        for agent in self.agents.values():
            agent.is_up = True
        for evse in self.meters:
            self.unplug(evse)
        for _ in range(4):
            self.connect(name)
            for _ in range(6):
                for other in self.agents:
                    if other != name:
                        self.ask(name, other)
            for _ in range(20):
                self.speak()
            if self.at is not None and self.agents[name].claim is None:
                break


def _answer(claim: Claim, name: str, record: StationRecord) -> ClaimAnswered:
    given = (moved.transaction for moved in record.moved if moved.to_edge_id == name)
    return ClaimAnswered(
        station_id=claim.station_id,
        claim=claim.number,
        is_complete=not claim.waiting,
        last_charger_number=claim.last_charger_number,
        given=tuple(transaction for transaction in given if transaction is not None),
        ended=record.ended,
        stops=record.stops,
    )


def _nobody(*_: object) -> None:
    raise AssertionError("the links are played by the test")


@contextmanager
def a_node(folder: Path, names: Sequence[str] = NAMES, station_id: str = "A") -> Iterator[Node]:
    with ExitStack() as stack:
        agents = {}
        for name in names:
            ledger = stack.enter_context(Ledger(folder / f"{name}.sqlite", name))
            ledger.connection.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug here
            agents[name] = NodeAgent(name, ledger)
        yield Node(agents, station_id)
