"""The kit's servers start, restart and leave nothing behind."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.kit import is_listening, postgres_binaries, start_broker, start_postgres


def test_broker_keeps_its_port_over_a_restart() -> None:
    with start_broker() as broker:
        first = broker.pid
        broker.restart(empty=True)
        assert broker.pid != first
        assert is_listening(broker.port)
    assert not is_listening(broker.port)


async def test_postgres_gives_fresh_databases() -> None:
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL binaries on this machine")
    with start_postgres() as server:
        engine = create_async_engine(server.new_database())
        async with engine.connect() as connection:
            assert await connection.scalar(text("select 1")) == 1
        await engine.dispose()
    assert not is_listening(server.port)
