"""The display's ear, against a real WebSocket server on loopback."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import BadText
from protocols.site.view import SHOWN, Answer, Patch
from tests.ui.bigscreen.fake_edge import TOKEN, FakeEdge, site, totals
from ui.bigscreen.client import RETRY_FROM_S, RETRY_TO_S, Unreadable, follow, next_wait_s, read_token, understood
from ui.bigscreen.sight import Heard, Lost, Report, Trouble, Warned


class Ear:
    """Collects what is told, and waits for something to be told."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self._came = asyncio.Event()

    def tell(self, report: Report) -> None:
        self.reports.append(report)
        self._came.set()

    async def until(self, holds: Callable[[Report], bool], timeout_s: float = 5.0) -> Report:
        """The first report, from now on or before, that `holds`."""
        async with asyncio.timeout(timeout_s):
            while True:
                for report in self.reports:
                    if holds(report):
                        return report
                self._came.clear()
                await self._came.wait()


def is_lost(trouble: Trouble) -> Callable[[Report], bool]:
    return lambda report: isinstance(report, Lost) and report.trouble is trouble


def is_heard(kind: str) -> Callable[[Report], bool]:
    return lambda report: isinstance(report, Heard) and report.message.kind == kind


@asynccontextmanager
async def following(
    port: int, *, token: Callable[[], str] = lambda: TOKEN, stale_after_s: float = 5.0
) -> AsyncIterator[Ear]:
    ear = Ear()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(
            follow(
                address=f"ws://127.0.0.1:{port}",
                token=token,
                tell=ear.tell,
                uniform=random.Random(1).uniform,
                stale_after_s=stale_after_s,
                retry_from_s=0.02,
            )
        )
        yield ear
        task.cancel()


async def test_a_snapshot_and_patches_are_heard() -> None:
    async with FakeEdge(site(3), beat_s=0.02).serving() as port, following(port) as ear:
        assert await ear.until(is_heard("snapshot")) == Heard(message=site(3))
        await ear.until(is_heard("patch"))
    assert isinstance(ear.reports[0], Heard)


async def test_a_wrong_token_is_said_and_tried_again_until_the_file_is_right() -> None:
    edge = FakeEdge(site(3))
    tokens = iter(["wrong", "wrong"])
    async with edge.serving() as port, following(port, token=lambda: next(tokens, TOKEN)) as ear:
        lost = await ear.until(is_lost(Trouble.TOKEN_REFUSED))
        assert lost == Lost(trouble=Trouble.TOKEN_REFUSED, detail="HTTP 401")
        await ear.until(is_heard("snapshot"))
        assert edge.attempts == 3


async def test_a_token_file_that_went_away_is_said() -> None:
    def missing() -> str:
        raise BadText("no token file /x")

    async with following(9, token=missing) as ear:
        assert await ear.until(is_lost(Trouble.TOKEN_FILE)) == Lost(
            trouble=Trouble.TOKEN_FILE, detail="no token file /x"
        )


async def test_an_edge_that_dies_is_lost_and_found_again() -> None:
    edge = FakeEdge(site(3))
    async with edge.serving() as port, following(port) as ear:
        await ear.until(is_heard("snapshot"))
    async with edge.serving() as port:
        pass
    async with following(port) as ear:
        assert "refused" in str(await ear.until(is_lost(Trouble.UNREACHABLE)))
        async with edge.serving(port):
            await ear.until(is_heard("snapshot"))
        await ear.until(is_lost(Trouble.CLOSED))
        async with edge.serving(port):
            await ear.until(lambda report: ear.reports.count(Heard(message=site(3))) == 2)


async def test_an_open_but_silent_connection_is_lost() -> None:
    edge = FakeEdge(site(3), beat_s=0.02)
    async with edge.serving() as port, following(port, stale_after_s=0.3) as ear:
        await ear.until(is_heard("patch"))
        edge.is_silent = True
        await ear.until(is_lost(Trouble.SILENT))


async def test_noise_does_not_count_as_hearing() -> None:
    edge = FakeEdge(site(3), beat_s=0.02)
    edge.is_silent = True
    async with edge.serving() as port, following(port, stale_after_s=0.3) as ear:
        await ear.until(is_heard("snapshot"))
        async with asyncio.timeout(5):
            while not any(map(is_lost(Trouble.SILENT), ear.reports)):
                await edge.send('{"kind": "weather", "is": "fine"}')
                await asyncio.sleep(0.02)
        assert Warned(detail="kind weather") in ear.reports


async def test_a_patch_that_cannot_be_read_makes_the_picture_old_until_a_new_one_comes() -> None:
    edge = FakeEdge(site(3))
    async with edge.serving() as port, following(port) as ear:
        await ear.until(is_heard("snapshot"))
        async with asyncio.timeout(5):
            while not any(map(is_lost(Trouble.UNREADABLE), ear.reports)):
                await edge.send('{"kind": "patch", "totals": 7}')
                await asyncio.sleep(0.01)
        assert any(isinstance(report, Warned) for report in ear.reports)
        await ear.until(lambda report: ear.reports.count(Heard(message=site(3))) == 2)


async def test_a_server_that_is_no_edge() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server, following(server.sockets[0].getsockname()[1]) as ear:
        assert await ear.until(is_lost(Trouble.REFUSED)) == Lost(trouble=Trouble.REFUSED, detail="HTTP 404")


def test_fields_of_a_newer_edge_are_ignored() -> None:
    frame = json.loads(SHOWN.dump_json(site(2)))
    frame["weather"] = {"is": "fine"}
    frame["totals"]["moon"] = 1
    frame["evses"][0]["colour"] = "blue"
    assert understood(json.dumps(frame)) == Heard(message=site(2))


def test_answers_are_heard_only_when_they_are_problems() -> None:
    assert understood(SHOWN.dump_json(Answer(id="bigscreen", result=1))) is None
    assert understood(SHOWN.dump_json(Answer(id="bigscreen", problem="no"))) == Warned(detail="no")


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "x",
        "[]",
        "{}",
        "null",
        '{"kind": "snapshot"}',
        b"\xff\xfe",
        "[" * 100_000,
        '{"kind": 5}',
        '{"kind": "patch"}',
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(frame: str | bytes) -> None:
    with pytest.raises(Unreadable) as error:
        understood(frame)
    assert len(str(error.value)) <= 120
    assert "\n" not in str(error.value)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_frame_is_a_crash(frame: str | bytes) -> None:
    with suppress(Unreadable):
        assert not isinstance(understood(frame), Heard)


@given(st.integers(0, 1000), st.integers(1, 60))
def test_waits_spread_and_stay_within_bounds(seed: int, attempts: int) -> None:
    draw = random.Random(seed).uniform
    wait_s = RETRY_FROM_S
    for _ in range(attempts):
        wait_s = next_wait_s(wait_s, RETRY_FROM_S, draw)
        assert RETRY_FROM_S <= wait_s <= RETRY_TO_S


def test_a_patch_is_a_message() -> None:
    assert understood(SHOWN.dump_json(Patch(totals=totals()))) == Heard(message=Patch(totals=totals()))


def test_the_token_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with pytest.raises(BadText, match="is the edge running"):
        read_token(file)
    file.write_text("  abc123\n", "utf-8")
    assert read_token(file) == "abc123"
    for wrong in (b"", b"\n", b"two words", b"two\nlines", "中".encode(), b"x" * 5000, b"\xff\xfe", b"a\x00b"):
        file.write_bytes(wrong)
        with pytest.raises(BadText, match="token"):
            read_token(file)
    with pytest.raises(BadText, match="--token-file"):
        read_token(tmp_path)
