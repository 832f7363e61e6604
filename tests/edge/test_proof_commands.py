"""Verify, explain, export and back up at the command line, on a ledger without an agent."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge.config import load
from edge.ledger.ledger import Ledger
from edge.main import app
from edge.places import ledger_path
from tests.edge.ledger.conftest import LedgerPlay
from tests.edge.test_config import GOOD


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bills(config: Path) -> list[str]:
    """Two issued bills and one in quarantine; their ids."""
    settings = load(config)
    with Ledger(ledger_path(settings), settings.edge_id) as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.charge()
        play.charge()
        begun = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
        play.after(10)
        play.stop(begun, 500_000)
        return [row[0] for row in ledger.connection.execute("SELECT cdr_id FROM cdrs ORDER BY money_seq")]


def edge(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "-c", str(config)])


def test_a_sound_ledger_is_verified_and_a_changed_one_is_not(bills: list[str], config: Path) -> None:
    done = edge(config, "verify")
    assert (done.exit_code, "good. 3 bills, 2 postings" in done.output) == (0, True)
    path = ledger_path(load(config))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE postings SET legs = '[]' WHERE money_seq = 4")
        connection.commit()
    done = edge(config, "verify", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [each["where"] for each in told["findings"]] == [f"entry 4 (bill {bills[0]})"]
    assert edge(config, "verify", "--ledger", str(config)).exit_code == 1


def test_a_bill_is_explained(bills: list[str], config: Path) -> None:
    told = edge(config, "explain", bills[2]).output
    for word in ("kept back: more energy than", "ENERGY 0.50 EUR by element 1", "No values that the meter signed"):
        assert word in told
    story = json.loads(edge(config, "explain", bills[0], "--json").stdout)
    assert story["bill"]["cdr"]["id"] == bills[0]
    assert story["explanation"]["is_same"] is True
    assert story["postings"][0]["body"]["cdr_id"] == bills[0]
    assert edge(config, "explain", "x-1").exit_code == 1
