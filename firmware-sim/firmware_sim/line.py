"""The WebSocket as the `ocpp` package sees it, with the habits of a misbehaving charger in between."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Frame, Opcode

from firmware_sim.bent_frames import bent
from firmware_sim.habits import Habit

_CALL, _RESULT, _ERROR = 2, 3, 4


class Line:
    """Sends and receives text. Answers to calls that the package does not wait for are kept from it."""

    def __init__(self, socket: ClientConnection, habits: AbstractSet[Habit]) -> None:
        self._socket = socket
        self._habits = habits
        self._own: dict[str, asyncio.Future[list[Any]]] = {}
        self._patience: asyncio.Timeout | None = None
        if Habit.NO_PONG in habits:
            _never_pong(socket)

    async def send(self, text: str) -> None:
        """Send a frame of the package; a call may leave bent, and with one more behind it."""
        frame = json.loads(text)
        if Habit.MUTE in self._habits and frame[0] != _CALL:
            return
        if not self._habits or frame[0] != _CALL:
            await self._socket.send(text)
            return
        _, unique_id, action, payload = frame
        first, *more = bent(action, payload, self._habits)
        await self._socket.send(json.dumps([_CALL, unique_id, action, first]))
        for each in more:
            own_id = str(uuid.uuid4())
            self._own[own_id] = asyncio.get_running_loop().create_future()
            await self._socket.send(json.dumps([_CALL, own_id, action, each]))

    async def recv(self) -> str:
        """The next frame that is for the package. Raises websockets' ConnectionClosed."""
        while True:
            try:
                async with asyncio.timeout(None) as self._patience:
                    raw = await self._socket.recv()
            except TimeoutError:
                raise ConnectionClosedError(None, None) from None
            text = raw if isinstance(raw, str) else raw.decode()
            waiting = self._own.pop(_answered_id(text), None) if self._own else None
            if waiting is None:
                return text
            if not waiting.done():
                waiting.set_result(json.loads(text))

    async def burst(self, calls: Sequence[tuple[str, dict[str, Any]]], timeout_s: float) -> list[dict[str, Any] | None]:
        """Send many calls at once, then wait for all answers (None: an error). Raises TimeoutError."""
        futures = []
        for action, payload in calls:
            unique_id = str(uuid.uuid4())
            future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
            self._own[unique_id] = future
            futures.append(future)
            await self._socket.send(json.dumps([_CALL, unique_id, action, bent(action, payload, self._habits)[0]]))
        async with asyncio.timeout(timeout_s):
            answers = [await future for future in futures]
        return [each[2] if each[0] == _RESULT else None for each in answers]

    def abandon(self) -> None:
        """Stop reading and leave the socket open: what a modem does that lost its state."""
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())


def _answered_id(text: str) -> str:
    frame = json.loads(text)
    return str(frame[1]) if isinstance(frame, list) and len(frame) > 1 and frame[0] in (_RESULT, _ERROR) else ""


def _never_pong(socket: ClientConnection) -> None:
    """Keep back the pongs that the protocol would send by itself."""
    protocol = socket.protocol
    send_frame = protocol.send_frame

    def send(frame: Frame) -> None:
        if frame.opcode is not Opcode.PONG:
            send_frame(frame)

    protocol.send_frame = send  # type: ignore[method-assign]  # there is no other way to be silent
