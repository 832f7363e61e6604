"""The proxy's configuration as it is shipped: valid, and a station goes to one agent however its path is written."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.node import CONFIG, Nginx, NodeAgent, nginx_program

pytestmark = pytest.mark.skipif(
    nginx_program() is None, reason="no nginx on this machine (apt-get install nginx-light)"
)


def check(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """`nginx -t`, with its files in a folder of ours."""
    text = text.replace("/run/nginx.pid", f"{folder}/pid").replace("/var/log/nginx/", f"{folder}/")
    (folder / "nginx.conf").write_text(text)
    command = [str(nginx_program()), "-t", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


def test_nginx_takes_it_as_it_is(tmp_path: Path) -> None:
    done = check(tmp_path, CONFIG.read_text())
    assert done.returncode == 0, done.stderr


def test_nginx_takes_it_with_tls(tmp_path: Path) -> None:
    for suffix, kind in (("", ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")), ("-rsa", ("rsa:2048",))):
        key, certificate = tmp_path / f"key{suffix}.pem", tmp_path / f"fullchain{suffix}.pem"
        made = ("openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "1", "-subj", "/CN=localhost")
        files = ("-keyout", str(key), "-out", str(certificate))
        subprocess.run([*made, *files], check=True, capture_output=True, timeout=20)
    (tmp_path / "site-ca.pem").write_bytes(certificate.read_bytes())
    text = re.sub(r"(?m)^(\s+)# ((?:listen 443|ssl_)[^#\n]*;)", r"\1\2", CONFIG.read_text())
    text = text.replace("listen 9000 reuseport backlog=16384;", "")
    assert (text.count("ssl_certificate "), text.count("listen 443")) == (2, 1)
    done = check(tmp_path, text.replace("/etc/ohmstead/tls/", f"{tmp_path}/"))
    assert done.returncode == 0, done.stderr


class Backends:
    """Three servers that answer every request with their name and what X-Forwarded-For came."""

    def __init__(self, folder: Path) -> None:
        self.agents = [NodeAgent(number=number, folder=folder, environment={}) for number in (1, 2, 3)]
        self.refusing: set[int] = set()

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for agent in self.agents:
                server = await asyncio.start_server(
                    lambda reader, writer, name=agent.number: self._answer(name, reader, writer),
                    "127.0.0.1",
                    agent.ocpp_port,
                )
                await stack.enter_async_context(server)
            yield

    async def _answer(self, name: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if name not in self.refusing:
            forwarded = re.findall(r"(?im)^x-forwarded-for: *(.*?)\r$", head)
            body = f"{name} {forwarded} {head.split()[1]}"
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()


async def ask(port: int, path: str) -> tuple[int, str, str]:
    """Which backend answered, and the X-Forwarded-For and the path that it saw."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    assert head.startswith("HTTP/1.1 200"), head
    name, forwarded, seen = body.split(" ", 2)
    return int(name), forwarded, seen


async def test_a_station_goes_to_one_agent_and_all_agents_have_some(tmp_path: Path) -> None:
    backends, nginx = Backends(tmp_path), Nginx(folder=tmp_path)
    nginx.configure(backends.agents)
    async with backends.run():
        await nginx.start()
        try:
            chosen = {f"CP{n:03}": (await ask(nginx.port, f"/CP{n:03}"))[0] for n in range(60)}
            assert len(Counter(chosen.values())) == 3
            for station, agent in list(chosen.items())[:12]:
                for path in (f"/{station}/", f"/ocpp/{station}", f"/ocpp/1.6/{station}/?token=7"):
                    name, forwarded, seen = await ask(nginx.port, path)
                    assert (name, forwarded, seen) == (agent, "['127.0.0.1']", path)
            backends.refusing.add(1)
            again = {station: (await ask(nginx.port, f"/{station}"))[0] for station in chosen}
            assert set(again.values()) == {2, 3}
            assert all(again[station] == agent for station, agent in chosen.items() if agent != 1)
        finally:
            await nginx.stop()
