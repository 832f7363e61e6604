"""A charger's connection to its CSMS: one WebSocket, one mouth that speaks the station's OCPP version.

A mouth turns neutral messages into payloads and answers back; it decides nothing. The `ocpp` package carries the
calls; its schema validation of what we send is left out here (it costs more than everything else together) and done
in the tests, what the CSMS asks is validated by it as it stands.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from ocpp.exceptions import OCPPError  # type: ignore[import-untyped]
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from firmware_sim.charger import Charger
from firmware_sim.messages import Answer, Event, Message
from firmware_sim.settings import Settings, StationSpec


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

    def configure(self, settings: Settings) -> None:
        """Take settings that the CSMS has changed."""
        ...


class Mouth(Protocol):
    """One OCPP version."""

    def call(self, message: Message, charger: Charger) -> Any | None:
        """The `ocpp` call for a message; None when this version has no word for it."""
        ...

    def answer(self, message: Message, result: Any) -> Answer:
        """What the result of that call means."""
        ...

    def routes(self, desk: Desk) -> Mapping[str, Callable[..., Any]]:
        """Handlers of the requests that a CSMS may make, by action."""
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
        self._mouth = mouth
        self._endpoint = endpoint_class(desk.charger.spec.station_id, socket, call_timeout_s, _quiet_logger())
        self._endpoint.route_map = {
            action: {"_on_action": handler, "_skip_schema_validation": False}
            for action, handler in mouth.routes(desk).items()
        }

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

    def cut(self) -> None:
        """End abruptly, without a close frame: what a power failure or a torn cable looks like."""
        self._socket.transport.abort()

    async def close(self) -> None:
        """End properly."""
        await self._socket.close(1001)


async def open_socket(edge_url: str, spec: StationSpec, *, open_timeout_s: float) -> ClientConnection:
    """Connect as OCPP-J wants it (1.6J §3): id in the path, version as subprotocol, HTTP Basic (security profile 1).

    Raises OSError, TimeoutError, or websockets' InvalidHandshake with what the server said.
    """
    headers = {}
    if spec.password is not None:
        credentials = base64.b64encode(f"{spec.station_id}:{spec.password}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    return await connect(
        f"{edge_url.rstrip('/')}/{quote(spec.station_id, safe='')}",
        subprotocols=[Subprotocol(spec.ocpp.value)],
        additional_headers=headers,
        compression=None,
        proxy=None,
        open_timeout=open_timeout_s,
        close_timeout=1,
    )
