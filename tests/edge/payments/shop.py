"""A site that takes payments: a real agent on a real ledger, and a provider behind a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from edge.agent import Agent
from edge.domain.errands import AskProvider, CancelPayment, Errand
from edge.domain.payment_book import PaymentRules
from edge.domain.payment_events import PaymentRequested, RefundRequested, VoidRequested
from edge.ledger.ledger import Ledger
from edge.ledger.payment_reading import PaymentReader
from edge.ledger.restore import restore
from edge.metrics import AgentMetrics
from edge.payments.collector import Collector
from edge.payments.http_provider import HttpProvider, HttpProviderSettings
from edge.payments.reconciler import Reconciler
from firmware_sim.provider.server import ProviderServer
from firmware_sim.provider.till_book import Behaviour, TillBook
from protocols.money import ZERO
from protocols.sync.payments import Payment, PaymentMethod, PaymentState
from tests.edge.domain.money_kit import RULES, payment_of
from tests.edge.domain.site_kit import START, new_site
from tests.kit import free_port, wait_until

TOKEN = "secret"


class Asked:
    """A decision's reply as the tests of decisions look at it."""

    def __init__(self, reply: Any) -> None:
        self.reply = reply


@dataclass
class Provider:
    """The simulated one, which can be gone and come back on the same port."""

    port: int = field(default_factory=free_port)
    book: TillBook = field(default_factory=TillBook)
    now: Callable[[], datetime] = lambda: START
    _task: asyncio.Task[None] | None = None
    server: ProviderServer | None = None

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        listening = asyncio.Event()
        self.server = ProviderServer(self.book, lambda: self.now(), TOKEN)
        self._task = tasks.create_task(self.server.run(self.port, lambda _: listening.set()))
        await listening.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def behave(self, behaviour: Behaviour, delay_s: float = 0) -> None:
        self.book.behaviour, self.book.delay = behaviour, timedelta(seconds=delay_s)

    def reach(self, word: str) -> None:
        assert self.server is not None
        self.server.reach = word

    @property
    def took(self) -> Decimal:
        taken = [each for each in self.book.payments.values() if each.state == "taken"]
        return sum((-each.amount if each.reverses else each.amount for each in taken), ZERO)


@dataclass
class Shop:
    """One life of an agent."""

    folder: Path
    provider: Provider
    rules: PaymentRules = RULES
    now: datetime = START
    keys: int = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Shop]:
        """What is not awaited at the end is lost with it, as by a kill."""
        with Ledger(self.folder / "ledger.sqlite", "edge-1") as self.ledger:
            rules = replace(new_site().rules, payments=self.rules)
            read_back = partial(restore, self.ledger, rules)
            site = read_back()
            site.tokens.site.update(new_site().tokens.site)
            self.agent = Agent(site, self.ledger, lambda: self.now, AgentMetrics(CollectorRegistry()))
            settings = HttpProviderSettings(
                name="terminal", url=f"http://127.0.0.1:{self.provider.port}/", token=TOKEN, timeout_s=1.5
            )
            providers = {"terminal": (PaymentMethod.CARD, HttpProvider(settings))}
            opened = self.agent.site.payments.open.values
            self.collector = Collector(
                providers,
                self.agent,
                opened,
                lambda payment: self.now - payment.at <= self.rules.answer_within,
                first_look_s=0.05,
                listen_s=0.2,
            )
            records = PaymentReader(self.ledger)
            self.reconciler = Reconciler(self.collector.lines, self.agent, records, lambda: self.now, 3)
            self.agent.attach(chargers=_NoChargers(), screens=None, uplink=None, errands=self)
            async with asyncio.TaskGroup() as tasks:
                ready = asyncio.Event()
                running = [tasks.create_task(self.agent.run(ready))]
                await ready.wait()
                running.append(tasks.create_task(self.collector.run()))
                yield self
                for task in running:
                    task.cancel()

    def do(self, errand: Errand) -> None:
        assert isinstance(errand, AskProvider | CancelPayment)
        self.collector.do(errand)

    async def pay(self, amount: str, key: str | None = None) -> Payment:
        self.keys += 1
        event = PaymentRequested(
            request_key=key or f"{id(self)}-{self.keys}",
            method=PaymentMethod.CARD,
            amount=Decimal(amount),
            by="anna",
            contract_id="C-GOOD",
        )
        return payment_of(Asked(await self.agent.ask(event)))  # type: ignore[arg-type]

    async def refund(self, payment: Payment, amount: str) -> Payment:
        self.keys += 1
        event = RefundRequested(
            request_key=f"{id(self)}-{self.keys}",
            payment_id=payment.payment_id,
            by="ben",
            reason="r",
            amount=Decimal(amount),
        )
        return payment_of(Asked(await self.agent.ask(event)))  # type: ignore[arg-type]

    async def void(self, payment: Payment) -> None:
        await self.agent.ask(VoidRequested(payment_id=payment.payment_id, by="ben", reason="r"))

    async def becomes(self, payment: Payment, state: PaymentState, timeout_s: float = 10.0) -> Payment:
        """Wait until a payment stands so, durably."""
        records = PaymentReader(self.ledger)

        async def stands() -> bool:
            found = await records.payment(payment.payment_id)
            return found is not None and found.state is state

        await wait_until(stands, timeout_s)
        found = await records.payment(payment.payment_id)
        assert found is not None
        return found

    @property
    def owed(self) -> Decimal:
        """What the provider owes the site, by the postings."""
        rows = self.ledger.connection.execute("SELECT amount FROM posting_legs WHERE account = 'card:terminal'")
        return sum((Decimal(amount) for (amount,) in rows), ZERO)


class _NoChargers:
    def send(self, command: Any) -> None:
        raise AssertionError

    async def call(self, *_: Any) -> Any:
        raise AssertionError

    def status(self) -> dict[str, Any]:
        return {}
