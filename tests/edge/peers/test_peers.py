"""Agents that ask each other over their real local sockets: whole agents but for the chargers' sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from deploy.demo.servers import free_port
from edge import agent as agent_module
from edge.agent import Agent
from edge.domain.decide import decide
from edge.domain.events import Elsewhere, Refused, SiteReply
from edge.domain.station import Home
from edge.ledger.ledger import Ledger
from edge.ledger.reader import LedgerReader
from edge.ledger.restore import restore
from edge.local.client import local_client
from edge.local.doorkeeper import Doorkeeper
from edge.local.requests import Desk
from edge.local.server import LocalServer
from edge.local.settings import LocalSettings
from edge.metrics import AgentMetrics
from edge.peers.link import PeerSettings
from edge.peers.peers import Peers
from edge.token_file import ensure_token, read_token
from protocols.charger.abilities import OCPP_16
from protocols.charger.commands import ChargerCommand, TransactionAnswer
from protocols.charger.events import StationConnected, StationDisconnected, TransactionBegan, TransactionFinished
from protocols.errors import BadText
from protocols.ocpi.cdr import Cdr
from protocols.site.requests import ClaimStations, GetStatus, StationClaim
from tests.edge.domain.site_kit import START, new_site
from tests.kit import wait_until


@dataclass
class Sockets:
    """The chargers' sockets that an agent was told to close."""

    closed: list[str] = field(default_factory=list)

    def send(self, command: ChargerCommand) -> None:
        raise NotImplementedError

    def status(self) -> dict[str, Any]:
        return {}

    def disconnect(self, station_id: str, reason: str) -> None:
        self.closed.append(station_id)

    async def call(self, station_id: str, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        raise NotImplementedError


class Member:
    """An agent of the node; `run` it until the block ends."""

    def __init__(self, folder: Path, name: str, ports: dict[str, int], hold_s: float) -> None:
        self.name, self.folder, self.port = name, folder / name, ports[name]
        self.others = {other: (port, folder / other / "local.token") for other, port in ports.items() if other != name}
        self.sockets = Sockets()
        self.hold_s = hold_s

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[Member]:
        token = ensure_token(self.folder / "local.token")
        with Ledger(self.folder / "ledger.sqlite", self.name) as ledger:
            rules = replace(new_site().rules, edge_id=self.name, peers=frozenset(self.others))
            site = restore(ledger, rules)
            site.tokens.site.update(new_site().tokens.site)
            registry = CollectorRegistry()
            read_back = partial(restore, ledger, rules)
            self.agent = Agent(
                site, ledger, lambda: START, AgentMetrics(registry), lambda: ledger.with_writer(read_back)
            )
            others = [
                PeerSettings(edge_id=other, url=f"ws://127.0.0.1:{port}/", token=lambda path=path: read_token(path))
                for other, (port, path) in self.others.items()
            ]
            self.peers = Peers(self.name, others, self.agent, ledger, hold_s=self.hold_s)
            self.peers.attach(self.sockets)
            settings = LocalSettings(port=self.port)
            desk = Desk(self.agent, self.sockets, self.agent, self.agent, lambda: START, ledger, self.peers)
            doorkeeper = Doorkeeper(self.folder / "staff.toml", self.agent)
            local = LocalServer(settings, token, self.agent, desk, registry, doorkeeper)
            self.agent.attach(chargers=self.sockets, screens=local, uplink=None)
            ready = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self.agent.run(ready))]
                await ready.wait()
                running += [tasks.create_task(local.run()), tasks.create_task(self.peers.run())]
                await wait_until(lambda: local.port)
                yield self
                for task in running:
                    task.cancel()

    async def tell(self, event: Any) -> SiteReply:
        """As a socket does it; returns with the reply."""
        heard: asyncio.Future[SiteReply] = asyncio.get_running_loop().create_future()
        self.peers.put(event, heard.set_result)
        return await heard

    async def connect(self, station_id: str = "A") -> None:
        await self.tell(StationConnected(station_id=station_id, abilities=OCPP_16))

    def began(self, meter_wh: int = 1000, evse: int = 1) -> TransactionBegan:
        return TransactionBegan(
            station_id="A",
            evse_id=evse,
            connector_id=1,
            charger_transaction_id=None,
            token_uid="GOOD",
            meter_start_wh=meter_wh,
            at=START,
        )

    async def start(self, meter_wh: int = 1000, evse: int = 1) -> str:
        reply = await self.tell(self.began(meter_wh, evse))
        assert isinstance(reply, TransactionAnswer)
        return reply.charger_transaction_id

    def stop(self, number: str, meter_wh: int = 1800) -> TransactionFinished:
        return TransactionFinished(
            station_id="A", charger_transaction_id=number, token_uid=None, meter_stop_wh=meter_wh, at=START
        )

    def is_at_home(self, station_id: str = "A") -> bool:
        return self.agent.site.home_of(station_id) is Home.HERE

    def bills(self) -> list[Cdr]:
        reader = LedgerReader(self.folder / "ledger.sqlite")
        return list(reader.cdrs(START - timedelta(days=1), START + timedelta(days=1)))

    @property
    def alarms(self) -> list[str]:
        return sorted(alarm.alarm for alarm in self.agent.site.alarms.values())


