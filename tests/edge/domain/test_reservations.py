"""Reservations: who may reserve, who may charge there meanwhile, how they end, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.domain.decision import Decision
from edge.domain.events import StationsClaimed, Ticked, TokenBlocked
from edge.domain.site import Site
from edge.domain.view import evse_view
from protocols.charger.commands import IdTokenAnswer, TransactionAnswer
from protocols.charger.events import IdTokenPresented, ReservationStatusReported, StationDisconnected
from protocols.charger.operations.availability import CancelReservation, ReserveNow
from protocols.charger.operations.transactions import StartTransaction
from protocols.ocpi.tariff import Tariff
from protocols.sync.up import CdrIssued, PostingMade, TransactionStarted
from protocols.sync.upkeep import ReservationEnd, ReservationEnded, ReservationMade
from protocols.terms import ConnectorStatus, EvseRef, EvseState
from tests.edge.domain.site_kit import START, Play, component, new_site, reserving
from tests.edge.domain.station_kit import boot, done, order, reply, why_not

PRICED = reserving(
    {
        "RESERVATION_EXPIRES": [component("FLAT", "4.00", "20")],
        "RESERVATION": [component("TIME", "2.00", "20", 600)],
    },
    component("ENERGY", "0.25", "10"),
)


def priced_site(tariff: Tariff = PRICED, **changes: Any) -> Site:
    site = new_site(**changes)
    site.rules.tariffs["standard"] = tariff
    return site


def reserve(token: str = "GOOD", evse: int | None = 1, minutes: float = 60, **more: Any) -> ReserveNow:
    return ReserveNow(token_uid=token, expires_at=START + timedelta(minutes=minutes), evse_id=evse, **more)


@pytest.fixture
def play() -> Play:
    made = Play(priced_site())
    made.connect()
    return made


def status_of(decision: Decision) -> str:
    assert isinstance(decision.reply, TransactionAnswer)
    assert decision.reply.id_token is not None
    return decision.reply.id_token.status


def ends(play: Play) -> list[ReservationEnd]:
    return [ended.reason for ended in play.found(ReservationEnded)]


def tile(play: Play, station: str = "A", evse: int = 1) -> tuple[EvseState, object]:
    view = evse_view(play.site, play.site.evses[EvseRef(station, evse)], play.now)
    return view.state, view.reserved_until


# --- made ---


def test_a_reservation_is_made_when_the_station_takes_it_and_is_shown(play: Play) -> None:
    (asked,) = order(play, "A", reserve()).commands
    assert isinstance(asked.operation, ReserveNow)
    assert asked.operation.reservation_id
    assert play.found(ReservationMade) == []
    assert EvseRef("A", 1) in reply(play, asked).shown
    (made,) = play.found(ReservationMade)
    assert (made.reservation_id, made.contract_id, made.made_at) == (asked.operation.reservation_id, "C-GOOD", START)
    assert tile(play) == (EvseState.RESERVED, START + timedelta(hours=1))
    assert tile(play, evse=2) == (EvseState.FREE, None)


def test_the_station_is_told_the_group_of_the_token_as_far_as_it_can_take_it(play: Play) -> None:
    (asked,) = order(play, "B", reserve("FLEET1")).commands
    assert isinstance(asked.operation, ReserveNow)
    assert asked.operation.group_id == "FLEET"


@pytest.mark.parametrize("status", ["Rejected", "Faulted", "Occupied", "Unavailable", "NotSupported: no such thing"])
def test_a_station_that_cannot_leaves_nothing_behind(play: Play, status: str) -> None:
    (asked,) = order(play, "A", reserve()).commands
    reply(play, asked, is_accepted=False, detail=status)
    assert play.found(ReservationMade) == []
    assert tile(play) == (EvseState.FREE, None)


def test_a_station_that_may_have_taken_it_unheard_is_told_to_forget_it(play: Play) -> None:
    (asked,) = order(play, "A", reserve(reservation_id=7)).commands
    (follows,) = reply(play, asked, is_accepted=False, detail="Timeout: no answer within 30 s").commands
    assert follows.operation == CancelReservation(reservation_id=7)
    assert reply(play, follows, is_accepted=False, detail="Rejected").commands == []
    assert play.site.reservations.all() == []


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (reserve("STRANGER"), "Unknown"),
        (reserve("BLOCKED"), "Blocked"),
        (reserve("OLD"), "Expired"),
        (reserve("STRANGER", group_id="NOBODYS"), "neither the token nor its group"),
        (reserve(evse=9), "does not exist"),
        (reserve(minutes=-1), "expired"),
        (reserve(minutes=25 * 60), "24 h at most"),
    ],
)
def test_the_site_refuses(play: Play, wish: ReserveNow, reason: str) -> None:
    assert reason in why_not(play, "A", wish)


def test_a_strangers_token_may_reserve_for_a_known_group(play: Play) -> None:
    done(play, "A", reserve("STRANGER", group_id="FLEET"))
    assert play.found(ReservationMade)[0].contract_id == "suspense"
    assert status_of(play.start(token="GOOD")) == "NotAtThisTime"


def test_groups_of_the_station_hold_for_reservations() -> None:
    play = Play(new_site(b_groups=frozenset({"FLEET"})))
    play.connect()
    assert "NotAtThisLocation" in why_not(play, "B", reserve("GOOD"))
    done(play, "B", reserve("FLEET1"))


def test_what_is_taken_cannot_be_reserved(play: Play) -> None:
    play.start(evse=1, token="OTHER")
    assert "running transaction" in why_not(play, "A", reserve(evse=1))
    play.status("A", 2, ConnectorStatus.FAULTED)
    assert "Faulted" in why_not(play, "A", reserve(evse=2))
    assert "free" in why_not(play, "A", reserve(evse=None))
    done(play, "B", reserve())
    assert "is reserved until" in why_not(play, "B", reserve("OTHER"))


def test_one_reservation_a_token_and_one_number_a_station(play: Play) -> None:
    done(play, "A", reserve(reservation_id=7))
    assert "has a reservation already" in why_not(play, "B", reserve("good"))
    assert "stands already" in why_not(play, "A", reserve("OTHER", evse=2, reservation_id=7))


# --- honoured ---


def test_another_token_is_refused_there_and_nowhere_else(play: Play) -> None:
    done(play, "A", reserve())
    authorize = play.tell(IdTokenPresented(station_id="A", token_uid="OTHER"))
    assert isinstance(authorize.reply, IdTokenAnswer)
    assert authorize.reply.status == "Accepted"  # an Authorize names no EVSE
    assert status_of(play.start(token="OTHER", evse=2)) == "Accepted"
    play.after(1)
    assert status_of(play.start(token="FLEET1", evse=1)) == "NotAtThisTime"
    assert ends(play) == []


def test_a_remote_start_is_held_to_it_too(play: Play) -> None:
    done(play, "A", reserve())
    assert "reserved for somebody else" in why_not(play, "A", StartTransaction(evse_id=1, token_uid="OTHER"))
    done(play, "A", StartTransaction(evse_id=1, token_uid="GOOD"))


def test_a_driver_who_presents_a_card_after_plugging_in_is_held_to_it(play: Play) -> None:
    done(play, "B", reserve())
    play.began201("T1", token=None)
    assert status_of(play.updated201("T1", token="OTHER", evse_id=1)) == "NotAtThisTime"
    assert ends(play) == []


def test_a_driver_who_presents_a_card_after_plugging_in_uses_it(play: Play) -> None:
    done(play, "B", reserve())
    play.after(5)
    play.began201("T1", token=None)
    assert status_of(play.updated201("T1", token="GOOD")) == "Accepted"
    assert ends(play) == [ReservationEnd.USED]


@pytest.mark.parametrize("named", [True, False])
def test_its_own_token_uses_it_and_the_transaction_names_it(play: Play, named: bool) -> None:
    done(play, "A", reserve(reservation_id=7))
    play.after(22)
    started = play.start(token="good", reservation_id=7 if named else None)
    assert status_of(started) == "Accepted"
    assert play.found(TransactionStarted)[0].reservation_id == 7
    (ended,) = play.found(ReservationEnded)
    assert (ended.reason, ended.transaction_id) == (ReservationEnd.USED, next(iter(play.site.transactions)))
    assert play.site.reservations.all() == []


def test_another_token_of_the_group_uses_it(play: Play) -> None:
    done(play, "A", reserve("FLEET1"))
    assert status_of(play.start(token="FLEET2")) == "Accepted"
    assert ends(play) == [ReservationEnd.USED]


def test_a_token_that_was_blocked_meanwhile_does_not_use_it(play: Play) -> None:
    done(play, "A", reserve())
    play.tell(TokenBlocked(uid="GOOD", is_blocked=True))
    assert status_of(play.start()) == "Blocked"
    assert ends(play) == []


def test_a_station_that_gave_it_to_somebody_else_ends_it_at_no_cost(play: Play) -> None:
    done(play, "A", reserve(reservation_id=7))
    play.start(token="OTHER", evse=2, reservation_id=7)
    assert ends(play) == [ReservationEnd.REMOVED]
    assert play.found(CdrIssued) == []


def test_a_start_from_before_the_reservation_is_not_refused_by_it(play: Play) -> None:
    """It came late, from a station's queue."""
    begun = play.now
    play.after(10)
    done(play, "A", reserve())
    assert status_of(play.start(token="OTHER", at=begun)) == "Accepted"


