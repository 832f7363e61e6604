"""Two boxes over TLS on loopback: in step, slow, cut off; what may be acknowledged when, and what both have then."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from edge.ledger.ledger import Ledger
from edge.ports import Commit
from edge.standby import stream as stream_module
from edge.standby.box import Box, Memory
from edge.standby.copy import Copy
from edge.standby.follower import Followed, leave_request
from edge.standby.identity import make_certificate
from edge.standby.line import Line
from edge.standby.settings import PairSettings
from edge.standby.standby_metrics import StandbyMetrics
from edge.standby.stream import StandDown, Streamer
from edge.standby.wire import Word
from protocols.errors import BadText
from protocols.sync.topics import Stream
from protocols.sync.up import AlarmRaised, Entry, Severity
from tests.edge.domain.site_kit import START
from tests.edge.standby.test_copy import events_in
from tests.kit import free_port, wait_until


class World:
    """A first box with a ledger, and a second that follows it."""

    def __init__(self, folder: Path, *, wait_s: float = 2.0, dead_after_s: float = 4.0, is_alone: bool = False) -> None:
        self.folder = folder
        self.is_witness_there, self.is_address_held = True, False
        self.given_up = 0
        self.told: list[bool] = []
        ports = (free_port(), free_port())
        self.boxes, self.lines, self.settings = [], [], []
        for name in ("a", "b"):
            (folder / name).mkdir()
            make_certificate(folder / name / "standby.pem", folder / name / "standby.key")
        for mine, other in ((0, 1), (1, 0)):
            here, there = folder / "ab"[mine], folder / "ab"[other]
            settings = PairSettings(
                edge_id="edge-1",
                folder=here / "standby",
                host="127.0.0.1",
                port=ports[mine],
                other_host="127.0.0.1",
                other_port=ports[other],
                certificate_file=here / "standby.pem",
                key_file=here / "standby.key",
                other_certificate_file=there / "standby.pem",
                wait_s=wait_s,
                dead_after_s=dead_after_s,
                copy_mb_per_s=1000,
            )
            box = Box(here / "pair.json", "edge-1")
            box.remember(Memory(is_active=mine == 0, term=0, is_alone=is_alone))
            self.boxes.append(box)
            self.settings.append(settings)
            self.lines.append(Line(box, settings))
        self.ledger = Ledger(folder / "a" / "ledger.sqlite", "edge-1")
        self.streamer = Streamer(
            self.boxes[0],
            self.settings[0],
            StandbyMetrics(CollectorRegistry()),
            self.lines[0].ask,
            self.see_witness,
            self.give_up,
        )
        self.boxes[0].is_serving = True
        tap = self.ledger.attach(self.streamer)
        self.streamer.attach(tap, self.ledger.with_writer, lambda behind, _: self.told.append(behind), lambda _: None)
        self.lines[0].on_follow = self.streamer.follow
        self.followed = Followed(self.boxes[1], self.settings[1], self.lines[1], self.see_witness, self.is_held)

    async def see_witness(self) -> bool:
        return self.is_witness_there

    async def is_held(self) -> bool:
        return self.is_address_held

    async def give_up(self) -> None:
        self.given_up += 1

    async def commit(self, letters: int = 100) -> float:
        """Returns how long that took."""
        seq = self.ledger.last_seq(Stream.EVENT) + 1
        body = AlarmRaised(alarm_id=f"a{seq}", alarm="x", severity=Severity.INFO, text="x" * letters)
        begun_s = time.monotonic()
        await self.ledger.commit(Commit(entries=[Entry(stream=Stream.EVENT, seq=seq, at=START, body=body)]))
        return time.monotonic() - begun_s

    async def in_step(self) -> None:
        await wait_until(lambda: self.streamer.status()["in_step"] and self.followed.status()["in_step"])


@contextlib.asynccontextmanager
async def a_world(folder: Path, **kind: float) -> AsyncIterator[World]:
    world = World(folder, **kind)
    with world.ledger:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(line.listen()) for line in world.lines]
            running.append(tasks.create_task(until_it_stands_down(world.streamer)))
            running.append(tasks.create_task(world.followed.run()))
            try:
                await world.in_step()
                yield world
            finally:
                for task in running:
                    task.cancel()
        world.followed.copy.close()


async def until_it_stands_down(streamer: Streamer) -> None:
    with contextlib.suppress(StandDown):
        await streamer.run()


def copied(folder: Path) -> int:
    """What the second box would take over now."""
    looked_at = folder / "looked-at"
    looked_at.mkdir()
    for each in (folder / "b" / "standby").iterdir():
        (looked_at / each.name).write_bytes(each.read_bytes())
    return len(events_in(Copy(looked_at).settle()))


async def test_what_is_acknowledged_is_on_both_disks(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        for _ in range(20):
            await world.commit()
        assert copied(tmp_path) == 20
        assert world.told[-1] is False


async def test_a_standby_that_stood_still_is_in_step_again_though_commits_never_cease(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        world.followed._watch.stand_still()

        async def is_in_step() -> bool:
            await world.commit()
            return bool(world.followed.status()["in_step"])

        await wait_until(is_in_step)


async def test_a_slow_standby_holds_a_commit_up_once_and_is_in_step_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "REJOIN_AFTER_S", 0.2)
    monkeypatch.setattr(stream_module, "TELL_AFTER_S", 0.1)
    async with a_world(tmp_path, wait_s=0.2) as world:
        real = world.followed.copy.add
        monkeypatch.setattr(world.followed.copy, "add", lambda shipment: (time.sleep(1.0), real(shipment)))
        assert 0.2 <= await world.commit() < 1.0
        await wait_until(lambda: world.told[-1])
        assert world.boxes[0].memory == Memory(is_active=True, term=0, is_alone=True)
        assert await world.commit() < 0.2, "alone, it waits for nobody"
        await wait_until(lambda: not world.followed.status()["in_step"])
        monkeypatch.setattr(world.followed.copy, "add", real)
        await world.in_step()
        assert world.boxes[0].memory == Memory(is_active=True, term=0)


async def test_nothing_is_acknowledged_alone_while_neither_the_standby_nor_the_witness_is_seen(tmp_path: Path) -> None:
    """The standby may be taking over. The uplink does not hear of it either."""
    async with a_world(tmp_path, wait_s=0.1) as world:
        await world.commit()
        world.is_witness_there = False
        world.streamer._ask = no_word
        world.streamer._cut_off()
        world.lines[0].on_follow = None
        committing = asyncio.ensure_future(world.commit())  # noqa: TID251 - it is still under way at the end
        with pytest.raises(StandDown, match="neither"):
            await committing
        assert world.given_up == 1
        assert world.boxes[0].memory == Memory(is_active=True, term=0), "it was never allowed to go alone"
        assert len(await world.ledger.read(Stream.EVENT, 0, 100, 1 << 20)) == 1
        assert copied(tmp_path) == 1


async def test_a_box_that_ended_in_step_asks_before_it_acknowledges_anything_again(tmp_path: Path) -> None:
    """The standby may have taken over meanwhile, or be about to."""
    world = World(tmp_path)
    world.is_witness_there = False
    with world.ledger:
        running = asyncio.ensure_future(until_it_stands_down(world.streamer))  # noqa: TID251 - it ends by itself
        with pytest.raises(StandDown, match="neither"):
            await world.commit()
        await running
        assert world.given_up == 1


async def test_one_that_was_alone_goes_on_alone(tmp_path: Path) -> None:
    world = World(tmp_path, is_alone=True)
    world.is_witness_there = False
    with world.ledger:
        assert await world.commit() < 1.0
        assert world.given_up == 0


async def no_word() -> Word | None:
    return None


def test_certificates_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    world_settings = tmp_path / "standby.pem"
    world_settings.write_text("nothing")
    settings = PairSettings(
        edge_id="e",
        folder=tmp_path,
        host="127.0.0.1",
        port=0,
        other_host="127.0.0.1",
        other_port=1,
        certificate_file=world_settings,
        key_file=world_settings,
        other_certificate_file=world_settings,
        wait_s=1,
        dead_after_s=4,
        copy_mb_per_s=1,
    )
    with pytest.raises(BadText, match=r"\[standby\] the certificates"):
        Line(Box(tmp_path / "pair.json", "e"), settings)


async def test_somebody_else_is_not_let_in(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        (tmp_path / "c").mkdir()
        files = (tmp_path / "c" / "standby.pem", tmp_path / "c" / "standby.key")
        make_certificate(*files)
        stranger = replace(world.settings[1], certificate_file=files[0], key_file=files[1])
        assert await Line(world.boxes[1], stranger).ask() is None
        assert await Line(world.boxes[1], world.settings[1]).ask() is not None
        another = replace(world.settings[1], edge_id="edge-2")
        assert await Line(Box(tmp_path / "c" / "pair.json", "edge-2"), another).ask() is None


async def test_a_box_that_hears_of_a_higher_term_stands_down(tmp_path: Path) -> None:
    world = World(tmp_path)
    with world.ledger:
        running = asyncio.ensure_future(world.streamer.run())  # noqa: TID251 - it is to fail
        listening = asyncio.ensure_future(world.lines[1].listen())  # noqa: TID251
        world.boxes[1].remember(Memory(is_active=True, term=1))
        with pytest.raises(StandDown, match="has taken over"):
            await running
        with pytest.raises(StandDown):
            await world.commit()
        assert world.given_up == 1
        told = world.streamer.status()
        assert (told["role"], told["in_step"]) == ("standing down", False)
        assert "has taken over" in told["why_not"]
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


async def test_a_standby_whose_first_is_gone_says_when_to_take_over(tmp_path: Path) -> None:
    """Not while the address answers; then with all that was acknowledged."""
    world = World(tmp_path)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(world.followed.run())
        with world.ledger:
            first = [tasks.create_task(world.lines[0].listen()), tasks.create_task(world.streamer.run())]
            await world.in_step()
            for _ in range(5):
                await world.commit()
            for task in first:
                task.cancel()
            world.streamer._cut_off()
            world.boxes[0].is_serving = False
        world.is_address_held = True
        await wait_until(lambda: world.followed.status()["why_not"] == "somebody has the site's address")
        assert not following.done()
        world.is_address_held = False
        await wait_until(following.done)
        assert not world.followed.is_forced
    assert len(events_in(world.followed.copy.settle())) == 5


async def test_a_standby_that_is_behind_waits_for_somebody_who_makes_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(world.followed.run())
        with world.ledger:
            first = [tasks.create_task(world.lines[0].listen()), tasks.create_task(world.streamer.run())]
            await world.in_step()
            for task in first:
                task.cancel()
            world.streamer._cut_off()
            world.boxes[0].is_serving = False
        world.is_witness_there = False
        await wait_until(lambda: "cut off" in world.followed.status()["why_not"])
        world.is_witness_there = True
        leave_request(world.settings[1].folder, is_forced=False)
        await wait_until(lambda: not (world.settings[1].folder / "take-over").exists())
        assert not following.done()
        await wait_until(lambda: world.followed.status()["heard_s_ago"] > 2.2)
        leave_request(world.settings[1].folder, is_forced=True)
        await wait_until(following.done)
        assert world.followed.is_forced
    world.followed.copy.close()
