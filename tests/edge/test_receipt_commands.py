"""Receipts and statements at the command line, on a ledger without an agent and beside one."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pypdf
import pytest
from typer.testing import CliRunner, Result

from edge.config import load
from edge.domain.customer_events import CustomersImported
from edge.ledger.ledger import Ledger
from edge.main import app
from edge.places import ledger_path
from protocols.ocpi.customer import Billing, Contract, Customer
from tests.edge.domain.site_kit import START
from tests.edge.ledger.conftest import LedgerPlay
from tests.edge.receipts.page_kit import amounts
from tests.edge.test_config import GOOD
from tests.edge.test_main import running

__all__ = ["running"]
CUSTOMER = Customer(id="K1", name="王伟", language="zh")
CONTRACT = Contract(id="C-GOOD", customer_id="K1", billing=Billing.POSTPAID, currency="EUR")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(GOOD.replace("[location]", '[receipts]\ntax_id = "DE 1"\nfooter = ["Bye"]\n\n[location]'))
    return path


@pytest.fixture
def bills(config: Path) -> list[str]:
    """Two issued bills in March and one in April, which waits for a person; their ids."""
    settings = load(config)
    with Ledger(ledger_path(settings), settings.edge_id) as ledger:
        play = LedgerPlay(ledger)
        play.connect()
        play.tell(CustomersImported(by="anna", customers=(CUSTOMER,), contracts=(CONTRACT,)))
        play.charge()
        play.charge()
        play.now = START + timedelta(days=35)
        begun = play.start(1000).reply.charger_transaction_id  # type: ignore[union-attr]
        play.after(10)
        play.stop(begun, 500_000)
        return [row[0] for row in ledger.connection.execute("SELECT cdr_id FROM cdrs ORDER BY money_seq")]


def edge(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "-c", str(config)])


def told(config: Path, *arguments: str) -> str:
    done = edge(config, *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_receipt_is_given_once_and_copied_from_then_on(bills: list[str], config: Path) -> None:
    assert "has no receipt yet" in edge(config, "receipt", bills[0], "--copy").output
    first = told(config, "receipt", bills[0])
    edge_id = load(config).edge_id
    assert f"R-{edge_id}-000001" in first
    assert "收据" in first  # the customer's language
    assert "税号: DE 1" in first
    assert "副本" not in first
    again = told(config, "receipt", bills[0], "--language", "en")
    assert "*** COPY ***" in again
    assert f"R-{edge_id}-000001" in again
    assert told(config, "receipt", bills[0], "--copy", "--language", "en") == again
    other = json.loads(told(config, "receipt", bills[1], "--json"))
    assert (other["number"], other["is_copy"]) == (f"R-{edge_id}-000002", False)
    listed = json.loads(told(config, "receipts", "--json"))
    assert [(each["ref"], each["by"]) for each in listed] == [(bills[1], "operator"), (bills[0], "operator")]
    assert bills[0] in told(config, "receipts")


def test_the_pdf_says_the_same_in_both_languages(bills: list[str], config: Path, tmp_path: Path) -> None:
    for language in ("en", "zh"):
        text = told(config, "receipt", bills[0], "--language", language)
        if language == "en":
            text = told(config, "receipt", bills[0], "--language", language)  # a copy, as the PDF will be
        file = tmp_path / f"{language}.pdf"
        assert "(copy)" in told(config, "receipt", bills[0], "--language", language, "--pdf", str(file))
        said = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(file.read_bytes())).pages)
        assert sorted(amounts(said)) == sorted(amounts(text))


def test_what_has_no_receipt_is_said(bills: list[str], config: Path) -> None:
    assert "waits for a person" in edge(config, "receipt", bills[2]).output
    for nothing in ("x", "edge-1-1", "edge-1-99999"):
        done = edge(config, "receipt", nothing)
        assert (done.exit_code, "there is no bill, payment, till session or statement" in done.output) == (1, True)


def test_a_statement_is_made_once_and_holds_what_was_posted(bills: list[str], config: Path, tmp_path: Path) -> None:
    made = told(config, "statements", "make", "C-GOOD", "2026-03")
    assert made == told(config, "statements", "make", "C-GOOD", "2026-03")
    (listed,) = json.loads(told(config, "statements", "list", "--json"))
    total = Decimal(listed["billed"])
    assert (listed["period"], Decimal(listed["closing"]), listed["due_on"]) == ("2026-03", total, "2026-04-14")
    assert listed["number"] in told(config, "statements", "list", "--contract", "C-GOOD")
    shown = told(config, "statements", "show", "C-GOOD 2026-03", "--language", "en")
    assert all(bill in shown for bill in bills[:2])
    assert bills[2] not in shown
    assert f"Please pay {total} EUR until 2026-04-14." in shown
    assert told(config, "receipt", listed["number"], "--language", "en") == shown
    told(
        config,
        "statements",
        "show",
        listed["number"],
        "--csv",
        str(tmp_path / "s.csv"),
        "--pdf",
        str(tmp_path / "s.pdf"),
    )
    rows = (tmp_path / "s.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 5
    assert len(pypdf.PdfReader(tmp_path / "s.pdf").pages) == 1
    nothing = told(config, "statements", "make", "C-GOOD", "2026-04")
    assert f"closing balance {total} EUR" in nothing


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("make", "C-GOOD", "2099-01"), "is not over"),
        (("make", "C-GOOD", "October"), "say a month, such as 2026-10"),
        (("show", "S-1"), "see `ohmstead-edge statements list`"),
    ],
)
@pytest.mark.usefixtures("bills")
def test_what_cannot_be_made_is_said(config: Path, arguments: tuple[str, ...], word: str) -> None:
    done = edge(config, "statements", *arguments)
    assert (done.exit_code, word in done.output) == (1, True), done.output


def test_beside_a_running_agent(bills: list[str], config: Path, running: object) -> None:
    assert not json.loads(told(config, "receipt", bills[0], "--json"))["is_copy"]
    assert json.loads(told(config, "receipt", bills[0], "--json"))["is_copy"]
    with closing(sqlite3.connect(ledger_path(load(config)))) as connection:
        assert connection.execute("SELECT count, ref FROM receipts").fetchall() == [(1, bills[0])]
    assert "closing balance" in told(config, "statements", "make", "C-GOOD", "2026-03")


def test_numbers_of_a_ledger_that_was_put_back_are_told_from_those_of_the_lost_one(
    bills: list[str], config: Path, tmp_path: Path
) -> None:
    first = json.loads(told(config, "receipt", bills[0], "--json"))["number"]
    told(config, "backup", str(tmp_path / "copies"))
    lost = json.loads(told(config, "receipt", bills[1], "--json"))["number"]
    (copy,) = (tmp_path / "copies").glob("*.sqlite")
    told(config, "restore", str(copy))
    again = json.loads(told(config, "receipt", bills[1], "--json"))
    assert not again["is_copy"]
    assert again["number"] != lost
    assert again["number"].endswith("-000002")
    assert json.loads(told(config, "receipt", bills[0], "--json"))["number"] == first


def test_what_fits_is_found_and_a_month_reported(bills: list[str], config: Path) -> None:
    assert "王伟" in told(config, "find", "王伟")
    assert [each["kind"] for each in json.loads(told(config, "find", bills[0], "--json"))] == ["bill"]
    number = json.loads(told(config, "receipt", bills[0], "--json"))["number"]
    (found,) = json.loads(told(config, "find", number, "--json"))
    assert (found["kind"], bills[0] in found["text"]) == ("receipt", True)
    nothing = edge(config, "find", "nobody")
    assert (nothing.exit_code, "nothing fits 'nobody'" in nothing.output) == (1, True)
    report = json.loads(told(config, "report", "month", "2026-03", "--json"))
    assert (report["bills"], report["total"]["energy_wh"], report["is_reconciled"]) == (2, 2000, True)
    assert "reconciled to the cent" in told(config, "report", "month", "2026-03")
    rows = told(config, "report", "month", "2026-03", "--csv").splitlines()
    assert rows[0] == "section,key,sessions,energy_wh,net,tax,gross,amount,currency"
    assert f"contract,C-GOOD,2,2000,{report['total']['net']},,{report['total']['gross']},,EUR" in rows
    assert rows[-1].startswith("reconciled,yes,")
    april = json.loads(told(config, "report", "month", "2026-04", "--json"))
    assert (april["quarantined"]["bills"], april["bills"]) == (1, 0)
    assert edge(config, "report", "month", "10-2026").exit_code == 2
    with closing(sqlite3.connect(ledger_path(load(config)))) as connection:
        connection.execute("UPDATE postings SET legs = replace(legs, 'vat:19', 'vat:7')")
        connection.commit()
    bad = edge(config, "report", "month", "2026-03", "--csv")
    assert (bad.exit_code, "the bills and the postings are not of one mind" in bad.output) == (1, True)
