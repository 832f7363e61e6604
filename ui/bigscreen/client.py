"""The display's ear: a WebSocket to the edge that comes back by itself and knows when it hears nothing.

A connection counts as alive only while pictures and patches come that can be read: an open socket that is silent, or
that speaks what the display does not understand, must not make an old picture look fresh.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from protocols.errors import BadText
from protocols.site.requests import REQUEST, Watch
from protocols.site.view import SHOWN, STALE_AFTER_S, Answer, Patch, Snapshot
from ui.bigscreen.sight import Heard, Lost, Report, Trouble, Warned

RETRY_FROM_S: Final = 0.5
RETRY_TO_S: Final = 10.0
_STEADY_S: Final = 10.0
"""A connection that lived so long was no failure: the next wait is the shortest again."""
_OPEN_TIMEOUT_S: Final = 5.0
_LARGEST_MESSAGE_BYTES: Final = 4 * 1024 * 1024
_LONGEST_TOKEN: Final = 4096
_UNAUTHORISED: Final = frozenset({401, 403})
_DETAIL_LENGTH: Final = 120


class Unreadable(Exception):
    """A picture or patch that cannot be understood; without it the picture is not true any more."""


async def follow(
    *,
    address: str,
    token: Callable[[], str],
    tell: Callable[[Report], None],
    uniform: Callable[[float, float], float],
    stale_after_s: float = STALE_AFTER_S,
    retry_from_s: float = RETRY_FROM_S,
) -> NoReturn:
    """Watch the edge for ever and tell what is heard and when it is lost.

    `token` is asked before each attempt, so that a corrected file helps without a restart; it raises BadText.
    `uniform` draws a number between two bounds.
    """
    loop = asyncio.get_running_loop()
    wait_s = retry_from_s
    while True:
        began_s = loop.time()
        lost = await _watch_once(address, token, tell, stale_after_s)
        tell(lost)
        if loop.time() - began_s > _STEADY_S:
            wait_s = retry_from_s
        await asyncio.sleep(wait_s)
        wait_s = next_wait_s(wait_s, retry_from_s, uniform)


def next_wait_s(wait_s: float, retry_from_s: float, uniform: Callable[[float, float], float]) -> float:
    """Decorrelated jitter: up to three times the wait before, never above RETRY_TO_S, so that displays spread out."""
    return min(RETRY_TO_S, uniform(retry_from_s, wait_s * 3))


def read_token(path: Path) -> str:
    """The token in the file of the edge. Raises BadText that says what to do."""
    try:
        token = path.read_text("utf-8").strip()
    except FileNotFoundError as error:
        raise BadText(
            f"no token file {path}: is the edge running? It writes the file; its configuration says where"
        ) from error
    except PermissionError as error:
        raise BadText(f"token file {path} may not be read: run as the user of the edge, its owner") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadText(f"token file {path} cannot be read ({error}): give the edge's own with --token-file") from error
    if not token or len(token) > _LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise BadText(f"{path} holds no token: expected one line of printable ASCII; give the edge's own file")
    return token


async def _watch_once(
    address: str, token: Callable[[], str], tell: Callable[[Report], None], stale_after_s: float
) -> Lost:
    """One connection, from the attempt to its end; the answer is why it ended."""
    try:
        async with connect(
            address,
            additional_headers={"Authorization": f"Bearer {token()}"},
            open_timeout=_OPEN_TIMEOUT_S,
            close_timeout=1.0,
            max_size=_LARGEST_MESSAGE_BYTES,
            proxy=None,  # the edge is at hand; a proxy from the environment would only be in the way
        ) as socket:
            return await _listen(socket, tell, stale_after_s)
    except BadText as error:
        return Lost(trouble=Trouble.TOKEN_FILE, detail=str(error))
    except InvalidStatus as error:
        status = error.response.status_code
        trouble = Trouble.TOKEN_REFUSED if status in _UNAUTHORISED else Trouble.REFUSED
        return Lost(trouble=trouble, detail=f"HTTP {status}")
    except InvalidHandshake as error:
        return Lost(trouble=Trouble.REFUSED, detail=_short(error))
    except ConnectionClosed as error:
        return Lost(trouble=Trouble.CLOSED, detail=_short(error))
    except TimeoutError:
        return Lost(trouble=Trouble.UNREACHABLE, detail=f"{_OPEN_TIMEOUT_S:.0f} s")
    except OSError as error:
        return Lost(trouble=Trouble.UNREACHABLE, detail=os.strerror(error.errno) if error.errno else _short(error))


async def _listen(socket: ClientConnection, tell: Callable[[Report], None], stale_after_s: float) -> Lost:
    """Tell what comes until it ends, falls silent or cannot be read."""
    loop = asyncio.get_running_loop()
    has_picture = False
    try:
        async with asyncio.timeout(stale_after_s) as silence:
            await socket.send(REQUEST.dump_json(Watch(id="bigscreen")).decode())
            while True:
                report = understood(await socket.recv())
                match report:
                    case Heard(message=Patch()) if not has_picture:
                        continue
                    case Heard():
                        has_picture = True
                        silence.reschedule(loop.time() + stale_after_s)
                if report is not None:
                    tell(report)
    except TimeoutError:
        return Lost(trouble=Trouble.SILENT)
    except Unreadable as error:
        tell(Warned(detail=str(error)))
        return Lost(trouble=Trouble.UNREADABLE)


def understood(frame: str | bytes) -> Report | None:
    """What a frame says; None where it is of no interest.

    Fields that are not known are ignored, and so is a message of an unknown kind, with a warning: both are how a newer
    edge speaks. Raises Unreadable for anything else that cannot be understood.
    """
    try:
        message = SHOWN.validate_json(frame)
    except ValidationError as error:
        kind = _kind_of(frame)
        if kind is not None and kind not in ("snapshot", "patch", "answer"):
            return Warned(detail=f"kind {kind[:_DETAIL_LENGTH]}")
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"{where}: {first['msg']}"[:_DETAIL_LENGTH]) from error
    match message:
        case Answer(problem=None):
            return None
        case Answer(problem=str() as problem):
            return Warned(detail=problem)
        case Snapshot() | Patch():
            return Heard(message=message)
    return None


def _kind_of(frame: str | bytes) -> str | None:
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    kind = value.get("kind") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:_DETAIL_LENGTH]
