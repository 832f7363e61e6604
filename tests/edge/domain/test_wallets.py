"""Prepaid contracts: held at the start, more while there is more, stopped before it is spent, released at the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from edge.domain.account_rules import AccountRules
from edge.domain.decision import Decision
from edge.domain.events import ClaimAnswered, Done, StationsClaimed, Ticked
from edge.domain.holds import unspent_problem
from edge.domain.station import Home
from protocols.charger.commands import IdTokenAnswer
from protocols.charger.events import IdTokenPresented, MeterValuesReported, Sample, StationDisconnected
from protocols.charger.operations.transactions import StopTransaction
from protocols.money import ZERO
from protocols.sync.customers import WalletOverdrawn, WalletSpent
from protocols.sync.down import DesiredAccounts
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmCleared, AlarmRaised, PostingMade, PostingReason, TransactionEnded
from protocols.terms import AuthorizationStatus, ChargingState, Measurand
from tests.edge.domain.bay import KWH, Bay
from tests.edge.domain.site_kit import Play, issued, new_site, number, register
from tests.edge.domain.wallet_kit import CUSTOMER, balances, posted, postpaid, prepaid, sign, top_up

HELD = "held:C-GOOD"
MINE = "customer:C-GOOD"


@pytest.fixture
def play() -> Play:
    """Connected; the tariff is 0.50 EUR/kWh and 19 % on it, so a kWh is 0.595 EUR."""
    made = Play(site=new_site())
    made.connect()
    return made


def presented(play: Play, token: str = "GOOD") -> AuthorizationStatus:
    reply = play.tell(IdTokenPresented(station_id="A", token_uid=token)).reply
    assert isinstance(reply, IdTokenAnswer)
    return reply.status


def reads(play: Play, wh: int, power_w: int | None = None) -> Decision:
    samples = [register(wh, play.now)]
    if power_w is not None:
        samples.append(Sample(measurand=Measurand.POWER, value=power_w, at=play.now))
    return play.tell(
        MeterValuesReported(station_id="A", evse_id=1, charger_transaction_id=None, samples=tuple(samples))
    )


def stops(decision: Decision) -> list[str]:
    return [
        command.operation.charger_transaction_id
        for command in decision.commands
        if isinstance(command.operation, StopTransaction)
    ]


def test_money_is_held_at_the_start_and_the_rest_is_free_at_the_end(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "50.00")
    transaction = number(play.start(1000))
    assert balances(play) == {"cash:till-1": Decimal("50.00"), MINE: Decimal("-30.00"), HELD: Decimal("-20.00")}
    play.after(30)
    play.stop(transaction, 11_000)
    cost = issued(play).total_cost.incl_vat
    assert balances(play)[MINE] == cost - 50
    assert HELD not in balances(play)
    reasons = [posting.reason for posting in play.found(PostingMade)]
    assert reasons == [PostingReason.PAYMENT, PostingReason.HOLD, PostingReason.RELEASE, PostingReason.CDR]
    assert play.site.accounts.wallets == {}


def test_all_of_a_small_wallet_is_held(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "3.20")
    play.start(1000)
    assert balances(play)[HELD] == Decimal("-3.20")


def test_an_empty_wallet_may_not_begin(play: Play) -> None:
    sign(play, prepaid())
    assert presented(play) is AuthorizationStatus.NO_CREDIT
    top_up(play, "0.99")
    assert presented(play) is AuthorizationStatus.NO_CREDIT
    top_up(play, "0.01")
    assert presented(play) is AuthorizationStatus.ACCEPTED


def test_what_another_transaction_holds_cannot_be_spent_twice(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "20.50")
    play.start(1000)
    assert presented(play) is AuthorizationStatus.NO_CREDIT


def test_a_site_without_customers_judges_as_ever(play: Play) -> None:
    assert presented(play) is AuthorizationStatus.ACCEPTED
    play.start(1000)
    reads(play, 99_000, 22_000)
    assert [posting.reason for posting in play.found(PostingMade)] == []


def test_more_is_held_while_there_is_more(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "45.00")
    play.start(1000)
    play.after(60)
    decision = reads(play, 38_000, 22_000)
    assert stops(decision) == []
    assert balances(play)[HELD] == Decimal("-40.00")
    play.after(60)
    reads(play, 70_000, 22_000)
    assert balances(play)[HELD] == Decimal("-45.00")


def test_it_is_stopped_before_what_is_left_is_spent(play: Play) -> None:
    """10.00 EUR are 16.81 kWh; within the margin of a minute 22 kW make 0.37 kWh."""
    sign(play, prepaid())
    top_up(play, "10.00")
    transaction = number(play.start(0))
    play.after(44)
    assert stops(reads(play, 16_000, 22_000)) == []
    play.after(1.4)
    assert stops(reads(play, 16_500, 22_000)) == [transaction]
    (spent,) = play.found(WalletSpent)
    assert (spent.held, spent.contract_id, spent.times) == (Decimal("10.00"), "C-GOOD", 1)
    assert spent.cost < 10
    play.after(0.5)
    play.stop(transaction, 16_700, reason="Remote")
    assert issued(play).stop_reason == "LocalOutOfCredit"
    assert play.found(TransactionEnded)[0].reason == "LocalOutOfCredit"
    assert Decimal("-0.20") < balances(play)[MINE] <= 0


def test_slow_charging_goes_nearer_to_the_end(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "10.00")
    transaction = number(play.start(0))
    play.after(280)
    assert stops(reads(play, 16_700, 3_600)) == []
    play.after(1)
    assert stops(reads(play, 16_760, 3_600)) == [transaction]


def test_a_station_that_tells_no_power_is_judged_by_its_register(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "10.00")
    transaction = number(play.start(0))
    for minute in range(1, 60):
        play.after(1)
        if stops(reads(play, minute * 366)):
            break
    assert 16_000 < minute * 366 < 16_800
    play.after(0.5)
    play.stop(transaction, minute * 366 + 183)
    assert balances(play)[MINE] <= 0


def test_a_station_that_tells_nothing_is_taken_to_give_all_that_it_can(play: Play) -> None:
    """22 kW take 10.00 EUR in 45.8 minutes."""
    sign(play, prepaid())
    top_up(play, "10.00")
    transaction = number(play.start(0))
    play.after(44)
    assert stops(play.tell(Ticked())) == []
    play.after(1)
    assert stops(play.tell(Ticked())) == [transaction]


def test_time_alone_spends_money(play: Play) -> None:
    play = Play(site=new_site(default_tariff_id="time"))
    play.connect()
    sign(play, prepaid())
    top_up(play, "5.00")
    transaction = number(play.start(0))
    reads(play, 0, 0)
    told: list[str] = []
    while not told:
        play.after(0.5)
        told = stops(play.tell(Ticked()))
    assert told == [transaction]
    play.stop(transaction, 0)
    left = -balances(play).get(MINE, ZERO)
    assert 0 <= left < Decimal("0.50")


def test_a_station_that_goes_on_is_told_again_and_somebody_hears_of_it(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "10.00")
    transaction = number(play.start(0))
    play.after(46)
    assert stops(reads(play, 16_500, 22_000)) == [transaction]
    assert stops(reads(play, 16_510, 22_000)) == []
    play.after(1)
    assert stops(reads(play, 16_860, 22_000)) == [transaction]
    assert not [alarm for alarm in play.found(AlarmRaised) if alarm.alarm == "wallet_stop_ignored"]
    play.after(1)
    assert stops(reads(play, 17_220, 22_000)) == [transaction]
    (alarm,) = [alarm for alarm in play.found(AlarmRaised) if alarm.alarm == "wallet_stop_ignored"]
    assert (alarm.station_id, alarm.evse_id) == ("A", 1)
    play.after(1)
    play.stop(transaction, 17_580)
    debt = balances(play)[MINE]
    assert debt == issued(play).total_cost.incl_vat - 10
    (overdrawn,) = play.found(WalletOverdrawn)
    assert (overdrawn.amount, overdrawn.is_shared) == (debt, False)
    assert alarm.alarm_id in [cleared.alarm_id for cleared in play.found(AlarmCleared)]
    top_up(play, "5.00")
    play.tell(Ticked())
    assert "wallet_overdrawn:C-GOOD" not in play.site.alarms


def test_a_station_that_is_away_is_told_when_it_is_back(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "1.00")
    transaction = number(play.start(0))
    play.tell(StationDisconnected(station_id="A"))
    play.after(10)
    reads(play, 1_800, 22_000)
    assert stops(play.tell(Ticked())) == []
    play.connect("A")
    assert stops(play.tell(Ticked())) == [transaction]


def test_a_bill_that_waits_for_a_person_holds_nothing(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "30.00")
    transaction = number(play.start(1000))
    play.after(1)
    play.stop(transaction, 99_000)
    assert balances(play) == {"cash:till-1": Decimal("30.00"), MINE: Decimal("-30.00")}


def test_a_contract_that_is_signed_while_it_charges_has_its_wallet(play: Play) -> None:
    play.start(1000)
    top_up(play, "8.00")
    sign(play, prepaid())
    assert balances(play)[HELD] == Decimal("-8.00")


def test_a_driver_who_comes_later_brings_the_wallet_along(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "8.00")
    play.began201(token=None)
    assert HELD not in balances(play)
    play.updated201(token="GOOD")
    assert balances(play)[HELD] == Decimal("-8.00")


def test_a_charger_without_transactions_is_ended_by_the_site() -> None:
    bay = Bay()
    bay.find()
    bay.no_vehicle()
    sign(bay, prepaid())
    top_up(bay, "6.00")
    bay.vehicle()
    bay.card()
    while bay.limits[-1]:
        bay.charge(11 * KWH // 60, minutes=1)
    bay.idle()
    bay.idle()
    cdr = bay.bill()
    assert cdr.stop_reason == "LocalOutOfCredit"
    assert Decimal("5.60") < cdr.total_cost.incl_vat <= 6
    assert bay.limits[-1] == 0
    assert HELD not in balances(bay)


def test_a_charger_that_is_away_is_not_billed_short() -> None:
    bay = Bay()
    bay.find()
    bay.no_vehicle()
    sign(bay, prepaid())
    top_up(bay, "6.00")
    bay.vehicle()
    bay.card()
    bay.charge(5 * KWH, minutes=30)
    bay.lose()
    bay.after(28)
    bay.tell(Ticked())
    assert len(bay.site.transactions) == 1
    bay.find()
    bay.register_wh = 5 * KWH + 10 * KWH
    bay.vehicle(ChargingState.CHARGING)
    bay.tell(Ticked())
    assert bay.limits[-1] == 0
    bay.idle()
    bay.idle()
    assert bay.bill().total_energy_wh == 10 * KWH


def test_a_station_of_2_0_1_is_stopped_alike(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "2.00")
    play.began201()
    play.after(18)
    decision = play.updated201(
        samples=(register(4_290, play.now), Sample(measurand=Measurand.POWER, value=11_000, at=play.now))
    )
    assert stops(decision) == ["T1"]


def test_a_wallet_goes_along_to_another_agent_of_the_node() -> None:
    one, two = (Play(site=new_site(peers=frozenset({"edge-1", "edge-2"}))) for _ in range(2))
    for agent, name in ((one, "edge-1"), (two, "edge-2")):
        agent.site.rules = replace(agent.site.rules, edge_id=name)
        sign(agent, prepaid())
        top_up(agent, "30.00")
    one.site.station("A").home = Home.HERE
    one.start(0)
    given = next(iter(one.site.transactions.values()))
    one.tell(StationsClaimed(station_ids=("A",), by_edge_id="edge-2"))
    assert balances(one)[MINE] == -30
    two.tell(ClaimAnswered(station_id="A", claim=0, is_complete=True, given=(given,)))
    assert balances(two)[HELD] == -20
    (posting,) = [each for each in two.found(PostingMade) if each.reason is PostingReason.HOLD]
    assert posting.key == f"hold:{given.transaction_id}:1:000000"
    assert one.site.accounts.wallets == {}


# --- several sites ---


def shared(version: int, play: Play, elsewhere: str | None, **more: str) -> DesiredAccounts:
    balances = {} if elsewhere is None else {"C-GOOD": Decimal(elsewhere)}
    limit = Decimal(more["limit"]) if "limit" in more else None
    contracts = (prepaid(offline_limit=limit),)
    return DesiredAccounts(
        version=version, customers=(CUSTOMER,), contracts=contracts, balances=balances, as_of=play.now
    )


def test_what_others_spent_is_spent(play: Play) -> None:
    play.tell(shared(1, play, "-10.00"))
    assert presented(play) is AuthorizationStatus.ACCEPTED
    assert isinstance(play.tell(shared(2, play, "-0.20")).reply, Done)
    assert presented(play) is AuthorizationStatus.NO_CREDIT
    play.tell(shared(1, play, "-10.00"))
    assert presented(play) is AuthorizationStatus.NO_CREDIT


def test_a_wallet_is_bounded_while_the_site_is_cut_off(play: Play) -> None:
    play.tell(shared(1, play, "-100.00", limit="6.00"))
    play.start(0)
    assert balances(play)[HELD] == Decimal("-6.00")
    play.after(20)
    assert stops(reads(play, 11_000, 22_000)) != []


def test_within_reach_of_the_hub_it_is_not_bounded(play: Play) -> None:
    play.tell(shared(1, play, "-100.00", limit="6.00"))
    play.site.is_uplink_online = True
    play.start(0)
    assert balances(play)[HELD] == Decimal("-20.00")


def test_what_the_hub_has_heard_of_is_not_spent_in_the_dark(play: Play) -> None:
    play.tell(shared(1, play, "-100.00", limit="6.00"))
    transaction = number(play.start(0))
    play.after(10)
    play.stop(transaction, 5_000)
    assert play.site.accounts.unsent == {"C-GOOD": issued(play).total_cost.incl_vat}
    play.site.accounts.note_sent(play.site.last_seq[Stream.MONEY])
    assert play.site.accounts.unsent == {}


def test_an_overdraft_that_turns_up_at_reunion_is_a_debt(play: Play) -> None:
    play.tell(shared(1, play, "-10.00"))
    transaction = number(play.start(0))
    play.after(40)
    play.stop(transaction, 14_000)
    cost = issued(play).total_cost.incl_vat
    play.tell(shared(2, play, "-4.00"))
    (overdrawn,) = play.found(WalletOverdrawn)
    assert (overdrawn.amount, overdrawn.is_shared) == (cost - 4, True)
    assert "wallet_overdrawn:C-GOOD" in play.site.alarms
    assert presented(play) is AuthorizationStatus.NO_CREDIT
    play.tell(shared(3, play, "-30.00"))
    assert "wallet_overdrawn:C-GOOD" not in play.site.alarms
    assert presented(play) is AuthorizationStatus.ACCEPTED


# --- terms ---


def test_the_contract_judges_the_card(play: Play) -> None:
    sign(play, postpaid(valid=False))
    assert presented(play) is AuthorizationStatus.BLOCKED
    sign(play, postpaid(expires_at=play.now))
    assert presented(play) is AuthorizationStatus.EXPIRED
    sign(play, postpaid(credit_limit=Decimal("5.00")))
    transaction = number(play.start(0))
    play.after(40)
    play.stop(transaction, 10_000)
    assert presented(play) is AuthorizationStatus.NO_CREDIT
    top_up(play, "1.00")
    assert presented(play) is AuthorizationStatus.ACCEPTED
    sign(play, postpaid())
    assert presented(play) is AuthorizationStatus.ACCEPTED


def test_the_hold_is_configured(play: Play) -> None:
    play = Play(site=new_site(accounts=AccountRules(hold=Decimal("7.50"), margin=timedelta(minutes=5))))
    play.connect()
    sign(play, prepaid())
    top_up(play, "30.00")
    play.start(0)
    assert balances(play)[HELD] == Decimal("-7.50")


def test_a_contract_may_agree_upon_a_tariff(play: Play) -> None:
    sign(play, prepaid(tariff_id="time"))
    top_up(play, "9.00")
    play.start(0)
    play.start(0, evse=2, token="OTHER")
    assert [each.tariff.id for each in play.site.transactions.values()] == ["time", "standard"]


def test_an_overdraft_is_noticed_whatever_posted_it(play: Play) -> None:
    sign(play, prepaid())
    top_up(play, "3.00")
    posted(play, "C-GOOD", Decimal("-4.50"), "taken-back")
    assert not play.found(WalletOverdrawn)
    play.tell(Ticked())
    (overdrawn,) = play.found(WalletOverdrawn)
    assert overdrawn.amount == Decimal("1.50")
    play.tell(Ticked())
    assert len(play.found(WalletOverdrawn)) == 1
    top_up(play, "1.50")
    play.tell(Ticked())
    assert not play.site.alarms
    assert play.site.accounts.overdrawn == set()


def test_what_is_spent_or_set_aside_does_not_go_back(play: Play) -> None:
    sign(play, prepaid(), postpaid("C-OTHER"))
    top_up(play, "30.00")
    assert unspent_problem(play.site, "C-GOOD", Decimal("30.00")) is None
    play.start(0)
    assert unspent_problem(play.site, "C-GOOD", Decimal("10.00")) is None
    assert "only 10.00 EUR" in str(unspent_problem(play.site, "C-GOOD", Decimal("10.01")))
    assert unspent_problem(play.site, "C-OTHER", Decimal("10.01")) is None
    assert unspent_problem(play.site, "C-NOBODY", Decimal("10.01")) is None
