"""A person decides upon bills at the command line, with a real agent on the ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.config import load
from edge.ledger.ledger import Ledger
from edge.places import ledger_path
from tests.edge.ledger.conftest import LedgerPlay
from tests.edge.test_main import config, edge, running

__all__ = ["config", "running"]


@pytest.fixture
def bills(config: Path) -> list[str]:
    """A ledger with an issued and a quarantined bill; their ids."""
    settings = load(config)
    with Ledger(ledger_path(settings), settings.edge_id) as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.charge()
        begun = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
        play.after(10)
        play.stop(begun, 500_000)
        return [row[0] for row in ledger.connection.execute("SELECT cdr_id FROM cdrs ORDER BY money_seq")]


def test_bills_are_listed_accepted_and_credited(bills: list[str], config: Path, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("running")  # not before there is a ledger
    issued, kept_back = bills
    waiting = json.loads(edge(config, "bills", "list", "--quarantined", "--json").stdout)
    assert [each["cdr"]["id"] for each in waiting] == [kept_back]
    alone = edge(config, "bills", "accept", kept_back, "--reason", "seen")
    assert (alone.returncode, "a second person has to agree" in alone.stderr) == (1, True)
    wanted = ("bills", "accept", kept_back, "--reason", "seen", "--second", "bert", "--request-key", "k", "--json")
    accepted = json.loads(edge(config, *wanted).stdout)
    assert json.loads(edge(config, *wanted).stdout)["decided"] == accepted["decided"]
    assert accepted["bill"]["replaces"] == kept_back
    credit = edge(config, "bills", "credit", issued, "--reason", "wrong", "--energy-kwh", "0.5")
    assert f"bill {issued} is corrected by operator" in credit.stdout
    shown = edge(config, "bills", "show", issued).stdout
    assert "corrected by operator on" in shown
    assert shown.count(" bill ") >= 3
    states = {each["state"] for each in json.loads(edge(config, "bills", "list", "--json").stdout)}
    assert states == {"corrected", "credit", "issued", "accepted"}
    assert edge(config, "bills", "list", "--quarantined", "--json").stdout == "[]\n"


def test_what_cannot_be_is_said_so(bills: list[str], config: Path) -> None:
    assert "there is no bill x-1" in edge(config, "bills", "show", "x-1").stderr
    assert "does not run" in edge(config, "bills", "writeoff", bills[1], "--reason", "r").stderr
    few = edge(config, "bills", "rerate", bills[1], "--reason", "r", "--from-readings")
    assert "say the energy with --energy-kwh" in few.stderr


def test_a_debt_is_written_off_once(bills: list[str], config: Path, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("running")
    wanted = ("contracts", "writeoff", "C-GOOD", "--reason", "insolvent", "--amount", "0.25")
    assert "0.25 EUR of contract C-GOOD are written off; it owes" in edge(config, *wanted).stdout
    again = (*wanted, "--request-key", "k", "--json")
    first = json.loads(edge(config, *again).stdout)
    assert json.loads(edge(config, *again).stdout) == first
    nothing = edge(config, "contracts", "writeoff", "C-NOBODY", "--reason", "insolvent")
    assert (nothing.returncode, "contract C-NOBODY owes nothing" in nothing.stderr) == (1, True)
    posted = [json.loads(each) for each in edge(config, "accounts", "postings", "C-GOOD", "--json").stdout.splitlines()]
    assert [(each["reason"], each["amount"], each["text"]) for each in posted][1:] == [
        ("write_off", "-0.25", "insolvent")
    ] * 2