MakeMember = Callable[..., Member]


@pytest.fixture
def member(tmp_path: Path) -> MakeMember:
    """Makes an agent of a node of three, or of a node of those named."""
    ports: dict[str, int] = {}

    def make(name: str, node: str = "abc", hold_s: float = 5.0) -> Member:
        for each in node:
            ports.setdefault(each, free_port())
        return Member(tmp_path, name, {each: ports[each] for each in node}, hold_s)

    return make


async def test_a_transaction_moves_over_real_sockets_before_its_station_is_answered(member: MakeMember) -> None:
    async with member("a").run() as a, member("b").run() as b, member("c").run():
        await a.connect()
        number = await a.start()
        await wait_until(a.is_at_home)
        await b.connect()
        reply = await b.tell(b.stop(number))  # at once: it waits for what a has
        assert isinstance(reply, TransactionAnswer)
        assert reply.total_cost is not None
        assert a.sockets.closed == ["A"]
        assert b.alarms == []
        await wait_until(b.is_at_home)
        assert not a.is_at_home()


async def test_an_agent_that_is_down_holds_nobody_up_and_is_asked_until_it_answers(member: MakeMember) -> None:
    first = member("a", "ab")
    async with first.run() as a:
        await a.connect()
        number = await a.start()
    async with member("b", "ab", hold_s=60).run() as b:
        await b.connect()
        await b.tell(b.stop(number))
        await wait_until(lambda: b.alarms == ["peer_unreachable", "unknown_stop"])
        (status,) = b.peers.status()
        assert (status["reachable"], status["stations_waiting"]) == (False, 1)
        assert "cannot be reached" in status["problem"]
        async with member("a", "ab").run() as a:
            await wait_until(b.is_at_home, 15)
            assert b.alarms == []
            assert not a.agent.site.transactions
        assert [stop for stops in b.agent.site.stray_stops.values() for stop in stops] == []


async def test_an_agent_that_hangs_holds_a_message_up_no_longer_than_it_may(member: MakeMember) -> None:
    """Its kernel takes connections, and nobody says anything."""
    b = member("b", "ab", hold_s=0.2)
    port, token = b.others["a"]
    ensure_token(token)
    with socket.create_server(("127.0.0.1", port)):
        async with b.run():
            await b.connect()
            loop = asyncio.get_running_loop()
            begun_s = loop.time()
            assert await b.start()
            assert 0.15 < loop.time() - begun_s < 1.5
            assert not b.is_at_home()


async def test_who_is_known_to_be_down_is_not_waited_for(member: MakeMember) -> None:
    async with member("b", "ab", hold_s=60).run() as b:
        await b.connect()
        await wait_until(lambda: b.alarms == ["peer_unreachable"])
        await b.tell(StationDisconnected(station_id="A"))
        await b.connect()
        async with asyncio.timeout(2):
            assert await b.start()


