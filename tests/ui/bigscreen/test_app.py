"""The wall display as a person sees it, against a real WebSocket server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from protocols.site.view import Patch
from protocols.terms import EvseState
from tests.ui.bigscreen.fake_edge import TOKEN, FakeEdge, evse, site, totals
from ui.bigscreen.app import BigScreen, HelpScreen
from ui.bigscreen.words import Language

NOON = datetime(2026, 3, 3, 13, 40, 0, tzinfo=UTC)


def display(port: int, *, token: str = TOKEN, stale_after_s: float = 5.0) -> BigScreen:
    return BigScreen(
        address=f"ws://127.0.0.1:{port}",
        token=lambda: token,
        clock=lambda: NOON,
        stale_after_s=stale_after_s,
        retry_from_s=0.05,
    )


def screen_text(app: BigScreen) -> str:
    """What the terminal shows: the board's own lines as Textual asks for them."""
    return "\n".join(app.board.render_line(y).text for y in range(app.size.height))


async def until(pilot: Pilot[None], holds: Callable[[str], bool], timeout_s: float = 10.0) -> str:
    """Wait until the screen shows it."""
    app = pilot.app
    assert isinstance(app, BigScreen)
    try:
        async with asyncio.timeout(timeout_s):
            while not holds(screen_text(app)):
                await pilot.pause(0.02)
    except TimeoutError:
        pytest.fail(f"never seen on:\n{screen_text(app)}")
    return screen_text(app)


async def test_snapshot_then_patches() -> None:
    edge = FakeEdge(site(7))
    async with edge.serving() as port, display(port).run_test(size=(120, 30)) as pilot:
        text = await until(pilot, lambda text: "Harbour Street" in text)
        for word in ("FREE", "CHARGING", "OCCUPIED", "RESERVED", "FAULTED", "UNAVAILABLE", "OFFLINE", "GroundFailure"):
            assert word in text
        edge.snapshot = site(7, totals=totals(power_w=99_000))
        await edge.send(Patch(totals=edge.snapshot.totals, evses=(evse(7, EvseState.FAULTED, error="Overheated"),)))
        text = await until(pilot, lambda text: "Overheated" in text)
        assert "! 2 FAULTED" in text
        assert "✓ 0 FREE" in text
        await until(pilot, lambda text: "99 kW" in text)


async def test_wan_banner_comes_and_goes() -> None:
    edge = FakeEdge(site(7))
    async with edge.serving() as port, display(port).run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda text: "Harbour Street" in text)
        assert "INTERNET" not in screen_text(pilot.app)  # type: ignore[arg-type]
        edge.snapshot = site(7, totals=totals(is_uplink_online=False, backlog=1204, open_alarms=2))
        text = await until(pilot, lambda text: "NO INTERNET since 14:32" in text)
        assert "charging and billing go on" in text
        assert "1204" in text
        assert "alarms: 2" in text
        edge.snapshot = site(7)
        await until(pilot, lambda text: "INTERNET" not in text)


async def test_a_dead_edge_is_marked_and_a_living_one_is_fresh_again() -> None:
    edge = FakeEdge(site(7))
    async with edge.serving() as port:
        pass
    app = display(port)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda text: "NO CONNECTION TO THE CONTROLLER" in text and "no picture yet" in text)
        async with edge.serving(port):
            text = await until(pilot, lambda text: "7.2 kW" in text)
            assert "NO CONNECTION" not in text
            assert "~" not in text
        text = await until(pilot, lambda text: "NO CONNECTION" in text)
        assert "since 14:40:00" in text
        assert "last picture from 14:32:08" in text
        assert "~7.2 kW" in text
        assert " 7.2 kW" not in text
        edge.snapshot = site(7, name="Back Again")
        async with edge.serving(port):
            text = await until(pilot, lambda text: "Back Again" in text)
            assert "NO CONNECTION" not in text
            assert "~" not in text


async def test_a_silent_edge_is_marked() -> None:
    edge = FakeEdge(site(7), beat_s=0.05)
    async with edge.serving() as port, display(port, stale_after_s=0.5).run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda text: "Harbour Street" in text and "NO CONNECTION" not in text)
        edge.is_silent = True
        await until(pilot, lambda text: "NO CONNECTION" in text and "~7.2 kW" in text)


