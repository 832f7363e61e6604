"""What the hub of a random money journey tells of contracts, and of what other sites spent of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from edge.domain.list_events import AccountsListed
from protocols.ocpi.customer import Billing, Contract, Customer, StatementPeriod
from protocols.sync.account_lists import balance_hash, contract_hash, customer_hash
from protocols.sync.down import DesiredAccounts
from protocols.sync.lists import total, written

CUSTOMER = Customer(id="K1", name="Anna Müller", language="de")
CONTRACTS = (
    Contract(id="C-POST", customer_id="K1", billing=Billing.POSTPAID, currency="EUR", credit_limit=Decimal(60)),
    Contract(
        id="C-WEEK",
        customer_id="K1",
        billing=Billing.POSTPAID,
        currency="EUR",
        statement_period=StatementPeriod.WEEK,
        payment_days=2,
    ),
    Contract(id="C-PRE", customer_id="K1", billing=Billing.PREPAID, currency="EUR", tariff_id="t1"),
    Contract(id="C-SHARED", customer_id="K1", billing=Billing.PREPAID, currency="EUR", offline_limit=Decimal(5)),
)
OF_HUB = Contract(id="C-HUB", customer_id="K2", billing=Billing.POSTPAID, currency="EUR", credit_limit=Decimal(30))
"""Of a customer that the hub made."""
PEOPLE = (CUSTOMER, Customer(id="K2", name="李雷"))
SIGNED = (*CONTRACTS[3:], OF_HUB)


@dataclass
class Balances:
    """By contract: what other sites spent, as the hub says it with a version."""

    amounts: dict[str, Decimal]
    at: datetime
    version: int = 0

    @property
    def nonzero(self) -> dict[str, Decimal]:
        return {contract: amount for contract, amount in self.amounts.items() if amount}

    def document(self, version: int) -> DesiredAccounts:
        return DesiredAccounts(
            version=version, customers=PEOPLE, contracts=SIGNED, balances=self.amounts, as_of=self.at
        )

    def listed(
        self, version: int, since: int | None, before: dict[str, Decimal], *, is_missed: bool = False
    ) -> AccountsListed:
        """All of it, or these balances alone, upon those of `before`. `is_missed`: something was told in between."""
        after = {**before, **self.amounts}
        if is_missed:
            after["C-MISSED"] = Decimal(1)
        spent = [balance_hash(contract, amount) for contract, amount in after.items()]
        people = [*map(customer_hash, PEOPLE), *map(contract_hash, SIGNED)]
        return AccountsListed(
            version=version,
            since=since,
            digest=written(total([*people, *spent])),
            as_of=self.at,
            customers=PEOPLE if since is None else (),
            hashes=tuple(map(customer_hash, PEOPLE)) if since is None else (),
            contracts=SIGNED if since is None else (),
            balances=self.amounts,
        )
