"""The feed's order is the order of commits, whoever writes."""

from __future__ import annotations

import asyncio

from cloud.store import feed
from cloud.store.engine import Store
from cloud.store.feed import FeedEvent, FeedKind
from tests.cloud.samples import T0

ALL = frozenset(FeedKind)


def event(text: str, domain: int = 0, kind: FeedKind = FeedKind.STATE) -> FeedEvent:
    return FeedEvent(domain=domain, kind=kind, at=T0, location_id=None, data=f'"{text}"')


async def test_a_reader_never_misses_what_concurrent_writers_commit(store: Store) -> None:
    """A reader that follows the feed while ten writers append sees every cursor once, in order, without a hole."""
    writers, each = 10, 8
    seen: list[int] = []

    async def write(name: int) -> None:
        for number in range(each):
            async with store.write() as connection:
                await feed.append(connection, [event(f"{name}.{number}.{part}") for part in range(number % 3 + 1)])

    async def follow() -> None:
        total = writers * sum(number % 3 + 1 for number in range(each))
        while len(seen) < total:
            async with store.read() as connection:
                rows = await feed.after(connection, 0, seen[-1] if seen else 0, 7, ALL)
            seen.extend(row.cursor for row in rows)
            await asyncio.sleep(0)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(follow())
        for name in range(writers):
            tasks.create_task(write(name))
    assert seen == list(range(1, len(seen) + 1))


async def test_a_rolled_back_writer_leaves_no_hole(store: Store) -> None:
    async with store.write() as connection:
        await feed.append(connection, [event("a")])
    try:
        async with store.write() as connection:
            await feed.append(connection, [event("b")])
            raise RuntimeError("the batch fails")
    except RuntimeError:
        pass
    async with store.write() as connection:
        await feed.append(connection, [event("c", domain=7), event("d", kind=FeedKind.ALARM)])
    async with store.read() as connection:
        rows = await feed.after(connection, 0, 0, 10, ALL)
        alarms = await feed.after(connection, 0, 0, 10, {FeedKind.ALARM})
    assert [(row.cursor, row.event.data) for row in rows] == [(1, '"a"'), (3, '"d"')]
    assert [row.cursor for row in alarms] == [3]


async def test_only_the_newest_are_kept(store: Store) -> None:
    async with store.write() as connection:
        await feed.append(connection, [event(str(number)) for number in range(10)])
        await feed.prune(connection, keep=3)
        assert await feed.oldest(connection) == 8
        assert (await feed.head(connection)).cursor == 10
