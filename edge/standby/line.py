"""The way between the boxes: each listens for the other, whatever it does itself, and asks it who it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

import structlog

from edge.standby import wire
from edge.standby.box import Box
from edge.standby.settings import PairSettings
from edge.standby.wire import BROKEN, BadWord, Link, Word

log = structlog.get_logger("standby")

ASK_S: Final = 0.5
Taken = Callable[[Link, dict[str, Any]], Awaitable[None]]


class Line:
    """`on_word` hears every word of the other box, `on_follow` takes the connections by which it follows."""

    def __init__(self, box: Box, settings: PairSettings) -> None:
        """Raises BadText where the certificates cannot be used."""
        self._box = box
        self._settings = settings
        files = (settings.certificate_file, settings.key_file, settings.other_certificate_file)
        self._server_context = wire.context(*files, is_server=True)
        self._client_context = wire.context(*files, is_server=False)
        self.on_word: Callable[[Word], None] = lambda _: None
        self.on_follow: Taken | None = None
        self.port = settings.port

    async def listen(self) -> None:
        """Until cancelled. Raises OSError."""
        server = await asyncio.start_server(
            self._answer, self._settings.host, self._settings.port, ssl=self._server_context, ssl_handshake_timeout=3
        )
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            await server.serve_forever()

    async def ask(self) -> Word | None:
        """Who the other box is; None where it does not say."""
        with contextlib.suppress(BadWord, *BROKEN):
            async with asyncio.timeout(ASK_S):
                link, word = await self.call(wants="word")
            link.close()
            return word
        return None

    async def call(self, **asked: Any) -> tuple[Link, Word]:
        """A connection to the other box. Raises BadWord, and what is in BROKEN."""
        settings = self._settings
        reader, writer = await asyncio.open_connection(
            settings.other_host, settings.other_port, ssl=self._client_context
        )
        link = Link(reader, writer)
        try:
            link.send_json(word=asdict(self._box.word), **asked)
            word = wire.word_of(await link.read_json(), settings.edge_id)
        except BaseException:
            link.close()
            raise
        return link, word

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer)
        try:
            async with asyncio.timeout(wire.HELLO_S):
                asked = await link.read_json()
            self.on_word(wire.word_of(asked, self._settings.edge_id))
            link.send_json(word=asdict(self._box.word))
            if asked.get("wants") == "follow" and self.on_follow is not None:
                await self.on_follow(link, asked)
        except BROKEN as error:
            log.info("standby_link_ended", reason=str(error) or type(error).__name__)
        except BadWord as error:
            log.warning("standby_refused", reason=str(error))
        finally:
            link.close()
