"""`/v1/customers`: who pays. The hub's customers reach every edge of the domain; sites have customers of their own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from starlette.responses import Response

from cloud.customers import queries
from cloud.rest.access import Operator, Reader
from cloud.rest.context import TheHub
from cloud.rest.fields import AccountId, GivenName, Name
from cloud.rest.origin import choose, expect_own
from cloud.rest.paging import answer, read_page_together
from cloud.rest.problems import Problem, documented
from cloud.store import account_book
from protocols.ocpi.customer import Customer, Vehicle

Language = Annotated[str, StringConstraints(pattern="^([a-z]{2})?$"), Field(description="ISO 639-1, or empty.")]
EdgeChoice = Annotated[GivenName | None, Query(description="Needed where several sites have one of this id.")]
_TOLD: dict[str, JsonValue] = {
    "name": "Anna Muster",
    "language": "de",
    "email": "anna@example.org",
    "phone": "+49 30 1234",
    "vehicles": [{"plate": "B-AM 123", "name": "the blue one"}],
    "note": "",
}


class CustomersVehicle(BaseModel):
    """A vehicle, found by its plate."""

    model_config = ConfigDict(extra="forbid")

    plate: GivenName
    name: Name = ""


class CustomerFacts(BaseModel):
    """All that is known of a customer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_TOLD]})

    name: GivenName
    language: Language = ""
    email: Name = ""
    phone: Name = ""
    vehicles: Annotated[list[CustomersVehicle], Field(max_length=100)] = []
    note: Name = ""

    def customer(self, customer_id: str) -> Customer:
        vehicles = tuple(Vehicle(plate=each.plate, name=each.name) for each in self.vehicles)
        return Customer(id=customer_id, vehicles=vehicles, **self.model_dump(exclude={"id", "vehicles"}))


class NewCustomer(CustomerFacts):
    """A customer to create."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"id": "CU-17", **_TOLD}]})

    id: AccountId


class ShownCustomer(BaseModel):
    """A customer. `source` hub: the domain's, known at every edge; site: kept by one edge itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "CU-17",
                    **_TOLD,
                    "contract_ids": ["DE-OHM-C001"],
                    "source": "hub",
                    "edge_id": None,
                    "last_updated": "2026-03-02T06:00:00Z",
                }
            ]
        }
    )

    id: str
    name: str
    language: str
    email: str
    phone: str
    vehicles: list[CustomersVehicle]
    note: str
    contract_ids: list[str]
    source: Literal["hub", "site"]
    edge_id: str | None
    last_updated: AwareDatetime


class CustomerPage(BaseModel):
    """A page of customers; `next_cursor` is null on the last one."""

    items: list[ShownCustomer]
    next_cursor: str | None


async def list_customers(hub: TheHub, who: Reader, wanted: Annotated[queries.CustomerQuery, Query()]) -> Response:
    """Customers by their id: the hub's, and those that sites keep themselves."""
    return await read_page_together(hub, queries.many(who.domain, wanted), wanted, queries.SORT, queries.shown)


async def get_customer(hub: TheHub, who: Reader, customer_id: str, edge_id: EdgeChoice = None) -> Response:
    """One customer: the hub's, else the site's."""
    return answer(await _shown(hub, who.domain, customer_id, edge_id))


async def create_customer(hub: TheHub, who: Operator, told: NewCustomer) -> Response:
    """Create a customer; it is on its way to every edge of the domain."""
    async with hub.store.write() as connection:
        rows = (await connection.execute(queries.named(who.domain, told.id))).mappings().all()
        if any(row["source"] == "hub" for row in rows):
            raise Problem(409, "customer_exists", "There is a customer with this id already; change it with PUT.")
        await account_book.put_customer(connection, who.domain, told.customer(told.id), hub.clock())
    hub.down_bell.ring()
    return answer(await _shown(hub, who.domain, told.id), 201, {"Location": f"/v1/customers/{told.id}"})


async def replace_customer(hub: TheHub, who: Operator, customer_id: str, told: CustomerFacts) -> Response:
    """Say anew all that is known of a customer of the hub."""
    async with hub.store.write() as connection:
        rows = (await connection.execute(queries.named(who.domain, customer_id))).mappings().all()
        expect_own(rows, "customer", customer_id)
        await account_book.put_customer(connection, who.domain, told.customer(customer_id), hub.clock())
    hub.down_bell.ring()
    return answer(await _shown(hub, who.domain, customer_id))


async def delete_customer(hub: TheHub, who: Operator, customer_id: str) -> Response:
    """Delete a customer of the hub that has no contract any more, here and at every edge."""
    async with hub.store.write() as connection:
        rows = (await connection.execute(queries.named(who.domain, customer_id))).mappings().all()
        expect_own(rows, "customer", customer_id)
        theirs = (await connection.execute(queries.contract_ids(who.domain, customer_id))).scalars().all()
        if theirs:
            detail = f"This customer has the contracts {', '.join(theirs[:5])}: delete them first."
            raise Problem(409, "customer_in_use", detail)
        await account_book.remove_customer(connection, who.domain, customer_id)
    hub.down_bell.ring()
    return Response(status_code=204)


async def _shown(hub: TheHub, domain: int, customer_id: str, edge_id: str | None = None) -> dict[str, Any]:
    async with hub.store.read() as connection:
        rows = (await connection.execute(queries.named(domain, customer_id, edge_id))).mappings().all()
        (document,) = await queries.shown(connection, [choose(rows, "customer", customer_id)])
    return document


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/customers", tags=["Customers"])
    router.get("", response_model=CustomerPage, responses=documented(400))(list_customers)
    router.post("", response_model=ShownCustomer, status_code=201, responses=documented(409))(create_customer)
    router.get("/{customer_id}", response_model=ShownCustomer, responses=documented(404, 409))(get_customer)
    router.put("/{customer_id}", response_model=ShownCustomer, responses=documented(404, 409))(replace_customer)
    router.delete("/{customer_id}", status_code=204, responses=documented(404, 409))(delete_customer)
    return router
