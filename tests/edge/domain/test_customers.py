"""Customers and contracts: who may bring what, and whose word holds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from edge.domain.customer_events import ContractAltered, CustomersImported
from edge.domain.customers import AT_ONCE
from edge.domain.events import Done, Refused
from edge.domain.local_lists import goal_of
from edge.domain.rules import StationRules
from protocols.ocpi.customer import Customer
from protocols.ocpi.token import Token
from protocols.sync.customers import CustomersChanged, ElsewhereTold
from protocols.sync.down import DesiredAccounts
from protocols.sync.up import DocumentApplied, TokensChanged
from tests.edge.domain.site_kit import Play, new_site
from tests.edge.domain.wallet_kit import CUSTOMER, postpaid, prepaid, sign


@pytest.fixture
def play() -> Play:
    made = Play()
    made.connect()
    return made


def bring(play: Play, **what: Any) -> Done | Refused:
    reply = play.tell(CustomersImported(by="anna", **what)).reply
    assert isinstance(reply, Done | Refused)
    return reply


def desired(play: Play, version: int, *contracts: Any, **balances: str) -> DesiredAccounts:
    return DesiredAccounts(
        version=version,
        customers=(CUSTOMER,),
        contracts=contracts,
        balances={name: Decimal(amount) for name, amount in balances.items()},
        as_of=play.now,
    )


def test_a_customer_is_made_at_the_site(play: Play) -> None:
    token = Token(uid="04AA", contract_id="W1")
    reply = bring(play, customers=(CUSTOMER,), contracts=(prepaid("W1"),), tokens=(token,))
    assert reply == Done(text="1 customers, 1 contracts and 1 cards imported")
    (changed,) = play.found(CustomersChanged)
    assert (changed.source, changed.by, changed.is_complete) == ("site", "anna", False)
    assert play.found(TokensChanged)[0].tokens == (token,)
    assert play.site.tokens.find("04aa") == token


@pytest.mark.parametrize(
    ("contract", "problem"),
    [
        (prepaid("W1", tariff_id="gold"), "there is no tariff gold"),
        (prepaid("suspense"), "this id is the site's own"),
        (prepaid(""), "this id is the site's own"),
        (postpaid("P1", credit_limit=Decimal("-1")), "credit_limit -1 is no sum of money"),
        (postpaid("P1", offline_limit=Decimal("1.005")), "offline_limit 1.005 is no sum of money"),
        (postpaid("P1", payment_days=-1), "payment_days -1 is negative"),
    ],
)
def test_what_cannot_be_is_refused_whole(play: Play, contract: Any, problem: str) -> None:
    reply = bring(play, customers=(CUSTOMER,), contracts=(prepaid("W0"), contract))
    assert isinstance(reply, Refused)
    assert problem in reply.reason
    assert play.found(CustomersChanged) == []
    assert not play.site.accounts


def test_a_contract_needs_its_customer_and_the_sites_money(play: Play) -> None:
    assert "there is no customer K1" in str(bring(play, contracts=(prepaid(),)))
    sign(play, prepaid())
    assert isinstance(bring(play, contracts=(prepaid("W2"),)), Done)
    foreign = replace(postpaid("P1"), currency="USD")
    assert "the currency is USD, this site's is EUR" in str(bring(play, contracts=(foreign,)))
    assert isinstance(bring(play, customers=(Customer(id="", name="nobody"),)), Refused)


def test_many_come_in_several_entries_of_which_the_first_replaces(play: Play) -> None:
    sign(play, prepaid())
    customers = tuple(Customer(id=f"N{each}", name="N") for each in range(2 * AT_ONCE + 1))
    play.entries.clear()
    bring(play, customers=customers, replaces_all=True)
    changed = play.found(CustomersChanged)
    assert [len(each.customers) for each in changed] == [AT_ONCE, AT_ONCE, 1]
    assert [each.is_complete for each in changed] == [True, False, False]
    assert play.site.accounts.find("C-GOOD") is None
    play.entries.clear()
    assert isinstance(bring(play, replaces_all=True), Done)
    assert [each.is_complete for each in play.found(CustomersChanged)] == [True]


def test_terms_are_changed_and_what_is_not_said_stays(play: Play) -> None:
    sign(play, postpaid(credit_limit=Decimal("50.00")))
    limits = ContractAltered(by="anna", contract_id="C-GOOD", offline_limit=Decimal("5.00"), is_blocked=True)
    assert isinstance(play.tell(limits).reply, Done)
    found = play.site.accounts.find("C-GOOD")
    assert found is not None
    assert (found.credit_limit, found.offline_limit, found.valid) == (Decimal("50.00"), Decimal("5.00"), False)
    play.tell(ContractAltered(by="anna", contract_id="C-GOOD", credit_limit="none", is_blocked=False))
    found = play.site.accounts.find("C-GOOD")
    assert found is not None
    assert (found.credit_limit, found.offline_limit, found.valid) == (None, Decimal("5.00"), True)
    bad = ContractAltered(by="anna", contract_id="C-GOOD", credit_limit=Decimal("NaN"))
    assert isinstance(play.tell(bad).reply, Refused)
    assert isinstance(play.tell(ContractAltered(by="anna", contract_id="nobody")).reply, Refused)


def test_the_hubs_terms_hold_and_the_block_of_either(play: Play) -> None:
    sign(play, postpaid(credit_limit=Decimal("50.00")))
    play.tell(desired(play, 1, postpaid(credit_limit=Decimal("10.00"))))
    found = play.site.accounts.find("C-GOOD")
    assert found is not None
    assert found.credit_limit == 10
    limit = ContractAltered(by="anna", contract_id="C-GOOD", credit_limit=Decimal("99.00"))
    assert isinstance(play.tell(limit).reply, Refused)
    play.tell(ContractAltered(by="anna", contract_id="C-GOOD", is_blocked=True))
    found = play.site.accounts.find("C-GOOD")
    assert found is not None
    assert not found.valid
    play.tell(desired(play, 2, postpaid(valid=False)))
    reply = play.tell(ContractAltered(by="anna", contract_id="C-GOOD", is_blocked=False)).reply
    assert isinstance(reply, Refused)
    assert "the hub blocks this contract" in reply.reason


def test_only_what_is_new_is_journaled(play: Play) -> None:
    play.tell(desired(play, 1, prepaid(), **{"C-GOOD": "-5.00"}))
    assert (len(play.found(CustomersChanged)), len(play.found(ElsewhereTold))) == (1, 1)
    play.tell(desired(play, 1, prepaid(), **{"C-GOOD": "-9.00"}))
    play.tell(desired(play, 2, prepaid(), **{"C-GOOD": "-5.00"}))
    assert (len(play.found(CustomersChanged)), len(play.found(ElsewhereTold))) == (1, 1)
    play.tell(desired(play, 3, prepaid()))
    assert play.found(ElsewhereTold)[-1].balances == {"C-GOOD": Decimal("0.00")}
    assert [each.version for each in play.found(DocumentApplied)] == [1, 2, 3]
    assert play.site.accounts.elsewhere == {}


def test_the_cards_of_a_blocked_contract_leave_the_local_lists() -> None:
    site = new_site()
    site.rules.stations["A"] = StationRules(station_id="A", keeps_local_list=True)
    play = Play(site=site)
    play.connect()
    token = Token(uid="04AA", contract_id="W1")
    bring(play, customers=(CUSTOMER,), contracts=(prepaid("W1"), prepaid("W2")), tokens=(token,))

    def listed() -> set[str]:
        return set(goal_of(play.site, play.site.stations["A"], play.now).tokens)

    assert "04AA" in listed()
    play.entries.clear()
    play.tell(ContractAltered(by="anna", contract_id="W1", is_blocked=True))
    assert "04AA" not in listed()
    assert len(play.found(TokensChanged)) == 1
    play.tell(ContractAltered(by="anna", contract_id="W2", is_blocked=True))  # has no card
    assert len(play.found(TokensChanged)) == 1
    play.tell(ContractAltered(by="anna", contract_id="W1", is_blocked=False))
    assert "04AA" in listed()
    play.tell(desired(play, 1, replace(prepaid("W1"), valid=False)))
    assert "04AA" not in listed()
