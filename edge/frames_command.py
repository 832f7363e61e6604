"""`ohmstead-edge frames`: what was said between the stations and the site, read from the frame log's files."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, NoReturn

import typer

from edge.chargers.frame_reader import FrameReader, LoggedFrame, Wanted
from edge.chargers.frame_segments import FOLDER
from edge.config import BadConfig, load

FOLLOW_EVERY_S: Final = 0.5
_ARROWS: Final = MappingProxyType({"in": "->", "out": "<-", "": "  "})


def frames(
    config: Annotated[
        Path, typer.Option("--config", "-c", envvar="OHMSTEAD_EDGE_CONFIG", help="The agent's TOML file.")
    ] = Path("/etc/ohmstead/edge.toml"),
    station: Annotated[str | None, typer.Option("--station", "-s", help="Only this charging station.")] = None,
    action: Annotated[str | None, typer.Option("--action", "-a", help="Only calls of this action and answers.")] = None,
    since: Annotated[datetime | None, typer.Option(help="From this time on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this time (UTC).")] = None,
    last: Annotated[int | None, typer.Option("--last", "-n", min=1, help="Only so many, the newest.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
) -> None:
    """Show the frames between the stations and the site, from its files: the agent may run or not.

    Id tokens, keys and passwords are masked; a token's mask ends in digits that are the same until the agent restarts.
    """
    try:
        folder = load(config).data_dir / FOLDER
    except BadConfig as error:
        _fail(str(error), 2)
    wanted = Wanted(station_id=station, action=action, since=_utc(since), until=_utc(until))
    reader = FrameReader(folder, wanted)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        try:
            found: Iterable[LoggedFrame] = reader.more()
            for frame in found if last is None else deque(found, last):
                _show(frame, as_json=as_json)
            for frame in _following(reader) if follow else ():
                _show(frame, as_json=as_json)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            _fail(f"{folder}: {error.strerror}", 1)
    for path, count in reader.torn.items() if not follow else ():
        print(f"{path}: {count} pieces could not be read: cut off or damaged", file=sys.stderr)


def _following(reader: FrameReader) -> Iterator[LoggedFrame]:
    while True:
        sys.stdout.flush()
        time.sleep(FOLLOW_EVERY_S)
        yield from reader.more()


def _show(frame: LoggedFrame, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(frame.as_json(), ensure_ascii=False))
        return
    line = _line(frame)
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        line = line if len(line) <= width else line[: width - 3] + "..."
    print(line)


def _line(frame: LoggedFrame) -> str:
    """Time, station, who speaks, what, and the payload last: it is what may be cut off."""
    at = frame.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    match frame.kind:
        case "GAP":
            said = f"{frame.missing} frames were left out here"
        case "UNREADABLE":
            said = f"UNREADABLE {frame.text}"
        case _:
            problem = f"{frame.error_code}: {frame.error_description or ''} " if frame.error_code else ""
            payload = "" if frame.payload is None else json.dumps(frame.payload, ensure_ascii=False)
            said = f"{frame.kind:<10} {frame.action or '-':<24} {problem}{payload}  [{frame.message_id}]"
    return _plain(f"{at}  {frame.station_id:<16} {_ARROWS[frame.direction]} {said}")


def _plain(text: str) -> str:
    """Foreign text for a terminal: what is no printable character is shown as what it is."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _utc(stamp: datetime | None) -> datetime | None:
    if stamp is None or stamp.tzinfo is not None:
        return stamp
    return stamp.replace(tzinfo=UTC)


def _fail(text: str, code: int) -> NoReturn:
    print(text, file=sys.stderr)
    raise SystemExit(code)
