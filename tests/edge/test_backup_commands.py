"""A copy beside a real agent, a kill, and an agent that goes on from the copy."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from edge.config import load
from edge.places import ledger_path
from tests.edge.test_correction_commands import bills
from tests.edge.test_main import EDGE, config, edge, running
from tests.kit import block_until

__all__ = ["bills", "config", "running"]


def epoch_of(path: Path) -> str:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reading:
        return str(reading.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])


def test_an_agent_goes_on_from_a_copy(
    bills: list[str], config: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    agent: subprocess.Popen[str] = request.getfixturevalue("running")
    path, copies = ledger_path(load(config)), tmp_path / "copies"
    assert "whole and proved" in edge(config, "backup", str(copies)).stdout
    (copy,) = copies.iterdir()
    before = epoch_of(path)
    lost = edge(config, "bills", "writeoff", bills[1], "--reason", "r", "--second", "bert")
    assert "is written off" in lost.stdout
    refused = edge(config, "restore", str(copy))
    assert (refused.returncode, "in use by another agent" in refused.stderr) == (1, True)
    os.kill(agent.pid, signal.SIGKILL)
    agent.wait(10)
    assert "under a new epoch" in edge(config, "restore", str(copy)).stdout
    assert epoch_of(path) != before
    (config.parent / "data" / "listening.json").unlink()
    again = subprocess.Popen([EDGE, "run", "-c", str(config)], stderr=subprocess.DEVNULL, text=True)
    try:
        block_until(lambda: (config.parent / "data" / "listening.json").exists() or again.poll() is not None, 30)
        waiting = json.loads(edge(config, "bills", "list", "--quarantined", "--json").stdout)
        assert [each["cdr"]["id"] for each in waiting] == [bills[1]]  # what came after the copy is forgotten
        accepted = edge(config, "bills", "accept", bills[1], "--reason", "r", "--second", "bert")
        assert "is accepted" in accepted.stdout
        assert "good. 3 bills, 2 postings and 1 decisions" in edge(config, "verify").stdout
        assert "ledger_restored" in edge(config, "alarms", "list").stdout
    finally:
        again.kill()
        again.wait(10)
