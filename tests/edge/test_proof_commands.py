"""Verify, explain, export and back up at the command line, on a ledger without an agent."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs
from typer.testing import CliRunner, Result

from edge.config import load
from edge.domain.rerating import credit_of
from edge.exports import write_csv
from edge.ledger.ledger import Ledger
from edge.main import app
from edge.places import ledger_path
from protocols.money import Price
from protocols.ocpi.cdr_document import CdrPlace, write_cdr
from protocols.ocpi.location import Location
from protocols.sync.codec import decode_entry
from protocols.sync.up import PostingMade
from tests.edge.domain.site_kit import START
from tests.edge.ledger.conftest import LedgerPlay
from tests.edge.test_config import GOOD
from tests.protocols.sync.sample_things import CDR

OCPI_REQUIRED = (
    *("country_code", "party_id", "id", "start_date_time", "end_date_time", "cdr_token", "auth_method"),
    *("cdr_location", "currency", "charging_periods", "total_cost", "total_energy", "total_time", "last_updated"),
)
"""OCPI 2.2.1 §10.3.1: those with cardinality 1 or +."""
PLACE = CdrPlace(
    location=Location(id="L1", name="Lot", country_code="DE", party_id="OHM", time_zone="Europe/Berlin"),
    coordinates=("52.52000", "13.40500"),
)


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


def test_a_seal_that_is_kept_elsewhere_is_looked_for(bills: list[str], config: Path) -> None:
    told = json.loads(edge(config, "verify", "--json").stdout)
    assert edge(config, "verify", "--seal", f"{told['last_seq']}:{told['hash']}").exit_code == 0
    other = edge(config, "verify", "--seal", f"{told['last_seq']}:{'ab' * 32}")
    assert (other.exit_code, "and has another now" in other.output) == (1, True)
    gone = edge(config, "verify", "--seal", f"999:{told['hash']}")
    assert (gone.exit_code, "is not there any more" in gone.output) == (1, True)
    assert edge(config, "verify", "--seal", "7").exit_code == 2


def test_a_bill_is_explained(bills: list[str], config: Path) -> None:
    told = edge(config, "explain", bills[2]).output
    for word in ("kept back: more energy than", "ENERGY 0.50 EUR by element 1", "No values that the meter signed"):
        assert word in told
    story = json.loads(edge(config, "explain", bills[0], "--json").stdout)
    assert story["bill"]["cdr"]["id"] == bills[0]
    assert story["explanation"]["is_same"] is True
    assert story["postings"][0]["body"]["cdr_id"] == bills[0]
    assert edge(config, "explain", "x-1").exit_code == 1


def test_bills_and_postings_are_exported(bills: list[str], config: Path, tmp_path: Path) -> None:
    rows = list(csv.DictReader(edge(config, "cdrs", "export").stdout.splitlines()))
    assert [row["id"] for row in rows] == bills
    assert [row["state"] for row in rows] == ["issued", "issued", "quarantined"]
    lines = edge(config, "cdrs", "export", "--format", "ndjson").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == bills
    legs = list(csv.DictReader(edge(config, "postings", "export").stdout.splitlines()))
    assert sum(Decimal(leg["amount"]) for leg in legs) == 0
    assert {leg["account"] for leg in legs} == {"customer:C-GOOD", "revenue:charging", "vat:19"}
    output = tmp_path / "postings.ndjson"
    edge(config, "postings", "export", "--format", "ndjson", "-o", str(output))
    entries = [decode_entry(line) for line in output.read_text().splitlines()]
    assert [isinstance(entry.body, PostingMade) for entry in entries] == [True, True]


def test_ocpi_has_its_documented_fields(bills: list[str], config: Path) -> None:
    told = edge(config, "cdrs", "export", "--format", "ocpi", "--coordinates", "52.52000,13.40500").stdout
    first, second = json.loads(told, parse_float=Decimal)
    assert [first["id"], second["id"]] == bills[:2]
    for field in OCPI_REQUIRED:
        assert field in first, field
    assert first["total_energy"] == 1
    assert (first["total_time"], first["total_cost"]) == (
        Decimal("0.5"),
        {"excl_vat": Decimal("0.50"), "incl_vat": Decimal("0.60")},
    )
    assert first["total_energy_cost"] == first["total_cost"]
    (period,) = first["charging_periods"]
    assert period["dimensions"] == [{"type": "ENERGY", "volume": 1}, {"type": "TIME", "volume": Decimal("0.5")}]
    assert set(first["cdr_token"]) == {"country_code", "party_id", "uid", "type", "contract_id"}
    assert first["cdr_location"]["coordinates"] == {"latitude": "52.52000", "longitude": "13.40500"}
    assert edge(config, "cdrs", "export", "--format", "ocpi", "--coordinates", "here").exit_code == 1
    empty = edge(config, "cdrs", "export", "--format", "ocpi", "--since", "2030-01-01")
    assert json.loads(empty.stdout) == []


def test_a_copy_is_made_verified_and_put_back(bills: list[str], config: Path, tmp_path: Path) -> None:
    done = edge(config, "backup", str(tmp_path / "copies"))
    assert "whole and proved" in done.output
    (copy,) = (tmp_path / "copies").iterdir()
    assert edge(config, "verify", "--ledger", str(copy)).exit_code == 0
    assert json.loads(edge(config, "explain", bills[0], "--ledger", str(copy), "--json").stdout)
    ledger_path(load(config)).unlink()
    done = edge(config, "restore", str(copy))
    assert "under a new epoch" in done.output
    assert "good. 3 bills" in edge(config, "verify").output


def test_text_that_would_be_a_formula_is_text_and_numbers_are_numbers() -> None:
    file = io.StringIO()
    write_csv(file, ["a"], [["=1+1", " +x", "-5 kWh", "@", "plain", Decimal("-5.89"), -3, None]])
    assert file.getvalue().splitlines()[1] == "'=1+1,' +x,'-5 kWh,'@,plain,-5.89,-3,"


def test_a_credit_says_what_it_takes_back() -> None:
    credit = write_cdr(credit_of(CDR, "c-1"), PLACE, START)
    assert (credit["credit"], credit["credit_reference_id"]) == (True, CDR.id)
    assert credit["total_cost"] == {"excl_vat": -CDR.total_cost.excl_vat, "incl_vat": -CDR.total_cost.incl_vat}
    assert credit["signed_data"]["signed_values"][0]["signed_data"] == "OCMF|{}|{}"
    original = write_cdr(CDR, PLACE, START)
    others = original.keys() - {"id", "total_cost"}
    assert {name for name in others if credit[name] != original[name]} == set()
    assert {"total_energy", "total_energy_cost"} <= others
    assert credit.keys() - original.keys() == {"credit", "credit_reference_id"}


def test_a_credit_of_a_reservation_keeps_what_that_cost() -> None:
    cost = Price(excl_vat=Decimal("2.00"), incl_vat=Decimal("0.00"))
    reserved = structs.replace(CDR, total_reservation_cost=cost)
    credit = write_cdr(credit_of(reserved, "c-1"), PLACE, START)["total_reservation_cost"]
    assert {name: str(amount) for name, amount in credit.items()} == {"excl_vat": "2.00", "incl_vat": "0.00"}
