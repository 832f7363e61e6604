"""`/v1/contracts`: by which terms a customer pays, and what is owed. The hub's contracts reach every edge."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from cloud.contracts import queries
from cloud.rest.access import Operator, Reader
from cloud.rest.context import TheHub
from cloud.rest.fields import AccountId, Amount, GivenName
from cloud.rest.origin import choose, expect_own
from cloud.rest.paging import answer, read_page_together
from cloud.rest.problems import Problem, documented
from cloud.store import account_book
from protocols.ocpi.customer import Billing, Contract, StatementPeriod

SUSPENSE: str = "suspense"
"""Where edges post what nobody's token stands for."""
Limit = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$"), Field(description="ISO 4217.")]
EdgeChoice = Annotated[GivenName | None, Query(description="Needed where several sites have one of this id.")]
_TERMS: dict[str, JsonValue] = {
    "customer_id": "CU-17",
    "billing": "prepaid",
    "currency": "EUR",
    "credit_limit": None,
    "offline_limit": "50.00",
    "tariff_id": None,
    "token_group": None,
    "statement_period": "month",
    "payment_days": 14,
    "valid": True,
    "expires_at": None,
}


class ContractTerms(BaseModel):
    """All terms of a contract. Sums are in `currency`, taxes included.

    `credit_limit` is the most that a postpaid contract may owe, null for no bound. `offline_limit` is the most that one
    site lets it spend while it is cut off from the hub: it bounds a wallet that several sites share. `tariff_id`
    instead of the EVSE's tariff. Not `valid`: blocked.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_TERMS]})

    customer_id: AccountId
    billing: Billing
    currency: Currency
    credit_limit: Limit | None = None
    offline_limit: Limit | None = None
    tariff_id: GivenName | None = None
    token_group: GivenName | None = None
    statement_period: StatementPeriod = StatementPeriod.MONTH
    payment_days: Annotated[int, Field(ge=0, le=365)] = 14
    valid: bool = True
    expires_at: AwareDatetime | None = None

    def contract(self, contract_id: str) -> Contract:
        return Contract(id=contract_id, **self.model_dump(exclude={"id"}))


class NewContract(ContractTerms):
    """A contract to create. Tokens name it by `contract_id`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"id": "DE-OHM-C001", **_TERMS}]})

    id: AccountId


class BalanceAtEdge(BaseModel):
    """What one edge posted to a contract, as far as the hub has heard."""

    edge_id: str
    balance: Amount
    held: Amount


class ShownContract(BaseModel):
    """A contract and its account, the sum of the postings that the hub has.

    `balance` is what the customer owes; negative where we hold the customer's money, as a wallet does. What is `held`
    is set aside for transactions that run, and counts in `balance` as if it were spent. `balances` are the same by
    edge. `source` hub: known at every edge; site: kept by one edge itself.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "DE-OHM-C001",
                    **_TERMS,
                    "source": "hub",
                    "edge_id": None,
                    "balance": "-14.11",
                    "held": "5.00",
                    "balances": [{"edge_id": "edge-1", "balance": "-14.11", "held": "5.00"}],
                    "last_updated": "2026-03-02T06:00:00Z",
                }
            ]
        }
    )

    id: str
    customer_id: str
    billing: Billing
    currency: str
    credit_limit: Amount | None
    offline_limit: Amount | None
    tariff_id: str | None
    token_group: str | None
    statement_period: StatementPeriod
    payment_days: int
    valid: bool
    expires_at: AwareDatetime | None
    source: Literal["hub", "site"]
    edge_id: str | None
    balance: Amount
    held: Amount
    balances: list[BalanceAtEdge]
    last_updated: AwareDatetime


class ContractPage(BaseModel):
    """A page of contracts; `next_cursor` is null on the last one."""

    items: list[ShownContract]
    next_cursor: str | None


async def list_contracts(hub: TheHub, who: Reader, wanted: Annotated[queries.ContractQuery, Query()]) -> Response:
    """Contracts by their id: the hub's, and those that sites keep themselves."""
    return await read_page_together(hub, queries.many(who.domain, wanted), wanted, queries.SORT, queries.shown)


async def get_contract(hub: TheHub, who: Reader, contract_id: str, edge_id: EdgeChoice = None) -> Response:
    """One contract and its account: the hub's, else the site's."""
    return answer(await _shown(hub, who.domain, contract_id, edge_id))


