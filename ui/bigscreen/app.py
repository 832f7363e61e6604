"""The wall display as a Textual application: keys, the rhythm of repainting and of turning pages."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Center
from textual.screen import ModalScreen
from textual.widgets import Static

from protocols.site.view import STALE_AFTER_S
from ui.bigscreen.board import Board
from ui.bigscreen.client import RETRY_FROM_S, follow
from ui.bigscreen.looks import LOOKS
from ui.bigscreen.sheet import Scene
from ui.bigscreen.sight import Report, Sight, Warned, told
from ui.bigscreen.words import WORDS, Language

REPAINT_EVERY_S: Final = 0.25
ALL_PAGES_WITHIN_S: Final = 60.0
"""Nobody should wait longer for the tile looked for, as far as pages can be read at that pace."""
SHORTEST_PAGE_S: Final = 4.0
LONGEST_PAGE_S: Final = 8.0
HOLD_PAGE_FOR_S: Final = 40.0
"""Whoever turned the page by hand wants to look at it."""
SHOW_WARNING_FOR_S: Final = 60.0


class HelpScreen(ModalScreen[None]):
    """The keys and what the symbols mean."""

    CSS = """
    HelpScreen { align: center middle; background: #0b0f14 70%; }
    HelpScreen Static { width: auto; height: auto; padding: 1 3; background: #1b222b; color: #e6edf3;
                        border: round #58a6ff; }
    HelpScreen Center { width: auto; height: auto; }
    """

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language

    def compose(self) -> ComposeResult:
        """One box of text."""
        words = WORDS[self._language]
        states = [f"{look.symbol}        {words.state[state]}" for state, look in LOOKS.items()]
        lines = [words.help_title, "", *words.help_keys, "", words.help_states, "", *states, words.help_old]
        with Center():
            yield Static(Text("\n".join([*lines, "", words.help_close])))

    def on_key(self, event: events.Key) -> None:
        """Any key goes back; q then quits as everywhere."""
        event.stop()
        self.dismiss()


class BigScreen(App[None]):
    """The wall display. `clock` is the site's clock, for the words "no connection since"."""

    CSS = "Screen { background: #0b0f14; overflow: hidden; }"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "Ohmstead"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", priority=True),
        Binding("l", "switch_language"),
        Binding("n,right,pagedown,space", "turn_page(1)"),
        Binding("p,left,pageup", "turn_page(-1)"),
        Binding("question_mark", "help"),
    ]

    def __init__(
        self,
        *,
        address: str,
        token: Callable[[], str],
        clock: Callable[[], datetime],
        language: Language = Language.ENGLISH,
        sight: Sight | None = None,
        listens: bool = True,
        stale_after_s: float = STALE_AFTER_S,
        retry_from_s: float = RETRY_FROM_S,
    ) -> None:
        super().__init__()
        self._address = address
        self._token = token
        self._clock = clock
        self._language = language
        self._sight = sight or Sight()
        self._listens = listens
        self._stale_after_s = stale_after_s
        self._retry_from_s = retry_from_s
        self._page = 0
        self._turn_in_s = LONGEST_PAGE_S
        self._warn_for_s = 0.0
        self._is_changed = True
        self._board = Board()

    @property
    def sight(self) -> Sight:
        """What the display knows."""
        return self._sight

    @property
    def board(self) -> Board:
        """What the display shows."""
        return self._board

    def compose(self) -> ComposeResult:
        """The board fills the screen."""
        yield self._board

    def on_mount(self) -> None:
        """Listen, and repaint at most four times a second however much is heard."""
        self.set_interval(REPAINT_EVERY_S, self._repaint)
        if self._listens:
            self.run_worker(self._follow(), exclusive=True)

    def on_resize(self) -> None:
        """Lay out anew for another size of the terminal."""
        self._is_changed = True
        self.call_after_refresh(self._repaint)

    def hear(self, report: Report) -> None:
        """Take in what the client tells; it is shown with the next repaint."""
        self._sight = told(self._sight, report, self._clock())
        self._is_changed = True
        if isinstance(report, Warned):
            self._warn_for_s = SHOW_WARNING_FOR_S

    def action_switch_language(self) -> None:
        """The next language."""
        self._language = self._language.following
        self._show()

    def action_turn_page(self, by: int) -> None:
        """Turn the page by hand, and leave it there for a while."""
        self._page += by
        self._turn_in_s = HOLD_PAGE_FOR_S
        self._show()

    async def action_help(self) -> None:
        """Show the keys."""
        if not isinstance(self.screen, HelpScreen):
            await self.push_screen(HelpScreen(self._language))

    async def _follow(self) -> None:
        await follow(
            address=self._address,
            token=self._token,
            tell=self.hear,
            uniform=random.SystemRandom().uniform,
            stale_after_s=self._stale_after_s,
            retry_from_s=self._retry_from_s,
        )

    def _repaint(self) -> None:
        self._turn_in_s -= REPAINT_EVERY_S
        if self._turn_in_s <= 0:
            pages = self._board.sheet.pages if self._board.sheet else 1
            self._turn_in_s = max(SHORTEST_PAGE_S, min(LONGEST_PAGE_S, ALL_PAGES_WITHIN_S / pages))
            if pages > 1:
                self._page += 1
                self._is_changed = True
        self._warn_for_s -= REPAINT_EVERY_S
        if self._sight.warning and self._warn_for_s <= 0:
            self._sight = replace(self._sight, warning="")
            self._is_changed = True
        if self._is_changed:
            self._show()

    def _show(self) -> None:
        self._is_changed = False
        width, height = self.size
        self._board.show(
            Scene(
                width=width,
                height=height,
                sight=self._sight,
                language=self._language,
                page=self._page,
                address=self._address,
            )
        )
