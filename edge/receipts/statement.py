"""The statement of a contract's account: as a page, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from edge.receipts.blocks import Block, Field, Item, Note, Rule, Sum, printable
from edge.receipts.heads import Head, foot, money, top
from protocols.sync.receipts import StatementMade
from protocols.sync.up import PostingReason

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """A posting of the period: `amount` as it changes what the customer owes, `ref` the bill that it is about."""

    at: datetime
    reason: PostingReason
    ref: str
    text: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFacts:
    made: StatementMade
    lines: tuple[StatementLine, ...]
    customer: str = ""


def statement_page(head: Head, facts: StatementFacts) -> tuple[Block, ...]:
    return tuple(_page(head, facts))


def _page(head: Head, facts: StatementFacts) -> Iterator[Block]:
    words, made = head.words, facts.made
    yield from top(head, words.statement)
    if facts.customer:
        yield Field(words.customer, printable(facts.customer))
    yield Field(words.contract, printable(made.contract_id))
    last_day = made.until - timedelta(seconds=1)
    yield Field(words.period, f"{head.day(made.since)} - {head.day(last_day)}")
    yield Rule()
    yield Sum(words.opening, money(made.opening, made.currency))
    yield Rule()
    for line in facts.lines:
        name = f"{words.reason_of[line.reason]} {printable(line.ref)}".rstrip()
        details = (head.stamp(line.at), printable(line.text)) if line.text else (head.stamp(line.at),)
        yield Item(name, details, f"{line.amount:.2f}")
    yield Rule()
    for label, amount in (
        (words.bills, made.billed),
        (words.payments, made.paid),
        (words.credits, made.credited),
        (words.others, made.other),
    ):
        if amount:
            yield Sum(label, money(amount, made.currency))
    yield Sum(words.closing, money(made.closing, made.currency), is_total=True)
    yield Rule()
    if made.due_on is not None:
        due = made.due_on.isoformat()
        yield Note(words.pay_until.format(amount=money(made.closing, made.currency), day=due))
    else:
        yield Note(words.nothing_due)
    yield from foot(head)


def statement_csv(head: Head, facts: StatementFacts) -> str:
    """One row a posting, between the balances before and after; no cell is a formula."""
    made = facts.made
    file = io.StringIO()
    write = csv.writer(file).writerow
    write(["statement", "contract_id", "period", "at", "reason", "ref", "text", "amount", "currency"])
    name = [_cell(made.number), _cell(made.contract_id), _cell(made.period)]
    write(
        [*name, made.since.astimezone(head.zone).isoformat(), "opening", "", "", f"{made.opening:.2f}", made.currency]
    )
    for line in facts.lines:
        at = line.at.astimezone(head.zone).isoformat()
        write([*name, at, line.reason.value, _cell(line.ref), _cell(line.text), f"{line.amount:.2f}", made.currency])
    write(
        [*name, made.until.astimezone(head.zone).isoformat(), "closing", "", "", f"{made.closing:.2f}", made.currency]
    )
    return file.getvalue()


def _cell(text: str) -> str:
    """A cell that a spreadsheet would take for a formula is text."""
    return f"'{text}" if text.startswith(_FORMULA) else text
