"""What changed of the hub's customers, contracts and balances: all of it or nothing, and not upon what is not here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from edge.domain.account_changes import accounts_digest
from edge.domain.events import Done, Refused
from edge.domain.list_events import AccountsListed, ListBroken
from edge.domain.view import birth
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from edge.ports import Commit
from edge.uplink.list_parts import account_parts
from protocols.ocpi.customer import Billing, Contract, Customer, Vehicle
from protocols.sync import lists
from protocols.sync.account_lists import (
    ACCOUNT_LISTS,
    AccountItem,
    AccountsPart,
    balance_hash,
    contract_hash,
    customer_hash,
    in_heaps,
    part_of,
)
from protocols.sync.codec import decode, encode
from protocols.sync.customers import CustomersChanged, ElsewhereTold, WalletOverdrawn
from protocols.sync.down import DesiredAccounts
from protocols.sync.lists import total, written
from protocols.sync.up import AlarmRaised, DocumentApplied
from tests.edge.domain.site_kit import Play, new_site
from tests.edge.domain.wallet_kit import CUSTOMER, balances, postpaid, prepaid

ANNA = replace(CUSTOMER, vehicles=(Vehicle(plate="B-AM 1"),))
OTHER = Customer(id="K2", name="Ben")
WALLET = prepaid("W1")


def digest(*items: AccountItem) -> str:
    """Of customers, contracts and balances."""
    return written(total(map(_hash, items)))


def _hash(item: Any) -> int:
    match item:
        case Customer():
            return customer_hash(item)
        case Contract():
            return contract_hash(item)
        case (contract_id, amount):
            return balance_hash(contract_id, amount)
    raise AssertionError


def parts(play: Play, version: int, since: int | None, after: str, *items: AccountItem) -> list[AccountsPart]:
    heaps = list(in_heaps(items))
    return [part_of(heap, version, since, number, len(heaps), after, play.now) for number, heap in enumerate(heaps, 1)]


def tell(play: Play, version: int, since: int | None, after: str, *items: AccountItem) -> Any:
    """As it comes by the wire; returns the reply."""
    into, reply = account_parts(), None
    for part in parts(play, version, since, after, *items):
        listed = into.take(decode(AccountsPart, encode(part)))
        if listed is not None:
            reply = play.tell(listed).reply
    return reply


def balance(contract_id: str, amount: str) -> AccountItem:
    return (contract_id, Decimal(amount))


@pytest.fixture
def play() -> Play:
    """Version 1 is here: a customer with a wallet, to which 20.00 were paid elsewhere."""
    made = Play()
    made.connect()
    told = (ANNA, WALLET, balance("W1", "-20.00"))
    assert isinstance(tell(made, 1, None, digest(*told), *told), Done)
    made.entries.clear()
    return made


def test_a_posting_elsewhere_is_one_entry_of_one_contract(play: Play) -> None:
    after = digest(ANNA, WALLET, balance("W1", "-15.00"))
    assert isinstance(tell(play, 2, 1, after, balance("W1", "-15.00")), Done)
    assert play.found(CustomersChanged) == []
    assert [each.balances for each in play.found(ElsewhereTold)] == [{"W1": Decimal("-15.00")}]
    assert [(each.version, each.problem) for each in play.found(DocumentApplied)] == [(2, None)]
    assert play.site.accounts.balance("W1") == Decimal("-15.00")


def test_terms_change_alone_and_what_is_gone_goes_with_its_balance(play: Play) -> None:
    blocked = replace(WALLET, valid=False)
    tell(play, 2, 1, digest(ANNA, OTHER, blocked, balance("W1", "-20.00")), OTHER, blocked)
    (changed,) = play.found(CustomersChanged)
    assert (changed.source, changed.customers, changed.contracts) == ("hub", (OTHER,), (blocked,))
    play.entries.clear()
    assert isinstance(tell(play, 3, 2, digest(OTHER), ("contract", "W1"), ("customer", ANNA.id)), Done)
    (gone,) = play.found(CustomersChanged)
    assert (gone.removed_customers, gone.removed_contracts, gone.is_complete) == ((ANNA.id,), ("W1",), False)
    assert [each.balances for each in play.found(ElsewhereTold)] == [{"W1": Decimal(0)}]
    book = play.site.accounts
    assert (book.hub, book.elsewhere, list(book.hub_customers)) == ({}, {}, ["K2"])


def test_nothing_is_built_upon_what_is_not_here(play: Play) -> None:
    """Money first: a posting that was missed cannot be made up for by the next one."""
    for since, after in (
        (2, digest(ANNA, WALLET, balance("W1", "-5.00"))),
        (1, digest(WALLET, balance("W1", "-5.00"))),
    ):
        reply = tell(play, 3 + since, since, after, balance("W1", "-5.00"))
        assert isinstance(reply, Refused)
        assert "the whole is wanted" in reply.reason
    assert play.site.accounts.elsewhere == {"W1": Decimal("-20.00")}
    assert play.found(ElsewhereTold) == []
    assert play.found(AlarmRaised) == [], "the whole is on its way"
    told = (ANNA, WALLET, balance("W1", "-5.00"))
    assert isinstance(tell(play, 5, None, digest(*told), *told), Done)
    assert play.site.accounts.elsewhere == {"W1": Decimal("-5.00")}


def test_an_older_word_changes_nothing(play: Play) -> None:
    tell(play, 3, 1, digest(ANNA, WALLET, balance("W1", "7.00")), balance("W1", "7.00"))
    tell(play, 2, 1, digest(ANNA, WALLET, balance("W1", "-9.00")), balance("W1", "-9.00"))
    told = (ANNA, WALLET, balance("W1", "-20.00"))
    tell(play, 1, None, digest(*told), *told)
    assert play.site.accounts.elsewhere == {"W1": Decimal("7.00")}
    assert play.site.documents["accounts"] == 3


def test_what_is_told_twice_is_journaled_once(play: Play) -> None:
    """The whole says again what is here: only the difference is told to the hub again, and to the ledger."""
    told = (ANNA, OTHER, WALLET, balance("W1", "-20.00"))
    assert isinstance(tell(play, 4, None, digest(*told), *told), Done)
    assert [(each.customers, each.contracts) for each in play.found(CustomersChanged)] == [((OTHER,), ())]
    assert play.found(ElsewhereTold) == []


def test_a_contract_that_cannot_be_leaves_the_last_good_ones(play: Play) -> None:
    wrong = postpaid("P1", credit_limit=Decimal("-1"))
    before = accounts_digest(play.site)
    reply = tell(play, 2, 1, digest(ANNA, WALLET, wrong, balance("W1", "-1.00")), wrong, balance("W1", "-1.00"))
    assert isinstance(reply, Refused)
    assert "credit_limit -1 is no sum of money" in reply.reason
    assert (accounts_digest(play.site), play.site.documents["accounts"]) == (before, 1)
    assert [each.alarm for each in play.found(AlarmRaised)] == ["document_unreadable"]


def test_a_whole_that_is_not_what_it_says_is_not_even_decided(play: Play) -> None:
    (part,) = parts(play, 2, None, digest(ANNA, WALLET), ANNA)
    assert isinstance(account_parts().take(part), ListBroken)


def test_parts_may_come_twice_and_in_any_order(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_PART_BYTES", 200)
    told: list[AccountItem] = [ANNA, *(prepaid(f"W{number}") for number in range(9)), balance("W3", "-1.00")]
    several = parts(play, 2, None, digest(*told), *told)
    assert len(several) > 4
    into = account_parts()
    found = [into.take(part) for part in [*several[3:], *several[2:], *several[:2]]]
    (listed,) = [each for each in found if each is not None]
    assert isinstance(listed, AccountsListed)
    play.tell(listed)
    assert len(play.site.accounts.hub) == 9
    assert accounts_digest(play.site) == digest(*told)


def test_what_others_spent_is_known_before_the_wallet_is(play: Play) -> None:
    """A transaction runs already for a contract that was only an id: nothing is set aside of what is gone."""
    play.start(0)
    contract = prepaid()
    told = (ANNA, WALLET, contract, balance("W1", "-20.00"), balance("C-GOOD", "3.00"))
    tell(play, 2, 1, digest(*told), contract, balance("C-GOOD", "3.00"))
    assert balances(play) == {}
    assert [(each.contract_id, each.is_shared) for each in play.found(WalletOverdrawn)] == [("C-GOOD", True)]


def test_the_birth_says_what_is_here(play: Play) -> None:
    met = birth(play.site, play.now)
    assert ACCOUNT_LISTS in met.understands
    assert met.digests["accounts"] == digest(ANNA, WALLET, balance("W1", "-20.00"))


def test_after_one_message_of_a_hub_of_before_what_changed_goes_on(play: Play) -> None:
    document = DesiredAccounts(
        version=2, customers=(OTHER,), contracts=(WALLET,), balances={"W1": Decimal("-1.00")}, as_of=play.now
    )
    play.tell(document)
    after = digest(OTHER, WALLET, balance("W1", "-2.00"))
    assert isinstance(tell(play, 3, 2, after, balance("W1", "-2.00")), Done)


async def test_what_changed_is_in_the_ledger_after_a_restart(tmp_path: Path) -> None:
    path, play = tmp_path / "ledger.sqlite", Play()
    limited = replace(postpaid("P1"), credit_limit=Decimal("50.00"), expires_at=play.now + timedelta(days=9))
    told = (ANNA, OTHER, WALLET, limited, balance("W1", "-20.00"), balance("P1", "3.10"))
    tell(play, 1, None, digest(*told), *told)
    after = (replace(ANNA, name="Anna M."), replace(limited, credit_limit=Decimal(50)), balance("P1", "4"))
    assert isinstance(tell(play, 2, 1, digest(*after), *after, ("customer", "K2"), ("contract", "W1")), Done)
    with Ledger(path, "edge-1") as ledger:
        await ledger.commit(Commit(entries=play.entries))
    with Ledger(path, "edge-1") as ledger:
        site = restore(ledger, new_site().rules)
    assert (site.accounts.hub, site.accounts.elsewhere) == (play.site.accounts.hub, {"P1": Decimal(4)})
    assert site.accounts.hub_customers == play.site.accounts.hub_customers
    assert accounts_digest(site) == accounts_digest(play.site) == digest(*after)


def test_two_postings_add_to_a_digest_what_their_sum_does() -> None:
    one, two = Decimal("-12.345"), Decimal("0.05")
    assert balance_hash("C", one) + balance_hash("C", two) == balance_hash("C", one + two)
    assert contract_hash(replace(WALLET, credit_limit=Decimal("50.00"))) == contract_hash(
        replace(WALLET, credit_limit=Decimal(50))
    )
    assert contract_hash(WALLET) != contract_hash(replace(WALLET, billing=Billing.POSTPAID))
