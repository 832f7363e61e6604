"""The way to one other agent: stations that are wanted from it gather, and are asked for a group at a time.

PeerFailed   the agent cannot be asked, or answers what is no answer; the message says what to look at
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from edge.ports import StationRecord
from protocols.errors import BadText, OhmsteadError
from protocols.site.requests import REQUEST, ClaimStations, StationClaim
from protocols.site.view import SHOWN, Answer

GROUP_SIZE: Final = 64
CONNECT_TIMEOUT_S: Final = 2.0
ANSWER_TIMEOUT_S: Final = 10.0
IDLE_S: Final = 5.0
"""After so long without a question the connection is closed."""
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 2.0


class PeerFailed(OhmsteadError):
    """The agent cannot be asked, or answers what is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """`url` is the agent's local WebSocket. `token` reads its token file; it raises BadText."""

    edge_id: str
    url: str
    token: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAnswer:
    """What an agent had of the stations. `unsettled`: those of which it must first get something itself."""

    last_charger_number: int
    records: tuple[StationRecord, ...]
    unsettled: tuple[str, ...] = ()


ANSWER: Final = TypeAdapter(ClaimAnswer)


class Asking(Protocol):
    """Who wants a station."""

    def answered(self, edge_id: str, record: StationRecord, last_charger_number: int, *, is_settled: bool) -> None: ...

    def failed(self, edge_id: str) -> None:
        """The agent could not be asked; it is tried again."""
        ...


class PeerLink:
    """Connected only while something is wanted, but for once at the start."""

    def __init__(self, settings: PeerSettings, own_edge_id: str, changed: Callable[[bool], None]) -> None:
        """`changed` is told whether the agent can be reached, when stations wait for it and when it answers again."""
        self.edge_id = settings.edge_id
        self._settings = settings
        self._own_edge_id = own_edge_id
        self._changed = changed
        self._wanted: dict[str, tuple[StationClaim, Asking]] = {}
        self._wake = asyncio.Event()
        self._wake.set()
        self._is_reachable: bool | None = None
        self._problem: str | None = None
        self._log: Any = structlog.get_logger("edge.peers")

    def want(self, claim: StationClaim, asking: Asking) -> None:
        """Ask for a station; the newest asking of a station replaces the one before."""
        self._wanted[claim.station_id] = (claim, asking)
        self._wake.set()

    def forget(self, station_id: str) -> None:
        self._wanted.pop(station_id, None)

    @property
    def is_down(self) -> bool:
        """The last attempt to ask it failed."""
        return self._is_reachable is False

    def status(self) -> dict[str, Any]:
        return {
            "edge_id": self.edge_id,
            "url": self._settings.url,
            "reachable": self._is_reachable,
            "problem": self._problem,
            "stations_waiting": len(self._wanted),
        }

    async def run(self) -> None:
        """Until cancelled. An agent that cannot be reached is tried again for ever, with full jitter."""
        pause_s = FIRST_PAUSE_S
        while True:
            if not self._wanted:
                await self._wake.wait()
            is_proven = False
            try:
                async with await self._connect() as connection:
                    self._note(None)
                    async for _ in _each_group(self._wanted, self._wake):
                        await self._ask_group(connection)
                        is_proven, pause_s = True, FIRST_PAUSE_S
            except PeerFailed as failed:
                if is_proven:
                    continue  # it may only have been started anew
                self._note(str(failed))
                await asyncio.sleep(random.uniform(0.5, 1.0) * pause_s)  # noqa: S311 - spreads, hides nothing
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def fetch(self, station_id: str) -> tuple[StationRecord, int]:
        """What the agent gave us of a station, at once. Raises PeerFailed."""
        async with await self._connect() as connection:
            answer = await self._exchange(connection, (StationClaim(station_id=station_id),), is_repeat=True)
        return answer.records[0], answer.last_charger_number

    async def _ask_group(self, connection: ClientConnection) -> None:
        group = [self._wanted[station_id] for station_id in list(self._wanted)[:GROUP_SIZE]]
        answer = await self._exchange(connection, tuple(claim for claim, _ in group))
        for (claim, asking), record in zip(group, answer.records, strict=True):
            if self._wanted.get(claim.station_id) == (claim, asking):
                del self._wanted[claim.station_id]
            is_settled = claim.station_id not in answer.unsettled
            asking.answered(self.edge_id, record, answer.last_charger_number, is_settled=is_settled)

    async def _connect(self) -> ClientConnection:
        try:
            return await connect(
                self._settings.url,
                additional_headers={"Authorization": f"Bearer {self._settings.token()}"},
                compression=None,
                max_size=None,
                open_timeout=CONNECT_TIMEOUT_S,
                close_timeout=CONNECT_TIMEOUT_S,
                proxy=None,
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, BadText) as error:
            raise PeerFailed(f"agent {self.edge_id} at {self._settings.url} cannot be reached: {error}") from error

    async def _exchange(
        self, connection: ClientConnection, stations: tuple[StationClaim, ...], *, is_repeat: bool = False
    ) -> ClaimAnswer:
        request = ClaimStations(id="claim", by_edge_id=self._own_edge_id, stations=stations, is_repeat=is_repeat)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await connection.send(REQUEST.dump_json(request).decode())
                shown = SHOWN.validate_json(await connection.recv())
            if not isinstance(shown, Answer) or shown.problem is not None:
                problem = shown.problem if isinstance(shown, Answer) else shown.kind
                raise PeerFailed(f"agent {self.edge_id} does not answer a claim: {problem}")
            answer = ANSWER.validate_python(shown.result)
        except (OSError, TimeoutError, ConnectionClosed, ValidationError) as error:
            raise PeerFailed(
                f"agent {self.edge_id} does not answer a claim: {error or type(error).__name__}"
            ) from error
        if [record.station_id for record in answer.records] != [claim.station_id for claim in stations]:
            raise PeerFailed(f"agent {self.edge_id} answers for other stations than it was asked for")
        return answer

    def _note(self, problem: str | None) -> None:
        was_reachable, self._is_reachable, self._problem = self._is_reachable, problem is None, problem
        if problem is None:
            if was_reachable is not True:
                self._changed(True)
            return
        if was_reachable is not False:
            self._log.warning("peer_unreachable", edge_id=self.edge_id, problem=problem)
        if self._wanted:
            self._changed(False)
        for _, asking in list(self._wanted.values()):
            asking.failed(self.edge_id)


async def _each_group(wanted: dict[str, tuple[StationClaim, Asking]], wake: asyncio.Event) -> AsyncIterator[None]:
    """Whenever something is wanted; ends when nothing was for a while."""
    while True:
        wake.clear()
        while wanted:
            yield
        try:
            async with asyncio.timeout(IDLE_S):
                await wake.wait()
        except TimeoutError:
            return
