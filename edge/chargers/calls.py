"""Our calls to one station over one socket: one outstanding at a time, in order, each bounded by its time-out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from edge.ports import CallFailed
from protocols.ocpp.frame import CallError, CallResult, encode_call

MAX_WAITING: Final = 16
"""How many calls may wait for one station, the outstanding one included; a further one is refused as Busy."""


class Calls:
    """OCPP-J 1.6 §4.1.1: no second CALL before the first is answered or timed out; theirs never wait for ours."""

    __slots__ = ("_is_closed", "_message_id", "_outstanding", "_send", "_turn", "_waiting")

    def __init__(self, send: Callable[[bytes], bool]) -> None:
        """`send` writes one frame; False where the socket is gone."""
        self._send = send
        self._turn: asyncio.Lock | None = None  # made when it is needed: most stations are never called
        self._outstanding: asyncio.Future[CallResult | CallError | None] | None = None
        self._message_id = ""
        self._waiting = 0
        self._is_closed = False

    async def call(self, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a call and wait for its answer; the time-out includes the wait for the calls before it.

        Raises CallFailed: NotConnected, Timeout, Busy, Invalid, or the station's CALLERROR.
        """
        if self._waiting >= MAX_WAITING:
            raise CallFailed("Busy", f"{MAX_WAITING} calls are waiting for this station")
        if self._turn is None:
            self._turn = asyncio.Lock()
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_s), self._turn:
                answer = await self._exchange(action, payload)
        except TimeoutError:
            raise CallFailed("Timeout", f"no answer within {timeout_s:g} s") from None
        finally:
            self._waiting -= 1
        if isinstance(answer, CallError):
            raise CallFailed(answer.code, answer.description, answer.details)
        return answer.payload

    def settle(self, answer: CallResult | CallError) -> bool:
        """Hand in a station's answer; False where nobody waits for it (too late, or never asked)."""
        if self._outstanding is None or self._outstanding.done() or answer.message_id != self._message_id:
            return False
        self._outstanding.set_result(answer)
        return True

    def close(self) -> None:
        """The socket is gone or no longer the station's: what waits fails as NotConnected, nothing more is sent."""
        self._is_closed = True
        if self._outstanding is not None and not self._outstanding.done():
            self._outstanding.set_result(None)

    async def _exchange(self, action: str, payload: dict[str, Any]) -> CallResult | CallError:
        if self._is_closed:
            raise CallFailed("NotConnected", "the connection ended before the call was sent")
        # Unique over connections: some stations answer on the new socket what they were asked on the old one.
        self._message_id = str(uuid4())
        try:
            raw = encode_call(self._message_id, action, payload)
        except TypeError as error:
            raise CallFailed("Invalid", str(error)) from None
        self._outstanding = asyncio.get_running_loop().create_future()
        try:
            if not self._send(raw):
                raise CallFailed("NotConnected", "the connection ended before the call was sent")
            answer = await self._outstanding
        finally:
            self._outstanding = None
        if answer is None:
            raise CallFailed("NotConnected", "the connection ended before the answer")
        return answer
