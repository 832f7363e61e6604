"""`ohmstead-edge customers …`, `contracts …` and `accounts …`: who pays, by which terms, and how much is there."""

from __future__ import annotations

import contextlib
import csv
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.table import Table

from edge.config import EdgeConfig
from edge.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    change,
    console,
    fail,
    ledger_errors,
    list_text,
    load_settings,
    plain,
    refuse_list,
)
from edge.ledger.database import LedgerError, open_reader
from edge.places import ledger_path
from protocols.site.customer_requests import AddCustomers, BlockContract, ChangeContract

if TYPE_CHECKING:  # reading customers takes several times as long to load as asking the agent
    from decimal import Decimal

    from edge.domain.customer_file import CustomerList
    from protocols.ocpi.customer import Contract, Customer

customers_app = typer.Typer(help="Customers, their vehicles and contracts.", no_args_is_help=True)
contracts_app = typer.Typer(help="The contracts: prepaid wallets and postpaid accounts.", no_args_is_help=True)
accounts_app = typer.Typer(help="What contracts owe, and every posting to them.", no_args_is_help=True)
PATIENCE_S: Final = 600.0
"""For a long list: 50,000 customers take a slow machine half a minute."""
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
ContractId = Annotated[str, typer.Argument(help="The contract's id: see `ohmstead-edge contracts list`.")]
LimitOption = Annotated[str | None, typer.Option(metavar="SUM|none", help="A sum such as 50.00, or none for no limit.")]


class ExportFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


# --- customers ---


