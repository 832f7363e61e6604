"""Moves every rollout that is under way, beside the web server and the ingest, in as many processes as the hub has.

Nobody is elected: who moves a rollout holds its row until the commit, others pass it by (on SQLite they wait their
turn, and find nothing left to do). All that a move does is in that one transaction, so a process may be killed at any
moment.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog
from sqlalchemy import select

from cloud.clock import Clock
from cloud.live import Bell
from cloud.metrics import Metrics
from cloud.rollouts.moving import locked, move
from cloud.store.engine import Store, is_database_away
from cloud.store.rollout_tables import rollouts

LOOK_EVERY_S: Final = 1.0
_log = structlog.stdlib.get_logger()


class Driver:
    """Run it as a task; it ends by itself between two moves once `stop` is set."""

    def __init__(self, *, store: Store, clock: Clock, feed_bell: Bell, down_bell: Bell, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._feed_bell = feed_bell
        self._down_bell = down_bell
        self._metrics = metrics

    async def run(self, stop: asyncio.Event) -> None:
        """Look once in a while, and when something was asked for; through every absence of the database."""
        with self._down_bell.listen() as rang:
            while not stop.is_set():
                rang.clear()
                try:
                    await self.move_all()
                except Exception as error:
                    if not is_database_away(error):
                        raise
                    self._metrics.database_retries.inc()
                    _log.warning("database_away", reason=str(error).splitlines()[0])
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await rang.wait()

    async def move_all(self) -> None:
        """Move each rollout once."""
        watched = select(rollouts.c.domain, rollouts.c.id).where(rollouts.c.is_watched).order_by(rollouts.c.created_at)
        async with self._store.read() as connection:
            found = (await connection.execute(watched)).all()
        for domain, rollout_id in found:
            await self._move(domain, rollout_id)

    async def _move(self, domain: int, rollout_id: str) -> None:
        async with self._store.write() as connection:
            query = locked(domain, rollout_id).with_for_update(skip_locked=True)
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                return  # another process has it in hand
            moved = await move(connection, row, self._clock())
        if moved.is_changed:
            self._feed_bell.ring()
        if moved.is_sent:
            self._down_bell.ring()
