"""Chargers that know no transactions: the site runs them, and each ends in exactly one bill."""

from __future__ import annotations

import pytest

from edge.domain.edge_transactions import ENDS_WITHIN, LINK_LOST
from edge.domain.events import Ticked
from edge.domain.rules import StationRules
from protocols.terms import ChargingState, ConnectorStatus
from tests.edge.domain.bay import KWH, Bay, restarted
from tests.edge.domain.site_kit import START


@pytest.fixture
def bay() -> Bay:
    bay = Bay()
    bay.find()
    bay.no_vehicle()
    return bay


def test_plug_card_charge_unplug(bay: Bay) -> None:
    bay.vehicle()
    assert not bay.site.transactions
    bay.card()
    (transaction,) = bay.site.transactions.values()
    assert (transaction.token_uid, transaction.meter_start_wh) == ("GOOD", 5000)
    bay.charge(10 * KWH)
    bay.unplug()
    cdr = bay.bill()
    assert (cdr.total_energy_wh, cdr.meter_start_wh, cdr.meter_stop_wh) == (9960, 5000, 14_960)
    assert (cdr.stop_reason, cdr.token_uid) == ("EVDisconnected", "GOOD")


def test_the_card_may_come_before_the_vehicle(bay: Bay) -> None:
    bay.card()
    assert not bay.site.transactions
    bay.after(2)
    bay.vehicle()
    assert len(bay.site.transactions) == 1


def test_a_card_does_not_wait_for_ever(bay: Bay) -> None:
    bay.card()
    bay.after(4)
    bay.vehicle()
    assert not bay.site.transactions


@pytest.mark.parametrize("uid", ["BLOCKED", "OLD", "NOBODY"])
def test_a_token_that_may_not_charge_begins_nothing(bay: Bay, uid: str) -> None:
    bay.vehicle()
    bay.card(uid)
    bay.after(1)
    bay.vehicle(ChargingState.EV_CONNECTED)
    assert not bay.site.transactions
    assert bay.limits == [0]


def test_nothing_flows_without_a_transaction(bay: Bay) -> None:
    assert bay.limits == [0]
    bay.vehicle()
    bay.card()
    assert bay.limits == [0, 22_000]
    bay.charge(1 * KWH)
    bay.unplug()
    assert bay.limits == [0, 22_000, 0]


def test_the_end_waits_for_what_the_meter_says_then(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.after(1 / 60)
    bay.status("A", 1, ConnectorStatus.AVAILABLE, at=bay.now)
    assert not bay.bills()
    bay.after(20 / 60)
    bay.power_w, bay.register_wh = 0, 11_007
    bay.read()
    assert bay.bill().meter_stop_wh == 11_007


def test_a_meter_that_says_nothing_more_is_not_waited_for_long(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.after(1 / 60)
    bay.status("A", 1, ConnectorStatus.AVAILABLE, at=bay.now)
    bay.after(ENDS_WITHIN.total_seconds() / 60)
    bay.tell(Ticked())
    cdr = bay.bill()
    assert cdr.meter_stop_wh == 11_000
    assert cdr.end_date_time == bay.now - ENDS_WITHIN


def test_the_same_card_again_stops(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.card()
    assert bay.limits[-1] == 0
    assert bay.site.transactions
    bay.idle()
    assert bay.bill().stop_reason == "Local"
    bay.after(10)
    bay.vehicle()
    assert not bay.site.transactions


def test_another_card_stops_nothing_and_one_of_the_group_does(bay: Bay) -> None:
    bay.vehicle()
    bay.card("FLEET1")
    bay.charge(6 * KWH)
    bay.card("OTHER")
    bay.idle()
    assert bay.site.transactions
    bay.card("FLEET2")
    bay.idle()
    assert bay.bill().token_uid == "FLEET1"


def test_a_fault_ends_it(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.power_w = 0
    bay.after(1 / 60)
    bay.status("A", 1, ConnectorStatus.FAULTED, error_code="17", at=bay.now)
    bay.after(1 / 60)
    bay.read()
    assert bay.bill().stop_reason == "Other"


def test_a_short_silence_ends_nothing_and_what_flowed_meanwhile_is_billed(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.lose()
    bay.after(20)
    bay.tell(Ticked())
    bay.register_wh = 13_000
    bay.find()
    assert bay.limits[-1] == 22_000
    bay.vehicle(ChargingState.CHARGING)
    bay.unplug()
    assert bay.bill().total_energy_wh == 8000


def test_a_long_silence_bills_what_was_read(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    read_at = bay.now
    bay.lose()
    bay.after(31)
    bay.tell(Ticked())
    cdr = bay.bill()
    assert (cdr.total_energy_wh, cdr.stop_reason, cdr.end_date_time) == (6000, LINK_LOST, read_at)


def test_after_a_long_silence_nothing_newer_is_taken_for_the_transactions_own(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.lose()
    bay.after(31)
    bay.register_wh = 20_000
    bay.find()
    bay.vehicle(ChargingState.CHARGING)
    assert bay.bill().total_energy_wh == 6000
    assert bay.limits[-1] == 0


def test_a_vehicle_that_went_in_a_silence_is_billed_once(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.lose()
    bay.after(5)
    bay.register_wh = 11_400
    bay.find()
    bay.no_vehicle()
    bay.after(1 / 60)
    bay.read()
    bay.after(60)
    bay.tell(Ticked())
    assert bay.bill().total_energy_wh == 6400


# --- restart ---


def test_the_agent_is_killed_mid_session_and_goes_on(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    again = restarted(bay)
    again.after(2)
    again.find()
    again.card(is_old=True)
    again.vehicle(ChargingState.CHARGING)
    assert again.limits == [22_000]
    again.charge(3 * KWH)
    again.unplug()
    assert again.bill().total_energy_wh == 9000


def test_a_card_that_has_stopped_begins_nothing_when_the_agent_begins_anew(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.card()
    bay.idle()
    again = restarted(bay)
    again.find()
    again.card(is_old=True)
    again.vehicle()
    assert not again.site.transactions


def test_a_card_of_a_vehicle_that_came_while_the_agent_was_away_counts(bay: Bay) -> None:
    again = restarted(bay)
    again.find()
    again.card(is_old=True)
    again.vehicle()
    assert len(again.site.transactions) == 1


# --- beside it ---


def test_what_a_charger_takes_for_itself_does_not_hold_up_the_end(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.card()
    bay.power_w = 8
    bay.after(1 / 60)
    bay.vehicle(ChargingState.SUSPENDED_EVSE)
    bay.after(1 / 60)
    bay.read()
    assert bay.bill().stop_reason == "Local"


def test_the_same_events_give_the_same_entries(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    bay.unplug()
    again = Bay()
    for event, now in bay.recorded[1:]:
        again.now = now
        again.tell(event)
    assert again.entries == bay.entries


def test_an_ocpp_station_beside_it_is_not_touched(bay: Bay) -> None:
    bay.connect("B")
    bay.began201()
    assert "B" not in bay.site.runs
    assert bay.site.rules.stations["B"] == StationRules(station_id="B")
    assert bay.now == START