async def test_a_wrong_token_is_said_on_the_screen_and_tried_again() -> None:
    edge = FakeEdge(site(7))
    async with edge.serving() as port, display(port, token="wrong").run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda text: "WRONG TOKEN" in text and "--token-file" in text)
        edge.token = "wrong"
        await until(pilot, lambda text: "Harbour Street" in text and "WRONG TOKEN" not in text)
        assert edge.attempts >= 2


async def test_an_unreadable_message_is_a_warning() -> None:
    edge = FakeEdge(site(7))
    async with edge.serving() as port, display(port).run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda text: "Harbour Street" in text)
        await edge.send('{"kind": "\\u001b[31mweather"}')
        text = await until(pilot, lambda text: "weather" in text)
        assert "\x1b" not in text
        assert "NO CONNECTION" not in text


async def test_two_hundred_on_a_small_screen_turn_pages() -> None:
    async with FakeEdge(site(200)).serving() as port, display(port).run_test(size=(80, 24)) as pilot:
        text = await until(pilot, lambda text: "page 1/10" in text)
        assert "B001" in text
        await pilot.press("n")
        assert "B021" in await until(pilot, lambda text: "page 2/10" in text)
        await pilot.press("p", "p")
        assert "B200" in await until(pilot, lambda text: "page 10/10" in text)


async def test_pages_turn_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.bigscreen.app.LONGEST_PAGE_S", 0.5)
    monkeypatch.setattr("ui.bigscreen.app.SHORTEST_PAGE_S", 0.5)
    async with FakeEdge(site(200)).serving() as port, display(port).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda text: "page 2/10" in text)
        await until(pilot, lambda text: "page 3/10" in text)


async def test_two_hundred_on_a_large_screen_stand_on_one_page() -> None:
    async with FakeEdge(site(200)).serving() as port, display(port).run_test(size=(320, 90)) as pilot:
        text = await until(pilot, lambda text: "B200" in text)
        assert all(f"B{number:03}" in text for number in range(1, 201))
        assert "page" not in text.splitlines()[0]


async def test_another_size_is_laid_out_anew() -> None:
    async with FakeEdge(site(12)).serving() as port, display(port).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda text: "B012" in text)
        await pilot.resize_terminal(160, 45)
        await until(pilot, lambda text: "█▀▄ █▀█ ▀█  ▀▀█" in text)
        assert {cell_len(row) for row in screen_text(pilot.app).split("\n")} == {160}  # type: ignore[arg-type]


async def test_the_language_is_switched() -> None:
    async with FakeEdge(site(7)).serving() as port, display(port).run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda text: "CHARGING" in text)
        await pilot.press("l")
        text = await until(pilot, lambda text: "充电中" in text)
        assert "CHARGING" not in text
        await pilot.press("l")
        await until(pilot, lambda text: "CHARGING" in text)


async def test_help_comes_and_goes() -> None:
    async with FakeEdge(site(7)).serving() as port, display(port).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda text: "Harbour Street" in text)
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("x")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, HelpScreen)


async def test_q_quits_also_from_help() -> None:
    for keys in (["q"], ["question_mark", "q"]):
        async with FakeEdge(site(7)).serving() as port:
            app = display(port)
            async with app.run_test(size=(120, 30)) as pilot:
                await until(pilot, lambda text: "Harbour Street" in text)
                await pilot.press(*keys)
            assert app.return_code == 0
            assert not app.is_running


async def test_a_bold_label_is_no_markup() -> None:
    edge = FakeEdge(site(1, evses=(evse(1, EvseState.FREE, label="[b]x[/b]\x1b[2J"),)))
    async with edge.serving() as port, display(port).run_test(size=(80, 24)) as pilot:
        text = await until(pilot, lambda text: "FREE" in text or "██" in text)
        assert "\x1b" not in text


async def test_it_starts_in_the_language_asked_for() -> None:
    app = BigScreen(address="ws://127.0.0.1:9", token=str, clock=lambda: NOON, language=Language.CHINESE, listens=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda text: "正在连接" in text)
