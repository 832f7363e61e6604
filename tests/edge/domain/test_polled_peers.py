"""Chargers that are polled, on a node of several agents: each belongs to the one whose configuration names it."""

from __future__ import annotations

import pytest

from edge.domain.events import NotAtHome, Restarted, StationsClaimed
from edge.domain.station import Home
from protocols.charger.abilities import Abilities, Polled
from protocols.charger.events import StationConnected
from protocols.sync.up import TransactionHandedOver
from tests.edge.domain.bay import KWH, Bay
from tests.edge.domain.site_kit import new_site


@pytest.fixture
def bay() -> Bay:
    bay = Bay(site=new_site(peers=frozenset({"edge-2"})))
    bay.find()
    bay.no_vehicle()
    return bay


def claim(bay: Bay) -> None:
    bay.tell(StationsClaimed(by_edge_id="edge-2", station_ids=("A", "B")))


def test_it_is_at_home_without_waiting_for_anybody(bay: Bay) -> None:
    assert bay.site.home_of("A") is Home.HERE
    assert bay.site.home_of("B") is Home.ELSEWHERE


def test_what_another_agent_may_still_have_of_it_is_asked_for(bay: Bay) -> None:
    abilities = Abilities(ocpp_version=None, polled=Polled(profile_id="some_charger"))
    reply = bay.tell(StationConnected(station_id="A", abilities=abilities)).reply
    assert isinstance(reply, NotAtHome)
    assert bay.site.home_of("A") is Home.HERE


def test_it_is_not_handed_over_and_two_that_poll_it_are_an_alarm(bay: Bay) -> None:
    bay.vehicle()
    bay.card()
    bay.charge(6 * KWH)
    claim(bay)
    assert not bay.found(TransactionHandedOver)
    assert len(bay.site.transactions) == 1
    (alarm,) = bay.site.alarms.values()
    assert (alarm.alarm, alarm.severity, alarm.station_id) == ("polled_twice", "critical", "A")
    assert "edge-2" in alarm.text
    bay.unplug()
    assert bay.bill().total_energy_wh == 6000


def test_a_reservation_stays_too(bay: Bay) -> None:
    bay.connect("B")
    claim(bay)
    assert bay.site.home_of("A") is Home.HERE
    assert bay.site.home_of("B") is Home.ELSEWHERE


def test_the_alarm_goes_with_the_restart_that_a_new_configuration_needs(bay: Bay) -> None:
    claim(bay)
    assert bay.site.alarms
    bay.tell(Restarted())
    assert not bay.site.alarms
