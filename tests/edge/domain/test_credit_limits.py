"""Postpaid contracts with a limit: what runs counts against what is left of it, and is stopped before that is spent.
What is set aside is owed by nobody: it is no debt, and no dunning knows it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from edge.domain.account_rules import AccountRules
from edge.domain.customer_events import ContractAltered
from edge.domain.decision import Decision
from edge.domain.events import Ticked
from protocols.charger.abilities import EnergySource
from protocols.charger.commands import IdTokenAnswer
from protocols.charger.events import IdTokenPresented, MeterValuesReported, Sample
from protocols.charger.operations.messages import SetDisplayMessage
from protocols.charger.operations.transactions import StopTransaction
from protocols.money import ZERO
from protocols.ocpi.customer import Billing
from protocols.sync.customers import WalletSpent
from protocols.sync.up import AlarmCleared, AlarmRaised, PostingMade, PostingReason
from protocols.terms import AuthorizationStatus, Measurand
from tests.edge.domain.bay import KWH, Bay
from tests.edge.domain.site_kit import Play, issued, new_site, number, register
from tests.edge.domain.wallet_kit import balances, postpaid, prepaid, sign, top_up

MINE = "customer:C-GOOD"
HELD = "held:C-GOOD"


@pytest.fixture
def play() -> Play:
    """Connected; a kWh is 0.595 EUR with its taxes."""
    made = Play(site=new_site())
    made.connect()
    return made


def limited(limit: str = "10.00", **more: Any) -> Any:
    return postpaid(credit_limit=Decimal(limit), **more)


def presented(play: Play, token: str = "GOOD") -> AuthorizationStatus:
    reply = play.tell(IdTokenPresented(station_id="A", token_uid=token)).reply
    assert isinstance(reply, IdTokenAnswer)
    return reply.status


def reads(play: Play, wh: int, power_w: int) -> Decision:
    samples = (register(wh, play.now), Sample(measurand=Measurand.POWER, value=power_w, at=play.now))
    return play.tell(MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=samples))


def stops(decision: Decision) -> list[str]:
    operations = [command.operation for command in decision.commands]
    return [each.charger_transaction_id for each in operations if isinstance(each, StopTransaction)]


def test_what_may_be_spent_is_set_aside_and_free_again(play: Play) -> None:
    sign(play, limited("50.00"))
    transaction = number(play.start(0))
    assert balances(play) == {MINE: Decimal("20.00"), HELD: Decimal("-20.00")}
    play.after(30)
    play.stop(transaction, 10_000)
    assert balances(play)[MINE] == issued(play).total_cost.incl_vat
    assert HELD not in balances(play)


def test_it_is_stopped_before_the_limit_is_reached(play: Play) -> None:
    """Within the margin of a minute 22 kW make 0.22 EUR; the limit is 10.00, of which nothing is owed yet."""
    sign(play, limited())
    transaction = number(play.start(0))
    play.after(44)
    assert stops(reads(play, 16_000, 22_000)) == []
    play.after(1.4)
    assert stops(reads(play, 16_500, 22_000)) == [transaction]
    assert [spent.held for spent in play.found(WalletSpent)] == [Decimal("10.00")]
    play.after(0.5)
    play.stop(transaction, 16_700, reason="Remote")
    assert issued(play).stop_reason == "LocalOutOfCredit"
    assert Decimal("9.80") < balances(play)[MINE] <= 10


def test_what_is_owed_already_leaves_less(play: Play) -> None:
    sign(play, limited())
    first = number(play.start(0))
    play.after(30)
    play.stop(first, 10_000)
    owed = balances(play)[MINE]
    second = number(play.start(10_000))
    assert balances(play)[HELD] == owed - 10
    play.after(30)
    assert stops(reads(play, 16_500, 22_000)) == [second]


def test_two_that_run_do_not_spend_the_same(play: Play) -> None:
    sign(play, limited())
    play.start(0)
    assert presented(play) is AuthorizationStatus.NO_CREDIT


def test_without_a_limit_nothing_is_set_aside(play: Play) -> None:
    sign(play, postpaid())
    play.start(0)
    play.after(30)
    assert stops(reads(play, 99_000, 22_000)) == []
    assert play.site.accounts.wallets == {}
    assert play.found(PostingMade) == []


def test_a_limit_that_is_set_while_it_charges_holds_at_once(play: Play) -> None:
    sign(play, postpaid())
    transaction = number(play.start(0))
    play.after(40)
    play.tell(ContractAltered(by="anna", contract_id="C-GOOD", credit_limit=Decimal("5.00")))
    assert stops(reads(play, 14_000, 22_000)) == [transaction]


def test_a_limit_that_is_lifted_stops_nobody(play: Play) -> None:
    sign(play, limited())
    transaction = number(play.start(0))
    play.tell(ContractAltered(by="anna", contract_id="C-GOOD", credit_limit="none"))
    play.after(60)
    assert stops(reads(play, 22_000, 22_000)) == []
    play.stop(transaction, 22_000)
    assert HELD not in balances(play)


def test_what_is_set_aside_is_no_debt(play: Play) -> None:
    """A hold would be the newest debt, and its release would settle the oldest: a debt would never grow old."""
    sign(play, limited("100.00", payment_days=0))
    first = number(play.start(0))
    play.after(10)
    play.stop(first, 1_000)
    owed = balances(play)[MINE]
    was = deepcopy(play.site.accounts.dues.open)
    assert was
    play.after(60 * 24 * 40)
    second = number(play.start(1_000))
    assert play.site.accounts.dues.open == was
    play.stop(second, 1_000)
    assert play.site.accounts.dues.open == was
    assert balances(play)[MINE] == owed


def test_terms_that_are_told_again_make_no_debt_of_it(play: Play) -> None:
    sign(play, limited())
    play.start(0)
    play.tell(ContractAltered(by="anna", contract_id="C-GOOD", credit_limit=Decimal("30.00")))
    assert play.site.accounts.dues.open == {}


@pytest.mark.parametrize("energy", EnergySource)
def test_polled_chargers_are_ended_by_the_site_alike(energy: EnergySource) -> None:
    """Also where no register tells the energy: its bill waits for a person, and what was set aside is free."""
    has_register = energy in (EnergySource.TOTAL, EnergySource.SESSION)
    bay = Bay(energy=energy, register_wh=5000 if has_register else None)
    bay.find()
    bay.no_vehicle()
    sign(bay, limited("6.00"))
    bay.vehicle()
    bay.card()
    while bay.limits[-1]:
        bay.charge(11 * KWH // 60, minutes=1)
    bay.idle()
    bay.idle()
    (cdr,) = bay.bills()
    assert cdr.stop_reason == "LocalOutOfCredit"
    assert Decimal("5.60") < cdr.total_cost.incl_vat <= 6
    assert bool(cdr.quarantine) != has_register
    assert balances(bay) == ({MINE: cdr.total_cost.incl_vat, **_earned(cdr)} if has_register else {})


def _earned(cdr: Any) -> dict[str, Decimal]:
    total = cdr.total_cost
    return {"revenue:charging": -total.excl_vat, "vat:19": total.excl_vat - total.incl_vat}


def test_a_polled_charger_begins_nothing_beyond_the_limit() -> None:
    bay = Bay()
    bay.find()
    bay.no_vehicle()
    sign(bay, limited("0.00"))
    bay.vehicle()
    reply = bay.card().reply
    assert isinstance(reply, IdTokenAnswer)
    assert reply.status is AuthorizationStatus.NO_CREDIT
    assert not bay.site.transactions


# --- warning the driver ---


def warned(play: Play) -> list[AlarmRaised]:
    return [alarm for alarm in play.found(AlarmRaised) if alarm.alarm == "wallet_low"]


@pytest.mark.parametrize("billing", [Billing.POSTPAID, Billing.PREPAID])
def test_the_driver_is_warned_some_minutes_before(play: Play, billing: Billing) -> None:
    """Within five minutes 22 kW make 1.09 EUR."""
    sign(play, limited() if billing is Billing.POSTPAID else prepaid())
    if billing is Billing.PREPAID:
        top_up(play, "10.00")
    transaction = number(play.start(0))
    play.after(40)
    reads(play, 14_800, 22_000)
    assert warned(play) == []
    play.after(1)
    reads(play, 15_170, 22_000)
    play.after(1)
    reads(play, 15_540, 22_000)
    (alarm,) = warned(play)
    assert (alarm.station_id, alarm.evse_id) == ("A", 1)
    assert "0.97 EUR" in alarm.text
    play.after(1)
    play.stop(transaction, 15_700)
    assert alarm.alarm_id in [cleared.alarm_id for cleared in play.found(AlarmCleared)]


def test_the_warning_goes_when_there_is_more_again(play: Play) -> None:
    sign(play, limited())
    play.start(0)
    play.after(42)
    reads(play, 15_540, 22_000)
    assert len(warned(play)) == 1
    top_up(play, "40.00")
    play.tell(Ticked())
    assert "wallet_low:A*1" not in play.site.alarms
    assert not [alarm for alarm in play.site.alarms.values() if alarm.alarm == "wallet_low"]


def test_a_station_with_a_display_shows_it(play: Play) -> None:
    sign(play, limited("3.00"))
    play.began201()
    play.after(24)
    decision = play.updated201(
        samples=(register(5_200, play.now), Sample(measurand=Measurand.POWER, value=11_000, at=play.now))
    )
    (shown,) = [each.operation for each in decision.commands if isinstance(each.operation, SetDisplayMessage)]
    assert shown.message.charger_transaction_id == "T1"
    assert shown.message.message_id is not None
    assert "0.50 EUR" in shown.message.content


def test_nobody_is_warned_where_the_site_does_not_want_it() -> None:
    play = Play(site=new_site(accounts=AccountRules(warning=timedelta())))
    play.connect()
    sign(play, limited())
    play.start(0)
    play.after(44)
    reads(play, 16_000, 22_000)
    assert warned(play) == []


# --- while the site is cut off ---


def test_an_offline_limit_bounds_a_postpaid_contract_too(play: Play) -> None:
    sign(play, postpaid(offline_limit=Decimal("4.00")))
    play.site.rules = replace(play.site.rules, has_uplink=True)
    transaction = number(play.start(0))
    assert balances(play)[HELD] == Decimal("-4.00")
    play.after(18)
    assert stops(reads(play, 6_600, 22_000)) == [transaction]


def test_every_hold_is_released_in_the_end(play: Play) -> None:
    sign(play, limited("100.00"))
    transaction = number(play.start(0))
    for minute in range(10, 90, 10):
        play.after(10)
        reads(play, minute * 1_000, 60_000)
    play.stop(transaction, 90_000)
    reasons = [posting.reason for posting in play.found(PostingMade)]
    assert reasons.count(PostingReason.HOLD) > 1
    assert balances(play).get(HELD, ZERO) == 0
