"""What the staff asks about receipts and statements, and who answers it; and the statements that are made when their
periods are over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Protocol, assert_never

import structlog
from pydantic import TypeAdapter

from edge.domain.receipt_book import Numbered
from edge.domain.receipt_events import (
    LookAgain,
    ReceiptAsked,
    ReceiptGiven,
    Reckoning,
    StatementsGiven,
    StatementsReckoned,
)
from edge.domain.statement_periods import Due, Period, parse_period
from edge.ports import Clock, Inbox, Overloaded
from edge.receipts.printing import Printing, Receiptable, page_of
from edge.receipts.text import as_text
from protocols.errors import BadText
from protocols.site.receipt_requests import (
    Find,
    GetReceipts,
    GetStatements,
    IssueReceipt,
    MakeStatement,
    ReceiptRequest,
)
from protocols.site.staff import Actor
from protocols.site.view import Answer
from protocols.sync.receipts import ReceiptKind, StatementMade

log = structlog.get_logger("edge.receipts")

_BUSY: Final = "the agent is too busy and has changed nothing; try again"
_STATEMENTS: Final = TypeAdapter(list[StatementMade])
LOOKS: Final = 3
LOOK_EVERY_S: Final = 20.0
AT_ONCE: Final = 50
PAUSE_S: Final = 0.05


class Records(Protocol):
    """The ledger as receipts are made from it: see edge.ledger.receipt_records."""

    async def receiptable(self, ref: str) -> Receiptable: ...

    async def newest(self, most: int) -> list[dict[str, Any]]: ...

    async def find(self, text: str, most: int) -> list[dict[str, Any]]: ...

    async def statements(self, contract_id: str | None, most: int) -> list[StatementMade]: ...

    async def statement(self, contract_id: str, period: Period) -> StatementMade | None: ...

    async def due(self, now: datetime) -> list[Due]: ...

    async def reckoned(self, dues: Sequence[Due], *, is_wanted: bool) -> tuple[int, list[Reckoning]]: ...


@dataclass(slots=True)
class ReceiptDesk:
    """Issues receipts and statements. What was numbered long ago is looked up in the ledger, and the site decides."""

    inbox: Inbox
    records: Records
    printing: Printing
    clock: Clock

    async def answer(self, request: ReceiptRequest, actor: Actor) -> Answer:
        try:
            return Answer(id=request.id, result=await self._result(request, actor.staff_id))
        except BadText as error:
            return Answer(id=request.id, problem=str(error))
        except Overloaded:
            return Answer(id=request.id, problem=_BUSY)

    async def _result(self, request: ReceiptRequest, by: str) -> Any:
        match request:
            case IssueReceipt(ref=ref, language=language):
                found, given = await self.issue(ref, by)
                head = self.printing.head(given.receipt, is_copy=given.is_copy, language=language or found.language)
                return {
                    "number": given.receipt.number,
                    "issued_at": given.receipt.issued_at.isoformat(),
                    "is_copy": given.is_copy,
                    "of": found.of.value,
                    "ref": found.ref,
                    "language": head.language.value,
                    "text": as_text(page_of(head, found.facts), self.printing.columns),
                }
            case GetReceipts(limit=limit):
                return await self.records.newest(limit)
            case GetStatements(contract_id=contract_id, limit=limit):
                return _STATEMENTS.dump_python(await self.records.statements(contract_id, limit), mode="json")
            case Find(text=text, limit=limit):
                return await self.records.find(text, limit)
            case MakeStatement(contract_id=contract_id, period=period):
                made = await self.make_statement(contract_id, parse_period(period), by)
                return _STATEMENTS.dump_python([made], mode="json")[0]
            case _:
                assert_never(request)

    async def issue(self, ref: str, by: str | None) -> tuple[Receiptable, ReceiptGiven]:
        """Give something its receipt, or find the one that it has. Raises BadText, Overloaded."""
        for _ in range(LOOKS):
            found = await self.records.receiptable(ref)
            if found.of is ReceiptKind.STATEMENT and found.known is not None:
                return found, ReceiptGiven(receipt=found.known, is_copy=False)  # its own number is all it has
            asked = ReceiptAsked(of=found.of, ref=found.ref, by=by, known=found.known, seen=found.seen)
            match await self.inbox.ask(asked):
                case ReceiptGiven() as given:
                    return found, given
                case LookAgain():
                    continue
                case other:
                    raise TypeError(f"{type(other).__name__} is no answer to who asks for a receipt")
        raise Overloaded

    async def make_statement(self, contract_id: str, period: Period, by: str | None) -> StatementMade:
        """Make a contract's statement, or find it. Raises BadText, Overloaded."""
        if self.clock() < period.until(self.printing.zone):
            raise BadText(f"{period.key} is not over: its statement can be made from {period.after} on")
        await self._make([Due(contract_id, period)], by, is_wanted=True)
        made = await self.records.statement(contract_id, period)
        if made is None:
            raise Overloaded
        return made

    # --- when their periods are over ---

    async def run(self) -> None:
        """Make the statements that are due, until cancelled: looked for when a day has begun at the site."""
        looked_on: date | None = None
        while True:
            today = self.clock().astimezone(self.printing.zone).date()
            if today != looked_on:
                await self.make_due()
                looked_on = today
            await asyncio.sleep(LOOK_EVERY_S)

    async def make_due(self) -> int:
        """Make all that are due, a few at a time; how many there were."""
        dues = await self.records.due(self.clock())
        count = 0
        for first in range(0, len(dues), AT_ONCE):
            try:
                count += len(await self._make(dues[first : first + AT_ONCE], None, is_wanted=False))
            except Overloaded:
                log.warning("statements_put_off", reason="the agent is too busy")  # tomorrow they are due still
            await asyncio.sleep(PAUSE_S)
        if count:
            log.info("statements_made", count=count)
        return count

    async def _make(self, dues: Sequence[Due], by: str | None, *, is_wanted: bool) -> tuple[Numbered, ...]:
        for _ in range(LOOKS):
            seen, reckonings = await self.records.reckoned(dues, is_wanted=is_wanted)
            if not reckonings:
                return ()
            match await self.inbox.ask(StatementsReckoned(reckonings=tuple(reckonings), by=by, seen=seen)):
                case StatementsGiven(made=made):
                    return made
                case LookAgain():
                    continue
                case other:
                    raise TypeError(f"{type(other).__name__} is no answer to statements")
        raise Overloaded
