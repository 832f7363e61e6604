"""The command line's client, and what it says when there is no answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.local.client import AgentUnreachable, local_client
from edge.token_file import ensure_token
from protocols.errors import BadText
from protocols.site.requests import CallStation, GetStatus, Watch
from tests.edge.local.parts import TOKEN, local_site
from tests.kit import free_port


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return path


async def test_it_asks_and_skips_what_is_not_its_answer(token_file: Path) -> None:
    async with local_site() as site, local_client("127.0.0.1", site.server.port, token_file) as client:
        await client._connection.send('{"kind": "watch", "id": "w"}')
        assert (await client.ask(GetStatus(id="1"))).result == {"uptime_s": 5}


async def test_it_says_when_no_agent_runs(token_file: Path) -> None:
    with pytest.raises(AgentUnreachable, match="no agent listens"):
        async with local_client("127.0.0.1", free_port(), token_file):
            pass


async def test_it_says_when_the_token_is_another_agents(tmp_path: Path) -> None:
    ensure_token(tmp_path / "other")
    async with local_site() as site:
        with pytest.raises(AgentUnreachable, match="does not accept the token"):
            async with local_client("127.0.0.1", site.server.port, tmp_path / "other"):
                pass


async def test_it_says_when_the_port_is_somebody_elses(token_file: Path) -> None:
    async def shrug(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-nope\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(shrug, "127.0.0.1", 0)
    with pytest.raises(AgentUnreachable, match="is it the agent's"):
        async with local_client("127.0.0.1", server.sockets[0].getsockname()[1], token_file):
            pass
    server.close()


async def test_it_says_when_there_is_no_token_file(tmp_path: Path) -> None:
    with pytest.raises(BadText, match="is it running"):
        async with local_client("127.0.0.1", 1, tmp_path / "none"):
            pass


async def test_it_does_not_wait_for_ever(token_file: Path) -> None:
    async with local_site() as site, local_client("127.0.0.1", site.server.port, token_file) as client:
        with pytest.raises(AgentUnreachable, match="did not answer"):
            await client.ask(CallStation(id="1", station_id="S1", action="Hang"), timeout_s=0.1)
        with pytest.raises(AgentUnreachable, match="did not answer"):
            await client.ask(Watch(id="2"), timeout_s=0.1)
