"""Customers on the command line: real processes, with and without a running agent."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest

from tests.edge.domain.test_customer_file import CSV, TOML
from tests.edge.test_main import config, edge, running

__all__ = ["config", "running"]
LIST = CSV.replace(",staff\n", ",\n")


def imported(
    config: Path, *more: str, text: str = LIST, name: str = "customers.csv"
) -> subprocess.CompletedProcess[str]:
    (config.parent / name).write_text(text, encoding="utf-8")
    return edge(config, "customers", "import", str(config.parent / name), *more)


def test_a_dry_run_changes_nothing_and_a_bad_list_is_refused_whole(config: Path) -> None:
    dry = imported(config, "--dry-run")
    assert (dry.returncode, "2 customers, 2 contracts, 2 cards, no problem" in dry.stdout) == (0, True)
    bad = imported(config, text=LIST.replace("prepaid", "gift"), name="bad.csv")
    assert bad.returncode == 1
    assert "bad.csv: line 2: billing 'gift' is not one of prepaid, postpaid" in bad.stderr
    assert "nothing was imported" in bad.stderr
    missing = edge(config, "customers", "import", str(config.parent / "nowhere.csv"))
    assert "cannot be read" in missing.stderr


def test_customers_without_a_running_agent(config: Path) -> None:
    assert "2 customers, 2 contracts and 2 cards imported" in imported(config).stdout
    listed = [json.loads(line) for line in edge(config, "customers", "list", "--json").stdout.splitlines()]
    assert [(each["source"], each["id"], each["name"]) for each in listed] == [
        ("site", "K1", "Anna Müller"),
        ("site", "K2", "Fleet, Inc."),
    ]
    shown = json.loads(edge(config, "customers", "show", "K1", "--json").stdout)
    assert [(each["id"], each["cards"], each["balance"]) for each in shown["contracts"]] == [
        ("P1", [], "0.00"),
        ("W1", ["04AA", "04BB"], "0.00"),
    ]
    assert "B-AB 123 van" in edge(config, "customers", "show", "K1").stdout
    assert "no customer K9" in edge(config, "customers", "show", "K9").stderr
    exported = edge(config, "customers", "export").stdout
    again = imported(config, "--replace", text=exported, name="again.csv")
    assert again.returncode == 0, again.stderr
    assert edge(config, "customers", "export").stdout == exported
    documents = edge(config, "customers", "export", "--format", "ndjson").stdout.splitlines()
    assert [json.loads(each)["id"] for each in documents] == ["K1", "K2"]


def test_what_a_spreadsheet_would_run_is_text(config: Path) -> None:
    assert imported(config, text="customer_id,name,note\nK1,'=1+1,@SUM(A1)\n").returncode == 0
    rows = list(csv.reader(edge(config, "customers", "export").stdout.splitlines()))
    assert rows[1][1] == "'=1+1"
    assert rows[1][6] == "'@SUM(A1)"


@pytest.mark.usefixtures("running")
def test_contracts_and_accounts_beside_a_running_agent(config: Path) -> None:
    assert "imported" in imported(config, text=TOML.replace('tariff_id = "staff"\n', ""), name="customers.toml").stdout
    assert "contract P1 changed" in edge(config, "contracts", "set", "P1", "--credit-limit", "80.50", "--block").stdout
    listed = [json.loads(line) for line in edge(config, "contracts", "list", "--json").stdout.splitlines()]
    found = {each["id"]: (each["credit_limit"], each["valid"]) for each in listed}
    assert found == {"P1": ("80.50", False), "W1": (None, True)}
    assert edge(config, "contracts", "set", "P1", "--credit-limit", "none", "--unblock").returncode == 0
    balance = json.loads(edge(config, "accounts", "balance", "P1", "--json").stdout)
    assert (balance["credit_limit"], balance["valid"], balance["available"]) == (None, True, None)
    assert "available      0.00" in edge(config, "accounts", "balance", "W1").stdout
    assert edge(config, "accounts", "postings", "W1", "--json").stdout == ""
    for wrong, word in (
        (("contracts", "set", "P1"), "nothing to change"),
        (("contracts", "set", "P1", "--credit-limit", "much"), "give a sum such as 50.00, or none"),
        (("contracts", "set", "P9", "--block"), "no such contract"),
        (("accounts", "balance", "P9"), "no contract P9"),
    ):
        refused = edge(config, *wrong)
        assert refused.returncode != 0
        assert word in refused.stderr