def test_any_evse_is_kept_as_long_as_one_is_left(play: Play) -> None:
    done(play, "A", reserve(evse=None))
    assert tile(play) == (EvseState.FREE, None)
    assert status_of(play.start(token="OTHER", evse=1)) == "Accepted"
    assert status_of(play.start(token="FLEET1", evse=2)) == "NotAtThisTime"
    play.after(1)
    assert status_of(play.start(token="GOOD", evse=2)) == "Accepted"
    assert ends(play) == [ReservationEnd.USED]


# --- ended, and what it costs ---


def bill(play: Play) -> CdrIssued:
    (issued,) = play.found(CdrIssued)
    return issued


def test_the_reserved_time_is_billed_with_the_transaction(play: Play) -> None:
    """T17a without its flat fee: 22 min reserved, 30 billed, 20 kWh."""
    done(play, "A", reserve(reservation_id=7))
    play.after(22)
    number = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
    play.after(60)
    play.stop(number, 21_000)
    cdr = bill(play).cdr
    assert (cdr.start_date_time, cdr.charging_periods[0].reservation_time_s) == (START, 22 * 60)
    assert (cdr.total_reservation_time_s, cdr.total_time_s) == (22 * 60, 3600)
    assert cdr.total_reservation_cost is not None
    assert cdr.total_reservation_cost.excl_vat == Decimal("1.00")
    assert (cdr.total_cost.excl_vat, cdr.total_cost.incl_vat) == (Decimal("6.00"), Decimal("6.70"))


