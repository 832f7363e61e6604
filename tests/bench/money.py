"""How soon a customer is found among many, and a month of bills added up."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from edge.domain.customer_words import fold
from edge.ledger.customer_reading import find_customers
from edge.ledger.database import open_reader
from edge.ledger.ledger import Ledger
from edge.ledger.month_report import month_report
from edge.ports import Commit
from protocols.ocpi.customer import Billing, Contract, Customer, Vehicle
from protocols.ocpi.token import Token
from protocols.sync.customers import CustomersChanged
from protocols.sync.topics import Stream
from protocols.sync.up import Entry, TokensChanged
from tests.bench import machine
from tests.bench.money_ledger import MoneyLedger
from tests.bench.processes import run_folder
from tests.bench.result import Result
from tests.bench.throughput import say

_EDGE_ID: Final = "bench"
_AT: Final = datetime(2026, 10, 1, tzinfo=UTC)
_AT_ONCE: Final = 500
_SURNAMES: Final = ("Müller", "Schröder", "Weiß", "Jansen", "Kowalski", "Nguyen", "王", "李", "Öztürk", "O'Brien")
_SCAN: Final = """
SELECT customer_id FROM customers WHERE words LIKE ?1
UNION
SELECT c.customer_id FROM cards AS k JOIN contracts AS c ON c.contract_id = k.contract_id WHERE k.words LIKE ?1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSizes:
    """Each customer with a vehicle, a contract and a card; so many looks of each kind."""

    customers: int = 50_000
    looks: int = 100


def find_customer(sizes: FindSizes) -> Result:
    """One customer by a part of a name, a plate or a card, beside a LIKE over all of them."""
    with run_folder() as folder:
        path = folder / "ledger.sqlite"
        asyncio.run(_make_customers(path, sizes))
        wanted = [_customer(number * 7919 % sizes.customers) for number in range(sizes.looks)]
        texts = {
            "name": [customer.name[3:] for customer, _, _ in wanted],
            "plate": [customer.vehicles[0].plate[2:] for customer, _, _ in wanted],
            "card": [token.uid[4:] for _, _, token in wanted],
        }
        with closing(open_reader(path)) as reading:
            found = {kind: [_looked(reading, text) for text in of_kind] for kind, of_kind in texts.items()}
            scanned = {kind: [_scanned(reading, text) for text in of_kind[:20]] for kind, of_kind in texts.items()}
    value = median(took for each in found.values() for took in each)
    baseline = median(took for each in scanned.values() for took in each)
    say(f"find_customer: {value:.2f} ms, by a scan {baseline:.1f} ms")
    return Result(
        name="find_customer",
        value=value,
        unit="ms, the median to find a customer by a part of a name, a plate or a card",
        baseline="LIKE '%…%' over the same tables",
        baseline_value=baseline,
        ratio=value / baseline,
        is_better="lower",
        details={
            **{f"{kind}_ms": {"p50": median(each), "max": max(each)} for kind, each in found.items()},
            **{f"{kind}_scan_ms": median(each) for kind, each in scanned.items()},
        },
        conditions=machine.describe() | {"load": f"{sizes.customers} customers, {sizes.looks} looks of each kind"},
    )


def month_report_of(made: MoneyLedger, rounds: int) -> Result:
    """A month's report, beside a plain sum over the bills and postings as JSON documents."""
    took: dict[str, list[float]] = {"report": [], "sum": []}
    bills = made.sizes.bills
    with closing(open_reader(made.path())) as reading:
        for _ in range(rounds):
            took["sum"].append(_timed(lambda: _plain_sum(reading)))
            took["report"].append(_timed(lambda: _reported(reading, bills)))
    value, baseline = (median(took[name]) for name in ("report", "sum"))
    say(f"month_report: {value:.2f} s, a plain sum {baseline:.2f} s")
    return Result(
        name="month_report",
        value=value,
        unit="s for a month's report, reconciled with the postings",
        baseline="json.loads of each bill and posting, summed by EVSE, tariff, contract, day and VAT rate",
        baseline_value=baseline,
        ratio=median(one / other for one, other in zip(took["report"], took["sum"], strict=True)),
        is_better="lower",
        details={"rounds_s": took, "ledger_mb": made.size_mb()},
        conditions=machine.describe() | {"load": f"{bills} bills at {made.sizes.stations} stations in one month"},
    )


