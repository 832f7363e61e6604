"""Customers and contracts at the local socket."""

from __future__ import annotations

from decimal import Decimal

import pytest

from edge.domain.customer_events import ContractAltered, CustomersImported
from edge.local import customer_requests
from edge.local.settings import LocalSettings
from protocols.ocpi.customer import Billing, Contract, Customer
from protocols.ocpi.token import Token
from protocols.site.customer_requests import (
    AddCustomers,
    BlockContract,
    ChangeContract,
    GetBalance,
    GetCustomer,
)
from protocols.site.requests import REQUEST, encode_request
from protocols.site.staff import Actor, Role
from tests.edge.local.parts import FakeInbox, FakeReports, local_site
from tests.edge.local.test_server import ask

ANNA = Customer(id="K1", name="Anna")
WALLET = Contract(id="W1", customer_id="K1", billing=Billing.PREPAID, currency="EUR")
CASHIER = Actor("bert", Role.CASHIER)


async def test_changes_are_decided_by_the_site() -> None:
    token = Token(uid="04AA", contract_id="W1")
    async with local_site() as site, site.connect() as client:
        added = AddCustomers(id="1", customers=(ANNA,), contracts=(WALLET,), tokens=(token,))
        assert (await ask(client, added)).result == "done"
        await ask(client, ChangeContract(id="2", contract_id="W1", credit_limit=Decimal("5.00"), offline_limit="none"))
        await ask(client, BlockContract(id="3", contract_id="W1"))
        assert site.inbox.events == [
            CustomersImported(by="operator", customers=(ANNA,), contracts=(WALLET,), tokens=(token,)),
            ContractAltered(by="operator", contract_id="W1", credit_limit=Decimal("5.00"), offline_limit="none"),
            ContractAltered(by="operator", contract_id="W1", is_blocked=True),
        ]


async def test_what_the_ledger_has_is_read() -> None:
    async with local_site() as site, site.connect() as client:
        assert (await ask(client, GetCustomer(id="1", customer_id="K1"))).result == {"id": "K1", "contracts": []}
        assert (await ask(client, GetCustomer(id="2", customer_id="K2"))).problem == "no customer K2"
        assert len((await ask(client, GetBalance(id="3", contract_id="C1", postings=2))).result["postings"]) == 2
        assert "no contract C2" in str((await ask(client, GetBalance(id="4", contract_id="C2"))).problem)
        refused = await ask(client, ChangeContract(id="5", contract_id="W1", credit_limit=Decimal("-1")))
        assert "credit_limit" in str(refused.problem)


@pytest.mark.parametrize(
    "request_", [
        AddCustomers(id="1", contracts=(Contract(id="P", customer_id="K1", billing=Billing.POSTPAID, currency="EUR"),)),
        AddCustomers(
            id="1",
            contracts=(
                Contract(
                    id="P", customer_id="K1", billing=Billing.PREPAID, currency="EUR", offline_limit=Decimal(5)
                ),
            ),
        ),
        AddCustomers(id="1", customers=(ANNA,), replaces_all=True),
    ],
)  # fmt: skip
async def test_a_cashier_gives_no_credit(request_: AddCustomers) -> None:
    inbox = FakeInbox()
    answer = await customer_requests.answer(inbox, FakeReports(), CASHIER, request_)
    assert "somebody who may set limits" in str(answer.problem)
    assert inbox.events == []
    served = await customer_requests.answer(
        inbox, FakeReports(), CASHIER, AddCustomers(id="2", customers=(ANNA,), contracts=(WALLET,))
    )
    assert (served.problem, len(inbox.events)) == (None, 1)


def test_a_request_says_only_what_cannot_be_taken_for_granted() -> None:
    request = AddCustomers(id="1", customers=(ANNA,), contracts=(WALLET,))
    assert len(encode_request(request)) < 200
    assert REQUEST.validate_json(encode_request(request)) == request
    for each in (GetCustomer(id="2", customer_id="K1"), ChangeContract(id="3", contract_id="W1", credit_limit="none")):
        assert REQUEST.validate_json(encode_request(each)) == each


def test_tens_of_thousands_fit_through_the_socket() -> None:
    """In size; the agent's own limits are its settings'."""
    many = range(50_000)
    request = AddCustomers(
        id="1",
        customers=tuple(
            Customer(id=f"K{each:06}", name=f"Anna Beispiel {each}", email=f"anna.{each}@example.org") for each in many
        ),
        contracts=tuple(
            Contract(id=f"DE-OHM-C{each:06}", customer_id=f"K{each:06}", billing=Billing.PREPAID, currency="EUR")
            for each in many
        ),
        tokens=tuple(Token(uid=f"04A1B2C3{each:06X}", contract_id=f"DE-OHM-C{each:06}") for each in many),
    )
    assert len(encode_request(request)) < LocalSettings().max_message_bytes / 3
