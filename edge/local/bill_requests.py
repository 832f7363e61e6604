"""What the staff asks about bills, and who answers it."""

from __future__ import annotations

from typing import Final, assert_never

from pydantic import TypeAdapter

from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.events import Refused
from edge.ports import Inbox, Overloaded, Reports
from protocols.site.bill_requests import BillRequest, DecideBill, GetBill, GetBills
from protocols.site.staff import Act, Actor
from protocols.site.view import Answer

_SETTLED: Final = TypeAdapter(BillSettled)


async def answer(inbox: Inbox, reports: Reports, actor: Actor, request: BillRequest) -> Answer:
    """By the rights of who asks."""
    needed = Act.DECIDE_BILLS if isinstance(request, DecideBill) else Act.SEE_MONEY
    if not actor.may(needed):
        return Answer(id=request.id, problem=f"{actor.staff_id} is a {actor.role} and may not do that")
    match request:
        case GetBills():
            found = await reports.bills(is_waiting=request.is_waiting, limit=request.limit)
            return Answer(id=request.id, result=found)
        case GetBill():
            documents = await reports.bill(request.cdr_id)
            problem = None if documents else f"there is no bill {request.cdr_id}"
            return Answer(id=request.id, result=documents, problem=problem)
        case DecideBill():
            return await _decide(inbox, actor, request)
        case _:
            assert_never(request)


async def _decide(inbox: Inbox, actor: Actor, request: DecideBill) -> Answer:
    event = BillDecisionAsked(
        cdr_id=request.cdr_id,
        decision=request.decision,
        reason=request.reason,
        by=actor.staff_id,
        second_by=request.second_by,
        energy_wh=request.energy_wh,
        ended_at=request.ended_at,
        tariff_id=request.tariff_id,
        request_key=request.request_key,
    )
    try:
        reply = await inbox.ask(event)
    except Overloaded:
        return Answer(id=request.id, problem="the agent is too busy and has changed nothing; try again")
    match reply:
        case BillSettled():
            return Answer(id=request.id, result=_SETTLED.dump_python(reply, mode="json"))
        case Refused(reason=reason):
            return Answer(id=request.id, problem=reason)
        case _:
            raise TypeError(f"{type(reply).__name__} is no answer to a decision upon a bill")
