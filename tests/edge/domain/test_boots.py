"""Who is let in when it boots, and what is asked of those that booted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge.domain.boots import ASKED_AT_ONCE, RETRY_S
from edge.domain.events import Done, Refused, StationLetIn, Ticked
from edge.domain.rules import Admission, StationRules
from edge.domain.site import Site
from edge.domain.view import stations
from protocols.charger.abilities import OCPP_16
from protocols.charger.commands import BootAnswer, IdTokenAnswer, TransactionAnswer
from protocols.charger.events import IdTokenPresented, StationConnected
from protocols.charger.operations.transactions import StartTransaction
from protocols.charger.operations.variables import Reset, TriggerMessage
from protocols.sync.up import CdrIssued
from protocols.sync.upkeep import StationAccepted
from protocols.terms import ConnectorStatus
from tests.edge.domain.site_kit import Play, new_site
from tests.edge.domain.station_kit import boot, order, why_not


def admitting(rule: Admission, **changes: Any) -> Play:
    """A play whose station A is told so when it boots."""
    site: Site = new_site(**changes)
    rules = {**site.rules.stations, "A": replace(site.rules.stations["A"], boot=rule)}
    site.rules = replace(site.rules, stations=rules)
    site.stations["A"].rules = rules["A"]
    play = Play(site)
    play.connect()
    return play


def told(play: Play, station: str = "A") -> tuple[str, int]:
    answer = boot(play, station).reply
    assert isinstance(answer, BootAnswer)
    return answer.status, answer.heartbeat_interval_s


def test_stations_are_accepted_where_nothing_else_is_said() -> None:
    assert told(admitting(Admission.ACCEPT)) == ("Accepted", 300)


def test_a_pending_station_is_accepted_once_the_staff_says_so() -> None:
    play = admitting(Admission.PENDING)
    assert told(play) == ("Pending", RETRY_S)
    assert stations(play.site, play.now)[0]["boot"] == "pending"
    decision = play.tell(StationLetIn(station_id="A"))
    assert isinstance(decision.reply, Done)
    assert [asked.operation for asked in decision.commands] == [TriggerMessage(requested_message="BootNotification")]
    assert [let_in.station_id for let_in in play.found(StationAccepted)] == ["A"]
    assert told(play) == ("Accepted", 300)
    assert isinstance(play.tell(StationLetIn(station_id="A")).reply, Done)
    assert len(play.found(StationAccepted)) == 1


def test_a_rejected_station_stays_so_and_is_asked_nothing() -> None:
    play = admitting(Admission.REJECT)
    assert told(play) == ("Rejected", RETRY_S)
    assert isinstance(play.tell(StationLetIn(station_id="A")).reply, Refused)
    assert "rejected" in why_not(play, "A", Reset())
    play.after(1)
    assert play.tell(Ticked()).commands == []


def test_nobody_is_accepted_who_is_not_there() -> None:
    assert isinstance(admitting(Admission.ACCEPT).tell(StationLetIn(station_id="X")).reply, Refused)


@pytest.mark.parametrize("rule", [Admission.PENDING, Admission.REJECT])
def test_nobody_begins_at_a_station_that_waits_but_what_it_reports_is_billed(rule: Admission) -> None:
    play = admitting(rule)
    told(play)
    answer = play.tell(IdTokenPresented(station_id="A", token_uid="GOOD")).reply
    assert isinstance(answer, IdTokenAnswer)
    assert answer.status == "Invalid"
    reason = why_not(play, "A", StartTransaction(evse_id=1, token_uid="GOOD"))
    assert "accept" in reason or "rejected" in reason
    started = play.start(1000).reply
    assert isinstance(started, TransactionAnswer)
    assert started.id_token is not None
    assert started.id_token.status == "Invalid"
    play.after(30)
    play.stop(started.charger_transaction_id, 3000)
    assert play.found(CdrIssued)[0].cdr.total_energy_wh == 2000


def test_a_pending_station_may_be_asked_other_things() -> None:
    play = admitting(Admission.PENDING)
    told(play)
    assert order(play, "A", Reset()).commands


@pytest.mark.parametrize(("rule", "status"), [("accept", "Accepted"), ("pending", "Pending"), ("reject", "Rejected")])
def test_strangers_are_told_what_is_set_for_them(rule: str, status: str) -> None:
    play = Play(new_site(allows_unknown_stations=True, unknown_boot=Admission(rule)))
    play.tell(StationConnected(station_id="X", abilities=OCPP_16, is_known=False))
    assert told(play, "X")[0] == status
    play.tell(StationLetIn(station_id="X"))
    assert told(play, "X")[0] == ("Rejected" if rule == "reject" else "Accepted")


# --- what is asked after a boot ---


def test_an_evse_that_says_nothing_after_a_boot_is_asked_once() -> None:
    play = admitting(Admission.ACCEPT)
    told(play)
    play.status("A", 1, ConnectorStatus.AVAILABLE)
    play.after(0.25)
    assert play.tell(Ticked()).commands == []
    play.after(0.5)
    (asked,) = play.tell(Ticked()).commands
    assert asked.operation == TriggerMessage(requested_message="StatusNotification", evse_id=2, connector_id=1)
    play.after(10)
    assert play.tell(Ticked()).commands == []


def test_a_model_that_takes_harm_is_not_asked() -> None:
    play = admitting(Admission.PENDING, may_trigger=lambda vendor, model, firmware: (vendor, model) != ("V", "M"))
    told(play)
    assert play.tell(StationLetIn(station_id="A")).commands == []
    told(play)
    play.after(1)
    assert play.tell(Ticked()).commands == []


def test_a_site_that_boots_together_is_asked_bit_by_bit() -> None:
    site = new_site()
    ids = [f"S{number:03}" for number in range(2 * ASKED_AT_ONCE + 5)]
    for station_id in ids:
        site.rules.stations[station_id] = StationRules(station_id=station_id)
        site.station(station_id)
    play = Play(site)
    for station_id in ids:
        play.tell(StationConnected(station_id=station_id, abilities=OCPP_16))
        told(play, station_id)
    play.after(1)
    counts = [len({each.station_id for each in play.tell(Ticked()).commands}) for _ in range(4)]
    assert counts == [ASKED_AT_ONCE, ASKED_AT_ONCE, 5, 0]
