"""Puts the simulation's time, luck and threads where the product reaches for the machine's, for as long as a run lasts.

The product's code stays as it is. What is replaced: the monotonic clock, every source of random numbers, the thread
pools of the ledger and of aiosqlite, the two MQTT clients, and how often idle loops look around: a week of looks four
times a second would be all that is simulated.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import random
import time
import uuid
from collections.abc import Iterator
from random import Random
from typing import Any, Final
from unittest import mock

import structlog

import edge.agent
import edge.ledger.ledger
import edge.ledger.packing
import edge.ledger.sealing
import edge.ledger.trim
import edge.ledger.wal
import edge.uplink.failback
import edge.uplink.uplink
from cloud.ingest import link
from tests.simulation.loop import InlineExecutor, InlineQueue, NoThread, SimulatedLoop

SELDOM: Final = (
    (edge.agent, "TICK_S", 3_600.0),
    (edge.agent, "LAG_EVERY_S", 86_400.0),
    (edge.ledger.packing, "LOOK_EVERY_S", 1_800.0),
    (edge.ledger.sealing, "LOOK_EVERY_S", 7_200.0),
    (edge.ledger.trim, "LOOK_EVERY_S", 21_600.0),
    (link, "POLL_EVERY_S", 43_200.0),
    (link, "LIVE_EVERY_S", 21_600.0),
    (link, "PRUNE_EVERY_S", 86_400.0),
    (link, "DATABASE_BACKOFF_S", (0.1, 300.0)),
    (link, "MAX_BACKOFF_S", 1_800.0),
)
"""How often somebody looks whether there is something to do, in seconds. Acknowledgements, time-outs and keepalives are
the product's own."""


class _Luck(Random):
    """random.SystemRandom, seeded."""

    source = Random(0)

    def __init__(self) -> None:
        super().__init__(_Luck.source.getrandbits(64))


@contextlib.contextmanager
def ambient(loop: SimulatedLoop, luck: Random, session: Any, hub_client: Any) -> Iterator[None]:
    """`session` stands for edge.uplink.broker.broker_session, `hub_client` for
    cloud.ingest.brokers.client_of."""
    _Luck.source = luck
    random.seed(luck.getrandbits(64))
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    is_collecting = gc.isenabled()
    gc.disable()  # what it finds, and when, depends on what ran before
    with contextlib.ExitStack() as stack:
        replace = lambda target, name, value: stack.enter_context(mock.patch.object(target, name, value))  # noqa: E731
        replace(time, "monotonic", loop.time)
        replace(random, "SystemRandom", _Luck)
        replace(uuid, "uuid4", lambda: uuid.UUID(int=luck.getrandbits(128), version=4))
        replace(edge.ledger.ledger, "ThreadPoolExecutor", InlineExecutor)
        replace(edge.ledger.wal, "ThreadPoolExecutor", InlineExecutor)
        replace(edge.uplink.uplink, "broker_session", session)
        replace(edge.uplink.failback, "broker_session", session)
        replace(link, "client_of", hub_client)
        for module, name, instead in SELDOM:
            replace(module, name, instead)
        stack.enter_context(inline_aiosqlite())
        stack.enter_context(_silent())
        try:
            yield
        finally:
            logging.disable(before)
            if is_collecting:
                gc.enable()


@contextlib.contextmanager
def inline_aiosqlite() -> Iterator[None]:
    """A statement of the hub's database is done when it is awaited."""
    with (
        mock.patch("aiosqlite.core.SimpleQueue", InlineQueue),
        mock.patch("aiosqlite.core.Thread", NoThread),
    ):
        yield


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The product logs as it always does, and nobody reads it: there are thousands of runs."""
    before = structlog.get_config()
    structlog.configure(
        processors=[],
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
