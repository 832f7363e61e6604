"""`ohmstead-sim provider`: a provider of card and QR payments on loopback, as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from firmware_sim.clock import unix_now_s
from firmware_sim.provider.till_book import Behaviour, TillBook
from protocols.timeline import REAL_TIME, Timeline


def provider(
    port: Annotated[int, typer.Option(min=0, max=65535, help="on loopback; 0 takes a free one and tells it")] = 9300,
    behaviour: Annotated[Behaviour, typer.Option(help="what becomes of payments")] = Behaviour.TAKES,
    delay_s: Annotated[float, typer.Option("--delay", min=0, help="seconds that a late one takes")] = 10.0,
    token_file: Annotated[Path | None, typer.Option(help="file with the bearer token that is expected")] = None,
    timeline: Annotated[str | None, typer.Option(envvar="OHMSTEAD_TIMELINE", help="ORIGIN@ANCHORxSPEED")] = None,
) -> None:
    """Take card and QR payments: at once, late, twice, never, another sum, or not at all.

    `curl -d '{"behaviour": "late", "reach": "up"}' http://127.0.0.1:9300/sim` changes that while it runs.
    """
    from firmware_sim.provider.server import ProviderServer  # and with it aiohttp, which no other command needs

    when = Timeline.parse(timeline) if timeline else REAL_TIME
    token = token_file.read_text(encoding="utf-8").strip() if token_file is not None else None
    book = TillBook(behaviour=behaviour, delay=timedelta(seconds=delay_s))

    async def serve() -> None:
        server = ProviderServer(book, lambda: when.at(unix_now_s()), token)
        running = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel if running else sys.exit)
        await server.run(port, lambda chosen: print(f"listening on 127.0.0.1:{chosen}", flush=True))

    with contextlib.suppress(asyncio.CancelledError):
        try:
            asyncio.run(serve())
        except OSError as error:
            print(f"port {port} cannot be used: {error.strerror}", file=sys.stderr)
            raise SystemExit(2) from error