@customers_app.command("import")
def customers_import(
    file: Annotated[Path, typer.Argument(help="CSV with a header line, or TOML (*.toml): see docs/customers.md.")],
    replace: Annotated[bool, typer.Option("--replace", help="Drop the site's other own customers, contracts.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is wrong with the file.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Import customers, contracts, vehicles and cards: all of them, or none and every problem with its line."""
    settings = load_settings(config)
    found = _read(settings, file)
    if found.problems:
        refuse_list(file, found.problems)
    counted = f"{len(found.customers)} customers, {len(found.contracts)} contracts, {len(found.tokens)} cards"
    if dry_run:
        print(f"{file}: {counted}, no problem. Nothing was imported.")
        return
    asked = AddCustomers(
        id="1",
        customers=found.customers,
        contracts=found.contracts,
        tokens=found.tokens,
        replaces_all=replace,
    )
    print(change(settings, asked, PATIENCE_S))


def _read(settings: EdgeConfig, file: Path) -> CustomerList:
    from edge.customer_toml import parse_toml
    from edge.domain.customer_file import parse_csv
    from edge.known_tariffs import known_tariffs

    text = list_text(file)
    with ledger_errors():
        tariff_ids = frozenset(tariff_id for tariffs in known_tariffs(settings).values() for tariff_id in tariffs)
    parse = parse_toml if file.suffix.lower() == ".toml" else parse_csv
    return parse(text, settings.currency, tariff_ids)


@customers_app.command("list")
def customers_list(as_json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the customers; the agent may run or not."""
    from edge.ledger import customer_reading
    from edge.ledger.customer_tables import CUSTOMERS

    table = Table("source", "id", "name", "language", "email", "phone", "vehicles")
    with _ledger(config) as reading:
        for source, customer in customer_reading.all_customers(reading):
            if as_json:
                told = CUSTOMERS.dump_python(customer, mode="json")
                print(json.dumps({"source": source, **told}, ensure_ascii=False))
                continue
            plates = ", ".join(vehicle.plate for vehicle in customer.vehicles)
            known = (customer.id, customer.name, customer.language, customer.email, customer.phone, plates)
            table.add_row(source, *(plain(each) for each in known))
    if not as_json:
        console().print(table)


@customers_app.command("show")
def customers_show(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show a customer with vehicles, contracts, cards and balances; the agent may run or not."""
    from edge.ledger import customer_reading

    with _ledger(config) as reading:
        found = customer_reading.customer_json(reading, customer)
    if found is None:
        fail(f"there is no customer {customer}: see `ohmstead-edge customers list`")
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for name in ("id", "source", "name", "language", "email", "phone", "note"):
        print(f"{name:10} {plain(found[name])}")
    for vehicle in found["vehicles"]:
        print(f"{'vehicle':10} {plain(vehicle['plate'])} {plain(vehicle['name'])}")
    table = Table("contract", "billing", "balance", "held", "may spend", "cards", "")
    for contract in found["contracts"]:
        table.add_row(
            plain(contract["id"]),
            contract["billing"],
            f"{contract['balance']} {contract['currency']}",
            contract["held"],
            contract["available"] or "no limit",
            plain(", ".join(contract["cards"])),
            "" if contract["valid"] else "BLOCKED",
        )
    console().print(table)


@customers_app.command("export")
def customers_export(
    form: Annotated[
        ExportFormat, typer.Option("--format", help="CSV as `import` reads it, or one JSON document a line.")
    ] = ExportFormat.CSV,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead of to the screen.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Export the customers with their contracts, vehicles and cards; the agent may run or not."""
    from edge.ledger import customer_reading

    with contextlib.ExitStack() as stack:
        reading = stack.enter_context(_ledger(config))
        file = stack.enter_context(output.open("w", encoding="utf-8", newline="")) if output else sys.stdout
        ids = dict.fromkeys(customer.id for _, customer in customer_reading.all_customers(reading))
        if form is ExportFormat.NDJSON:
            documents = (customer_reading.customer_json(reading, each) for each in ids)
            file.writelines(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
        else:
            csv.writer(file).writerows(_csv_rows(reading, ids))


def _csv_rows(reading: sqlite3.Connection, ids: Iterable[str]) -> Iterator[list[str]]:
    from edge.domain.customer_file import COLUMNS
    from edge.ledger import customer_reading

    yield list(COLUMNS)
    for customer_id in ids:
        record = customer_reading.customer_record(reading, customer_id)
        if record is None:
            continue
        for contract in record.contracts or (None,):
            cells = _customer_cells(record.customer)
            cells += _contract_cells(contract.contract, contract.cards) if contract is not None else [""] * 12
            # A cell that a spreadsheet would take for a formula is text.
            yield ["'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells]


def _customer_cells(customer: Customer) -> list[str]:
    vehicles = [f"{each.plate}={each.name}" if each.name else each.plate for each in customer.vehicles]
    known = [customer.id, customer.name, customer.language, customer.email, customer.phone]
    return [*known, "; ".join(vehicles), customer.note]


def _contract_cells(contract: Contract, cards: tuple[str, ...]) -> list[str]:
    limits = ["" if limit is None else str(limit) for limit in (contract.credit_limit, contract.offline_limit)]
    terms = [contract.id, contract.billing.value, contract.currency, *limits]
    choices = [contract.tariff_id or "", contract.token_group or "", contract.statement_period.value]
    ends = contract.expires_at.isoformat() if contract.expires_at else ""
    return [*terms, *choices, str(contract.payment_days), str(contract.valid).lower(), ends, "; ".join(cards)]


# --- contracts ---


@contracts_app.command("list")
def contracts_list(as_json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the contracts; the agent may run or not."""
    from edge.ledger import customer_reading
    from edge.ledger.customer_tables import CONTRACTS

    table = Table("source", "id", "customer", "billing", "credit limit", "offline limit", "statement", "")
    with _ledger(config) as reading:
        for source, contract in customer_reading.all_contracts(reading):
            if as_json:
                told = CONTRACTS.dump_python(contract, mode="json")
                print(json.dumps({"source": source, **told}, ensure_ascii=False))
                continue
            table.add_row(
                source,
                plain(contract.id),
                plain(contract.customer_id),
                contract.billing.value,
                _limit(contract.credit_limit, contract.currency),
                _limit(contract.offline_limit, contract.currency),
                f"{contract.statement_period}, {contract.payment_days} days to pay",
                "" if contract.valid else "BLOCKED",
            )
    if not as_json:
        console().print(table)


def _limit(limit: Decimal | None, currency: str) -> str:
    return "none" if limit is None else f"{limit} {currency}"


@contracts_app.command("set")
def contracts_set(
    contract: ContractId,
    credit_limit: LimitOption = None,
    offline_limit: LimitOption = None,
    block: Annotated[bool | None, typer.Option("--block/--unblock", help="Block it, or let it in again.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Change the limits of a contract, in the site's currency with taxes, or block it with all of its cards."""
    settings = load_settings(config)
    limits = (_sum("--credit-limit", credit_limit), _sum("--offline-limit", offline_limit))
    if limits == (None, None) and block is None:
        fail("nothing to change: give --credit-limit, --offline-limit, --block or --unblock", code=2)
    if limits != (None, None):
        asked = ChangeContract(id="1", contract_id=contract, credit_limit=limits[0], offline_limit=limits[1])
        print(change(settings, asked))
    if block is not None:
        print(change(settings, BlockContract(id="1", contract_id=contract, is_blocked=block)))


def _sum(option: str, text: str | None) -> Decimal | Literal["none"] | None:
    from decimal import Decimal, InvalidOperation

    if text is None:
        return None
    if text == "none":
        return "none"
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount != round(amount, 2):
        fail(f"{option} {text}: give a sum such as 50.00, or none", code=2)
    return amount


# --- accounts ---


@accounts_app.command("balance")
def accounts_balance(contract: ContractId, as_json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show what a contract owes and may spend. Positive is owed to the site, negative is held for the customer."""
    from edge.ledger import customer_reading

    with _ledger(config) as reading:
        found = customer_reading.balance_json(reading, contract, 0)
    if found is None:
        fail(f"there is no contract {contract}, and nothing was posted to it")
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    names = ("balance", "held", "elsewhere", "available", "billing", "credit_limit", "offline_limit", "valid")
    for name in [each for each in names if each in found]:
        print(f"{name:14} {'none' if found[name] is None else found[name]}")


@accounts_app.command("postings")
def accounts_postings(contract: ContractId, as_json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List every posting to a contract, oldest first, with the balance after it."""
    from edge.ledger import account_totals
    from protocols.money import ZERO

    balance = ZERO
    table = Table("posted (UTC)", "reason", "amount", "balance", "bill", "what for", "by")
    with _ledger(config) as reading:
        for entry in account_totals.entries_of(reading, f"customer:{contract}"):
            balance += entry.amount
            at = entry.posted_at.astimezone(UTC) if entry.posted_at else None
            if as_json:
                told = {"posting_id": entry.posting_id, "key": entry.key, "reason": entry.reason, "text": entry.text}
                sums = {"amount": str(entry.amount), "balance": str(balance)}
                when = {"posted_at": at.isoformat() if at else None, "cdr_id": entry.cdr_id, "by": entry.by}
                print(json.dumps({**told, **sums, **when}, ensure_ascii=False))
                continue
            table.add_row(
                f"{at:%Y-%m-%d %H:%M:%S}" if at else "-",
                entry.reason,
                str(entry.amount),
                str(balance),
                entry.cdr_id or "",
                plain(entry.text),
                plain(entry.by or ""),
            )
    if not as_json:
        console().print(table)


@contextlib.contextmanager
def _ledger(config: Path) -> Iterator[sqlite3.Connection]:
    with ledger_errors(), contextlib.closing(open_reader(ledger_path(load_settings(config)))) as reading:
        try:
            yield reading
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"the ledger cannot be read: {error}") from error