# --- customers ---


def _customer(number: int) -> tuple[Customer, Contract, Token]:
    name = f"{_SURNAMES[number % len(_SURNAMES)]} {number:05} {chr(97 + number % 26) * 3}"
    plate = f"{chr(65 + number % 26)}{chr(65 + number // 26 % 26)} {number:06}"
    customer = Customer(id=f"K{number:06}", name=name, vehicles=(Vehicle(plate=plate),), phone=f"+49 {number * 37}")
    contract = Contract(id=f"C{number:06}", customer_id=customer.id, billing=Billing.POSTPAID, currency="EUR")
    token = Token(uid=f"04{number * 2654435761 % 2**32:08X}{number:06}", contract_id=contract.id)
    return customer, contract, token


async def _make_customers(path: Path, sizes: FindSizes) -> None:
    with Ledger(path, _EDGE_ID) as ledger:
        for seq, first in enumerate(range(0, sizes.customers, _AT_ONCE)):
            made = [_customer(number) for number in range(first, min(first + _AT_ONCE, sizes.customers))]
            customers, contracts, tokens = zip(*made, strict=True)
            bodies: tuple[CustomersChanged | TokensChanged, ...] = (
                CustomersChanged(source="site", customers=customers, contracts=contracts),
                TokensChanged(source="site", tokens=tokens),
            )
            entries = [
                Entry(stream=Stream.EVENT, seq=2 * seq + place, at=_AT, body=body)
                for place, body in enumerate(bodies, 1)
            ]
            await ledger.commit(Commit(entries=entries))


def _looked(reading: sqlite3.Connection, text: str) -> float:
    begun_s = time.perf_counter()
    found = find_customers(reading, text, 50)
    took_ms = 1000 * (time.perf_counter() - begun_s)
    if not found:
        raise AssertionError(f"nobody found by {text!r}")
    return took_ms


def _scanned(reading: sqlite3.Connection, text: str) -> float:
    begun_s = time.perf_counter()
    found = reading.execute(_SCAN, (f"%{fold(text)}%",)).fetchall()
    took_ms = 1000 * (time.perf_counter() - begun_s)
    if not found:
        raise AssertionError(f"nobody found by a scan for {text!r}")
    return took_ms


# --- a month ---


def _timed(act: Callable[[], None]) -> float:
    begun_s = time.perf_counter()
    act()
    return time.perf_counter() - begun_s


def _reported(reading: sqlite3.Connection, bills: int) -> None:
    found = month_report(reading, date(2026, 10, 1), ZoneInfo("UTC"))
    if not found.is_reconciled or found.bills != bills:
        raise AssertionError(f"{found.bills} bills, {found.differences}")


def _plain_sum(reading: sqlite3.Connection) -> None:
    """As anybody would write it."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (entry,) in reading.execute("SELECT entry FROM cdrs WHERE NOT is_quarantined"):
        told = json.loads(entry)
        cdr = told["body"]["cdr"]
        gross = Decimal(cdr["total_cost"]["incl_vat"])
        day = datetime.fromisoformat(told["at"]).date().isoformat()
        evse = f"{cdr['station_id']}*{cdr['evse_id']}"
        for key in (f"day {day}", f"evse {evse}", f"tariff {cdr['tariff']['id']}", f"contract {cdr['contract_id']}"):
            sums[key] += gross
        for line in cdr["lines"]:
            cost = line["cost"]
            sums[f"vat {line['vat']}"] += Decimal(cost["incl_vat"]) - Decimal(cost["excl_vat"])
    for (legs,) in reading.execute("SELECT legs FROM postings"):
        for leg in json.loads(legs):
            sums[leg["account"]] += Decimal(leg["amount"])
