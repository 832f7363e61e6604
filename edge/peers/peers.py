"""Stands between the chargers and the site of an agent that is not alone on its node.

A station that connects and is not at home is claimed from the other agents. What it says of transactions waits until
they were asked, at most `HOLD_S`; everything else goes on. An agent that is down is asked again until it answers: the
station is served meanwhile. And the other way round: what others claim is handed over, and its socket closed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import structlog

from edge.domain.events import ClaimAnswered, Elsewhere, NotAtHome, PeerChanged, SiteEvent, SiteReply, StationsClaimed
from edge.peers.claim import MAX_HELD, Claim
from edge.peers.link import ANSWER, GROUP_SIZE, LONGEST_PAUSE_S, ClaimAnswer, PeerFailed, PeerLink, PeerSettings
from edge.ports import Chargers, Inbox, MovedTransaction, OnReply, Overloaded, StationRecord, StationRecords
from protocols.charger.events import StationConnected, TransactionBegan, TransactionContinued, TransactionFinished
from protocols.site.requests import ClaimStations, StationClaim

HOLD_S: Final = 2.0
RETRY_S: Final = 0.25
"""How long to wait before telling an overloaded site again, or asking an agent that must first ask another."""
FETCH_S: Final = 4.0


class Peers:
    """Implements the ports Inbox, for the chargers, and Claims. `attach` gives it the chargers before `run`."""

    def __init__(
        self,
        own_edge_id: str,
        peers: Iterable[PeerSettings],
        inbox: Inbox,
        records: StationRecords,
        *,
        hold_s: float = HOLD_S,
    ) -> None:
        self._own_edge_id = own_edge_id
        self._inbox = inbox
        self._records = records
        self._hold_s = hold_s
        self._links = {
            peer.edge_id: PeerLink(peer, own_edge_id, partial(self._peer_changed, peer.edge_id)) for peer in peers
        }
        self._claims: dict[str, Claim] = {}
        self._unread: deque[Claim] = deque()
        """The claims for which our own ledger was not looked into yet; one for each connection at the most."""
        self._has_unread = asyncio.Event()
        self._untold: deque[tuple[Claim, ClaimAnswered]] = deque()
        """No more than answers to claims; it is empty but for the moments when the inbox is full."""
        self._told_reachable: dict[str, bool] = {}
        self._chargers: Chargers | None = None
        self._log: Any = structlog.get_logger("edge.peers")

    def attach(self, chargers: Chargers) -> None:
        self._chargers = chargers

    async def run(self) -> None:
        """Ask the others, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_back(), name="peer-own-record")
            for link in self._links.values():
                tasks.create_task(link.run(), name=f"peer-{link.edge_id}")

    # --- port Inbox, for the chargers ---

    def put(self, event: SiteEvent, on_reply: OnReply | None = None, is_moot: Callable[[], bool] | None = None) -> None:
        """See edge.ports.Inbox."""
        match event:
            case StationConnected(station_id=station_id):
                self._inbox.put(event, partial(self._connected, station_id, on_reply))
            case TransactionBegan() | TransactionContinued() | TransactionFinished():
                claim = self._claims.get(event.station_id)
                if claim is None or claim.is_tried:
                    self._inbox.put(event, partial(_tell_unless_elsewhere, on_reply))
                elif len(claim.held) < MAX_HELD:
                    claim.held.append((event, on_reply))
                else:
                    raise Overloaded
            case _:
                self._inbox.put(event, on_reply, is_moot)

    async def ask(self, event: SiteEvent) -> SiteReply:
        """See edge.ports.Inbox."""
        return await self._inbox.ask(event)

    # --- a station that came ---

    def _connected(self, station_id: str, on_reply: OnReply | None, reply: SiteReply) -> None:
        if isinstance(reply, NotAtHome):
            self._claim(station_id, reply.claim)
        if on_reply is not None:
            on_reply(reply)

    def _claim(self, station_id: str, number: int) -> None:
        before = self._claims.get(station_id)
        claim = Claim(
            station_id=station_id,
            number=number,
            waiting={*self._links, self._own_edge_id},
            heard=self._heard,
            gave_up=self._gave_up,
            down={edge_id for edge_id, link in self._links.items() if link.is_down},
            held=before.held if before is not None else [],
        )
        self._claims[station_id] = claim
        self._unread.append(claim)
        self._has_unread.set()
        for link in self._links.values():
            link.want(StationClaim(station_id=station_id), claim)
        asyncio.get_running_loop().call_later(self._hold_s, self._release, claim)

    async def _look_back(self) -> None:
        """What this agent itself gave away of the stations: who was given it may have been killed before it took it."""
        while True:
            await self._has_unread.wait()
            self._has_unread.clear()
            while self._unread:
                claims = [self._unread.popleft() for _ in range(min(len(self._unread), GROUP_SIZE))]
                records = await self._records.records_of([claim.station_id for claim in claims])
                for claim, record in zip(claims, records, strict=True):
                    own = StationRecord(station_id=record.station_id, moved=record.moved, ended=(), stops=())
                    self._heard(claim, self._own_edge_id, own, 0, True)

    def _heard(self, claim: Claim, edge_id: str, record: StationRecord, number: int, is_settled: bool) -> None:
        claim.learn(self._own_edge_id, edge_id, record, number, is_settled=is_settled)
        if not is_settled:
            self._ask_again(claim, edge_id)
        for other in claim.unexplained():
            if other not in self._links:
                self._log.warning("peer_unknown", edge_id=other, station_id=claim.station_id, named_by=edge_id)
            elif other not in claim.waiting:
                claim.waiting.add(other)
                self._ask_again(claim, other)
        self._tell(claim, self._answer_of(claim, record))

    def _ask_again(self, claim: Claim, edge_id: str) -> None:
        """Until it has explained what others say of it."""

        def want() -> None:
            if self._claims.get(claim.station_id) is claim:
                referrals = claim.unexplained().get(edge_id, ())
                self._links[edge_id].want(StationClaim(station_id=claim.station_id, referrals=referrals), claim)

        pause_s = min(LONGEST_PAUSE_S, RETRY_S * (2**claim.times_asked_again - 1))  # none at first
        claim.times_asked_again = min(claim.times_asked_again + 1, 10)
        asyncio.get_running_loop().call_later(pause_s, want)

    def _gave_up(self, claim: Claim, edge_id: str) -> None:
        claim.down.add(edge_id)
        self._release_if_asked(claim)

    def _answer_of(self, claim: Claim, record: StationRecord) -> ClaimAnswered:
        given = (moved.transaction for moved in record.moved if moved.to_edge_id == self._own_edge_id)
        return ClaimAnswered(
            station_id=claim.station_id,
            claim=claim.number,
            is_complete=not claim.waiting,
            last_charger_number=claim.last_charger_number,
            given=tuple(transaction for transaction in given if transaction is not None),
            ended=record.ended,
            stops=record.stops,
        )

    def _tell(self, claim: Claim, event: ClaimAnswered) -> None:
        if not (event.is_complete or event.given or event.ended or event.stops):
            self._release_if_asked(claim)
            return
        self._untold.append((claim, event))
        if len(self._untold) == 1:
            self._tell_all()

    def _tell_all(self) -> None:
        """In order: what is complete must not be told before all that makes it so."""
        while self._untold:
            claim, event = self._untold[0]
            try:
                self._inbox.put(event, partial(self._told, claim, event))
            except Overloaded:
                asyncio.get_running_loop().call_later(RETRY_S, self._tell_all)
                return
            self._untold.popleft()

    def _told(self, claim: Claim, event: ClaimAnswered, _reply: SiteReply) -> None:
        if event.is_complete and self._claims.get(claim.station_id) is claim:
            del self._claims[claim.station_id]
        self._release_if_asked(claim)

    def _release_if_asked(self, claim: Claim) -> None:
        if claim.waiting <= claim.down:
            self._release(claim)

    def _release(self, claim: Claim) -> None:
        """The others were asked, or have had their time."""
        if self._claims.get(claim.station_id, claim) is not claim:
            return  # the claim that took its place has what it held
        claim.is_tried = True
        held, claim.held = claim.held, []
        for event, on_reply in held:
            self._put_held(event, on_reply)

    def _put_held(self, event: SiteEvent, on_reply: OnReply | None) -> None:
        try:
            self._inbox.put(event, partial(_tell_unless_elsewhere, on_reply))
        except Overloaded:
            asyncio.get_running_loop().call_later(RETRY_S, self._put_held, event, on_reply)

    def _peer_changed(self, edge_id: str, is_reachable: bool) -> None:
        if self._told_reachable.get(edge_id) is not is_reachable:
            try:
                self._inbox.put(PeerChanged(edge_id=edge_id, is_reachable=is_reachable))
            except Overloaded:
                return  # the next attempt tells it
            self._told_reachable[edge_id] = is_reachable

    # --- port Claims: stations that went ---

    async def answer(self, request: ClaimStations) -> Any:
        """See edge.ports.Claims."""
        station_ids = tuple(claim.station_id for claim in request.stations)
        unsettled: list[str] = []
        if not request.is_repeat:
            unsettled += [claim.station_id for claim in request.stations if not await self._settle(claim)]
            await self._inbox.ask(StationsClaimed(station_ids=station_ids, by_edge_id=request.by_edge_id))
            for station_id in station_ids:
                self._let_go(station_id)
        records = await self._records.records_of(station_ids)
        answer = ClaimAnswer(
            last_charger_number=self._records.last_charger_number,
            records=tuple(_for(request.by_edge_id, record) for record in records),
            unsettled=tuple(unsettled),
        )
        return ANSWER.dump_python(answer, mode="json")

    def status(self) -> list[dict[str, Any]]:
        return [link.status() for link in self._links.values()]

    def _let_go(self, station_id: str) -> None:
        """The other agent asks the rest itself. What its station still says here is not answered: it says it there."""
        claim = self._claims.pop(station_id, None)
        if claim is not None:
            for link in self._links.values():
                link.forget(station_id)
            self._release(claim)
        if self._chargers is not None:
            self._chargers.disconnect(station_id, "another agent of this node has the station")

    async def _settle(self, claim: StationClaim) -> bool:
        """Get what others handed to this agent and it never took: it was killed before it could."""
        if not claim.referrals:
            return True
        (record,) = await self._records.records_of((claim.station_id,))
        known = {moved.transaction_id: moved.moves for moved in record.moved}
        missing = {each.from_edge_id for each in claim.referrals if known.get(each.transaction_id, 0) < each.moves}
        try:
            for edge_id in missing:
                await self._fetch(edge_id, claim.station_id)
        except (PeerFailed, TimeoutError) as error:
            self._log.warning("referral_unsettled", station_id=claim.station_id, problem=str(error))
            return False
        return True

    async def _fetch(self, edge_id: str, station_id: str) -> None:
        link = self._links.get(edge_id)
        if link is None:
            raise PeerFailed(f"{edge_id} is not among the [[peers]]")
        async with asyncio.timeout(FETCH_S):
            record, number = await link.fetch(station_id)
        claim = Claim(
            station_id=station_id, number=0, waiting={edge_id}, heard=self._heard, gave_up=self._gave_up,
            last_charger_number=number,
        )  # fmt: skip
        await self._inbox.ask(self._answer_of(claim, record))


def _for(edge_id: str, record: StationRecord) -> StationRecord:
    """Each agent is given its own only; of the others' it hears who has them."""
    return StationRecord(
        station_id=record.station_id,
        moved=tuple(
            MovedTransaction(
                transaction_id=moved.transaction_id,
                moves=moved.moves,
                to_edge_id=moved.to_edge_id,
                transaction=moved.transaction if moved.to_edge_id == edge_id else None,
            )
            for moved in record.moved
        ),
        ended=record.ended,
        stops=record.stops,
    )


def _tell_unless_elsewhere(on_reply: OnReply | None, reply: SiteReply) -> None:
    """A station that is with another agent now is not answered: it says it again, there. Its socket is being closed."""
    if on_reply is not None and not isinstance(reply, Elsewhere):
        on_reply(reply)
