"""The command line as its user meets it: real processes, a real agent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.edge.command_line import EDGE, Done, called, run
from tests.edge.test_config import GOOD
from tests.kit import block_until

TOKENS = "uid,contract_id,group_id\nGOOD,C-1,\nFLEET,C-2,F\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(GOOD + '\n[ocpp]\nhost = "127.0.0.1"\nport = 0\n[local]\nport = 0\n')
    (tmp_path / "tokens.csv").write_text(TOKENS)
    return path


def edge(config: Path, *arguments: str) -> Done:
    return called(*arguments, "-c", str(config))


def edge_process(config: Path, *arguments: str) -> Done:
    return run(*arguments, "-c", str(config))


@pytest.fixture
def running(config: Path) -> Iterator[subprocess.Popen[str]]:
    with (config.parent / "log").open("w") as log:
        process = subprocess.Popen([EDGE, "run", "-c", str(config)], stderr=log, stdout=log, text=True)
        try:
            listening = config.parent / "data" / "listening.json"
            block_until(lambda: listening.exists() or process.poll() is not None, 30)
            yield process
        finally:
            process.kill()
            process.wait(10)


def test_the_version_is_told() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"ohmstead-edge {version('ohmstead')}\n")


def test_check_names_what_is_good_and_what_is_not(config: Path) -> None:
    assert "good. 1 stations with 2 EVSEs" in edge(config, "check").stdout
    config.write_text(config.read_text().replace("EUR", "euro"))
    bad = edge_process(config, "check")
    assert bad.returncode == 2
    assert f"{config}:3: currency" in bad.stderr
    assert "1 problem in" in bad.stderr


def test_tokens_without_a_running_agent(config: Path, tmp_path: Path) -> None:
    done = edge_process(config, "tokens", "import", str(tmp_path / "tokens.csv"))
    assert (done.returncode, "2 tokens imported" in done.stdout) == (0, True)
    assert "BLOCKED" not in edge(config, "tokens", "list").stdout
    assert edge(config, "tokens", "block", "good").returncode == 0
    listed = [json.loads(line) for line in edge(config, "tokens", "list", "--json").stdout.splitlines()]
    assert {token["uid"]: token["valid"] for token in listed} == {"GOOD": False, "FLEET": True}
    refused = edge(config, "tokens", "block", "nobody")
    assert (refused.returncode, "no such token" in refused.stderr) == (1, True)


def test_a_bad_token_list_is_refused_whole(config: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("uid,contract_id,valid\nA,C,maybe\n,C,\nB,C,\nb,C,yes,extra\n")
    bad = edge(config, "tokens", "import", str(tmp_path / "bad.csv"))
    assert bad.returncode == 1
    for expected in ("line 2: valid must be true or false", "line 3: uid must be", "line 5: more values than columns"):
        assert expected in bad.stderr
    assert "nothing was imported" in bad.stderr


def test_who_is_not_running_is_said_so(config: Path) -> None:
    for arguments in (["status"], ["stations"], ["call", "A", "Reset", '{"type": "Soft"}']):
        done = edge(config, *arguments)
        assert (done.returncode, "does not run" in done.stderr) == (1, True)
    assert "there is no ledger" in edge(config, "cdrs", "list").stderr


def test_a_running_agent_answers_and_stops_cleanly(
    config: Path, tmp_path: Path, running: subprocess.Popen[str]
) -> None:
    status = json.loads(edge_process(config, "status").stdout)
    assert (status["edge_id"], status["stations"], status["stations_online"]) == ("edge-1", 1, 0)
    assert "2 tokens imported, 2 known" in edge(config, "tokens", "import", str(tmp_path / "tokens.csv")).stdout
    assert json.loads(edge(config, "stations", "--json").stdout)[0]["station_id"] == "A"
    call = edge(config, "call", "A", "Reset", '{"type": "Soft"}')
    assert (call.returncode, "NotConnected" in call.stderr) == (1, True)
    assert edge(config, "call", "A", "Reset", "[1]").returncode == 2
    second = edge_process(config, "run")
    assert (second.returncode, "in use by another agent" in second.stderr) == (1, True)
    token = tmp_path / "data" / "local.token"
    assert os.stat(token).st_mode & 0o077 == 0
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0
    assert not (tmp_path / "data" / "listening.json").exists()


def test_a_port_in_use_is_said_so(config: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config.write_text(config.read_text().replace("port = 0\n[local]", f"port = {taken.getsockname()[1]}\n[local]"))
        done = edge_process(config, "run")
    assert done.returncode == 1
    assert "address already in use" in done.stderr.splitlines()[-1]


def test_every_command_explains_itself() -> None:
    for arguments in ([], ["run"], ["check"], ["stations"], ["tokens"], ["cdrs"], ["status"], ["call"], ["password"]):
        done = called(*arguments, "--help")
        assert (done.returncode, "Usage" in done.stdout) == (0, True)


def test_a_password_and_its_hash_go_together() -> None:
    from edge.chargers.credentials import Credentials

    printed = called("password").stdout
    password = printed.splitlines()[0].split(": ")[1]
    hashed = printed.split('"')[1]
    import base64

    header = "Basic " + base64.b64encode(f"A:{password}".encode()).decode()
    assert Credentials({"A": hashed}).check("A", header)
