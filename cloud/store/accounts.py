"""How customers and contracts stand in their rows, and the accounts of a contract."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from protocols.ocpi.customer import Contract, Customer

ACCOUNTS: Final = "accounts"
"""The desired document of customers and contracts."""
CUSTOMER: Final = "customer:"
"""What a contract owes; negative where we hold its money."""
HELD: Final = "held:"
"""What is set aside for a contract's running transactions, negative."""
CUSTOMERS: Final = TypeAdapter(Customer)
CONTRACTS: Final = TypeAdapter(Contract)


def customer_row(customer: Customer) -> dict[str, Any]:
    """What a row says of a customer."""
    return {"id": customer.id, "name": customer.name, "document": CUSTOMERS.dump_json(customer).decode()}


def contract_row(contract: Contract) -> dict[str, Any]:
    """What a row says of a contract."""
    return {
        "id": contract.id,
        "customer_id": contract.customer_id,
        "billing": contract.billing.value,
        "currency": contract.currency,
        "valid": contract.valid,
        "document": CONTRACTS.dump_json(contract).decode(),
    }
