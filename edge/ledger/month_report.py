"""A month of the site's money: what was billed, by whatever one asks for, and whether the postings say the same.

What counts is when a bill was made, by the Location's days: a month that is over does not change any more. Each bill
and each posting is read once and added up; memory grows with the contracts, EVSEs and tariffs that there were, and no
more.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from edge.domain.accounts import MIXED_VAT, REVENUE
from edge.domain.statement_periods import Period, month_of
from edge.ledger.queries import queries
from protocols.money import ZERO
from protocols.sync.up import PostingReason

NO_VAT: Final = "none"
_CUSTOMER, _VAT, _TILL_DIFFERENCE = "customer:", "vat:", "till_difference:"
_MIXED = MIXED_VAT.removeprefix(_VAT)
_METHODS: Final = ("cash", "card", "qr", "bank")
_PAYMENTS: Final = (PostingReason.PAYMENT.value, PostingReason.REFUND.value, PostingReason.VOID.value)


@dataclass(slots=True)
class Billed:
    """What bills come to; a credit takes its bill back, so `sessions` and `energy_wh` are less by it."""

    sessions: int = 0
    energy_wh: int = 0
    net: Decimal = ZERO
    gross: Decimal = ZERO

    def add(self, sign: int, energy_wh: int, net: Decimal, gross: Decimal) -> None:
        self.sessions += sign
        self.energy_wh += sign * energy_wh
        self.net += net
        self.gross += gross


@dataclass(slots=True)
class Taxed:
    """What was billed at a rate of VAT."""

    net: Decimal = ZERO
    tax: Decimal = ZERO


@dataclass(slots=True)
class Kept:
    """Bills that a person decides or decided upon, and what they come to."""

    bills: int = 0
    gross: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class MonthReport:
    """`by_payment` has what came in (positive) and went back, by method and reason. `differences`: where bills and
    postings are not of one mind, in words; `is_reconciled` says that there are none."""

    month: str
    since: datetime
    until: datetime
    total: Billed = field(default_factory=Billed)
    bills: int = 0
    credits: int = 0
    by_vat: dict[str, Taxed] = field(default_factory=dict)
    by_day: dict[str, Billed] = field(default_factory=dict)
    by_evse: dict[str, Billed] = field(default_factory=dict)
    by_tariff: dict[str, Billed] = field(default_factory=dict)
    by_contract: dict[str, Billed] = field(default_factory=dict)
    by_payment: dict[str, Decimal] = field(default_factory=dict)
    till_differences: dict[str, Decimal] = field(default_factory=dict)
    quarantined: Kept = field(default_factory=Kept)
    decided: dict[str, Kept] = field(default_factory=dict)
    postings: int = 0
    differences: list[str] = field(default_factory=list)
    is_reconciled: bool = False


class _Cost(msgspec.Struct):
    excl_vat: Decimal = ZERO
    incl_vat: Decimal = ZERO


class _Line(msgspec.Struct):
    cost: _Cost
    vat: str | None = None


class _Named(msgspec.Struct):
    id: str


class _Cdr(msgspec.Struct):
    """Of a bill what the report is made of; the rest is skipped."""

    station_id: str
    evse_id: int
    contract_id: str
    tariff: _Named
    total_energy_wh: int
    total_cost: _Cost
    lines: list[_Line]


class _Body(msgspec.Struct):
    cdr: _Cdr


class _Entry(msgspec.Struct):
    body: _Body


class _Leg(msgspec.Struct):
    account: str
    amount: Decimal


_ENTRY: Final = msgspec.json.Decoder(_Entry)
_LEGS: Final = msgspec.json.Decoder(list[_Leg])


def month_report(connection: sqlite3.Connection, day: date, zone: ZoneInfo) -> MonthReport:
    """The month that holds a day."""
    period = month_of(day)
    report = MonthReport(month=period.key, since=period.since(zone), until=period.until(zone))
    span = (report.since.isoformat(), report.until.isoformat())
    # One picture of the ledger for all of it, whatever is committed meanwhile.
    connection.execute("BEGIN")
    try:
        _add_bills(connection, report, span, period, zone)
        posted = _add_postings(connection, report, span)
        for decision, count, gross in connection.execute(queries()["decided_between"], span):
            report.decided[decision] = Kept(count, Decimal(gross).scaleb(-2))
    finally:
        connection.execute("COMMIT")
    report.differences = list(_differences(report, posted))
    report.is_reconciled = not report.differences
    return report


def _add_bills(
    connection: sqlite3.Connection, report: MonthReport, span: tuple[str, str], period: Period, zone: ZoneInfo
) -> None:
    days = [period.first + timedelta(days=n) for n in range((period.after - period.first).days)]
    begins = [Period("", day, day).since(zone).isoformat() for day in days]
    report.by_day = {day.isoformat(): Billed() for day in days}
    of_day = list(report.by_day.values())
    total, by_vat, quarantined = report.total, report.by_vat, report.quarantined
    for issued_at, is_quarantined, is_credit, entry in connection.execute(queries()["bills_made"], span):
        cdr = _ENTRY.decode(entry).body.cdr
        net, gross = cdr.total_cost.excl_vat, cdr.total_cost.incl_vat
        if is_quarantined:
            quarantined.bills += 1
            quarantined.gross += gross
            continue
        sign = -1 if is_credit else 1
        report.bills += not is_credit
        report.credits += is_credit
        energy_wh = cdr.total_energy_wh
        total.add(sign, energy_wh, net, gross)
        of_day[bisect_right(begins, issued_at) - 1].add(sign, energy_wh, net, gross)
        for table, key in (
            (report.by_evse, f"{cdr.station_id}*{cdr.evse_id}"),
            (report.by_tariff, cdr.tariff.id),
            (report.by_contract, cdr.contract_id),
        ):
            found = table.get(key)
            if found is None:
                found = table[key] = Billed()
            found.add(sign, energy_wh, net, gross)
        for line in cdr.lines:
            rate = line.vat or NO_VAT
            taxed = by_vat.get(rate)
            if taxed is None:
                taxed = by_vat[rate] = Taxed()
            taxed.net += line.cost.excl_vat
            taxed.tax += line.cost.incl_vat - line.cost.excl_vat


@dataclass(slots=True)
class _Posted:
    """What the postings say of the same."""

    revenue: Decimal = ZERO
    customers: Decimal = ZERO
    vat: dict[str, Decimal] = field(default_factory=dict)
    bills: int = 0
    unbalanced: list[str] = field(default_factory=list)


def _add_postings(connection: sqlite3.Connection, report: MonthReport, span: tuple[str, str]) -> _Posted:
    posted = _Posted()
    for posting_id, key, reason, legs in connection.execute(queries()["postings_made"], span):
        report.postings += 1
        is_bill = key.startswith("cdr:")
        posted.bills += is_bill
        balance = ZERO
        for leg in _LEGS.decode(legs):
            balance += leg.amount
            account = leg.account
            if account == REVENUE:
                posted.revenue -= leg.amount
            elif account.startswith(_CUSTOMER):
                if is_bill:
                    posted.customers += leg.amount
            elif account.startswith(_VAT):
                rate = account[len(_VAT) :]
                posted.vat[rate] = posted.vat.get(rate, ZERO) - leg.amount
            elif account.startswith(_TILL_DIFFERENCE):
                till = account[len(_TILL_DIFFERENCE) :]
                report.till_differences[till] = report.till_differences.get(till, ZERO) - leg.amount
            elif reason in _PAYMENTS and (method := account.partition(":")[0]) in _METHODS:
                told = f"{method} {reason}"
                report.by_payment[told] = report.by_payment.get(told, ZERO) + leg.amount
        if balance:
            posted.unbalanced.append(posting_id)
    return posted


def _differences(report: MonthReport, posted: _Posted) -> Iterator[str]:
    """Where bills and postings are not of one mind."""
    for what, by_bills, by_postings in (
        ("revenue before VAT", report.total.net, posted.revenue),
        ("what customers were billed", report.total.gross, posted.customers),
        *(
            (f"VAT {rate} %", report.by_vat[rate].tax if rate in report.by_vat else ZERO, posted.vat.get(rate, ZERO))
            for rate in sorted(posted.vat.keys() | {r for r, taxed in report.by_vat.items() if taxed.tax})
            if rate not in (NO_VAT, _MIXED)
        ),
        (
            "VAT of several rates",
            report.by_vat[NO_VAT].tax if NO_VAT in report.by_vat else ZERO,
            posted.vat.get(_MIXED, ZERO),
        ),
    ):
        if by_bills != by_postings:
            yield f"{what}: {by_bills} by the bills, {by_postings} by the postings"
    if (bills := report.bills + report.credits) != posted.bills:
        yield f"{bills} bills and credits were made, and {posted.bills} of them posted"
    for posting_id in posted.unbalanced:
        yield f"posting {posting_id} does not sum to zero"
