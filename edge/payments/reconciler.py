"""Holds a day's payments against the provider's list: when somebody asks, and by itself once a day."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import structlog

from edge.domain.events import Done
from edge.domain.payment_states import MOVED
from edge.domain.reconciliation import compare
from edge.payments.collector import Line
from edge.ports import Clock, Inbox, Overloaded, PaymentRecords, ProviderDown, ProviderRefused
from protocols.errors import BadText
from protocols.sync.payments import Payment, PaymentState, ProviderReconciled

LOOK_EVERY_S: Final = 60.0
RETRY_AFTER: Final = timedelta(minutes=15)
MAX_LOOKS: Final = 200
"""Payments that a list misses, about which the provider is asked one by one: it may have them in another day's."""
AGENT: Final = "agent"


class Reconciler:
    """`hour` (UTC): when the day before is held against the lists."""

    def __init__(
        self, lines: Mapping[str, Line], inbox: Inbox, records: PaymentRecords, clock: Clock, hour: int
    ) -> None:
        self._lines = lines
        self._inbox = inbox
        self._records = records
        self._clock = clock
        self._hour = hour
        self._not_before: dict[str, datetime] = {}
        self._log = structlog.get_logger("edge.payments")

    async def reconcile(self, name: str, day: date, by: str) -> ProviderReconciled:
        """What was found, kept and settled as far as it settles itself. Raises BadText with what to do."""
        line = self._lines.get(name)
        if line is None:
            known = ", ".join(self._lines) or "none is configured: see [payments] in the settings"
            raise BadText(f"there is no provider {name!r}; known: {known}")
        if day > self._clock().date():
            raise BadText(f"{day} is not over yet")
        try:
            rows = await line.reach(line.provider.day(day))
        except (ProviderDown, ProviderRefused) as error:
            raise BadText(f"{name} does not show its list of {day}: {error}") from error
        begins = datetime.combine(day, time(), UTC)
        ours = {each.payment_id: each for each in await self._records.of_provider(name, begins, begins + _DAY)}
        strange = [row.payment_id for row in rows if row.payment_id not in ours]
        ours |= {each.payment_id: each for each in await self._records.by_ids(strange)}
        listed = {row.payment_id for row in rows}
        missed = [each for each in ours.values() if each.payment_id not in listed]
        try:
            elsewhere = await self._elsewhere(line, missed)
        except (ProviderDown, ProviderRefused) as error:
            raise BadText(f"{name} does not answer any more: {error}") from error
        event = compare(name, day, ours.values(), rows, elsewhere, by)
        try:
            reply = await self._inbox.ask(event)
        except Overloaded as error:
            raise BadText("the agent is too busy and has changed nothing; try again") from error
        if not isinstance(reply, Done):
            raise BadText(f"the agent refused it: {reply}")
        self._log.info("reconciled", provider=name, day=day.isoformat(), result=reply.text)
        return event.found

    async def _elsewhere(self, line: Line, missed: Iterable[Payment]) -> frozenset[str]:
        """Those that the provider did take, though not on that day; and those that it is still at."""
        found = set()
        doubtful = [each for each in missed if each.state in MOVED or each.state is PaymentState.UNKNOWN]
        for payment in doubtful[:MAX_LOOKS]:
            word = await line.reach(line.provider.look(payment.payment_id))
            if word is not None and word.is_taken_or_pending:
                found.add(payment.payment_id)
        found |= {each.payment_id for each in doubtful[MAX_LOOKS:] if each.state is PaymentState.UNKNOWN}
        return frozenset(found)

    async def run(self) -> None:
        """Once a day for each provider, until cancelled; tried again where it did not answer."""
        while True:
            now = self._clock()
            day = (now - timedelta(hours=self._hour)).date() - _DAY
            for name in self._lines:
                if now >= self._not_before.get(name, now) and not await self._records.is_reconciled(name, day):
                    try:
                        await self.reconcile(name, day, AGENT)
                    except BadText as error:
                        self._log.warning("not_reconciled", provider=name, day=day.isoformat(), reason=str(error))
                        self._not_before[name] = now + RETRY_AFTER
            await asyncio.sleep(LOOK_EVERY_S)


_DAY: Final = timedelta(days=1)
