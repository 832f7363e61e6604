"""Follows each payment that a provider has to take, until somebody says what became of it.

A payment is begun, then looked at, more and more seldom, for as long as it is open; what providers tell by themselves
comes on top. Everything that is heard goes to the site, which knows what was said before. Nothing here is durable: what
is open is in the ledger, and is followed again when the agent starts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

import structlog

from edge.domain.errands import AskProvider, CancelPayment, PaymentErrand
from edge.domain.events import Refused
from edge.domain.payment_events import PaymentKept, ProviderAnswered
from edge.domain.payment_states import OPEN, Word
from edge.payments.breaker import Breaker
from edge.ports import Inbox, Overloaded, PaymentProvider, ProviderDown, ProviderRefused, ProviderWord
from protocols.sync.payments import Payment, PaymentMethod

MAX_WAITING: Final = 1000
"""Errands. One beyond is dropped and logged: its payment stays open and is followed after the next start."""
MAX_FOLLOWED: Final = 500
FIRST_LOOK_S: Final = 1.0
SELDOM_S: Final = 30.0
LISTEN_S: Final = 20.0
RETRY_S: Final = 1.0


@dataclass(slots=True)
class Line:
    """A provider, and whether it can be reached."""

    name: str
    method: PaymentMethod
    provider: PaymentProvider
    breaker: Breaker = field(default_factory=Breaker)
    problem: str = ""

    async def reach(self, question: Any) -> Any:
        """Await a question to the provider and note whether it answered. Raises what the question raises."""
        try:
            answer = await question
        except ProviderDown as down:
            self.problem = str(down)
            self.breaker.note_bad()
            raise
        except ProviderRefused:
            self.breaker.note_good()
            raise
        self.breaker.note_good()
        return answer


class Collector:
    """`opened` are the payments that were open when it began; one that `is_young` no more is not begun. Run as a part
    of the agent."""

    def __init__(
        self,
        providers: Mapping[str, tuple[PaymentMethod, PaymentProvider]],
        inbox: Inbox,
        opened: Callable[[], Iterable[Payment]],
        is_young: Callable[[Payment], bool],
        *,
        first_look_s: float = FIRST_LOOK_S,
        listen_s: float = LISTEN_S,
    ) -> None:
        self.lines = {name: Line(name, method, provider) for name, (method, provider) in providers.items()}
        self._inbox = inbox
        self._opened = opened
        self._is_young = is_young
        self._first_look_s = first_look_s
        self._listen_s = listen_s
        self._waiting: asyncio.Queue[PaymentErrand] = asyncio.Queue(MAX_WAITING)
        self._followed: set[str] = set()
        self._log = structlog.get_logger("edge.payments")

    def do(self, errand: PaymentErrand) -> None:
        """Never waits, never raises: see edge.ports.Errands."""
        try:
            self._waiting.put_nowait(errand)
        except asyncio.QueueFull:
            self._log.error("payment_errand_dropped", payment_id=errand.payment.payment_id)

    def unavailable(self, method: PaymentMethod, provider: str | None) -> str | None:
        """Why nobody should wait for a provider now; None where one can be asked."""
        serving = [line for line in self.lines.values() if line.method is method and provider in (None, line.name)]
        if not serving or not all(line.breaker.is_open for line in serving):
            return None
        line = serving[0]
        return (
            f"{line.name} cannot take {method} payments now: {line.problem}. Take cash, or try again in"
            f" {line.breaker.opens_in_s} s"
        )

    async def run(self) -> None:
        """Until cancelled."""
        self._followed.clear()
        async with contextlib.AsyncExitStack() as stack:
            for line in self.lines.values():
                await stack.enter_async_context(line.provider)
            async with asyncio.TaskGroup() as tasks:
                for line in self.lines.values():
                    tasks.create_task(self._listen(line), name=f"payments-{line.name}")
                for payment in list(self._opened()):
                    self._begin(tasks, payment, is_again=True)
                await self._do_errands(tasks)

    async def _do_errands(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            errand = await self._waiting.get()
            match errand:
                case AskProvider(payment=payment):
                    self._begin(tasks, payment, is_again=False)
                case CancelPayment(payment=payment):
                    tasks.create_task(self._cancel(payment))
                case _:
                    assert_never(errand)

    # --- one payment ---

    def _begin(self, tasks: asyncio.TaskGroup, payment: Payment, *, is_again: bool) -> None:
        line = self.lines.get(payment.provider or "")
        if line is None or payment.payment_id in self._followed:
            return
        if len(self._followed) >= MAX_FOLLOWED:
            self._log.error("too_many_open_payments", payment_id=payment.payment_id)
            return
        self._followed.add(payment.payment_id)
        task = tasks.create_task(self._follow(line, payment, is_again=is_again))
        task.add_done_callback(lambda _task: self._followed.discard(payment.payment_id))

    async def _follow(self, line: Line, payment: Payment, *, is_again: bool) -> None:
        """Begin, then look until it has come to an end. `is_again`: the provider may have heard of it before. One that
        was not reached at all took nothing."""
        is_begun, wait_s = False, self._first_look_s
        while True:
            word: ProviderWord | None = None
            try:
                if is_begun or is_again:
                    word = await line.reach(line.provider.look(payment.payment_id))
                    is_begun = is_begun or word is not None
                if not is_begun:
                    word = await self._begin_at(line, payment)
                    is_begun = True
            except ProviderRefused as refused:
                word = ProviderWord(payment_id=payment.payment_id, word=Word.REFUSED, text=str(refused))
            except ProviderDown as down:
                self._log.warning("provider_down", provider=line.name, payment_id=payment.payment_id, reason=str(down))
                if down.is_unsent and not is_begun and not is_again:
                    word = ProviderWord(payment_id=payment.payment_id, word=Word.REFUSED, text=str(down))
                is_again = True
            if word is not None and not await self._tell(word):
                return
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 1.5, max(SELDOM_S, self._first_look_s))

    async def _begin_at(self, line: Line, payment: Payment) -> ProviderWord:
        """Nobody stands at a terminal any more for a payment that is old: what it has not heard of by then is off."""
        if not self._is_young(payment):
            raise ProviderRefused("its provider never heard of it, and it is too late to begin")
        reference = await line.reach(line.provider.begin(payment))
        return ProviderWord(payment_id=payment.payment_id, word=Word.BEGUN, reference=reference)

    async def _cancel(self, payment: Payment) -> None:
        """What comes of it is seen by whoever follows the payment."""
        line = self.lines.get(payment.provider or "")
        if line is None:
            return
        try:
            await line.reach(line.provider.cancel(payment.payment_id))
        except (ProviderDown, ProviderRefused) as error:
            self._log.warning("cancel_failed", payment_id=payment.payment_id, reason=str(error))

    async def _listen(self, line: Line) -> None:
        """What the provider tells by itself: in any order, and perhaps again."""
        after = 0
        while True:
            try:
                after, words = await line.reach(line.provider.events(after, self._listen_s))
                for word in words:
                    await self._tell(word)
            except (ProviderDown, ProviderRefused):
                await asyncio.sleep(max(RETRY_S, line.breaker.opens_in_s))

    async def _tell(self, word: ProviderWord) -> bool:
        """Whether the payment is still open."""
        event = ProviderAnswered(
            payment_id=word.payment_id,
            word=word.word,
            provider_ref=word.reference,
            text=word.text,
            amount=word.amount,
        )
        while True:
            try:
                reply = await self._inbox.ask(event)
            except Overloaded:
                await asyncio.sleep(RETRY_S)
                continue
            match reply:
                case PaymentKept(payment=payment):
                    return payment.state in OPEN
                case Refused():
                    self._log.warning("strange_payment", payment_id=word.payment_id, word=word.word.value)
                    return False
                case _:
                    raise TypeError(f"{type(reply).__name__} is no answer to what a provider said")
