"""What the staff asks about customers and contracts, and who answers it."""

from __future__ import annotations

from typing import assert_never

from edge.domain.customer_events import ContractAltered, CustomersImported
from edge.domain.events import Done, Refused, SiteEvent
from edge.ports import Inbox, Overloaded, Reports
from protocols.ocpi.customer import Billing
from protocols.site.customer_requests import (
    AddCustomers,
    BlockContract,
    ChangeContract,
    CustomerChange,
    CustomerRequest,
    GetBalance,
    GetCustomer,
)
from protocols.site.staff import Act, Actor
from protocols.site.view import Answer


async def answer(inbox: Inbox, reports: Reports, actor: Actor, request: CustomerRequest) -> Answer:
    """By the rights of who asks, as far as the table of permits cannot tell them from the kind of the request."""
    match request:
        case GetCustomer():
            found = await reports.customer(request.customer_id)
            return Answer(id=request.id, result=found, problem=None if found else f"no customer {request.customer_id}")
        case GetBalance():
            found = await reports.balance(request.contract_id, request.postings)
            problem = None if found else f"no contract {request.contract_id}, and nothing was posted to it"
            return Answer(id=request.id, result=found, problem=problem)
        case AddCustomers() if _sets_limits(request) and not actor.may(Act.SET_LIMITS):
            problem = (
                f"{actor.staff_id} is a {actor.role}: contracts that are paid later, limits and replacing all need"
            )
            return Answer(id=request.id, problem=f"{problem} somebody who may set limits")
        case AddCustomers() | ChangeContract() | BlockContract():
            return await _change(inbox, request.id, event_of(request, actor.staff_id))
        case _:
            assert_never(request)


def event_of(change: CustomerChange, by: str) -> SiteEvent:
    """What a change is to the decisions."""
    match change:
        case AddCustomers():
            return CustomersImported(
                by=by,
                customers=change.customers,
                contracts=change.contracts,
                tokens=change.tokens,
                replaces_all=change.replaces_all,
            )
        case ChangeContract(contract_id=contract_id, credit_limit=credit_limit, offline_limit=offline_limit):
            return ContractAltered(
                by=by, contract_id=contract_id, credit_limit=credit_limit, offline_limit=offline_limit
            )
        case BlockContract(contract_id=contract_id, is_blocked=is_blocked):
            return ContractAltered(by=by, contract_id=contract_id, is_blocked=is_blocked)
        case _:
            assert_never(change)


def _sets_limits(request: AddCustomers) -> bool:
    return request.replaces_all or any(
        each.billing is Billing.POSTPAID or each.offline_limit is not None for each in request.contracts
    )


async def _change(inbox: Inbox, request_id: str, event: SiteEvent) -> Answer:
    try:
        reply = await inbox.ask(event)
    except Overloaded:
        return Answer(id=request_id, problem="the agent is too busy and has changed nothing; try again")
    match reply:
        case Done(text=text):
            return Answer(id=request_id, result=text)
        case Refused(reason=reason):
            return Answer(id=request_id, problem=reason)
        case _:
            raise TypeError(f"{type(reply).__name__} is no answer to a change of customers")
