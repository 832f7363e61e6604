"""A list of customers with their contracts, vehicles and cards: every problem is named with its line, and a list with a
problem is not taken at all.

One row is one contract of a customer, or a customer alone. What a customer has several of is parted by semicolons:
vehicles as PLATE or PLATE=NAME, cards by their uids. A customer's own columns may be left out in all but one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from edge.domain.csv_rows import csv_rows, rounded_problem
from protocols.ocpi.customer import Billing, Contract, Customer, StatementPeriod, Vehicle
from protocols.ocpi.token import Token, token_key

CUSTOMER_COLUMNS: Final = ("customer_id", "name", "language", "email", "phone", "vehicles", "note")
CONTRACT_COLUMNS: Final = (
    *("contract_id", "billing", "currency", "credit_limit", "offline_limit", "tariff_id", "token_group"),
    *("statement_period", "payment_days", "valid", "expires_at", "cards"),
)
COLUMNS: Final = CUSTOMER_COLUMNS + CONTRACT_COLUMNS
MAX_ID: Final = 36
_LONGEST: Final = {"name": 200, "language": 2, "email": 254, "phone": 40, "note": 2000}
_WORDS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": True}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What stands in one line of a file, as text; `customer_line` where the customer has a line of its own."""

    line: int
    values: Mapping[str, str]
    customer_line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerList:
    """What a file holds. With a problem nothing of it is to be used."""

    customers: tuple[Customer, ...] = ()
    contracts: tuple[Contract, ...] = ()
    tokens: tuple[Token, ...] = ()
    problems: tuple[str, ...] = ()


def parse_csv(text: str, currency: str, tariff_ids: frozenset[str]) -> CustomerList:
    """The first line names the columns: customer_id and name, and of COLUMNS what is wanted."""
    rows, problems = csv_rows(text, COLUMNS, ("customer_id", "name"))
    return read_rows([Row(line=row.line, values=row.values) for row in rows], currency, tariff_ids, problems)


