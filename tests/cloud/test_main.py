"""The command line as people use it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from tests.kit import Broker, block_until, free_port

MIGRATIONS = Path(__file__).parents[2] / "cloud" / "store" / "migrations" / "versions"
CLI = (sys.executable, "-m", "cloud.main")


@pytest.fixture
def config_file(tmp_path: Path, shared_broker: Broker) -> Path:
    file = tmp_path / "hub.toml"
    client = f"hub-{tmp_path.name}"
    file.write_text(
        f'data_dir = "{tmp_path}"\n[http]\nport = 0\n[mqtt]\nport = {shared_broker.port}\nclient_id = "{client}"\n'
    )
    return file


def said(*arguments: str | Path, code: int = 0) -> str:
    done = subprocess.run([*CLI, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_a_key_opens_the_running_hub_until_it_is_revoked(config_file: Path) -> None:
    key = said("key", "create", "--config", config_file, "--domain", "0x00", "--scope", "read", "--quiet").strip()
    key_id = key.split("_")[1]
    with subprocess.Popen([*CLI, "run", "--config", config_file], stdout=subprocess.PIPE, text=True) as hub:
        try:
            assert hub.stdout is not None
            url = hub.stdout.readline().split()[-1]
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
                block_until(lambda: client.get("/readyz").status_code == 200)
                assert client.get("/v1/cdrs").json() == {"items": [], "next_cursor": None}
                assert client.get("/docs").status_code == 200
                assert key_id in said("key", "list", "-c", config_file)
                said("key", "revoke", key_id, "-c", config_file)
                assert client.get("/v1/cdrs").json()["code"] == "key_invalid"
        finally:
            hub.send_signal(signal.SIGTERM)
        assert hub.wait(20) == 0


def test_what_is_wrong_is_said_and_ends_with_2(config_file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("colour = 1\n[http]\nport = -1\n")
    told = said("check", "-c", bad, code=2)
    assert "colour" in told
    assert "http.port" in told
    assert "0x100" in said("key", "create", "-c", config_file, "--domain", "0x100", code=2)
    assert "no key" in said("key", "revoke", "nobody", "-c", config_file, code=2)


def test_a_taken_port_is_said(config_file: Path, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        config_file.write_text(f'data_dir = "{tmp_path}"\n[http]\nport = {port}\n')
        assert f"cannot listen on 127.0.0.1:{port}" in said("run", "-c", config_file, code=2)


def test_the_version_is_told() -> None:
    assert said("--version") == f"ohmstead-cloud {version('ohmstead')}\n"


def test_migrate_and_check(config_file: Path) -> None:
    newest = max(int(path.name[:4]) for path in MIGRATIONS.glob("[0-9]*.py"))
    assert said("migrate", "-c", config_file) == f"schema {newest:04}\n"
    assert '"port": 0' in said("check", "-c", config_file)


def test_the_hub_does_not_load_what_belongs_to_the_edge() -> None:
    script = "import sys, cloud.main, cloud.serve; print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ), timeout=60
    )
    for foreign in ("'ocpp'", "'pymodbus'", "'edge'", "'ui'", "'firmware_sim'", "'textual'"):
        assert foreign not in done.stdout