def test_the_tariff_of_the_reservation_holds_for_its_transaction(play: Play) -> None:
    done(play, "A", reserve())
    play.site.rules.tariffs["standard"] = reserving({}, component("ENERGY", "9.99"), tariff_id="dearer")
    play.start()
    assert play.found(TransactionStarted)[0].tariff_id == "reserving"


def test_what_expires_is_billed_once_to_its_contract(play: Play) -> None:
    """T17b: 60 min at 2.00 and 4.00 for nobody coming."""
    done(play, "A", reserve())
    play.after(60)
    assert EvseRef("A", 1) in play.tell(Ticked()).shown
    assert tile(play) == (EvseState.FREE, None)
    assert ends(play) == []  # the start may be on its way
    play.after(3)
    play.tell(Ticked())
    play.tell(Ticked())
    cdr = bill(play).cdr
    made = play.found(ReservationMade)[0]
    assert (cdr.session_id, cdr.contract_id, cdr.stop_reason) == (made.session_id, "C-GOOD", "ReservationExpired")
    assert (cdr.total_cost.excl_vat, cdr.total_cost.incl_vat) == (Decimal("6.00"), Decimal("7.20"))
    (posting,) = play.found(PostingMade)
    assert posting.legs[0].account == "customer:C-GOOD"
    assert sum(leg.amount for leg in posting.legs) == 0
    assert ends(play) == [ReservationEnd.EXPIRED]


