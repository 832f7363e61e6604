"""OCPP 2.0.1 block C at the site: groups and master passes, offline starts, no authorisation at all."""

from __future__ import annotations

import pytest

from protocols.charger.commands import IdTokenAnswer, TransactionAnswer
from protocols.charger.events import IdTokenPresented
from protocols.charger.operations.messages import DisplayMessage, SetDisplayMessage
from protocols.charger.operations.transactions import StartTransaction
from protocols.ocpi.token import Token
from protocols.sync.down import Command, Operate
from protocols.sync.up import CdrIssued, IdTokenRefused
from protocols.terms import AuthorizationStatus
from tests.edge.domain.site_kit import Play


@pytest.fixture
def play() -> Play:
    play = Play()
    play.connect()
    return play


def token_of(reply: object) -> IdTokenAnswer:
    assert isinstance(reply, TransactionAnswer)
    assert reply.id_token is not None
    return reply.id_token


def test_a_master_pass_is_named_by_its_group_and_ends_what_others_began(play: Play) -> None:
    """C16: the station knows the master's group, and lets its tokens stop anything."""
    play.site.tokens.site["POLICE"] = Token(uid="POLICE", contract_id="C-P", group_id="MASTER")
    play.began201()
    reply = play.tell(IdTokenPresented(station_id="B", token_uid="POLICE")).reply
    assert isinstance(reply, IdTokenAnswer)
    assert (reply.status, reply.group_id) == (AuthorizationStatus.ACCEPTED, "MASTER")
    play.after(30)
    ended = play.stop("T1", 2000, token="POLICE", station_id="B", reason="MasterPass")
    assert token_of(ended.reply).group_id == "MASTER"
    (bill,) = play.found(CdrIssued)
    assert (bill.cdr.token_uid, bill.cdr.stop_reason) == ("GOOD", "MasterPass")


@pytest.mark.parametrize(("token", "status"), [("BLOCKED", "Blocked"), ("OLD", "Expired"), ("NOBODY", "Unknown")])
def test_a_token_let_in_offline_that_may_not_charge_is_taken_back(play: Play, token: str, status: str) -> None:
    """C12, E04: the answer's idTokenInfo lets the station stop; what was delivered is billed to whoever it was."""
    reply = play.began201(token=token, is_offline=True).reply
    assert token_of(reply).status == status
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


def operate(play: Play, operation: StartTransaction | SetDisplayMessage, command_id: str = "c1") -> list[object]:
    body = Operate(station_id="B", operation=operation)
    command = Command(id=command_id, issued_at=play.now, expires_at=play.after(1), body=body)
    play.now = command.issued_at
    return [each.operation for each in play.tell(command).commands]


def test_a_remote_start_reaches_whoever_is_plugged_in_and_not_authorised_yet(play: Play) -> None:
    """F02; and nobody who is."""
    start = StartTransaction(evse_id=1, token_uid="GOOD")
    play.began201(token=None)
    (asked,) = operate(play, start)
    assert isinstance(asked, StartTransaction)
    updated = play.updated201(token="GOOD", remote_start_id=asked.remote_start_id)
    assert token_of(updated.reply).status is AuthorizationStatus.ACCEPTED
    assert operate(play, StartTransaction(evse_id=1, token_uid="OTHER"), "c2") == []


def test_a_message_for_a_display_is_numbered_by_the_site(play: Play) -> None:
    (first,) = operate(play, SetDisplayMessage(message=DisplayMessage(content="Welcome")))
    (second,) = operate(play, SetDisplayMessage(message=DisplayMessage(content="Welcome", message_id=7)), "c2")
    assert isinstance(first, SetDisplayMessage)
    assert isinstance(second, SetDisplayMessage)
    assert first.message.message_id is not None
    assert second.message.message_id == 7
