"""A station that booted is asked of what runs here by our account (OCPP 2.0.1 E14)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from edge.domain.boots import SETTLED_AFTER
from edge.domain.events import Ticked
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import BootReported, CommandAnswered
from protocols.charger.operations.transactions import GetTransactionStatus
from protocols.sync.up import CdrIssued, CdrQuarantined
from tests.edge.domain.site_kit import Play, register


def asked_after_boot(play: Play, station: str) -> list[ChargerCommand]:
    play.tell(BootReported(station_id=station, vendor="V", model="M"))
    play.now += SETTLED_AFTER + timedelta(seconds=1)
    commands = play.tell(Ticked()).commands
    return [command for command in commands if isinstance(command.operation, GetTransactionStatus)]


def charging() -> Play:
    play = Play()
    play.connect()
    play.began201()
    play.after(30)
    play.updated201(samples=(register(3000, play.now),))
    play.after(5)
    return play


def answer(play: Play, command: ChargerCommand, **result: Any) -> None:
    play.tell(
        CommandAnswered(
            station_id=command.station_id, command_id=command.command_id, is_accepted=True, detail="", result=result
        )
    )


def test_what_the_station_has_ended_and_will_not_tell_of_is_billed_up_to_what_was_heard() -> None:
    play = charging()
    (command,) = asked_after_boot(play, "B")
    assert command.operation == GetTransactionStatus(charger_transaction_id="T1")
    answer(play, command, is_ongoing=False, has_messages_queued=False)
    (bill,) = play.found(CdrIssued)
    assert (bill.cdr.total_energy_wh, bill.cdr.total_time_s, bill.cdr.stop_reason) == (2000, 1800, "Other")


@pytest.mark.parametrize(
    "told",
    [
        {"is_ongoing": True, "has_messages_queued": False},
        {"is_ongoing": False, "has_messages_queued": True},
        {"is_ongoing": None, "has_messages_queued": False},
        {"is_ongoing": False, "has_messages_queued": None},
        {},
    ],
    ids=str,
)
def test_whatever_else_it_says_leaves_it_open(told: dict[str, Any]) -> None:
    play = charging()
    (command,) = asked_after_boot(play, "B")
    answer(play, command, **told)
    assert not play.found(CdrIssued)
    play.stop("T1", 4000, station_id="B")
    assert [bill.cdr.total_energy_wh for bill in play.found(CdrIssued)] == [3000]


def test_what_was_heard_of_since_is_not_asked_about() -> None:
    play = charging()
    play.tell(BootReported(station_id="B", vendor="V", model="M"))
    play.updated201(samples=(register(3500, play.now),))
    play.now += SETTLED_AFTER + timedelta(seconds=1)
    assert not [c for c in play.tell(Ticked()).commands if isinstance(c.operation, GetTransactionStatus)]


def test_1_6_is_not_asked() -> None:
    play = Play()
    play.connect()
    play.start()
    assert asked_after_boot(play, "A") == []


def test_an_answer_that_comes_after_all_changes_nothing() -> None:
    play = charging()
    (command,) = asked_after_boot(play, "B")
    play.stop("T1", 4000, station_id="B")
    answer(play, command, is_ongoing=False, has_messages_queued=False)
    assert len(play.found(CdrIssued)) == 1
    assert not play.found(CdrQuarantined)