def test_a_tariff_without_reservations_makes_no_bill_of_them() -> None:
    play = Play(new_site())
    play.connect()
    done(play, "A", reserve())
    play.after(70)
    play.tell(Ticked())
    assert ends(play) == [ReservationEnd.EXPIRED]
    assert play.found(CdrIssued) == []


def test_who_cancels_pays_for_the_time_alone(play: Play) -> None:
    done(play, "A", reserve(reservation_id=7))
    play.after(25)
    done(play, "A", CancelReservation(reservation_id=7))
    assert ends(play) == [ReservationEnd.CANCELLED]
    assert bill(play).cdr.total_cost.excl_vat == Decimal("1.00")
    assert status_of(play.start(token="OTHER")) == "Accepted"


def test_who_cancels_at_once_pays_nothing(play: Play) -> None:
    done(play, "A", reserve(reservation_id=7))
    done(play, "A", CancelReservation(reservation_id=7))
    assert ends(play) == [ReservationEnd.CANCELLED]
    assert play.found(CdrIssued) == []


def test_a_station_that_knows_of_no_reservation_has_none(play: Play) -> None:
    done(play, "A", reserve(reservation_id=7))
    (asked,) = order(play, "A", CancelReservation(reservation_id=7)).commands
    reply(play, asked, is_accepted=False, detail="Timeout: no answer")
    assert ends(play) == []
    (asked,) = order(play, "A", CancelReservation(reservation_id=7)).commands
    reply(play, asked, is_accepted=False, detail="Rejected")
    assert ends(play) == [ReservationEnd.REMOVED]
    assert play.found(CdrIssued) == []


@pytest.mark.parametrize(("word", "costs"), [("Expired", True), ("Removed", False)])
def test_a_station_tells_how_it_ended(play: Play, word: str, costs: bool) -> None:
    done(play, "B", reserve(reservation_id=7))
    play.after(60)
    report = ReservationStatusReported(station_id="B", reservation_id=7, status=word)
    play.tell(report)
    play.tell(report)
    assert ends(play) == [ReservationEnd(word.lower())]
    assert len(play.found(CdrIssued)) == costs


def test_a_station_that_is_away_at_the_expiry_is_heard_first(play: Play) -> None:
    """It was used while the station was cut off: the start comes with its queue."""
    done(play, "A", reserve())
    play.tell(StationDisconnected(station_id="A"))
    begun = play.after(30)
    play.after(300)
    play.tell(Ticked())
    assert ends(play) == []
    play.connect("A")
    play.tell(Ticked())
    play.after(1)
    assert status_of(play.start(at=begun)) == "Accepted"
    assert ends(play) == [ReservationEnd.USED]
    assert play.found(CdrIssued) == []


def test_a_station_that_came_back_without_a_start_is_billed_for_the_expiry(play: Play) -> None:
    done(play, "A", reserve())
    play.tell(StationDisconnected(station_id="A"))
    play.after(300)
    play.connect("A")
    play.after(3)
    play.tell(Ticked())
    assert ends(play) == [ReservationEnd.EXPIRED]
    assert bill(play).cdr.end_date_time == START + timedelta(hours=1)


def test_a_station_that_stays_away_costs_nobody_anything(play: Play) -> None:
    done(play, "A", reserve())
    play.tell(StationDisconnected(station_id="A"))
    play.after(26 * 60)
    play.tell(Ticked())
    assert ends(play) == [ReservationEnd.REMOVED]
    assert play.found(CdrIssued) == []


def test_a_station_that_went_to_another_agent_is_not_billed_here() -> None:
    play = Play(priced_site(peers=frozenset({"edge-2"})))
    play.connect("A")
    play.site.stations["A"].home = type(play.site.stations["A"].home).HERE
    done(play, "A", reserve())
    play.tell(StationsClaimed(station_ids=("A",), by_edge_id="edge-2"))
    assert ends(play) == [ReservationEnd.REMOVED]
    play.connect("A")  # it was used over there, for all that is known here
    play.after(120)
    play.tell(Ticked())
    assert play.found(CdrIssued) == []


