"""Raw calls: nothing is asked of the site before, and it knows afterwards as if it had been."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from edge.domain.decision import Decision
from edge.domain.events import RawCallAnswered, Refused, Ticked
from edge.domain.list_book import ListRules
from protocols.charger.commands import MessageLimit, Operation
from protocols.charger.operations.availability import CancelReservation, ChangeAvailability, ReserveNow, SendLocalList
from protocols.charger.operations.transactions import StartTransaction
from protocols.charger.operations.variables import GetVariables, SetVariables, VariableName, VariableSetting
from protocols.sync.up import CdrIssued
from protocols.sync.upkeep import AvailabilityChanged, ReservationEnd, ReservationMade, VariablesRead
from protocols.terms import EvseRef, EvseState
from tests.edge.domain.site_kit import START, Play, new_site
from tests.edge.domain.station_kit import done, order, why_not
from tests.edge.domain.test_local_lists import ListStation, is_equal, keeping
from tests.edge.domain.test_reservations import ends, priced_site, reserve, status_of, tile


@pytest.fixture
def play() -> Play:
    made = Play(priced_site())
    made.connect()
    return made


def raw(
    play: Play, operation: Operation, station: str = "A", *, is_accepted: bool = True, detail: str = ""
) -> Decision:
    return play.tell(RawCallAnswered(station_id=station, operation=operation, is_accepted=is_accepted, detail=detail))


def test_a_reservation_that_the_station_took_is_one(play: Play) -> None:
    decision = raw(play, reserve(reservation_id=7))
    assert EvseRef("A", 1) in decision.shown
    (made,) = play.found(ReservationMade)
    assert (made.reservation_id, made.contract_id) == (7, "C-GOOD")
    assert tile(play) == (EvseState.RESERVED, START + timedelta(hours=1))
    assert "reserved for somebody else" in why_not(play, "A", StartTransaction(evse_id=1, token_uid="OTHER"))
    assert status_of(play.start(token="OTHER")) == "NotAtThisTime"
    play.after(63)
    play.tell(Ticked())
    assert ends(play) == [ReservationEnd.EXPIRED]
    assert len(play.found(CdrIssued)) == 1


def test_one_that_it_refused_is_none(play: Play) -> None:
    raw(play, reserve(reservation_id=7), is_accepted=False, detail="Rejected")
    assert play.site.reservations.all() == []


@pytest.mark.parametrize("wish", [reserve(evse=9, reservation_id=7), reserve(minutes=-1, reservation_id=7)])
def test_one_that_the_site_cannot_know_is_said_to_be_unknown(play: Play, wish: ReserveNow) -> None:
    decision = raw(play, wish)
    assert isinstance(decision.reply, Refused)
    assert play.site.reservations.all() == []


def test_what_the_site_would_have_refused_is_known_all_the_same(play: Play) -> None:
    """A stranger's token, and one token at all EVSEs: the station took it."""
    raw(play, reserve("STRANGER", evse=None, reservation_id=7))
    raw(play, reserve("STRANGER", evse=None, reservation_id=8))
    assert [made.contract_id for made in play.found(ReservationMade)] == ["suspense", "suspense"]
    assert status_of(play.start(token="GOOD")) == "NotAtThisTime"


def test_the_same_number_replaces_the_one_before_at_no_cost(play: Play) -> None:
    """OCPP 1.6 §5.13."""
    done(play, "A", reserve(reservation_id=7))
    play.after(10)
    raw(play, reserve("OTHER", evse=2, minutes=90, reservation_id=7))
    assert ends(play) == [ReservationEnd.REMOVED]
    assert play.found(CdrIssued) == []
    (standing,) = play.site.reservations.all()
    assert (standing.token_uid, standing.evse_id) == ("OTHER", 2)
    assert tile(play) == (EvseState.FREE, None)


def test_another_number_at_the_same_evse_takes_its_place(play: Play) -> None:
    done(play, "A", reserve(reservation_id=7))
    raw(play, reserve("OTHER", reservation_id=8))
    assert ends(play) == [ReservationEnd.REMOVED]
    assert [made.reservation_id for made in play.site.reservations.all()] == [8]


@pytest.mark.parametrize(
    ("is_accepted", "detail", "reason"),
    [(True, "", [ReservationEnd.CANCELLED]), (False, "Rejected", [ReservationEnd.REMOVED]), (False, "no status", [])],
)
def test_a_cancellation_ends_it(play: Play, is_accepted: bool, detail: str, reason: list[Any]) -> None:
    done(play, "A", reserve(reservation_id=7))
    raw(play, CancelReservation(reservation_id=7), is_accepted=is_accepted, detail=detail)
    assert ends(play) == reason


def test_an_evse_is_out_of_service(play: Play) -> None:
    raw(play, ChangeAvailability(operational_status="Inoperative", evse_id=1), detail="Scheduled")
    assert play.found(AvailabilityChanged)[0].is_scheduled
    assert "out of service" in why_not(play, "A", StartTransaction(evse_id=1, token_uid="GOOD"))


def test_a_list_that_is_not_the_sites_is_replaced_by_a_full_one() -> None:
    play = Play(keeping(new_site(), "A", rules=ListRules(tokens_per_message=100)))
    play.connect()
    station = ListStation("A")
    station.serve(play, play.tell(Ticked()).commands)
    assert is_equal(play, station)
    station.asked.clear()
    theirs = SendLocalList(version=station.version + 1, update_type="Full")
    station.take(theirs)
    raw(play, theirs)
    assert station.tokens == {}
    station.asked.clear()
    station.serve(play, play.tell(Ticked()).commands)
    assert station.kinds == ["version", "Full"]
    assert is_equal(play, station)


def test_what_a_station_tells_of_itself_is_learned(play: Play) -> None:
    name = VariableName(component="DeviceDataCtrlr", variable="ItemsPerMessage", variable_instance="GetVariables")
    row = {"component": name.component, "variable": name.variable, "variable_instance": "GetVariables"}
    told = {"variables": [{**row, "value": "4", "is_readonly": None}], "unknown": []}
    get = GetVariables(names=(name,))
    play.tell(RawCallAnswered(station_id="B", operation=get, is_accepted=True, result=told))
    assert play.found(VariablesRead)[-1].variables[0].value == "4"
    (asked,) = order(play, "B", get).commands
    assert asked.limit == MessageLimit(items=4)


def test_a_secret_that_was_set_is_not_kept(play: Play) -> None:
    name = VariableName(component="SecurityCtrlr", variable="BasicAuthPassword")
    told = {"variables": [{"component": name.component, "variable": name.variable, "status": "Accepted"}]}
    set_it = SetVariables(settings=(VariableSetting(name=name, value="very-secret"),))
    decision = play.tell(RawCallAnswered(station_id="B", operation=set_it, is_accepted=True, result=told))
    assert "very-secret" not in str(decision.entries)
    assert len(decision.entries) == 1


def test_a_list_of_others_is_nothing_to_a_site_that_keeps_none(play: Play) -> None:
    raw(play, SendLocalList(version=3))
    assert play.tell(Ticked()).commands == []
