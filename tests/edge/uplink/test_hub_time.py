"""The hub's time counts once in a connection, and only where it answers this birth soon."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from edge.domain.clock_events import HubTimeHeard
from edge.uplink.hub_time import ANSWERED_WITHIN_S, HubTime
from protocols.sync.down import Ack
from protocols.sync.topics import Stream
from tests.edge.domain.site_kit import START

ANSWER = Ack(epoch="e", stream=Stream.MONEY, seq=0, birth_at=START, hub_at=START + timedelta(seconds=3))


async def test_the_first_answer_to_this_birth_tells() -> None:
    hub_time = HubTime()
    assert hub_time.answered(ANSWER) is None
    hub_time.asked(START)
    assert hub_time.answered(Ack(epoch="e", stream=Stream.MONEY, seq=0)) is None  # a hub of before
    assert hub_time.answered(ANSWER) == HubTimeHeard(birth_at=START, hub_at=START + timedelta(seconds=3))
    assert hub_time.answered(ANSWER) is None


async def test_an_answer_to_another_birth_that_was_retained_is_none() -> None:
    hub_time = HubTime()
    hub_time.asked(START + timedelta(days=1))
    assert hub_time.answered(ANSWER) is None


async def test_a_late_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    hub_time = HubTime()
    hub_time.asked(START)
    loop = asyncio.get_running_loop()
    late_s = loop.time() + ANSWERED_WITHIN_S + 1
    monkeypatch.setattr(loop, "time", lambda: late_s)
    heard = hub_time.answered(ANSWER)
    monkeypatch.undo()
    assert heard is None
