"""Proves that the money is what it was and adds up: for years of it, in bounded memory, beside a running agent.

Nothing is written. What is wrong is told with its place, and the rest is looked at all the same.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from edge.domain.accounts import post_cdr
from edge.domain.pricing.re_rate import UnknownRules, re_rate
from edge.domain.rerating import negated
from edge.ledger.account_totals import seq_added_up
from edge.ledger.bill_tables import bill_of, corrected_seq, decision_of, seq_of
from edge.ledger.database import LedgerError
from edge.ledger.queries import migrations, queries
from edge.ledger.verify_chain import ChainProof
from edge.ledger.verify_rows import BillRow, DecisionRow, Kept, PostingRow, kept_rows
from protocols.errors import BadEntry
from protocols.money import ZERO, from_cents
from protocols.ocpi.cdr import Cdr
from protocols.sync.codec import decode_entry
from protocols.sync.up import CdrQuarantined, PostingLeg, PostingMade, PostingReason

TELL_EVERY: Final = 1000
BILL_KEY: Final = "cdr:"
_OF_BILLS: Final = (PostingReason.CDR, PostingReason.CREDIT)
_LEGS: Final = msgspec.json.Decoder(tuple[PostingLeg, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something is wrong: `where` names the entry, the bill or the account."""

    where: str
    problem: str


@dataclass(slots=True, kw_only=True)
class Verified:
    """What was looked at, and what is wrong. `hash` is where the newest chain ends, to be held against the hub's."""

    bills: int = 0
    postings: int = 0
    decisions: int = 0
    chained: int = 0
    seals: int = 0
    last_seq: int = 0
    hash: str = ""
    findings: list[Finding] = field(default_factory=list)
    left_out: int = 0
    """Findings beyond `MAX_FINDINGS`."""


MAX_FINDINGS: Final = 1000


