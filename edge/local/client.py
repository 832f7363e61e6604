"""The command line's side of the local WebSocket.

AgentUnreachable   the agent does not run, does not let us in, or went away; the message says what to do
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from edge.token_file import read_token
from protocols.errors import OhmsteadError
from protocols.site.requests import Request, encode_request
from protocols.site.view import SHOWN, Answer

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 30.0


class AgentUnreachable(OhmsteadError):
    """The agent does not run, does not let us in, or went away."""


class LocalClient:
    """One connection to the running agent; asks one thing at a time."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def ask(self, request: Request, timeout_s: float = ANSWER_TIMEOUT_S) -> Answer:
        """The agent's answer to the request. Raises AgentUnreachable."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._connection.send(encode_request(request))
                async for message in self._connection:
                    shown = SHOWN.validate_json(message)
                    if isinstance(shown, Answer) and shown.id == request.id:
                        return shown
        except TimeoutError as error:
            raise AgentUnreachable(f"the agent did not answer within {timeout_s:g} s") from error
        except ConnectionClosed as error:
            raise AgentUnreachable(f"the agent closed the connection: {error}") from error
        except ValidationError as error:
            raise AgentUnreachable("the agent speaks another version; is it as new as this program?") from error
        raise AgentUnreachable("the agent stopped before it answered")


@contextlib.asynccontextmanager
async def local_client(host: str, port: int, token_file: Path) -> AsyncIterator[LocalClient]:
    """Connect to the running agent. Raises AgentUnreachable, BadText for an unusable token file."""
    token = read_token(token_file)
    name = f"[{host}]" if ":" in host else host
    try:
        connection = await connect(
            f"ws://{name}:{port}/",
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            max_size=None,
            open_timeout=CONNECT_TIMEOUT_S,
            proxy=None,
        )
    except InvalidStatus as error:
        if error.response.status_code == 401:
            raise AgentUnreachable(
                f"the agent on port {port} does not accept the token of {token_file}; does it use this file?"
            ) from error
        raise AgentUnreachable(f"port {port} answers {error.response.status_code}; is it the agent's?") from error
    except TimeoutError as error:
        raise AgentUnreachable(f"port {port} does not answer; is it the agent's?") from error
    except InvalidHandshake as error:
        raise AgentUnreachable(f"port {port} speaks no WebSocket; is it the agent's?") from error
    except OSError as error:
        raise AgentUnreachable(f"no agent listens on {host}:{port}; start it with `ohmstead-edge run`") from error
    async with connection:
        yield LocalClient(connection)
