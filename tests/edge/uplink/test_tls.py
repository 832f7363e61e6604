"""TLS to each broker by its own files: the right ones let us in, and wrong ones are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from edge.uplink.broker import broker_session
from edge.uplink.settings import BrokerSettings, TlsSettings, UplinkSettings
from protocols.errors import BadText
from tests.kit import Broker, free_port, start_broker
from tests.pki import issue


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    folder.chmod(0o755)
    issue(folder, "ca")
    issue(folder, "other-ca")
    issue(folder, "broker.example", "ca")
    issue(folder, "edge-7", "ca")
    issue(folder, "hidden", "ca", b"secret")
    (folder / "noise.pem").write_text("no certificate")
    return folder


@pytest.fixture(scope="module")
def tls_port(pki: Path) -> Iterator[int]:
    port = free_port()
    lines = (
        f"listener {port} {Broker.host}",
        f"cafile {pki}/ca.pem",
        f"certfile {pki}/broker.example.pem",
        f"keyfile {pki}/broker.example.key",
        "require_certificate true",
    )
    with start_broker(extra_config="\n".join(lines)):
        yield port


def tls(pki: Path, **changes: str | None) -> TlsSettings:
    names: dict[str, str | None] = {"ca_file": "ca.pem", "certificate_file": "edge-7.pem", "key_file": "edge-7.key"}
    files = {name: pki / at for name, at in (names | changes).items() if at is not None and name != "server_name"}
    return TlsSettings(**files, server_name=changes.get("server_name", "broker.example"))


async def enter(port: int, chosen: TlsSettings) -> None:
    settings = UplinkSettings(reply_timeout_s=2)
    async with broker_session(BrokerSettings(port=port, tls=chosen), settings, "edge-7", None):
        pass


async def test_the_right_files_and_the_name_let_us_in(tls_port: int, pki: Path) -> None:
    await enter(tls_port, tls(pki))


@pytest.mark.parametrize(
    "wrong",
    [
        {"server_name": None},  # the address is not in the broker's certificate
        {"server_name": "other.example"},
        {"ca_file": "other-ca.pem"},
        {"certificate_file": None, "key_file": None},
    ],
    ids=str,
)
async def test_nothing_else_does(tls_port: int, pki: Path, wrong: dict[str, str | None]) -> None:
    with pytest.raises(aiomqtt.MqttError):
        await enter(tls_port, tls(pki, **wrong))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ca_file": "none.pem"}, "ca_file .*none.pem cannot be read: No such file"),
        ({"ca_file": "noise.pem"}, "ca_file .*noise.pem holds no certificate"),
        ({"certificate_file": "none.pem"}, "certificate_file .*none.pem cannot be read"),
        ({"key_file": "none.key"}, "key_file .*none.key cannot be read"),
        ({"key_file": "ca.key"}, "edge-7.pem and key_file .*ca.key do not belong together"),
        ({"key_file": "noise.pem"}, "noise.pem cannot be used"),
        ({"key_file": None}, "edge-7.pem and the key that should be in it cannot be used"),
        ({"certificate_file": "hidden.pem", "key_file": "hidden.key"}, "hidden.key cannot be used"),
    ],
    ids=str,
)
def test_a_file_that_cannot_be_used_is_named(pki: Path, wrong: dict[str, str | None], words: str) -> None:
    with pytest.raises(BadText, match=words):
        tls(pki, **wrong).context()
