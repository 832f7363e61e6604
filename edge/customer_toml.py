"""A list of customers as TOML: [[customers]] with their vehicles and [[customers.contracts]], read as the CSV list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from edge.domain.customer_file import CONTRACT_COLUMNS, CUSTOMER_COLUMNS, CustomerList, Row, read_rows
from edge.toml_lines import cell_text, key_lines, line_of, read_toml
from protocols.errors import BadText

_CUSTOMER_KEYS: Final = {"id", *CUSTOMER_COLUMNS[1:], "contracts"}
_CONTRACT_KEYS: Final = {"id", *CONTRACT_COLUMNS[1:]}


def parse_toml(text: str, currency: str, tariff_ids: frozenset[str]) -> CustomerList:
    try:
        document = read_toml(text)
    except BadText as error:
        return CustomerList(problems=(str(error),))
    lines = key_lines(text)
    problems = [f"{key!r} is not known: expected [[customers]]" for key in document if key != "customers"]
    listed = document.get("customers", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        return CustomerList(problems=(*problems, "customers must be a list of tables: [[customers]]"))
    rows: list[Row] = []
    for number, customer in enumerate(listed):
        at = ("customers", number)
        problems += _unknown(customer, _CUSTOMER_KEYS, line_of(lines, at) or 1)
        told = {"customer_id": cell_text(customer.get("id", ""))}
        told |= {name: cell_text(customer[name]) for name in CUSTOMER_COLUMNS[1:] if name in customer}
        line = line_of(lines, at) or 1
        contracts = customer.get("contracts", [])
        if not isinstance(contracts, list) or not all(isinstance(each, dict) for each in contracts):
            problems.append(f"line {line}: contracts must be a list of tables: [[customers.contracts]]")
            continue
        if not contracts:
            rows.append(Row(line=line, values=told))
        for index, contract in enumerate(contracts):
            place = line_of(lines, (*at, "contracts", index)) or line
            problems += _unknown(contract, _CONTRACT_KEYS, place)
            terms = {"contract_id": cell_text(contract.get("id", ""))}
            terms |= {name: cell_text(contract[name]) for name in CONTRACT_COLUMNS[1:] if name in contract}
            if not terms["contract_id"]:
                problems.append(f"line {place}: a contract needs an id")
            rows.append(Row(line=place, customer_line=line, values=told | terms))
    return read_rows(rows, currency, tariff_ids, problems)


def _unknown(table: Mapping[str, Any], known: set[str], line: int) -> Iterator[str]:
    for key in table:
        if key not in known:
            yield f"line {line}: {key!r} is not known; known are {', '.join(sorted(known))}"