async def test_what_an_agent_never_took_is_fetched_for_the_next(member: MakeMember) -> None:
    async with member("a").run() as a, member("b").run() as b, member("c").run() as c:
        await a.connect()
        number = await a.start()
        await wait_until(a.is_at_home)
        async with local_client("127.0.0.1", a.port, a.folder / "local.token") as client:
            # b is killed before it can keep the answer.
            answer = await client.ask(ClaimStations(id="1", by_edge_id="b", stations=(StationClaim(station_id="A"),)))
        assert [moved["to_edge_id"] for moved in answer.result["records"][0]["moved"]] == ["b"]
        assert not b.agent.site.transactions
        await c.connect()
        reply = await c.tell(c.stop(number))
        assert isinstance(reply, TransactionAnswer)
        assert reply.total_cost is not None
        await wait_until(c.is_at_home)
        assert not b.agent.site.transactions


async def test_many_stations_come_at_once_and_each_is_claimed_once(member: MakeMember) -> None:
    stations = [f"S{number:03}" for number in range(200)]
    async with member("a", "ab").run() as a, member("b", "ab").run() as b:
        for station in stations:
            await a.connect(station)
        await wait_until(lambda: all(a.is_at_home(station) for station in stations))
        for station in stations:
            b.peers.put(StationConnected(station_id=station, abilities=OCPP_16))
        await wait_until(lambda: all(b.is_at_home(station) for station in stations))
        assert sorted(a.sockets.closed) == stations
        assert not any(a.is_at_home(station) for station in stations)


async def test_a_station_that_was_elsewhere_while_its_agent_was_down_is_asked_about_when_it_comes_back(
    member: MakeMember,
) -> None:
    async with member("a", "ab").run() as a:
        await a.connect()
        number = await a.start()
    async with member("b", "ab").run() as b:
        await b.connect()
        await b.tell(b.stop(number))
        b.peers._links["a"].forget("A")  # b is slower than the station
        async with member("a", "ab").run() as a:
            await a.connect()
            await a.start(1800)
            assert [cdr.total_energy_wh for cdr in a.bills()] == [800]


async def test_a_token_that_is_not_accepted_is_said_so(member: MakeMember) -> None:
    async with member("a", "ab").run() as a:
        (a.folder / "local.token").unlink()
        ensure_token(a.folder / "local.token")  # another one than a knows
        async with member("b", "ab").run() as b:
            await wait_until(lambda: "401" in (b.peers.status()[0]["problem"] or ""))
            assert b.alarms == []  # nobody waits for it
            await b.connect()
            await wait_until(lambda: b.alarms == ["peer_unreachable"])
            async with local_client("127.0.0.1", b.port, b.folder / "local.token") as client:
                status = (await client.ask(GetStatus(id="1"))).result
            assert status["peers"][0]["reachable"] is False


async def test_an_agent_without_peers_hands_nothing_over(tmp_path: Path) -> None:
    from tests.edge.local.parts import TOKEN, local_site

    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    async with local_site() as site, local_client("127.0.0.1", site.server.port, token) as client:
        answer = await client.ask(ClaimStations(id="1", by_edge_id="b", stations=(StationClaim(station_id="A"),)))
    assert answer.problem is not None
    assert "[[peers]]" in answer.problem


def test_a_token_file_that_is_not_there_is_a_problem_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(BadText, match="no token file"):
        read_token(tmp_path / "none")


async def test_a_failed_decision_is_answered_and_only_what_is_said_elsewhere_is_not(
    member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A station that hears nothing of its request says nothing more."""

    def failing_decide(site: Any, event: Any, now: Any) -> Any:
        if isinstance(event, TransactionBegan) and event.evse_id == 2:
            raise RuntimeError("half done")
        return decide(site, event, now)

    monkeypatch.setattr(agent_module, "decide", failing_decide)
    async with member("a", "ab").run() as a, member("b", "ab").run() as b:
        await a.connect()
        async with asyncio.timeout(5):
            assert isinstance(await a.tell(a.began(evse=2)), Refused)
        await b.connect()
        await wait_until(lambda: a.sockets.closed == ["A"])
        replies: list[SiteReply] = []
        stop = a.stop("7")
        a.peers.put(stop, replies.append)
        assert isinstance(await a.agent.ask(stop), Elsewhere)
        assert replies == []
