"""Receipts and statements get their numbers here, in the commit that keeps them."""

from __future__ import annotations

from datetime import datetime

from edge.domain.decision import Decision
from edge.domain.receipt_book import Numbered
from edge.domain.receipt_events import LookAgain, ReceiptAsked, ReceiptGiven, StatementsGiven, StatementsReckoned
from edge.domain.site import Site
from protocols.sync.receipts import ReceiptIssued, ReceiptKind, StatementMade


def issue(site: Site, decision: Decision, event: ReceiptAsked, now: datetime) -> None:
    """A receipt is made once: asked again, it is the same number, and a copy."""
    series = site.numbers.receipts
    before = event.known or series.find(_key(event.of, event.ref))
    if before is not None:
        decision.reply = ReceiptGiven(receipt=before, is_copy=True)
    elif not series.remembers_since(event.seen):
        decision.reply = LookAgain()
    else:
        given = _give(site, decision, event.of, event.ref, event.by, now)
        decision.reply = ReceiptGiven(receipt=given, is_copy=False)


def issue_for_bill(site: Site, decision: Decision, cdr_id: str, now: datetime) -> None:
    """Where every bill gets a receipt at once: it is new, so nobody has asked for one before."""
    _give(site, decision, ReceiptKind.CDR, cdr_id, None, now)


def make_statements(site: Site, decision: Decision, event: StatementsReckoned, now: datetime) -> None:
    """One statement for a contract and a period, whoever asks."""
    series, rules = site.numbers.statements, site.rules.receipts
    if not series.remembers_since(event.seen):
        decision.reply = LookAgain()
        return
    made = []
    for reckoned in event.reckonings:
        if series.find(reckoned.key) is not None:
            continue
        given = series.give(site.numbers.marked(rules.statement_prefix), reckoned.key, now)
        made.append(given)
        decision.journal(
            site,
            now,
            StatementMade(
                number=given.number,
                count=given.count,
                contract_id=reckoned.contract_id,
                period=reckoned.period,
                since=reckoned.since,
                until=reckoned.until,
                currency=site.rules.currency,
                opening=reckoned.opening,
                billed=reckoned.billed,
                paid=reckoned.paid,
                credited=reckoned.credited,
                other=reckoned.other,
                closing=reckoned.closing,
                through_seq=reckoned.through_seq,
                issued_at=now,
                due_on=reckoned.due_on if reckoned.closing > 0 else None,
                by=event.by,
            ),
        )
    decision.reply = StatementsGiven(made=tuple(made))


def _give(site: Site, decision: Decision, of: ReceiptKind, ref: str, by: str | None, now: datetime) -> Numbered:
    prefix = site.numbers.marked(site.rules.receipts.prefix)
    given = site.numbers.receipts.give(prefix, _key(of, ref), now)
    issued = ReceiptIssued(number=given.number, count=given.count, of=of, ref=ref, issued_at=now, by=by)
    decision.journal(site, now, issued)
    return given


def _key(of: ReceiptKind, ref: str) -> str:
    return f"{of.value} {ref}"
