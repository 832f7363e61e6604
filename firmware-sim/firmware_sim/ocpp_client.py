"""A charger's connection to its CSMS: one WebSocket, one mouth that speaks the station's OCPP version.

A mouth turns neutral messages into payloads and answers back; it decides nothing. The `ocpp` package carries the
calls; its schema validation of what we send is left out here (it costs more than everything else together) and done
in the tests, what the CSMS asks is validated by it as it stands.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from ocpp.charge_point import (  # type: ignore[import-untyped]
    camel_to_snake_case as snake,
)
from ocpp.charge_point import remove_nones, serialize_as_dict
from ocpp.charge_point import snake_to_camel_case as camel
from ocpp.exceptions import NotImplementedError as NoHandler  # type: ignore[import-untyped]
from ocpp.exceptions import OCPPError
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from firmware_sim.charger import Charger
from firmware_sim.habits import Habit
from firmware_sim.line import Line
from firmware_sim.messages import Answer, Event, Message
from firmware_sim.station_model import StationModel
from firmware_sim.tls import client_context

_T = TypeVar("_T")

Routes = Mapping[str, Callable[..., dict[str, Any]]]
"""Handlers by action. They take the request's fields in snake_case, and give the answer's so."""


class CallFailed(Exception):
    """The CSMS answered with a CALLERROR, or with what cannot be understood."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Desk(Protocol):
    """What a mouth needs of its station."""

    @property
    def charger(self) -> Charger: ...

    def ask(self, event: Event) -> str:
        """Let the charger take a request of the CSMS; the status of the reply."""
        ...

    def act(self, request: Callable[[StationModel], _T]) -> _T:
        """Let a functional block of the charger take a request; what it says to it."""
        ...

    def asked(self) -> None:
        """Hear that the CSMS asks something."""
        ...

    def is_waiting(self, transaction_id: str | None) -> bool:
        """Whether messages of a transaction (None: of any) wait to be sent."""
        ...


class Mouth(Protocol):
    """One OCPP version."""

    def call(self, message: Message, charger: Charger) -> Any | None:
        """The `ocpp` call for a message; None when this version has no word for it."""
        ...

    def answer(self, message: Message, result: Any) -> Answer:
        """What the result of that call means."""
        ...

    def routes(self, desk: Desk) -> Routes:
        """Handlers of the requests that a CSMS may make, by action; each returns the payload of its answer."""
        ...

    def result(self, action: str, payload: dict[str, Any]) -> Any:
        """The `ocpp` call result of a handler's payload."""
        ...


def _quiet_logger() -> logging.Logger:
    """The `ocpp` package logs whole frames, IdTokens included: not here."""
    logger = logging.getLogger("firmware_sim.ocpp")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logger.setLevel(logging.CRITICAL)
    return logger


class Connection:
    """An open connection. `serve` reads until it ends, `call` speaks; one call at a time, by the package's own lock."""

    def __init__(
        self, socket: ClientConnection, endpoint_class: Any, mouth: Mouth, desk: Desk, *, call_timeout_s: float
    ) -> None:
        self._socket = socket
        self._line = Line(socket, desk.charger.habits)
        self._timeout_s = call_timeout_s
        self._is_abandoned = False
        self._endpoint = endpoint_class(desk.charger.spec.station_id, self._line, call_timeout_s, _quiet_logger())
        self._endpoint.route_map = _Handlers(
            {
                action: {"_on_action": _answering(mouth, desk, action, handler), "_skip_schema_validation": False}
                for action, handler in mouth.routes(desk).items()
            }
        )

    async def serve(self) -> None:
        """Read and route frames. Raises websockets' ConnectionClosed when the connection ends."""
        await self._endpoint.start()

    async def call(self, call: Any) -> Any:
        """Send a call and return its result. Raises TimeoutError, CallFailed or websockets' ConnectionClosed."""
        try:
            return await self._endpoint.call(call, suppress=False, skip_schema_validation=True)
        except OCPPError as error:
            raise CallFailed(error.code) from error
        except TypeError as error:
            # A result with fields the package does not know or without those it needs.
            raise CallFailed("FormationViolation") from error

    async def burst(self, calls: Sequence[Any]) -> list[Any | None]:
        """Send calls without waiting for answers in between; their results, None for an error. Raises TimeoutError."""
        told = [(type(each).__name__, camel(remove_nones(serialize_as_dict(each)))) for each in calls]
        answers = await self._line.burst(told, self._timeout_s)
        words = self._endpoint._call_result
        return [
            None if answer is None else getattr(words, action)(**snake(answer))
            for (action, _), answer in zip(told, answers, strict=True)
        ]

    def cut(self) -> None:
        """End abruptly, without a close frame: what a power failure or a torn cable looks like."""
        if not self._is_abandoned:
            self._socket.transport.abort()

    def abandon(self) -> None:
        """Stop reading and leave it open; the other side does not hear that it is over."""
        self._is_abandoned = True
        self._line.abandon()

    def drop(self) -> None:
        """End an abandoned connection, too."""
        self._socket.transport.abort()

    async def close(self) -> None:
        """End properly."""
        await self._socket.close(1001)


class _Handlers(dict[str, Any]):
    """The package leaves a 2.1 request without any answer that has no handler; here it is told so."""

    def __missing__(self, action: str) -> Any:
        raise NoHandler(details={"cause": f"no handler for {action[:50]}"})


def _answering(mouth: Mouth, desk: Desk, action: str, handler: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """The handler as the package wants it: with the package's own result."""

    def answer(**fields: Any) -> Any:
        desk.asked()
        return mouth.result(action, handler(**fields))

    return answer


async def open_socket(
    edge_url: str, charger: Charger, *, password: str | None, open_timeout_s: float
) -> ClientConnection:
    """Connect as OCPP-J wants it (1.6J §3): id in the path, version as subprotocol.

    HTTP Basic (security profiles 1 and 2); with wss also the station's certificate where it has one (profile 3).
    Raises OSError, TimeoutError, or websockets' InvalidHandshake with what the server said.
    """
    spec, habits, headers = charger.spec, charger.habits, {}
    is_secure = edge_url.startswith("wss:")
    if password is not None:
        credentials = base64.b64encode(f"{spec.station_id}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    return await connect(
        f"{edge_url.rstrip('/')}/{_path(spec.station_id, habits)}",
        subprotocols=None if Habit.NO_SUBPROTOCOL in habits else [Subprotocol(spec.ocpp.value)],
        additional_headers=headers,
        ssl=client_context(spec.roots, charger.certificates) if is_secure else None,
        compression=None,
        proxy=None,
        open_timeout=open_timeout_s,
        close_timeout=1,
    )


def _path(station_id: str, habits: Set[Habit]) -> str:
    path = quote(station_id, safe="")
    if Habit.ENCODED_PATH in habits:
        path = "".join(f"%{byte:02X}" for byte in station_id.encode())
    return f"{path}/" if Habit.TRAILING_SLASH in habits else path