def read_rows(
    rows: Sequence[Row], currency: str, tariff_ids: frozenset[str], problems: Sequence[str] = ()
) -> CustomerList:
    """All rows together. `currency` is the site's, for contracts that name none."""
    reading = _Reading(currency=currency, tariff_ids=tariff_ids, problems=list(problems))
    for row in rows:
        reading.take(row)
    reading.end()
    if not rows and not reading.problems:
        reading.problems.append("there is no customer in the list")
    return CustomerList(
        customers=tuple(customer for customer, _ in reading.customers.values()),
        contracts=tuple(contract for contract, _ in reading.contracts.values()),
        tokens=tuple(token for token, _ in reading.tokens.values()),
        problems=tuple(reading.problems),
    )


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What was read so far, each with its line."""

    currency: str
    tariff_ids: frozenset[str]
    problems: list[str]
    customers: dict[str, tuple[Customer, int]] = field(default_factory=dict)
    contracts: dict[str, tuple[Contract, int]] = field(default_factory=dict)
    tokens: dict[str, tuple[Token, int]] = field(default_factory=dict)
    plates: dict[str, int] = field(default_factory=dict)
    _named: dict[str, int] = field(default_factory=dict)

    def take(self, row: Row) -> None:
        customer_id, line = row.values.get("customer_id", ""), row.customer_line or row.line
        if not self._is_id("customer_id", customer_id, line):
            return
        self._named.setdefault(customer_id, line)
        if any(row.values.get(name) for name in CUSTOMER_COLUMNS[1:]):
            self._take_customer(customer_id, row, line)
        if row.values.get("contract_id"):
            self._take_contract(customer_id, row)
        elif given := [name for name in CONTRACT_COLUMNS if row.values.get(name)]:
            self._say(row.line, f"{given[0]} is given, but no contract_id")

    def end(self) -> None:
        for customer_id, line in self._named.items():
            if customer_id not in self.customers:
                self._say(line, f"customer {customer_id!r} has no name in any line")

    def _take_customer(self, customer_id: str, row: Row, line: int) -> None:
        told = row.values
        for name, longest in _LONGEST.items():
            if len(told.get(name, "")) > longest:
                self._say(line, f"{name} has more than {longest} characters")
        if not told.get("name"):
            self._say(line, f"customer {customer_id!r} has no name")
        elif not told["name"].isprintable():
            self._say(line, "name must be printable characters, in one line")
        if told.get("language") and (len(told["language"]) != 2 or not told["language"].isalpha()):
            self._say(line, f"language {told['language']!r} is not an ISO 639-1 code, such as en or zh")
        if told.get("email") and "@" not in told["email"]:
            self._say(line, f"email {told['email']!r} has no @")
        customer = Customer(
            id=customer_id,
            name=told.get("name", ""),
            language=told.get("language", "").lower(),
            email=told.get("email", ""),
            phone=told.get("phone", ""),
            vehicles=self._vehicles(told.get("vehicles", ""), customer_id, line),
            note=told.get("note", ""),
        )
        before = self.customers.setdefault(customer_id, (customer, line))
        if before[0] != customer:
            self._say(line, f"customer {customer_id!r} stands otherwise in line {before[1]}")

    def _vehicles(self, text: str, customer_id: str, line: int) -> tuple[Vehicle, ...]:
        found = []
        for part in filter(None, (each.strip() for each in text.split(";"))):
            plate, _, name = (each.strip() for each in part.partition("="))
            if not plate or len(plate) > 20:
                self._say(line, f"{part!r} is not a vehicle: a plate of 1 to 20 characters, or PLATE=NAME")
            found.append(Vehicle(plate=plate, name=name))
        return tuple(found)

    def _take_contract(self, customer_id: str, row: Row) -> None:
        told, line = row.values, row.line
        contract_id = told["contract_id"]
        if not self._is_id("contract_id", contract_id, line):
            return
        billing = self._one_of("billing", Billing, told.get("billing", ""), line, None)
        currency = told.get("currency") or self.currency
        if currency != self.currency:
            self._say(line, f"currency {currency!r}: this site's is {self.currency}")
        if told.get("tariff_id") and told["tariff_id"] not in self.tariff_ids:
            self._say(line, f"tariff_id {told['tariff_id']!r} is no tariff of this site")
        if told.get("token_group") and len(told["token_group"]) > MAX_ID:
            self._say(line, f"token_group has more than {MAX_ID} characters")
        valid = told.get("valid", "").lower()
        if valid not in _WORDS:
            self._say(line, f"valid must be true or false, not {valid!r}")
        contract = Contract(
            id=contract_id,
            customer_id=customer_id,
            billing=billing or Billing.POSTPAID,
            currency=currency,
            credit_limit=self._money("credit_limit", told, line),
            offline_limit=self._money("offline_limit", told, line),
            tariff_id=told.get("tariff_id") or None,
            token_group=told.get("token_group") or None,
            statement_period=self._one_of(
                "statement_period", StatementPeriod, told.get("statement_period", ""), line, StatementPeriod.MONTH
            )
            or StatementPeriod.MONTH,
            payment_days=self._days(told.get("payment_days", ""), line),
            valid=_WORDS.get(valid, True),
            expires_at=self._time(told.get("expires_at", ""), line),
        )
        before = self.contracts.setdefault(contract_id, (contract, line))
        if before[1] != line or before[0] is not contract:
            self._say(line, f"contract_id {contract_id!r} stands in line {before[1]} already")
        self._take_cards(contract, told.get("cards", ""), line)

    def _take_cards(self, contract: Contract, text: str, line: int) -> None:
        for uid in filter(None, (each.strip() for each in text.split(";"))):
            if len(uid) > MAX_ID or not uid.isprintable():
                self._say(line, f"card {uid!r} must be 1 to {MAX_ID} printable characters")
            elif problem := rounded_problem("card", uid):
                self._say(line, problem)
            token = Token(uid=uid, contract_id=contract.id, group_id=contract.token_group)
            before = self.tokens.setdefault(token_key(uid), (token, line))
            if before[0] is not token:
                self._say(line, f"card {uid!r} stands in line {before[1]} already")

    # --- words ---

    def _say(self, line: int, problem: str) -> None:
        text = f"line {line}: {problem}"
        if text not in self.problems:
            self.problems.append(text)

    def _is_id(self, name: str, value: str, line: int) -> bool:
        if value and len(value) <= MAX_ID and value.isprintable():
            if problem := rounded_problem(name, value):
                self._say(line, problem)
            return True
        self._say(line, f"{name} must be 1 to {MAX_ID} printable characters")
        return False

    def _one_of(self, name: str, kind: Callable[[str], T], value: str, line: int, default: T | None) -> T | None:
        if not value and default is not None:
            return default
        try:
            return kind(value.lower())
        except ValueError:
            words = ", ".join(each.value for each in kind)  # type: ignore[attr-defined]
            self._say(line, f"{name} {value!r} is not one of {words}")
            return None

    def _money(self, name: str, told: Mapping[str, str], line: int) -> Decimal | None:
        text = told.get(name, "")
        if not text:
            return None
        try:
            amount = Decimal(text)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0 or amount > 10**9 or amount != round(amount, 2):
            self._say(line, f"{name} {text!r} is not a sum such as 50 or 49.90")
            return None
        return round(amount, 2)

    def _days(self, text: str, line: int) -> int:
        if not text:
            return 14
        if text.isascii() and text.isdigit() and int(text) <= 365:
            return int(text)
        self._say(line, f"payment_days {text!r} is not a number of days from 0 to 365")
        return 14

    def _time(self, text: str, line: int) -> datetime | None:
        if not text:
            return None
        try:
            stamp = datetime.fromisoformat(text)
        except ValueError:
            self._say(line, f"expires_at {text!r} is not an ISO 8601 time")
            return None
        if stamp.tzinfo is None:
            self._say(line, f"expires_at {text!r} has no time zone; add Z or an offset")
            return None
        return stamp
