"""OCPP 2.0.1 block C at the site: groups and master passes, offline starts, no authorisation at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from protocols.charger.commands import IdTokenAnswer, TransactionAnswer
from protocols.charger.events import IdTokenPresented
from protocols.charger.operations.availability import ReserveNow
from protocols.charger.operations.messages import DisplayMessage, SetDisplayMessage
from protocols.charger.operations.transactions import StartTransaction
from protocols.ocpi.token import Token
from protocols.sync.up import CdrIssued, IdTokenRefused
from protocols.sync.upkeep import ReservationEnd, ReservationEnded
from protocols.terms import AuthorizationStatus
from tests.edge.domain.site_kit import Play
from tests.edge.domain.station_kit import order, reply


@pytest.fixture
def play() -> Play:
    play = Play()
    play.connect()
    return play


def token_of(answer: object) -> IdTokenAnswer:
    assert isinstance(answer, TransactionAnswer)
    assert answer.id_token is not None
    return answer.id_token


def test_a_master_pass_is_named_by_its_group_and_ends_what_others_began(play: Play) -> None:
    """C16: the station knows the master's group, and lets its tokens stop anything."""
    play.site.tokens.site["POLICE"] = Token(uid="POLICE", contract_id="C-P", group_id="MASTER")
    play.began201()
    told = play.tell(IdTokenPresented(station_id="B", token_uid="POLICE")).reply
    assert isinstance(told, IdTokenAnswer)
    assert (told.status, told.group_id) == (AuthorizationStatus.ACCEPTED, "MASTER")
    play.after(30)
    ended = play.stop("T1", 2000, token="POLICE", station_id="B", reason="MasterPass")
    assert token_of(ended.reply).group_id == "MASTER"
    (bill,) = play.found(CdrIssued)
    assert (bill.cdr.token_uid, bill.cdr.stop_reason) == ("GOOD", "MasterPass")


@pytest.mark.parametrize(("token", "status"), [("BLOCKED", "Blocked"), ("OLD", "Expired"), ("NOBODY", "Unknown")])
def test_a_token_let_in_offline_that_may_not_charge_is_taken_back(play: Play, token: str, status: str) -> None:
    """C12, E04: the answer's idTokenInfo lets the station stop; what was delivered is billed to whoever it was."""
    first = play.began201(token=token, is_offline=True).reply
    assert token_of(first).status == status
    assert [refused.status for refused in play.found(IdTokenRefused)] == [status]
    again = play.began201(token=token, is_offline=True).reply
    assert token_of(again).status == status, "said again, it is the same"
    play.after(5)
    play.stop("T1", 1100, station_id="B", reason="DeAuthorized")
    (bill,) = play.found(CdrIssued)
    assert (bill.cdr.token_uid, bill.cdr.stop_reason) == (token, "DeAuthorized")


def test_whoever_needs_no_authorisation_is_told_so_and_nobody_pays(play: Play) -> None:
    """C02, C06: IdTokenType NoAuthorization."""
    begun = play.began201(token=None, is_token_waived=True)
    assert token_of(begun.reply) == IdTokenAnswer(status=AuthorizationStatus.ACCEPTED)
    play.after(30)
    assert token_of(play.updated201(is_token_waived=True).reply).status is AuthorizationStatus.ACCEPTED
    ended = play.stop("T1", 2000, station_id="B", is_token_waived=True)
    assert token_of(ended.reply).status is AuthorizationStatus.ACCEPTED
    (bill,) = play.found(CdrIssued)
    assert bill.cdr.token_uid is None


def test_a_remote_start_reaches_whoever_is_plugged_in_and_not_authorised_yet(play: Play) -> None:
    """F02; and nobody who is."""
    start = StartTransaction(evse_id=1, token_uid="GOOD")
    play.began201(token=None)
    (asked,) = order(play, "B", start).commands
    assert isinstance(asked.operation, StartTransaction)
    updated = play.updated201(token="GOOD", remote_start_id=asked.operation.remote_start_id)
    assert token_of(updated.reply).status is AuthorizationStatus.ACCEPTED
    assert order(play, "B", StartTransaction(evse_id=1, token_uid="OTHER")).commands == []


def test_a_message_for_a_display_is_numbered_by_the_site(play: Play) -> None:
    numbers = []
    for given in (None, 7):
        message = DisplayMessage(content="Welcome", message_id=given)
        (asked,) = order(play, "B", SetDisplayMessage(message=message)).commands
        assert isinstance(asked.operation, SetDisplayMessage)
        numbers.append(asked.operation.message.message_id)
    assert numbers[0] is not None
    assert numbers[1] == 7


def test_a_card_that_comes_after_the_cable_uses_its_reservation(play: Play) -> None:
    """H03: plugged in first, then authorised, with the reservation's number or without."""
    reserve = ReserveNow(token_uid="GOOD", expires_at=play.now + timedelta(hours=1), evse_id=1, reservation_id=7)
    (asked,) = order(play, "B", reserve).commands
    reply(play, asked)
    play.began201(token=None)
    assert not play.found(ReservationEnded)
    play.updated201(token="GOOD", reservation_id=7)
    (ended,) = play.found(ReservationEnded)
    assert (ended.reservation_id, ended.reason) == (7, ReservationEnd.USED)


def test_a_token_of_a_transaction_that_is_over_is_answered_all_the_same(play: Play) -> None:
    play.began201()
    play.after(10)
    play.stop("T1", 2000, station_id="B")
    assert token_of(play.updated201(token="BLOCKED").reply).status is AuthorizationStatus.BLOCKED
