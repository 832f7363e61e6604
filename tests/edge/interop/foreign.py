"""Charge points that we did not write: the `ocpp` package's client side as its documentation shows it, and npm's
ocpp-rpc. Both validate by their own schemas what they are told.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ocpp.charge_point import camel_to_snake_case, remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v21 import call as call21
from ocpp.v21 import call_result as result21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.edge.interop.npm_packages import installed_or_skip, node_program

HERE = Path(__file__).parent / "ocpp_rpc"
Answers = Mapping[str, Mapping[str, Any]]
PATIENCE_S = 15.0
_WORDS: Mapping[str, tuple[Any, Any, Any]] = {
    "ocpp1.6": (ChargePoint16, call16, result16),
    "ocpp2.0.1": (ChargePoint201, call201, result201),
    "ocpp2.1": (ChargePoint21, call21, result21),
}


class Foreign(Protocol):
    """A connected charge point. `asked` is what the agent wanted of it, in order: action and payload."""

    asked: list[tuple[str, dict[str, Any]]]

    async def call(self, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call with names in camelCase; what was answered. Raises AssertionError for a CALLERROR."""
        ...


@contextlib.asynccontextmanager
async def python_package(
    url: str, station_id: str, password: str, version: str, answers: Answers
) -> AsyncIterator[Foreign]:
    """https://github.com/mobilityhouse/ocpp, examples/v16/charge_point.py and examples/v201/charge_point.py."""
    credentials = b64encode(f"{station_id}:{password}".encode()).decode()
    async with connect(
        f"{url}/{station_id}",
        subprotocols=[version],  # type: ignore[list-item]
        additional_headers={"Authorization": f"Basic {credentials}"},
        proxy=None,
    ) as socket:
        endpoint = _charge_point_class(version, answers)(station_id, socket)
        foreign = _PythonPackage(endpoint=endpoint, words=_WORDS[version][1])
        endpoint.asked = foreign.asked
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(_read(endpoint))
            yield foreign
            reading.cancel()


async def _read(endpoint: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        await endpoint.start()


def _charge_point_class(version: str, answers: Answers) -> Any:
    base, _, results = _WORDS[version]

    def handler(action: str, answer: Mapping[str, Any]) -> Any:
        def handle(self: Any, **payload: Any) -> Any:
            self.asked.append((action, snake_to_camel_case(payload)))
            return getattr(results, action)(**camel_to_snake_case(dict(answer)))

        handle.__name__ = f"on_{action}"
        return on(action)(handle)

    return type("ChargePoint", (base,), {f"on_{action}": handler(action, answer) for action, answer in answers.items()})


@dataclass(slots=True, kw_only=True)
class _PythonPackage:
    endpoint: Any
    words: Any
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def call(self, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        request = getattr(self.words, action)(**camel_to_snake_case(dict(payload)))
        answer = await self.endpoint.call(request, suppress=False)
        told: dict[str, Any] = snake_to_camel_case(remove_nones(serialize_as_dict(answer)))
        return told


@contextlib.asynccontextmanager
async def npm_client(
    url: str, station_id: str, password: str, version: str, answers: Answers
) -> AsyncIterator[Foreign]:
    """https://github.com/mikuso/ocpp-rpc, README "Connecting to an OCPP server", in strict mode."""
    folder = installed_or_skip(HERE)
    process = await asyncio.create_subprocess_exec(
        node_program(),
        "charge_point.mjs",
        url,
        station_id,
        password,
        version,
        json.dumps(answers),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    foreign = _NpmClient(process=process)
    try:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(foreign.read())
            async with asyncio.timeout(PATIENCE_S):
                assert await foreign.connected == version
            yield foreign
            reading.cancel()
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
    assert foreign.invalid == []


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, kw_only=True)
class _NpmClient:
    process: asyncio.subprocess.Process
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    connected: asyncio.Future[Any] = field(default_factory=_future)
    _waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)

    async def call(self, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        answered = self._waiting[number] = _future()
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": number, "action": action, "params": payload}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            told = await answered
        assert "error" not in told, told
        answer: dict[str, Any] = told["result"]
        return answer

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            told = json.loads(line)
            match told:
                case {"connected": version}:
                    self.connected.set_result(version)
                case {"asked": action, "params": params}:
                    self.asked.append((action, params))
                case {"invalid": what}:
                    self.invalid.append(what)
                case {"id": number}:
                    self._waiting.pop(number).set_result(told)
