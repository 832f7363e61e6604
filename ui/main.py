"""The command line of the screens: `ohmstead-ui bigscreen` and `ohmstead-ui picture`."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from protocols.errors import BadText
from protocols.site.view import SHOWN, Snapshot
from protocols.timeline import Timeline
from ui.bigscreen.app import BigScreen
from ui.bigscreen.client import read_token
from ui.bigscreen.picture import picture_of
from ui.bigscreen.words import Language


def main() -> None:
    """Run the command line."""
    command_line()()


def command_line() -> typer.Typer:
    """The commands."""
    commands = typer.Typer(
        name="ohmstead-ui",
        help="The screens of an Ohmstead site.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    commands.command()(bigscreen)
    commands.command()(picture)
    return commands


def bigscreen(
    token_file: Annotated[
        Path, typer.Option(envvar="OHMSTEAD_UI_TOKEN_FILE", help="The file in which the edge keeps its local token.")
    ],
    edge: Annotated[
        str, typer.Option(envvar="OHMSTEAD_UI_EDGE", help="The local WebSocket of the edge.")
    ] = "ws://127.0.0.1:9001",
    language: Annotated[
        Language, typer.Option(envvar="OHMSTEAD_UI_LANGUAGE", help="en or zh; the key l switches.")
    ] = Language.ENGLISH,
    timeline: Annotated[
        str, typer.Option(envvar="OHMSTEAD_TIMELINE", help="The edge's timeline, where it plays time faster.")
    ] = "",
) -> None:
    """The wall display: a tile for each EVSE, which is free and what the others do. q quits."""
    try:
        address = _checked_address(edge)
        read_token(token_file)
        site_time = Timeline.parse(timeline) if timeline else Timeline()
    except BadText as error:
        _refuse(str(error))
    if not sys.stdout.isatty():
        _refuse("the wall display needs a terminal; for a picture in a file see: ohmstead-ui picture --help")
    app = BigScreen(
        address=address,
        token=partial(read_token, token_file),
        clock=partial(_now, site_time),
        language=language,
    )
    app.run()
    raise typer.Exit(app.return_code or 0)


def picture(
    file: Annotated[Path, typer.Argument(help="The SVG file to write.")],
    snapshot: Annotated[Path, typer.Option(help="A snapshot as JSON (protocols.site.view.Snapshot).")],
    size: Annotated[str, typer.Option(help="Columns x rows.")] = "120x36",
    language: Annotated[Language, typer.Option(envvar="OHMSTEAD_UI_LANGUAGE", help="en or zh.")] = Language.ENGLISH,
) -> None:
    """Draw a snapshot as the wall display shows it and write it as SVG, without a terminal or an edge."""
    try:
        width, height = _checked_size(size)
        site = _read_snapshot(snapshot)
        svg = asyncio.run(picture_of(site, width=width, height=height, language=language))
        file.write_text(svg, "utf-8")
    except BadText as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{file} cannot be written: {error.strerror}")


def _refuse(problem: str) -> None:
    typer.echo(f"ohmstead-ui: {problem}", err=True)
    raise typer.Exit(2)


def _checked_address(edge: str) -> str:
    try:
        parts = urlsplit(edge)
        is_good = parts.scheme in ("ws", "wss") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_good = False
    if not is_good:
        raise BadText(f"--edge {edge!r} is no WebSocket address; expected for instance ws://127.0.0.1:9001")
    return edge


def _checked_size(size: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,3})[x×](\d{1,3})", size)
    if match is None or not (int(match[1]) >= 20 and int(match[2]) >= 8):
        raise BadText(f"--size {size!r} is no size; expected COLUMNSxROWS from 20x8 to 999x999, for instance 120x36")
    return int(match[1]), int(match[2])


def _read_snapshot(path: Path) -> Snapshot:
    try:
        shown = SHOWN.validate_json(path.read_bytes())
    except OSError as error:
        raise BadText(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise BadText(f"{path} is no snapshot: {error}") from error
    if not isinstance(shown, Snapshot):
        raise BadText(f"{path} is a {shown.kind}; expected a snapshot")
    return shown


def _now(timeline: Timeline) -> datetime:
    return timeline.at(time.time())  # noqa: TID251 - the display's one clock
