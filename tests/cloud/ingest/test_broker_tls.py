"""The hub at brokers with TLS, certificates and accounts: the right files let it in, and wrong ones are named."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from cloud import config
from cloud.main import check
from cloud.serve import broker_problems, brokers_of, serve
from protocols.errors import BadText
from protocols.sync.topics import Stream
from tests.cloud.edge_double import connected
from tests.cloud.samples import birth
from tests.kit import Broker, free_port, start_broker, wait_until
from tests.pki import issue


@dataclass(frozen=True, slots=True)
class TlsBroker:
    """A broker with a plain listener for edges, and one with TLS for who has a certificate."""

    broker: Broker
    port: int


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    folder.chmod(0o755)
    issue(folder, "ca")
    for name in ("broker.example", "hub"):
        issue(folder, name, "ca")
    issue(folder, "other-ca")
    (folder / "noise.pem").write_text("no certificate")
    (folder / "password").write_text("geheim\n")
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(folder / "accounts"), "hub", "geheim"], check=True)
    (folder / "accounts").chmod(0o644)
    return folder


@pytest.fixture(scope="module")
def tls_broker(pki: Path) -> Iterator[TlsBroker]:
    port = free_port()
    lines = (
        f"listener {port} {Broker.host}",
        f"cafile {pki}/ca.pem",
        f"certfile {pki}/broker.example.pem",
        f"keyfile {pki}/broker.example.key",
        "require_certificate true",
        f"password_file {pki}/accounts",
    )
    with start_broker(extra_config="\n".join(lines)) as broker:
        yield TlsBroker(broker, port)


GOOD = {
    "tls": "true",
    "ca_file": '"pki/ca.pem"',
    "certificate_file": '"pki/hub.pem"',
    "key_file": '"pki/hub.key"',
    "server_name": '"broker.example"',
    "username": '"hub"',
    "password_file": '"pki/password"',
}


def written(folder: Path, pki: Path, port: int, **changes: str | None) -> Path:
    """A hub.toml with its files beside it."""
    if not (folder / "pki").exists():
        (folder / "pki").symlink_to(pki)
    lines = [f"{name} = {value}" for name, value in (GOOD | changes).items() if value is not None]
    file = folder / "hub.toml"
    file.write_text(
        f'data_dir = "{folder}"\n[http]\nport = 0\n[mqtt]\nclient_id = "hub-{folder.name}"\n'
        f'[[mqtt.brokers]]\nhost = "127.0.0.1"\nport = {port}\n' + "\n".join(lines) + "\n"
    )
    return file


@contextlib.asynccontextmanager
async def a_hub(file: Path) -> AsyncIterator[httpx.AsyncClient]:
    stop, ready = asyncio.Event(), asyncio.Queue[str](maxsize=1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(config.load(file), stop, ready.put_nowait))
        try:
            async with asyncio.timeout(20), httpx.AsyncClient(base_url=await ready.get()) as client:
                yield client
        finally:
            stop.set()


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200


async def test_a_hub_with_certificate_and_account_hears_edges(tmp_path: Path, pki: Path, tls_broker: TlsBroker) -> None:
    async with a_hub(written(tmp_path, pki, tls_broker.port)) as client, connected(tls_broker.broker) as edge:
        await wait_until(lambda: is_ready(client))
        await edge.is_born(birth())
        await edge.acked(Stream.EVENT, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"server_name": None},  # the address is not in the broker's certificate
        {"ca_file": '"pki/other-ca.pem"'},
        {"certificate_file": None, "key_file": None},
        {"password_file": '"pki/noise.pem"'},
    ],
    ids=str,
)
async def test_nothing_else_lets_it_in(
    tmp_path: Path, pki: Path, tls_broker: TlsBroker, wrong: dict[str, str | None]
) -> None:
    """The hub goes on trying, and says that it is not ready."""
    name = f"{tls_broker.broker.host}:{tls_broker.port}"
    async with a_hub(written(tmp_path, pki, tls_broker.port, **wrong)) as client:
        await wait_until(lambda: has(client, f'ohmstead_cloud_broker_connected{{broker="{name}"}} 0.0'))
        assert not await is_ready(client)


async def has(client: httpx.AsyncClient, line: str) -> bool:
    return line in (await client.get("/metrics")).text


async def test_a_renewed_password_needs_no_restart(tmp_path: Path, pki: Path, tls_broker: TlsBroker) -> None:
    password = tmp_path / "password"
    password.write_text("of before")
    file = written(tmp_path, pki, tls_broker.port, password_file='"password"')
    async with a_hub(file) as client:
        assert not await is_ready(client)
        password.write_text("geheim")
        await wait_until(lambda: is_ready(client))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ca_file": '"none.pem"'}, "broker 127.0.0.1:8883: ca_file .*/none.pem cannot be read: No such file"),
        ({"ca_file": '"pki/noise.pem"'}, "ca_file .*noise.pem holds no certificate"),
        ({"key_file": '"pki/ca.key"'}, "hub.pem and key_file .*ca.key do not belong together"),
        ({"password_file": '"none.txt"'}, "password_file .*/none.txt cannot be read: No such file"),
    ],
    ids=str,
)
def test_check_names_the_file_and_its_setting(tmp_path: Path, pki: Path, wrong: dict[str, str], words: str) -> None:
    with pytest.raises(BadText, match=words):
        check(written(tmp_path, pki, 8883, **wrong))


def test_check_shows_no_password(tmp_path: Path, pki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, pki, 8883, password_file=None, password='"geheim"')
    check(file)
    shown = capsys.readouterr().out
    assert str(tmp_path / "pki/hub.pem") in shown
    assert "geheim" not in shown + repr(brokers_of(config.load(file)))
    assert broker_problems(config.load(file)) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tls": None}, "ca_file is for TLS only"),
        ({"certificate_file": None}, "key_file needs a certificate_file"),
        ({"password": '"x"'}, "password and password_file exclude each other"),
    ],
    ids=str,
)
def test_settings_that_contradict_each_other(tmp_path: Path, pki: Path, wrong: dict[str, str], words: str) -> None:
    with pytest.raises(BadText, match=words):
        config.load(written(tmp_path, pki, 8883, **wrong))
