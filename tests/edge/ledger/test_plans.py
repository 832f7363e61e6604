"""No query reads a table from end to end that grows with time: what is asked at start-up, and all the others."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from edge.ledger import database, ledger
from edge.ledger.ledger import Ledger
from edge.ledger.queries import queries
from edge.ledger.restore import restore
from tests.edge.domain.site_kit import START, new_site
from tests.edge.ledger.conftest import LedgerPlay

GROWING = ("journal", "past_transactions", "cdrs", "postings", "payments", "till_sessions")
BY_LIMIT = {
    "oldest_past": "in the order of the rows, and ends at the first young one",
    "last_ended": "the newest of the rows, as many as it is told",
    "newest_bills": "the newest of the rows, as many as it is told",
    "newest_payments": "the newest of the rows, as many as it is told",
    "newest_till_sessions": "the newest of the rows, as many as it is told",
    "waiting_bills": "an index that has the quarantined ones alone, newest first, as many as it is told",
}
"""What SQLite calls a scan and is none: a few rows from one end of the table."""


def scanned(connection: sqlite3.Connection, sql: str, values: tuple[object, ...] = ()) -> set[str]:
    """The tables that a statement reads from end to end, by the names it gives them."""
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    names = {found[1] for line in plan if (found := re.match(r"SCAN (\w+)", line))}
    aliases = dict(re.findall(r"(\w+) AS (\w+)", sql))
    by_alias = {alias: table for table, alias in aliases.items()} | {"j": "journal", "c": "cdrs"}
    return {by_alias.get(name, name) for name in names}


def test_a_start_scans_nothing_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path, "edge-1") as first:
        play = LedgerPlay(first)
        play.connect()
        play.charge()
        play.start(3000)
    asked: list[str] = []

    def traced(path: Path, edge_id: str) -> sqlite3.Connection:
        connection = database.open_writer(path, edge_id)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(ledger, "open_writer", traced)
    with Ledger(path, "edge-1") as opened:
        opened.forget_commands(START)
        assert len(restore(opened, new_site().rules).transactions) == 1
        opened.connection.set_trace_callback(None)
        selects = [sql for sql in asked if sql.startswith(("SELECT", "DELETE", "UPDATE"))]
        assert len(selects) > 10
        for sql in selects:
            assert not scanned(opened.connection, sql) & set(GROWING), sql


@pytest.mark.parametrize("name", sorted(queries()))
def test_no_query_scans_what_grows(ledger: Ledger, name: str) -> None:
    sql = queries()[name]
    numbers = [int(number) for number in re.findall(r"\?(\d+)", sql)]
    values = (None,) * (max(numbers) if numbers else sql.count("?"))
    found = scanned(ledger.connection, sql, values) & set(GROWING)
    assert bool(found) == (name in BY_LIMIT), found
    if name in BY_LIMIT:
        assert "LIMIT" in sql
        plan = [row[3] for row in ledger.connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert not any("TEMP B-TREE" in line for line in plan)


def test_a_scan_would_be_found(ledger: Ledger) -> None:
    assert scanned(ledger.connection, "SELECT seq FROM entries WHERE at < 'x'") == {"journal"}
    assert scanned(ledger.connection, "SELECT * FROM past_transactions AS p WHERE token_uid = 'x'") == {
        "past_transactions"
    }
