"""A session with the broker can always be ended."""

from __future__ import annotations

import asyncio

import aiomqtt
import pytest

from edge.uplink.broker import broker_session
from tests.edge.uplink.parts import quick
from tests.kit import Broker


@pytest.mark.parametrize("turns", range(5))
async def test_a_publish_that_is_cancelled_as_it_is_confirmed_is_cancelled(broker: Broker, turns: int) -> None:
    """asyncio.wait_for of Python 3.11 loses such a cancellation, and the agent would not end on SIGTERM."""
    will = aiomqtt.Will("test/will", b"", qos=1)
    settings = quick(broker.port)
    session = broker_session(settings.brokers[0], settings, f"test-{turns}", will)
    async with session as client, asyncio.TaskGroup() as tasks:
        reached_the_end = False

        async def publish() -> None:
            nonlocal reached_the_end
            await client.publish("test/topic", b"news", qos=1)
            await asyncio.Event().wait()
            reached_the_end = True

        publishing = tasks.create_task(publish())
        await asyncio.sleep(0)
        (confirmation,) = client._pending_publishes.values()
        confirmation.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        publishing.cancel()
        done, _ = await asyncio.wait([publishing], timeout=1)
        publishing.cancel()
        assert publishing in done
        assert not reached_the_end