def test_after_a_boot_the_station_is_told_again(play: Play) -> None:
    done(play, "A", reserve(reservation_id=7))
    boot(play, "A")
    for evse in (1, 2):
        play.status("A", evse, ConnectorStatus.AVAILABLE)
    assert tile(play)[0] is EvseState.RESERVED  # it is kept here, whatever the station shows
    play.after(1)
    (asked,) = play.tell(Ticked()).commands
    assert isinstance(asked.operation, ReserveNow)
    assert (asked.operation.reservation_id, asked.operation.evse_id) == (7, 1)
    reply(play, asked)
    assert len(play.found(ReservationMade)) == 1
    assert play.tell(Ticked()).commands == []


@pytest.mark.parametrize(("station", "group"), [("A", None), ("B", "G" * 36)])
def test_a_long_group_is_told_again_to_whom_it_fits(play: Play, station: str, group: str | None) -> None:
    """An idTag of 1.6 has 20 characters, an idToken of 2.0.1 has 36."""
    token = play.site.tokens.site["FLEET1"]
    play.site.tokens.site["FLEET1"] = replace(token, group_id="G" * 36)
    done(play, station, reserve("FLEET1"))
    boot(play, station)
    play.status(station, 1, ConnectorStatus.AVAILABLE)
    play.after(1)
    asked = [each.operation for each in play.tell(Ticked()).commands if isinstance(each.operation, ReserveNow)]
    assert [each.group_id for each in asked] == [group]
    assert play.found(ReservationMade)[0].group_id == "G" * 36


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["reserve", "start", "other", "stop", "cancel", "tick", "away", "back", "expired", "boot"]),
        max_size=25,
    ),
    st.lists(st.integers(1, 40), min_size=25, max_size=25),
)
def test_a_reservation_ends_once_and_is_billed_at_most_once(moves: list[str], waits: list[int]) -> None:
    """Whatever happens in whatever order; and a used one is in no bill but its transaction's."""
    play = Play(priced_site())
    play.connect()
    number = None
    for move, wait in zip(moves, waits, strict=False):
        play.after(wait)
        standing = list(play.site.reservations.of("A"))
        match move:
            case "reserve":
                wish = ReserveNow(token_uid="GOOD", expires_at=play.now + timedelta(minutes=60), evse_id=1)
                for asked in order(play, "A", wish).commands:
                    reply(play, asked)
            case "start" | "other":
                answer = play.start(1000, token="GOOD" if move == "start" else "OTHER")
                number = answer.reply.charger_transaction_id  # type: ignore[union-attr]
            case "stop" if number is not None:
                play.stop(number, 1500)
            case "cancel" if standing:
                for asked in order(play, "A", CancelReservation(reservation_id=standing[0])).commands:
                    reply(play, asked)
            case "expired" if standing:
                event = ReservationStatusReported(station_id="A", reservation_id=standing[0], status="Expired")
                play.tell(event)
            case "away":
                play.tell(StationDisconnected(station_id="A"))
            case "back":
                play.connect("A")
            case "boot":
                boot(play, "A")
            case _:
                play.tell(Ticked())
    play.connect("A")
    for minutes in (120, 60 * 48):
        play.after(minutes)
        play.tell(Ticked())
    made = {each.session_id for each in play.found(ReservationMade)}
    ended = [each.session_id for each in play.found(ReservationEnded)]
    assert sorted(ended) == sorted(made)
    assert play.site.reservations.standing == {}
    assert play.site.reservations.reserved == {}
    billed = [each.cdr.session_id for each in play.found(CdrIssued)]
    assert len(billed) == len(set(billed))
    used = {
        e.session_id for e in play.found(ReservationEnded) if e.reason in (ReservationEnd.USED, ReservationEnd.REMOVED)
    }
    assert not used & set(billed)
    for each in play.found(CdrIssued):
        assert sum(line.cost.incl_vat for line in each.cdr.lines) == each.cdr.total_cost.incl_vat