async def create_contract(hub: TheHub, who: Operator, told: NewContract) -> Response:
    """Create a contract of a customer of the hub; it is on its way to every edge of the domain."""
    async with hub.store.write() as connection:
        rows = (await connection.execute(queries.named(who.domain, told.id))).mappings().all()
        if any(row["source"] == "hub" for row in rows):
            raise Problem(409, "contract_exists", "There is a contract with this id already; change it with PUT.")
        await _put(connection, who.domain, told.contract(told.id), hub)
    hub.down_bell.ring()
    return answer(await _shown(hub, who.domain, told.id), 201, {"Location": f"/v1/contracts/{told.id}"})


async def replace_contract(hub: TheHub, who: Operator, contract_id: str, told: ContractTerms) -> Response:
    """Say anew all terms of a contract of the hub. What it owes stays."""
    async with hub.store.write() as connection:
        rows = (await connection.execute(queries.named(who.domain, contract_id))).mappings().all()
        expect_own(rows, "contract", contract_id)
        await _put(connection, who.domain, told.contract(contract_id), hub)
    hub.down_bell.ring()
    return answer(await _shown(hub, who.domain, contract_id))


async def delete_contract(hub: TheHub, who: Operator, contract_id: str) -> Response:
    """Delete a contract of the hub, here and at every edge. Only one that nobody can charge with and that owes nothing:
    close it with `valid` false, block its tokens, and settle its account first. Its postings and bills stay."""
    async with hub.store.write() as connection:
        rows = (await connection.execute(queries.named(who.domain, contract_id))).mappings().all()
        row = expect_own(rows, "contract", contract_id)
        (document,) = await queries.shown(connection, [row])
        if any(each["balance"] or each["held"] for each in document["balances"]):
            detail = f"Its account has {document['balance']} {row['currency']}, or money set aside: settle it first."
            raise Problem(409, "contract_open", detail)
        if (await connection.execute(queries.unfinished(who.domain, contract_id))).first() is not None:
            raise Problem(409, "contract_open", "A session of it is running, or its bill waits: let it end first.")
        uids = (await connection.execute(queries.charging_tokens(who.domain, contract_id))).scalars().all()
        if uids:
            detail = f"{len(uids)} tokens of it may charge and would do so without terms: block them first."
            raise Problem(409, "contract_in_use", detail)
        await account_book.remove_contract(connection, who.domain, contract_id)
    hub.down_bell.ring()
    return Response(status_code=204)


async def _put(connection: AsyncConnection, domain: int, contract: Contract, hub: TheHub) -> None:
    """Raises Problem 422 with all that is wrong."""
    errors: list[dict[str, str]] = []
    if contract.id == SUSPENSE:
        errors.append({"field": "body.id", "message": "This id is the sites' own."})
    if (await connection.execute(queries.customer(domain, contract.customer_id))).first() is None:
        message = f"There is no customer {contract.customer_id!r} of the hub; create it first."
        errors.append({"field": "body.customer_id", "message": message})
    posted = set((await connection.execute(queries.currencies(domain, contract.id))).scalars()) - {contract.currency}
    if posted:
        message = f"It was charged in {', '.join(sorted(posted))} already; make another contract."
        errors.append({"field": "body.currency", "message": message})
    if errors:
        raise Problem(422, "invalid_request", "The contract cannot be.", errors=errors)
    await account_book.put_contract(connection, domain, contract, hub.clock())


async def _shown(hub: TheHub, domain: int, contract_id: str, edge_id: str | None = None) -> dict[str, Any]:
    async with hub.store.read() as connection:
        rows = (await connection.execute(queries.named(domain, contract_id, edge_id))).mappings().all()
        (document,) = await queries.shown(connection, [choose(rows, "contract", contract_id)])
    return document


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/contracts", tags=["Customers"])
    router.get("", response_model=ContractPage, responses=documented(400))(list_contracts)
    router.post("", response_model=ShownContract, status_code=201, responses=documented(409))(create_contract)
    router.get("/{contract_id}", response_model=ShownContract, responses=documented(404, 409))(get_contract)
    router.put("/{contract_id}", response_model=ShownContract, responses=documented(404, 409))(replace_contract)
    router.delete("/{contract_id}", status_code=204, responses=documented(404, 409))(delete_contract)
    return router
