"""Contracts of the hub that this site cannot price: known, closed, told, and opened when their tariff comes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from edge.domain.events import Done, Refused, Restarted
from edge.domain.local_lists import goal_of
from edge.domain.rules import StationRules
from protocols.charger.commands import IdTokenAnswer
from protocols.charger.events import IdTokenPresented
from protocols.sync.customers import CustomersChanged
from protocols.sync.down import DesiredAccounts, DesiredTariffs
from protocols.sync.up import AlarmRaised, DocumentApplied, Severity, TokensChanged
from protocols.terms import AuthorizationStatus
from tests.edge.domain.site_kit import Play, component, new_site, tariff
from tests.edge.domain.wallet_kit import CUSTOMER, postpaid

GOLD = tariff(component("ENERGY", "0.20", "19"), tariff_id="gold")


@pytest.fixture
def play() -> Play:
    made = Play()
    made.connect()
    return made


def desired(play: Play, version: int, *contracts: Any, **balances: str) -> Done | Refused:
    told = {name.replace("_", "-"): Decimal(amount) for name, amount in balances.items()}
    event = DesiredAccounts(version=version, customers=(CUSTOMER,), contracts=contracts, balances=told, as_of=play.now)
    reply = play.tell(event).reply
    assert isinstance(reply, Done | Refused)
    return reply


def presented(play: Play) -> AuthorizationStatus:
    reply = play.tell(IdTokenPresented(station_id="A", token_uid="GOOD")).reply
    assert isinstance(reply, IdTokenAnswer)
    return reply.status


def told(play: Play) -> list[tuple[Severity, str]]:
    return [(each.severity, each.text) for each in play.site.alarms.values() if each.alarm == "contracts_unusable"]


def test_what_is_sound_applies_and_what_cannot_be_priced_is_closed(play: Play) -> None:
    reply = desired(play, 1, postpaid(tariff_id="gold"), postpaid("C-OTHER"), C_OTHER="7.00")
    assert isinstance(reply, Done)
    assert presented(play) is AuthorizationStatus.BLOCKED
    assert play.site.accounts.find("C-OTHER") is not None
    assert play.site.accounts.balance("C-OTHER") == 7
    assert play.found(DocumentApplied)[-1].problem is None
    assert told(play) == [
        (Severity.WARNING, "1 contracts cannot charge here: contract C-GOOD: there is no tariff gold")
    ]


def test_it_charges_as_soon_as_its_tariff_is_there_and_no_longer(play: Play) -> None:
    desired(play, 1, postpaid(tariff_id="gold"))
    play.tell(DesiredTariffs(version=1, tariffs=(GOLD,)))
    assert told(play) == []
    assert presented(play) is AuthorizationStatus.ACCEPTED
    play.tell(DesiredTariffs(version=2, tariffs=()))
    assert presented(play) is AuthorizationStatus.BLOCKED
    assert len(told(play)) == 1


def test_another_currency_is_for_other_sites(play: Play) -> None:
    """A card of a contract nobody knows may charge: one of another currency must not be taken for that."""
    desired(play, 1, replace(postpaid(), currency="USD"))
    assert presented(play) is AuthorizationStatus.BLOCKED
    text = "1 contracts cannot charge here: contract C-GOOD: the currency is USD, this site's is EUR"
    assert told(play) == [(Severity.INFO, text)]
    desired(play, 2, postpaid())
    assert (told(play), presented(play)) == ([], AuthorizationStatus.ACCEPTED)


def test_the_local_lists_follow() -> None:
    site = new_site()
    site.rules.stations["A"] = StationRules(station_id="A", keeps_local_list=True)
    play = Play(site=site)
    play.connect()

    def is_listed() -> bool:
        return "GOOD" in goal_of(play.site, play.site.stations["A"], play.now).tokens

    assert is_listed()
    desired(play, 1, postpaid(tariff_id="gold"))
    assert not is_listed()
    before = len(play.found(TokensChanged))
    play.tell(DesiredTariffs(version=1, tariffs=(GOLD,)))
    assert is_listed()
    assert len(play.found(TokensChanged)) == before + 1


def test_terms_that_cannot_be_leave_the_last_good_document(play: Play) -> None:
    desired(play, 1, postpaid(credit_limit=Decimal(50)))
    wrong = (postpaid(credit_limit=Decimal(-1)), postpaid("C-2"), postpaid("C-2"))
    for _ in range(2):  # it is retained, and comes with every connect
        reply = desired(play, 2, *wrong, C_GOOD="9.00")
        assert isinstance(reply, Refused)
    problem = "contract C-GOOD: credit_limit -1 is no sum of money; contract C-2 is there 2 times"
    assert reply == Refused(reason=problem)
    assert [(each.version, each.problem) for each in play.found(DocumentApplied)] == [(1, None), (2, problem)]
    contract = play.site.accounts.find("C-GOOD")
    assert contract is not None
    assert contract.credit_limit == 50
    assert play.site.accounts.find("C-2") is None
    assert play.site.accounts.balance("C-GOOD") == 0
    assert len(play.found(CustomersChanged)) == 1
    assert [each.alarm_id for each in play.found(AlarmRaised)] == ["document_unreadable:accounts"]
    assert isinstance(desired(play, 3, postpaid()), Done)
    assert "document_unreadable:accounts" not in play.site.alarms


def test_a_tariff_that_is_gone_with_a_restart_is_told(play: Play) -> None:
    play.tell(DesiredTariffs(version=1, tariffs=(GOLD,)))
    desired(play, 1, postpaid(tariff_id="gold"))
    play.site.take_tariffs(of_hub={})
    play.tell(Restarted())
    assert len(told(play)) == 1
