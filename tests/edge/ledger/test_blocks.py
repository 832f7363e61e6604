"""Reservations, local lists, availability and admissions on a real ledger: an agent that was killed goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from edge.domain.events import Restarted, StationLetIn, Ticked, TokensImported
from edge.domain.list_book import ListRules
from edge.domain.rules import Admission
from edge.domain.site import Site
from edge.ledger.ledger import Ledger
from edge.ledger.restore import restore
from protocols.charger.commands import MessageLimit
from protocols.charger.operations.availability import ChangeAvailability, GetLocalListVersion, ReserveNow, SendLocalList
from protocols.charger.operations.variables import GetVariables, VariableName
from protocols.ocpi.token import Token
from protocols.sync.up import CdrIssued
from protocols.sync.upkeep import LocalListSettled, ReservationEnd, ReservationEnded
from protocols.terms import EvseRef
from tests.edge.domain.site_kit import START, component, reserving
from tests.edge.domain.station_kit import done, order, reply
from tests.edge.domain.test_local_lists import ListStation, is_equal
from tests.edge.ledger.conftest import LedgerPlay

RESERVE = ReserveNow(token_uid="GOOD", evse_id=1, expires_at=START + timedelta(hours=1))


def with_rules(play: LedgerPlay, **changes: Any) -> LedgerPlay:
    play.site.rules = replace(play.site.rules, **changes)
    play.site.take_tariffs()
    for station_id, rules in play.site.rules.stations.items():
        play.site.stations[station_id].rules = rules
    return play


@pytest.fixture
def play(ledger: Ledger) -> LedgerPlay:
    """Priced reservations, and the list of station A is kept."""
    made = LedgerPlay(ledger)
    priced = reserving({"RESERVATION_EXPIRES": [component("FLAT", "4.00", "20")]}, component("ENERGY", "0.25"))
    stations = made.site.rules.stations
    rules = {**stations, "A": replace(stations["A"], keeps_local_list=True)}
    with_rules(made, tariffs={"standard": priced}, stations=rules, local_lists=ListRules(tokens_per_message=2))
    made.tell(TokensImported(tokens=tuple(made.site.tokens.site.values())))
    made.connect()
    return made


def killed(play: LedgerPlay) -> Site:
    """The agent is killed and begins anew: what is not in the ledger is gone."""
    play.site = restore(play.ledger, play.site.rules)
    play.tell(Restarted())
    return play.site


def test_reservations_come_back_whole(play: LedgerPlay) -> None:
    done(play, "A", RESERVE)
    before = play.site.reservations
    killed(play)
    assert play.site.reservations.standing == before.standing
    assert play.site.reservations.reserved == before.reserved
    play.connect()
    play.start()
    assert play.found(ReservationEnded)[0].reason is ReservationEnd.USED
    assert killed(play).reservations.standing == {}
    assert next(iter(play.site.transactions.values())).reservation_id is not None


def test_what_expired_while_the_agent_was_down_is_billed_once(play: LedgerPlay, ledger: Ledger) -> None:
    done(play, "A", RESERVE)
    play.after(90)
    killed(play)
    play.tell(Ticked())
    assert play.found(CdrIssued) == []  # its start may wait in the station
    play.connect()
    for _ in range(3):
        play.after(3)
        play.tell(Ticked())
        killed(play)
        play.connect()
    assert len(play.found(CdrIssued)) == 1
    rows = ledger.connection.execute("SELECT transaction_id FROM cdrs").fetchall()
    assert rows == [(play.found(CdrIssued)[0].cdr.session_id,)]


def test_a_reservation_whose_answer_was_not_heard_is_not_one(play: LedgerPlay) -> None:
    (asked,) = order(play, "A", RESERVE).commands
    killed(play)
    reply(play, asked)
    assert play.site.reservations.standing == {}


def test_a_list_that_a_station_has_is_known_again_and_checked(play: LedgerPlay) -> None:
    station = ListStation("A")
    station.serve(play, play.tell(Ticked()).commands)
    (settled,) = play.found(LocalListSettled)
    killed(play)
    assert play.site.lists.settled == {"A": settled}
    assert play.site.lists.tokens_version == settled.tokens_version
    station.asked.clear()
    play.connect()
    station.serve(play, play.tell(Ticked()).commands)
    assert station.kinds == ["version"]
    assert is_equal(play, station)


def test_how_much_a_station_takes_is_known_again(play: LedgerPlay) -> None:
    names = VariableName(variable="LocalAuthListMaxLength"), VariableName(variable="SendLocalListMaxLength")
    (asked,) = order(play, "A", GetVariables(names=names)).commands
    told = [
        {"component": "", "variable": "LocalAuthListMaxLength", "value": "3"},
        {"component": "LocalAuthListCtrlr", "variable": "ItemsPerMessage", "value": "1"},
    ]
    reply(play, asked, result={"variables": told, "unknown": []})
    killed(play)
    play.connect()
    station = ListStation("A")
    station.serve(play, play.tell(Ticked()).commands)
    assert (len(station.tokens), station.largest) == (3, 1)


def test_how_much_a_station_takes_in_a_message_is_known_again(play: LedgerPlay) -> None:
    name = VariableName(component="DeviceDataCtrlr", variable="ItemsPerMessage", variable_instance="GetVariables")
    get = GetVariables(names=(name,))
    (asked,) = order(play, "B", get).commands
    row = {"component": name.component, "variable": name.variable, "variable_instance": "GetVariables", "value": "4"}
    other = {**row, "variable_instance": "SetVariables", "component_instance": "other", "value": "5"}
    reply(play, asked, result={"variables": [row, other], "unknown": []})
    (asked,) = order(play, "A", GetVariables(names=(VariableName(variable="GetConfigurationMaxKeys"),))).commands
    key = {"component": "", "variable": "GetConfigurationMaxKeys", "value": "9"}
    reply(play, asked, result={"variables": [key], "unknown": []})
    told = {"A": {"get_variables": MessageLimit(items=9)}, "B": {"get_variables": MessageLimit(items=4)}}
    assert play.site.inventory.limits.told == told
    killed(play)
    assert play.site.inventory.limits.told == told
    play.connect()
    (asked,) = order(play, "B", get).commands
    assert asked.limit == MessageLimit(items=4)


def test_that_a_station_shows_costs_is_known_again(play: LedgerPlay) -> None:
    (asked,) = order(play, "A", GetVariables(names=(VariableName(variable="CustomDisplayCostAndPrice"),))).commands
    key = {"component": "", "variable": "CustomDisplayCostAndPrice", "value": "true"}
    reply(play, asked, result={"variables": [key], "unknown": []})
    assert play.site.displays.announced == {"A"}
    killed(play)
    assert play.site.displays.announced == {"A"}


def test_stations_that_told_the_same_still_share_it(play: LedgerPlay) -> None:
    name = VariableName(component="DeviceDataCtrlr", variable="ItemsPerMessage", variable_instance="GetVariables")
    row = {"component": name.component, "variable": name.variable, "variable_instance": "GetVariables", "value": "4"}
    for station_id in ("A", "B"):
        (asked,) = order(play, station_id, GetVariables(names=(name,))).commands
        reply(play, asked, result={"variables": [row], "unknown": []})
    killed(play)
    told = play.site.inventory.limits.told
    assert told["A"] is told["B"]
    assert told["A"] == {"get_variables": MessageLimit(items=4)}


@pytest.mark.parametrize("parts_taken", [1, 2])
def test_killed_in_the_middle_of_a_list(play: LedgerPlay, parts_taken: int) -> None:
    """The tokens are put back as they were meanwhile, so that the list that was settled looks right and is not."""
    station = ListStation("A")
    station.serve(play, play.tell(Ticked()).commands)
    before = tuple(play.site.tokens.site.values())
    play.tell(TokensImported(tokens=tuple(Token(uid=f"N{n}", contract_id="C") for n in range(8)), replaces_all=True))
    asked = play.tell(Ticked()).commands
    for _ in range(parts_taken):
        (command,) = asked
        is_accepted, detail, result = station.take(command.operation)
        asked = reply(play, command, is_accepted, detail, result).commands
    killed(play)
    play.tell(TokensImported(tokens=before, replaces_all=True))
    station.asked.clear()
    play.connect()
    station.serve(play, play.tell(Ticked()).commands)
    assert isinstance(station.asked[0], GetLocalListVersion)
    assert isinstance(station.asked[1], SendLocalList)
    assert station.asked[1].update_type == "Full"
    assert is_equal(play, station)


def test_what_is_out_of_service_stays_so(play: LedgerPlay) -> None:
    done(play, "A", ChangeAvailability(operational_status="Inoperative", evse_id=1), detail="Scheduled")
    done(play, "A", ChangeAvailability(operational_status="Inoperative", evse_id=2))
    wanted = play.site.out_of_service
    assert killed(play).out_of_service == wanted
    play.connect()
    done(play, "A", ChangeAvailability(operational_status="Operative", evse_id=2))
    assert set(killed(play).out_of_service) == {EvseRef("A", 1)}


def test_who_was_let_in_stays_in(play: LedgerPlay) -> None:
    stations = play.site.rules.stations
    with_rules(play, stations={**stations, "B": replace(stations["B"], boot=Admission.PENDING)})
    play.tell(StationLetIn(station_id="B"))
    assert killed(play).accepted_stations == {"B"}
