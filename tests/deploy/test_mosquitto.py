"""The access list of deploy/mosquitto: an edge touches its own subtree, and nobody speaks as the hub but the hub."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from tests.kit import Broker, start_broker

ACL = Path(__file__).parents[2] / "deploy" / "mosquitto" / "acl"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    tmp_path.chmod(0o755)
    passwords, acl = tmp_path / "passwords", tmp_path / "acl"
    shutil.copy(ACL, acl)
    for flags, name in ((["-c"], "hub"), ([], "edge-1"), ([], "edge-2")):
        subprocess.run(["mosquitto_passwd", "-b", *flags, str(passwords), name, name], check=True, capture_output=True)
    config = f"password_file {passwords}\nacl_file {acl}\n"
    with start_broker(extra_config=config) as running:
        yield running


def client(broker: Broker, account: str) -> aiomqtt.Client:
    return aiomqtt.Client(broker.host, broker.port, username=account, password=account, timeout=5)


async def heard(broker: Broker, listener: str, pattern: str, speaker: str, topics: list[str]) -> list[str]:
    """Which of the topics that one account publishes reach another account; the last one is the end mark."""
    got: list[str] = []
    async with client(broker, listener) as listening, client(broker, speaker) as speaking:
        await listening.subscribe(pattern, qos=1)
        for topic in topics:
            await speaking.publish(topic, b"x", qos=1)
        async with asyncio.timeout(5):
            async for message in listening.messages:
                got.append(str(message.topic))
                if got[-1] == topics[-1]:
                    break
    return got


async def test_an_edge_speaks_for_itself_only(broker: Broker) -> None:
    topics = [
        "ohmstead/v1/00/edge-2/up/money",
        "ohmstead/v1/01/edge-1/up/money",
        "ohmstead/v1/00/edge-1/ack/money",
        "ohmstead/v1/00/edge-1/birth",
        "ohmstead/v1/00/edge-1/up/money",
    ]
    for pattern in ("ohmstead/v1/+/+/up/+", "ohmstead/v1/+/+/birth"):
        wanted = [topic for topic in topics[3:] if topic.split("/")[4] == pattern.split("/")[4]]
        assert await heard(broker, "hub", pattern, "edge-1", [*topics[:3], *wanted]) == wanted


async def test_an_edge_hears_the_hub_and_no_other_edge(broker: Broker) -> None:
    mine, other = "ohmstead/v1/00/edge-1/down/command/c1", "ohmstead/v1/00/edge-2/down/command/c1"
    assert await heard(broker, "edge-1", "ohmstead/v1/00/#", "hub", [other, mine]) == [mine]


async def test_nobody_comes_in_without_an_account(broker: Broker) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(broker.host, broker.port, username="edge-1", password="wrong", timeout=5):
            pass
