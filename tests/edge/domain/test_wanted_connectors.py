"""A start by the code of a connector begins at that connector, or not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from protocols.charger.commands import TransactionAnswer
from protocols.charger.events import CommandAnswered, StatusReported
from protocols.charger.operations.transactions import StartTransaction, StopTransaction
from protocols.sync.down import Command, Operate
from protocols.sync.up import AlarmCleared, AlarmRaised, CommandFinished
from protocols.terms import AuthorizationStatus, ConnectorStatus
from tests.edge.domain.site_kit import Play


@pytest.fixture
def play() -> Play:
    play = Play()
    play.connect()
    return play


def order(play: Play, connector: int, station: str = "B", command_id: str = "c1") -> int | None:
    """The number of the start that the station is asked for; None where it is asked for nothing."""
    start = StartTransaction(evse_id=1, token_uid="GOOD", connector_id=connector)
    body = Operate(station_id=station, operation=start)
    expires_at = play.now + timedelta(minutes=1)
    decision = play.tell(Command(id=command_id, issued_at=play.now, expires_at=expires_at, body=body))
    for command in decision.commands:
        assert isinstance(command.operation, StartTransaction)
        return command.operation.remote_start_id
    return None


def plugged(play: Play, connector: int) -> None:
    play.tell(StatusReported(station_id="B", evse_id=1, connector_id=connector, status=ConnectorStatus.OCCUPIED))


def verdict(reply: object) -> AuthorizationStatus:
    assert isinstance(reply, TransactionAnswer)
    assert reply.id_token is not None
    return reply.id_token.status


def test_it_begins_at_the_connector_that_was_meant(play: Play) -> None:
    number = order(play, 2)
    decision = play.began201(connector_id=2, remote_start_id=number)
    assert verdict(decision.reply) is AuthorizationStatus.ACCEPTED
    assert decision.commands == []
    assert play.site.wanted_connectors == {}


@pytest.mark.parametrize("tells_connector", [True, False])
def test_at_another_one_it_is_refused_and_ended(play: Play, tells_connector: bool) -> None:
    number = order(play, 2)
    plugged(play, 1)
    decision = play.began201(connector_id=1 if tells_connector else None, remote_start_id=number)
    assert verdict(decision.reply) is AuthorizationStatus.INVALID
    assert [command.operation for command in decision.commands] == [StopTransaction(charger_transaction_id="T1")]
    (alarm,) = [raised for raised in play.found(AlarmRaised) if raised.alarm == "wrong_connector"]
    assert "for connector 2 of B*1 began at connector 1" in alarm.text
    play.stop("T1", 1001, station_id="B", reason="Remote")
    plugged(play, 2)
    number = order(play, 2, command_id="c2")
    assert verdict(play.began201("T2", connector_id=2, remote_start_id=number).reply) is AuthorizationStatus.ACCEPTED
    assert [cleared.alarm_id for cleared in play.found(AlarmCleared)] == ["wrong_connector:B*1"]


def test_plugged_in_first_it_is_judged_when_the_token_comes(play: Play) -> None:
    play.began201(token=None, connector_id=1)
    number = order(play, 2)
    assert number is not None  # nothing was heard yet of where the vehicle is
    decision = play.updated201(token="GOOD", evse_id=1, connector_id=1, remote_start_id=number)
    assert verdict(decision.reply) is AuthorizationStatus.INVALID
    assert [command.operation for command in decision.commands] == [StopTransaction(charger_transaction_id="T1")]


def test_it_is_not_asked_for_while_a_vehicle_is_at_another_one(play: Play) -> None:
    plugged(play, 1)
    assert order(play, 2) is None
    (finished,) = play.found(CommandFinished)
    assert finished.detail == "a vehicle is at connector 1 of EVSE B*1, not at 2"
    assert order(play, 1, command_id="c2") is not None


def test_of_ocpp_16_each_connector_is_an_evse(play: Play) -> None:
    assert order(play, 2, station="A") is None
    (finished,) = play.found(CommandFinished)
    assert "has one connector" in finished.detail
    assert order(play, 1, station="A", command_id="c2") is not None
    assert play.site.wanted_connectors == {}


def test_what_came_to_nothing_binds_nobody(play: Play) -> None:
    number = order(play, 2)
    play.tell(CommandAnswered(station_id="B", command_id="c1", is_accepted=False, detail="Rejected"))
    assert play.site.wanted_connectors == {}
    decision = play.began201(connector_id=1, remote_start_id=number)
    assert verdict(decision.reply) is AuthorizationStatus.ACCEPTED


def test_a_card_at_the_reader_is_not_the_start_that_was_paid(play: Play) -> None:
    order(play, 2)
    assert verdict(play.began201(connector_id=1).reply) is AuthorizationStatus.ACCEPTED
