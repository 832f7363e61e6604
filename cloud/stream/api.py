"""`/v1/stream`: a WebSocket that tells what happens, from now on or from a cursor, without gap and without double.

Events are read from the feed, in its order; a ring only says that there may be more. So nothing is kept per client but
its place, and a client that reads too slowly is cut off and loses nothing: it comes back with its last cursor.

A program sends `Authorization: Bearer osk_…`. A browser, which cannot, offers two subprotocols: `ohmstead.v1` and
`bearer.osk_…`; the first is chosen. A key is never taken from the URL, for URLs end up in logs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from cloud.rest.access import identify
from cloud.rest.context import Hub, hub_of
from cloud.rest.problems import Problem
from cloud.store import feed
from cloud.store.documents import to_json
from cloud.store.engine import is_database_away
from cloud.store.feed import FeedHead, FeedKind, FeedRow
from cloud.store.keys import Principal

SUBPROTOCOL: Final = "ohmstead.v1"
KEY_SUBPROTOCOL: Final = "bearer."
BATCH_EVENTS: Final = 200
SEND_TIMEOUT_S: Final = 10.0
KEY_CHECK_EVERY_S: Final = 15.0
POLL_EVERY_S: Final = 2.0
"""Another process may have written without ringing here."""

CLOSE_BAD_REQUEST: Final = 4400
CLOSE_KEY_ENDED: Final = 4401
CLOSE_CURSOR_UNKNOWN: Final = 4409
CLOSE_CURSOR_TOO_OLD: Final = 4410
CLOSE_TOO_SLOW: Final = 4408
CLOSE_TRY_AGAIN: Final = 1013


OF_CHARGERS: Final = frozenset({FeedKind.STATE, FeedKind.SESSION, FeedKind.ALARM})


class _Refused(Exception):
    """The stream ends here for a reason that the client is told."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def stream(websocket: WebSocket) -> None:
    """Serve one client until it leaves, reads too slowly, or asks for what is not there."""
    hub = hub_of(websocket)
    key = _key_of(websocket)
    try:
        who = await identify(hub, key)
    except Problem as problem:
        await websocket.send_denial_response(problem.response())
        return
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    hub.metrics.websocket_clients.inc()
    try:
        await _serve(hub, websocket, who, key)
    except _Refused as refused:
        if refused.code == CLOSE_TOO_SLOW:
            hub.metrics.websocket_cut_off.inc()
        await _close(websocket, refused.code, refused.reason)
    finally:
        hub.metrics.websocket_clients.dec()


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/stream", tags=["Stream"])
    router.websocket("")(stream)
    return router


async def _serve(hub: Hub, websocket: WebSocket, who: Principal, key: str | None) -> None:
    """Tell, listen and mind the key side by side; the first to end ends all. What a client says is not looked at.

    Raises _Refused.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            others = (
                tasks.create_task(_tell(hub, websocket, who)),
                tasks.create_task(_mind_key(hub, key)),
            )
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass
            for task in others:
                task.cancel()
    except ExceptionGroup as group:
        refused, others_failed = group.split(_Refused)
        if others_failed is not None and others_failed.split((WebSocketDisconnect, RuntimeError))[1] is not None:
            raise
        if refused is not None:
            raise refused.exceptions[0] from group


async def _mind_key(hub: Hub, key: str | None) -> None:
    """A key that is revoked or expires ends its streams as well."""
    while True:
        await asyncio.sleep(KEY_CHECK_EVERY_S)
        try:
            await identify(hub, key)
        except Problem as problem:
            raise _Refused(CLOSE_KEY_ENDED, problem.detail) from problem
        except Exception as error:
            if not is_database_away(error):
                raise


async def _tell(hub: Hub, websocket: WebSocket, who: Principal) -> None:
    kinds = _kinds_of(websocket)
    try:
        head, place = await _begin(hub, websocket)
        await _send(websocket, {"kind": "hello", "cursor": _cursor(head, place)})
        async for row in _events(hub, who.domain, place, kinds):
            document = {
                "kind": row.event.kind.value,
                "cursor": _cursor(head, row.cursor),
                "at": row.event.at,
                "historical": row.event.is_historical,
            }
            await _send_text(websocket, to_json(document)[:-1] + b',"data":' + row.event.data.encode() + b"}")
    except Exception as error:
        if not is_database_away(error):
            raise
        raise _Refused(CLOSE_TRY_AGAIN, "the database does not answer right now; resume with your cursor") from error


async def _begin(hub: Hub, websocket: WebSocket) -> tuple[FeedHead, int]:
    """The feed's head, and the cursor to tell from: the client's own, or now."""
    async with hub.store.read() as connection:
        head = await feed.head(connection)
        oldest = await feed.oldest(connection)
    asked = websocket.query_params.get("cursor")
    if asked is None:
        return head, head.cursor
    identity, _, number = asked.partition("-")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise _Refused(CLOSE_BAD_REQUEST, "not a cursor of this stream")
    place = int(number)
    if identity != head.identity or place > head.cursor:
        raise _Refused(CLOSE_CURSOR_UNKNOWN, "the cursor is of another database; begin without one")
    if place < (oldest or head.cursor + 1) - 1:
        raise _Refused(CLOSE_CURSOR_TOO_OLD, "what follows the cursor is no longer kept; begin without one")
    return head, place


async def _events(hub: Hub, domain: int, place: int, kinds: frozenset[FeedKind]) -> AsyncIterator[FeedRow]:
    """Everything behind the place, for ever. The bell is silenced before the feed is read, so no ring is missed."""
    with hub.feed_bell.listen() as rang:
        while True:
            rang.clear()
            async with hub.store.read() as connection:
                rows = await feed.after(connection, domain, place, BATCH_EVENTS, kinds)
            for row in rows:
                yield row
            if rows:
                place = rows[-1].cursor
            if len(rows) < BATCH_EVENTS:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_EVERY_S):
                        await rang.wait()


async def _send(websocket: WebSocket, document: dict[str, object]) -> None:
    await _send_text(websocket, to_json(document))


async def _send_text(websocket: WebSocket, text: bytes) -> None:
    """Send, as fast as the client reads. Raises _Refused for one that does not read."""
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await websocket.send_text(text.decode())
    except TimeoutError as error:
        raise _Refused(CLOSE_TOO_SLOW, "read faster; resume with your last cursor") from error


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """Say goodbye; a client that does not read may not hear it."""
    with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
        async with asyncio.timeout(1):
            await websocket.close(code, reason)


def _key_of(websocket: WebSocket) -> str | None:
    scheme, _, key = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return key.strip()
    for offered in websocket.scope.get("subprotocols", []):
        if offered.startswith(KEY_SUBPROTOCOL):
            return str(offered).removeprefix(KEY_SUBPROTOCOL)
    return None


def _kinds_of(websocket: WebSocket) -> frozenset[FeedKind]:
    """`?kinds=state,session,alarm,payment,balance,rollout`; without it the first three: who looks after chargers is
    not told of money."""
    asked = websocket.query_params.get("kinds")
    if asked is None:
        return OF_CHARGERS
    try:
        return frozenset(FeedKind(kind) for kind in asked.split(","))
    except ValueError as error:
        raise _Refused(CLOSE_BAD_REQUEST, f"kinds are {', '.join(FeedKind)}") from error


def _cursor(head: FeedHead, place: int) -> str:
    return f"{head.identity}-{place}"
