"""Customers, contracts and wallets in the ledger: a new agent on the same file stands where the last one stood."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from edge.domain.account_book import AccountBook
from edge.domain.customer_events import CustomersImported
from edge.ledger import account_totals
from edge.ledger.account_totals import Totaller
from edge.ledger.customer_reading import find_customers
from edge.ledger.database import open_reader
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from protocols.ocpi.customer import Customer, Vehicle
from protocols.ocpi.token import Token
from protocols.sync.down import DesiredAccounts
from tests.edge.domain.site_kit import number
from tests.edge.domain.wallet_kit import CUSTOMER, balances, postpaid, prepaid, sign, top_up
from tests.edge.ledger.conftest import LedgerPlay
from tests.kit import wait_until


def again(ledger: Ledger, play: LedgerPlay) -> AccountBook:
    """The books of a new agent on the same file."""
    return restore(ledger, play.site.rules).accounts


def same(book: AccountBook, before: AccountBook) -> None:
    assert book.site == before.site
    assert book.hub == before.hub
    assert {each: amount for each, amount in book.balances.items() if amount} == {
        each: amount for each, amount in before.balances.items() if amount
    }
    assert book.elsewhere == before.elsewhere
    assert {key: (each.held, each.holds) for key, each in book.wallets.items()} == {
        key: (each.held, each.holds) for key, each in before.wallets.items()
    }
    assert book.unsent == before.unsent
    assert book.overdrawn == before.overdrawn
    assert book.dues == before.dues
    assert book.steps == before.steps


def test_a_kill_loses_no_hold(ledger: Ledger, play: LedgerPlay) -> None:
    sign(play, prepaid(offline_limit=Decimal("30.00")), postpaid("C-OTHER"))
    top_up(play, "50.00")
    play.start(1000)
    second = number(play.start(1000, token="OTHER", evse=2))
    play.after(20)
    play.stop(second, 4000)
    same(again(ledger, play), play.site.accounts)
    assert play.site.accounts.wallets
    play.site = restore(ledger, play.site.rules)
    play.after(10)
    (open_one,) = play.site.transactions.values()
    play.stop(open_one.charger_transaction_id, 6000)
    same(again(ledger, play), play.site.accounts)
    assert "held:C-GOOD" not in balances(play)


def test_what_the_hub_told_stands(ledger: Ledger, play: LedgerPlay) -> None:
    document = DesiredAccounts(
        version=1,
        customers=(CUSTOMER,),
        contracts=(prepaid(), postpaid("C-OTHER")),
        balances={"C-GOOD": Decimal("3.10"), "C-OTHER": Decimal("1.00")},
        as_of=play.now,
    )
    play.tell(document)
    same(again(ledger, play), play.site.accounts)
    assert play.site.accounts.overdrawn == {"C-GOOD"}


def test_debts_are_due_after_a_restart_as_before(ledger: Ledger, play: LedgerPlay) -> None:
    sign(play, postpaid(statement_period="week", payment_days=3))
    for week in range(3):
        transaction = number(play.start(1000 * week))
        play.after(30)
        play.stop(transaction, 1000 * week + 1000)
        play.after(7 * 24 * 60)
    top_up(play, "0.80")
    dues = again(ledger, play).dues
    assert dues == play.site.accounts.dues
    assert len(dues.open["C-GOOD"]) == 2


def test_sums_are_the_sums_of_postings_however_far_they_are_added_up(ledger: Ledger, play: LedgerPlay) -> None:
    sign(play, prepaid())
    for sum_paid in ("10.00", "20.00", "30.00"):
        top_up(play, sum_paid)
        play.charge()
    reading = open_reader(ledger.path)
    for most in (2, 3, 100):
        asyncio.run(ledger.add_up(most))
        assert account_totals.balances(reading, "") == balances(play)
        assert account_totals.balance_of(reading, "customer:C-GOOD") == balances(play)["customer:C-GOOD"]
        entries = list(account_totals.entries_of(reading, "customer:C-GOOD"))
        assert sum(entry.amount for entry in entries) == balances(play)["customer:C-GOOD"]
        assert [entry.money_seq for entry in entries] == sorted(entry.money_seq for entry in entries)
        newest = list(account_totals.entries_of(reading, "customer:C-GOOD", newest_first=True))
        assert newest == entries[::-1]
    assert asyncio.run(ledger.add_up(100)) == 0
    reading.close()


async def test_they_are_added_up_by_the_hour(ledger: Ledger) -> None:
    counted: list[int] = []

    class Counting:
        async def add_up(self, most: int) -> int:
            counted.append(most)
            if len(counted) == 1:
                raise sqlite3.OperationalError("database or disk is full")
            return most if len(counted) < 4 else 3

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(Totaller(Counting(), every_s=0.01, pause_s=0).run())
        await wait_until(lambda: len(counted) >= 6)
        task.cancel()


def test_customers_are_found_by_a_part_of_what_is_known(ledger: Ledger, play: LedgerPlay) -> None:
    customers = (
        Customer(id="K1", name="Jürgen Großmann", vehicles=(Vehicle(plate="B-AB 1234", name="van"),)),
        Customer(id="K2", name="陈小明", email="chen@example.org", vehicles=(Vehicle(plate="京A·12345"),)),
        Customer(id="K3", name="Anna", phone="+49 171 5550"),
    )
    contracts = (prepaid("W1"), prepaid("W2"))
    tokens = (Token(uid="04A1B2C3D4", contract_id="W1", visual_number="CARD-77"),)
    event = CustomersImported(by="operator", customers=customers, contracts=contracts, tokens=tokens)
    play.tell(event)
    reading = open_reader(ledger.path)

    def found(text: str) -> list[str]:
        return [each.id for each in find_customers(reading, text, 10)]

    assert found("gross") == ["K1"]
    assert found("JURGEN") == ["K1"]
    assert found("ab1234") == found("B-AB 1234") == ["K1"]
    assert found("1234") == ["K1", "K2"]
    assert found("小明") == found("明") == ["K2"]
    assert found("a1b2c3") == found("card-77") == found("W1") == ["K1"]
    assert found("example.ORG") == ["K2"]
    assert found("71 5550") == ["K3"]
    assert found("nobody") == found('"') == found("") == []
    assert len(find_customers(reading, "a", 2)) == 2
    play.tell(CustomersImported(by="operator", customers=customers[1:], contracts=(), replaces_all=True))
    assert found("gross") == []
    assert found("a1b2c3") == []
    reading.close()


def test_a_ledger_with_tokens_knows_their_cards(tmp_path: Path, ledger: Ledger, play: LedgerPlay) -> None:
    play.tell(CustomersImported(by="operator", tokens=(Token(uid="AA01", contract_id="W1"),)))
    sign(play, prepaid("W1"))
    reading = open_reader(ledger.path)
    assert [each.id for each in find_customers(reading, "aa01", 5)] == ["K1"]
    play.tell(CustomersImported(by="operator", tokens=(Token(uid="AA01", contract_id="W2"),)))
    assert find_customers(reading, "aa01", 5) == []
    reading.close()


@pytest.mark.parametrize("count", [1, 700])
def test_many_come_in_several_entries_and_as_one(ledger: Ledger, play: LedgerPlay, count: int) -> None:
    customers = tuple(Customer(id=f"K{each}", name=f"N{each}") for each in range(1, count + 1))
    contracts = tuple(prepaid(f"W{each}") for each in range(1, count + 1))
    play.tell(CustomersImported(by="operator", customers=customers, contracts=contracts, replaces_all=True))
    (kept,) = ledger.connection.execute("SELECT COUNT(*) FROM customers").fetchone()
    assert kept == count
    same(again(ledger, play), play.site.accounts)