class Verifier:
    """Looks at everything once; `told` hears how many entries of how many were looked at. `seals` are hashes that were
    kept elsewhere, such as at the hub, by the entries that they go through."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        told: Callable[[int, int], None] = lambda _done, _all: None,
        seals: Mapping[int, str] | None = None,
    ) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != migrations()[-1][0]:
            raise LedgerError(
                f"this is a ledger of schema {version}, this program knows {migrations()[-1][0]}: let the agent that"
                " belongs to this program open it once, or verify it with the program that wrote it"
            )
        self._connection = connection
        self._told = told
        self._chain = ChainProof(connection, seals or {})
        self._result = Verified(seals=self._chain.seals)
        self._unposted: dict[str, tuple[int, tuple[PostingLeg, ...]]] = {}
        self._sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._sums_upto = seq_added_up(connection)

    def run(self) -> Verified:
        """Raises LedgerError for a file that cannot be looked at."""
        result = self._result
        for (problem,) in self._connection.execute("PRAGMA quick_check(20)"):
            if problem != "ok":
                self._find("the file", problem)
        (upto_seq,) = self._connection.execute(queries()["last_chained"]).fetchone()
        for row in kept_rows(self._connection, upto_seq):
            self._look(row)
            if (result.bills + result.postings) % TELL_EVERY == 0:
                self._told(row.seq, upto_seq)
        for problem in self._chain.end():
            self._find("the chain", problem)
        for cdr_id, (seq, _) in self._unposted.items():
            self._find(_at(seq, cdr_id), "it is issued and was never posted")
        self._look_at_sums()
        for (seq,) in self._connection.execute(queries()["entries_without_body"]):
            self._find(_at(seq), "the journal names it, and it is not there")
        result.chained, result.last_seq, result.hash = self._chain.count, upto_seq, self._chain.hash
        self._told(upto_seq, upto_seq)
        return result

    # --- one entry ---

    def _look(self, row: Kept) -> None:
        where = _at(row.seq, "" if isinstance(row, PostingRow) and row.cdr_id is None else str(row.cdr_id))
        for problem in self._chain.look(row):
            self._find(where, problem)
        try:
            match row:
                case BillRow():
                    self._result.bills += 1
                    problems = self._bill(row)
                case PostingRow():
                    self._result.postings += 1
                    problems = self._posting(row)
                case DecisionRow():
                    self._result.decisions += 1
                    problems = self._decision(row)
            for problem in problems:
                self._find(where, problem)
        except (BadEntry, LedgerError, msgspec.MsgspecError, InvalidOperation, TypeError) as error:
            self._find(where, f"the entry cannot be read: {error}")

    def _bill(self, row: BillRow) -> Iterator[str]:
        entry = decode_entry(row.entry or b"")
        cdr, is_quarantined = bill_of(entry), isinstance(entry.body, CdrQuarantined)
        told = (entry.seq, cdr.id, cdr.session_id, is_quarantined, cdr.end_date_time.isoformat(), cdr.credit)
        kept = (row.seq, row.cdr_id, row.transaction_id, row.is_quarantined, row.end_date_time, row.is_credit)
        if told != kept or row.corrects != corrected_seq(cdr):
            yield f"its row says {kept}, its entry {told}"
        yield from _wrong_lines(cdr)
        if row.corrects is not None:
            yield from self._wrong_correction(row.corrects, cdr)
        if not is_quarantined:
            self._unposted[cdr.id] = (row.seq, post_cdr(cdr, "").legs)

    def _wrong_correction(self, seq: int, cdr: Cdr) -> Iterator[str]:
        found = self._connection.execute(queries()["entry_of_bill"], (seq,)).fetchone()
        if found is None:
            yield f"the bill that it corrects, entry {seq}, is not there"
            return
        other = bill_of(decode_entry(found[0]))
        if other.id != (cdr.credit_reference_id or cdr.replaces) or other.session_id != cdr.session_id:
            yield f"it does not correct bill {other.id}, which it names by its number"
        elif cdr.credit and other.total_cost.incl_vat + cdr.total_cost.incl_vat != 0:
            yield f"it does not take back all of bill {other.id}"

    def _posting(self, row: PostingRow) -> Iterator[str]:
        entry = decode_entry(row.entry or b"")
        body = entry.body
        if not isinstance(body, PostingMade):
            raise LedgerError(f"it is a {body.kind}, and stands among the postings")
        told = (entry.seq, body.posting_id, body.key, body.cdr_id, body.currency, body.reason.value, body.text, body.by)
        kept = (row.seq, row.posting_id, row.key, row.cdr_id, row.currency, row.reason, row.text, row.staff)
        if told != kept or _LEGS.decode(row.legs) != body.legs:
            yield f"its row says {kept} and {row.legs}, its entry something else"
        off = sum((leg.amount for leg in body.legs), ZERO)
        if off:
            yield f"it does not balance: its legs come to {off}"
        if row.seq <= self._sums_upto:
            for leg in body.legs:
                self._sums[leg.account] += leg.amount
        yield from self._wrong_bill(body)

    def _wrong_bill(self, body: PostingMade) -> Iterator[str]:
        if not body.key.startswith(BILL_KEY):
            return
        if body.key != f"{BILL_KEY}{body.cdr_id}" or body.reason not in _OF_BILLS:
            yield f"its key {body.key} is not that of bill {body.cdr_id}"
        issued = self._unposted.pop(body.key.removeprefix(BILL_KEY), None)
        if issued is None:
            yield f"bill {body.cdr_id} was not issued before it, or is posted already"
        elif _sums(issued[1]) != _sums(body.legs):
            yield f"it does not post what bill {body.cdr_id} says"

    def _decision(self, row: DecisionRow) -> Iterator[str]:
        decided = decision_of(decode_entry(row.entry or b""))
        told = (seq_of(decided.cdr_id), decided.cdr_id, decided.decision.value, decided.by, decided.second_by)
        kept = (row.bill_seq, row.cdr_id, row.decision, row.staff, row.second_staff)
        if told != kept:
            yield f"its row says {kept}, its entry {told}"
        for cdr_id in (decided.cdr_id, decided.credit_cdr_id, decided.new_cdr_id):
            if cdr_id and self._connection.execute(queries()["bill"], (seq_of(cdr_id), cdr_id)).fetchone() is None:
                yield f"bill {cdr_id}, which it is about, is not there"

    # --- all together ---

    def _look_at_sums(self) -> None:
        """The sums of accounts, as far as they are kept, are those of the postings."""
        for account, cents in self._connection.execute(queries()["account_totals"]):
            kept, summed = from_cents(int(cents)), self._sums.pop(account, ZERO)
            if kept != summed:
                self._find(f"account {account}", f"its total is kept as {kept}, its postings come to {summed}")
        for account, summed in self._sums.items():
            if summed:
                self._find(f"account {account}", f"its postings come to {summed}, and no total is kept")

    def _find(self, where: str, problem: str) -> None:
        if len(self._result.findings) < MAX_FINDINGS:
            self._result.findings.append(Finding(where=where, problem=problem))
        else:
            self._result.left_out += 1


def _wrong_lines(cdr: Cdr) -> Iterator[str]:
    """The lines make the total, and are those that the bill's own tariff and periods make today."""
    excl = sum((line.cost.excl_vat for line in cdr.lines), ZERO)
    incl = sum((line.cost.incl_vat for line in cdr.lines), ZERO)
    total = cdr.total_cost
    if (excl, incl) != (total.excl_vat, total.incl_vat):
        yield f"its lines come to {excl} and {incl}, its total is {total.excl_vat} and {total.incl_vat}"
    try:
        bill = re_rate(cdr)
    except UnknownRules as unknown:
        yield f"it cannot be made again: {unknown}"
        return
    lines = tuple(negated(line) for line in bill.lines) if cdr.credit else bill.lines
    if lines != cdr.lines:
        sign = -1 if cdr.credit else 1
        again = f"{sign * bill.total.excl_vat} and {sign * bill.total.incl_vat}"
        yield f"made again from its own tariff it comes to {again}"
    told = (int(bill.energy_wh), int(bill.time_s), int(bill.parking_time_s))
    if told != (cdr.total_energy_wh, cdr.total_time_s, cdr.total_parking_time_s):
        yield f"its periods come to {told[0]} Wh, {told[1]} s charging and {told[2]} s parked, its totals are others"


def _sums(legs: tuple[PostingLeg, ...]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for leg in legs:
        sums[leg.account] = sums.get(leg.account, ZERO) + leg.amount
    return {account: amount for account, amount in sums.items() if amount}


def _at(seq: int, cdr_id: str = "") -> str:
    return f"entry {seq} (bill {cdr_id})" if cdr_id else f"entry {seq}"
