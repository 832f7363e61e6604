"""A site whose money is real: the decisions, a ledger on a file, its chargers, its desk, and kills at any step.

No sockets: what stations, providers, staff and hub say are events, and each takes the way that the agent gives it:
recall, decide, commit, and only then the answer. A kill loses what was not committed; whoever has no answer asks again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from edge.domain.decide import decide, wanted
from edge.domain.decision import Decision
from edge.domain.errands import AskProvider
from edge.domain.events import Restarted, SiteEvent, SiteReply
from edge.domain.rules import SiteRules
from edge.domain.site import Site
from edge.ledger.backup import back_up, put_back
from edge.ledger.ledger import Ledger
from edge.ledger.receipt_records import ReceiptRecords
from edge.ledger.restore import restore
from edge.ledger.sealing import Sealer
from edge.local.receipt_requests import ReceiptDesk
from edge.ports import Commit
from edge.receipts.heads import Seller
from edge.receipts.printing import Printing
from edge.receipts.words import Language
from protocols.charger.abilities import OCPP_16, OCPP_201
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import StationConnected, StationDisconnected
from protocols.charger.operations.availability import CancelReservation, ReserveNow
from protocols.charger.operations.transactions import StopTransaction
from protocols.money import ZERO
from protocols.sync.up import Entry, PostingMade
from tests.edge.domain.site_kit import START

T = TypeVar("T")
ZONE = ZoneInfo("Europe/Berlin")


class Kill(Enum):
    """When the agent is killed, of the next thing that it decides."""

    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()


@dataclass
class World:
    """`sums` and `keys` are counted here, from what was committed, by nobody's word but the journal's."""

    folder: Path
    rules: SiteRules
    now: datetime = START
    ledger: Ledger = field(init=False)
    site: Site = field(init=False)
    kill: Kill | None = None
    kills: int = 0
    copies: int = 0
    begun: int = 0
    reached: set[str] = field(default_factory=lambda: {"A", "B"})
    """Stations with a way to the agent."""
    unsaid: dict[str, list[Callable[[], Awaitable[None]]]] = field(default_factory=lambda: {"A": [], "B": []})
    told_to_stop: set[str] = field(default_factory=set)
    to_answer: list[ChargerCommand] = field(default_factory=list)
    """Asked of stations about reservations."""
    ordered: int = 0
    asked_providers: list[str] = field(default_factory=list)
    waiting: list[SiteEvent] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    sums: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    keys: set[str] = field(default_factory=set)

    async def begin(self) -> None:
        self.ledger = Ledger(self.folder / "ledger.sqlite", "edge-1")
        self.site = restore(self.ledger, self.rules)
        await self.tell(Restarted())
        await self._connect()

    # --- the way of an event ---

    async def tell(self, *events: SiteEvent) -> list[SiteReply | None]:
        """A group in one commit."""
        kill, self.kill = self.kill, None
        decisions = await self._decide(events)
        if kill is Kill.BEFORE_COMMIT:
            await self.restart()
            return await self.tell(*events)
        await self._commit(decisions)
        if kill is Kill.AFTER_COMMIT:
            await self.restart()
            return await self.tell(*events)
        for decision in decisions:
            self._act(decision)
        return [decision.reply for decision in decisions]

    async def ask(self, event: SiteEvent) -> SiteReply:
        """The port Inbox."""
        (reply,) = await self.tell(event)
        assert reply is not None
        return reply

    def put(self, event: SiteEvent, on_reply: object = None, is_moot: object = None) -> None:
        """The port Inbox: to be decided when whoever puts it is done."""
        self.waiting.append(event)

    async def seal(self) -> None:
        """Say in the journal where the chain of hashes stands, where it is time."""
        inbox: Any = self
        Sealer(self.ledger, inbox, lambda: self.now).look(await self.ledger.last_seal())
        while self.waiting:
            await self.tell(self.waiting.pop())

    async def _decide(self, events: tuple[SiteEvent, ...]) -> list[Decision]:
        keys = tuple({key: None for event in events for key in wanted(self.site, event)})
        if keys:
            for found in await self.ledger.recall(keys):
                self.site.remember(found)
        return [decide(self.site, event, self.now) for event in events]

    async def _commit(self, decisions: list[Decision]) -> None:
        checkpoints = {key: value for each in decisions for key, value in each.checkpoints.items()}
        entries = [entry for each in decisions for entry in each.entries]
        commit = Commit(
            entries=entries,
            checkpoints=list(checkpoints.values()),
            acked={stream: seq for each in decisions for stream, seq in each.acked.items()},
            dead=[dead for each in decisions for dead in each.dead],
            last_charger_number=self.site.last_charger_number,
        )
        if not commit.is_empty:
            await self.ledger.commit(commit)
        self.entries += entries
        for entry in entries:
            if isinstance(entry.body, PostingMade):
                self._count(entry.body)

    def _count(self, posting: PostingMade) -> None:
        assert sum((leg.amount for leg in posting.legs), ZERO) == 0, posting
        assert posting.key not in self.keys, f"{posting.key} is posted twice"
        self.keys.add(posting.key)
        for leg in posting.legs:
            assert leg.amount == leg.amount.quantize(Decimal("0.01")), posting
            self.sums[leg.account] += leg.amount

    def _act(self, decision: Decision) -> None:
        for command in decision.commands:
            is_reached = command.station_id in self.reached
            if isinstance(command.operation, ReserveNow | CancelReservation) and is_reached:
                self.to_answer.append(command)
            if isinstance(command.operation, StopTransaction) and is_reached:
                self.told_to_stop.add(command.operation.charger_transaction_id)
        self.asked_providers += [each.payment.payment_id for each in decision.errands if isinstance(each, AskProvider)]

    # --- kills ---

    async def restart(self, rules: SiteRules | None = None) -> None:
        """A new agent on the same file; with other settings, where they are given."""
        self.kills += 1
        self.ledger.close()
        self.rules = rules or self.rules
        self.ledger = Ledger(self.folder / "ledger.sqlite", "edge-1")
        self.site = restore(self.ledger, self.rules)
        await self.tell(Restarted())
        await self._connect()

    async def put_back(self) -> None:
        """The disk is lost, and a copy of just now goes on in its place, in a new epoch."""
        path = self.folder / "ledger.sqlite"
        self.copies += 1
        copy, proved = await asyncio.to_thread(back_up, path, self.folder / f"copy-{self.copies}", self.now)
        assert proved.findings == []
        self.ledger.close()
        for lost in self.folder.glob("ledger.sqlite*"):
            lost.unlink()
        assert await asyncio.to_thread(put_back, copy, path, "edge-1", self.now, is_foreign=False) is None
        await self.restart()

    async def _connect(self) -> None:
        for station_id in sorted(self.reached):
            abilities = OCPP_16 if station_id == "A" else OCPP_201
            await self.tell(StationConnected(station_id=station_id, abilities=abilities))

    # --- stations ---

    async def cut(self, station_id: str) -> None:
        if station_id in self.reached:
            self.reached.discard(station_id)
            await self.tell(StationDisconnected(station_id=station_id))

    async def bring_back(self, station_id: str) -> None:
        """What it could not say it says now, in order."""
        if station_id not in self.reached:
            self.reached.add(station_id)
            abilities = OCPP_16 if station_id == "A" else OCPP_201
            await self.tell(StationConnected(station_id=station_id, abilities=abilities))
        while self.unsaid[station_id]:
            await self.unsaid[station_id].pop(0)()

    async def say(self, station_id: str, message: Callable[[], Awaitable[None]]) -> None:
        """Now, or when the station is back."""
        if station_id in self.reached:
            await message()
        else:
            self.unsaid[station_id].append(message)

    # --- what others see of the ledger ---

    async def with_reader(self, read: Callable[[sqlite3.Connection], T]) -> T:
        return await self.ledger.with_reader(read)

    def desk(self) -> ReceiptDesk:
        inbox: Any = self
        printing = Printing(seller=Seller(name="Lot"), zone=ZONE, language=Language.ENGLISH)
        return ReceiptDesk(inbox, ReceiptRecords(self, ZONE), printing, lambda: self.now)

    # --- what must always be so ---

    def check(self) -> None:
        """Memory knows what the postings come to, and nothing more."""
        assert sum(self.sums.values()) == 0
        book = self.site.accounts
        for account, amount in self.sums.items():
            kind, _, contract_id = account.partition(":")
            if kind == "customer":
                assert book.balances.get(contract_id, ZERO) == amount, account
            elif kind == "held":
                assert -amount == sum(
                    (each.held for each in book.wallets.values() if each.contract_id == contract_id), ZERO
                )
        assert book.wallets.keys() <= self.site.transactions.keys()

    def remembered(self) -> dict[str, Any]:
        """What a new agent must know as well as the one before."""
        site = self.site
        return {
            "balances": {each: amount for each, amount in site.accounts.balances.items() if amount},
            "held": {each: wallet.held for each, wallet in site.accounts.wallets.items()},
            "elsewhere": {each: amount for each, amount in site.accounts.elsewhere.items() if amount},
            "payments": site.payments.open,
            "tills": {each: (till.expected, till.movements) for each, till in site.payments.tills.items()},
            "receipts": (site.numbers.receipts.last, site.numbers.statements.last),
            "transactions": {each: transaction.token_uid for each, transaction in site.transactions.items()},
            "reservations": {(each.station_id, each.reservation_id): each for each in site.reservations.all()},
            "tariffs": (site.hub_tariffs, site.site_tariffs),
            "seqs": dict(site.last_seq),
        }
