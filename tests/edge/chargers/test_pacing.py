"""Questions of the site's own come one after the other where a model needs that."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.chargers import pacing
from edge.chargers.fleet import ANSWER_FIRST_S
from edge.chargers.habits import Model
from edge.chargers.pacing import WINDOW_S, Pace
from protocols.charger.commands import ChargerCommand
from protocols.charger.events import CommandAnswered
from protocols.charger.operations.variables import TriggerMessage
from protocols.ocpp.quirks import catalogue
from protocols.ocpp.quirks.model import QuestionQuirks
from tests.edge.chargers.scripted import running_server
from tests.kit import wait_until


def test_each_question_waits_for_the_one_before() -> None:
    pace, wanted = Pace(), QuestionQuirks(pause_s=5)
    assert [pace.turn(100.0, wanted) for _ in range(3)] == [0, 5, 10]
    assert pace.turn(200.0, wanted) == 0


def test_so_many_in_ten_minutes() -> None:
    pace, wanted = Pace(), QuestionQuirks(pause_s=1, most=2)
    assert [pace.turn(0.0, wanted) for _ in range(5)] == [0, 1, WINDOW_S, WINDOW_S + 1, 2 * WINDOW_S]


@given(st.lists(st.floats(0, 100), max_size=50), st.integers(1, 5), st.floats(0, 30))
def test_no_window_holds_too_many_and_none_is_asked_before_its_turn(
    gaps: list[float], most: int, pause_s: float
) -> None:
    pace, wanted, now_s = Pace(), QuestionQuirks(pause_s=pause_s, most=most), 0.0
    asked: list[float] = []
    for gap_s in gaps:
        now_s += gap_s
        asked.append(now_s + pace.turn(now_s, wanted))
    assert all(later - earlier >= pause_s - 1e-6 for earlier, later in pairwise(asked))
    assert all(later - earlier > WINDOW_S - 1e-6 for earlier, later in zip(asked, asked[2 * most :], strict=False))


@pytest.mark.parametrize(("prefix", "is_paced"), [("site-", True), ("hub-", False)])
async def test_the_sites_own_questions_wait_and_a_persons_do_not(
    monkeypatch: pytest.MonkeyPatch, prefix: str, is_paced: bool
) -> None:
    slow = catalogue.of("BG Sync", "EV", None)
    assert slow.questions.pause_s > 1
    turns: list[float] = []

    class Recorded(Pace):
        __slots__ = ()

        def turn(self, now_s: float, wanted: QuestionQuirks) -> float:
            turns.append(wanted.pause_s)
            return 0.0

    monkeypatch.setattr("edge.chargers.fleet.Pace", Recorded)
    assert pacing.Pace is Pace
    async with running_server(model_of=lambda _id: Model("BG Sync", "EV", None)) as server, server.connect() as station:
        begun_s = time.monotonic()
        for number in range(2):
            server.fleet.send(
                ChargerCommand(
                    command_id=f"{prefix}{number}",
                    station_id="CS-1",
                    operation=TriggerMessage(requested_message="StatusNotification", evse_id=1),
                )
            )
        answered: list[Any] = []
        for _ in range(2):
            frame = orjson.loads(await asyncio.wait_for(station.recv(), 5))
            await station.send(orjson.dumps([3, frame[1], {"status": "Accepted"}]).decode())
            answered.append(frame[2])
        await wait_until(lambda: len(server.inbox.of(CommandAnswered)) == 2)
        assert answered == ["TriggerMessage"] * 2
        assert turns == [slow.questions.pause_s] * 2 * is_paced
        assert time.monotonic() - begun_s < 5


@pytest.mark.parametrize(("prefix", "first_after_s"), [("site-", ANSWER_FIRST_S), ("hub-", 0.0)])
async def test_a_station_has_time_to_take_in_an_answer_before_it_is_asked(prefix: str, first_after_s: float) -> None:
    async with running_server() as server, server.connect() as station:
        begun_s = time.monotonic()
        operation = TriggerMessage(requested_message="StatusNotification", evse_id=1)
        for number in range(3):
            server.fleet.send(ChargerCommand(command_id=f"{prefix}{number}", station_id="CS-1", operation=operation))
        frame = orjson.loads(await asyncio.wait_for(station.recv(), 5))
        assert time.monotonic() - begun_s >= first_after_s
        await station.send(orjson.dumps([3, frame[1], {"status": "Accepted"}]).decode())
        await wait_until(lambda: len(server.inbox.of(CommandAnswered)) == 1)
        assert server.inbox.of(CommandAnswered)[0].command_id == f"{prefix}0"
