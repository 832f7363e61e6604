"""What the staff asks of payments and tills, and who answers it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, assert_never

from pydantic import TypeAdapter

from edge.domain.events import Refused, SiteEvent
from edge.domain.payment_events import (
    CashMoved,
    DebtWrittenOff,
    PaymentKept,
    PaymentRequested,
    PaymentSettled,
    RefundRequested,
    TillCounted,
    TillKept,
    TillOpened,
    VoidRequested,
    WriteOffAsked,
)
from edge.domain.till_report import TillReport
from edge.ports import Inbox, Overloaded, PaymentRecords, Providers
from protocols.errors import BadText
from protocols.site.payment_requests import (
    CloseTill,
    GetPayments,
    GetReconciliations,
    GetTills,
    MoveCash,
    OpenTill,
    PaymentRequest,
    ReconcilePayments,
    RefundPayment,
    SettlePayment,
    TakePayment,
    VoidPayment,
    WriteOffDebt,
)
from protocols.site.staff import Actor
from protocols.site.view import Answer
from protocols.sync.payments import Payment, PaymentMethod, ProviderReconciled, TillSession

_SHOWN: Final[MappingProxyType[type, TypeAdapter[Any]]] = MappingProxyType(
    {kind: TypeAdapter(kind) for kind in (Payment, TillSession, TillReport, ProviderReconciled, DebtWrittenOff)}
)


@dataclass(slots=True)
class PaymentDesk:
    """Answers requests about payments. Without `providers` cash alone is taken."""

    inbox: Inbox
    records: PaymentRecords
    providers: Providers | None = None

    async def answer(self, request: PaymentRequest, actor: Actor) -> Answer:
        match request:
            case TakePayment(method=method, provider=provider):
                is_cash = method is PaymentMethod.CASH
                if not is_cash and self.providers and (problem := self.providers.unavailable(method, provider)):
                    return Answer(id=request.id, problem=problem)
                return await self._ask(request.id, _event(request, actor.staff_id))
            case (
                RefundPayment()
                | VoidPayment()
                | SettlePayment()
                | OpenTill()
                | MoveCash()
                | CloseTill()
                | WriteOffDebt()
            ):
                return await self._ask(request.id, _event(request, actor.staff_id))
            case GetPayments() | GetTills() | GetReconciliations():
                return await self._read(request)
            case ReconcilePayments():
                return await self._reconcile(request, actor)
            case _:
                assert_never(request)

    async def _ask(self, request_id: str, event: SiteEvent) -> Answer:
        try:
            reply = await self.inbox.ask(event)
        except Overloaded:
            return Answer(id=request_id, problem="the agent is too busy and has changed nothing; try again")
        match reply:
            case PaymentKept(payment=payment):
                return Answer(id=request_id, result=as_json(payment))
            case DebtWrittenOff():
                return Answer(id=request_id, result=as_json(reply))
            case TillKept(session=session):
                return Answer(id=request_id, result=as_json(session))
            case Refused(reason=reason):
                return Answer(id=request_id, problem=reason)
            case _:
                raise TypeError(f"{type(reply).__name__} is no answer about a payment")

    async def _read(self, request: GetPayments | GetTills | GetReconciliations) -> Answer:
        found: list[Any]
        match request:
            case GetPayments(payment_id=str() as payment_id):
                payment = await self.records.payment(payment_id)
                problem = None if payment else f"there is no payment {payment_id}: see `ohmstead-edge payments`"
                return Answer(id=request.id, result=as_json(payment) if payment else None, problem=problem)
            case GetPayments():
                found = await self.records.payments(
                    contract_id=request.contract_id, cdr_id=request.cdr_id, limit=request.limit
                )
            case GetTills(session_id=str() as session_id):
                report = await self.records.till(session_id)
                problem = None if report else f"there is no till session {session_id}: see `ohmstead-edge till list`"
                return Answer(id=request.id, result=as_json(report) if report else None, problem=problem)
            case GetTills():
                found = await self.records.tills(request.limit)
            case GetReconciliations():
                found = await self.records.reconciliations(request.limit)
        return Answer(id=request.id, result=[as_json(each) for each in found])

    async def _reconcile(self, request: ReconcilePayments, actor: Actor) -> Answer:
        if self.providers is None:
            return Answer(id=request.id, problem="no provider is configured: see [payments] in the settings")
        try:
            found = await self.providers.reconcile(request.provider, request.day, actor.staff_id)
        except BadText as error:
            return Answer(id=request.id, problem=str(error))
        return Answer(id=request.id, result=as_json(found))


def _event(
    request: TakePayment | RefundPayment | VoidPayment | SettlePayment | OpenTill | MoveCash | CloseTill | WriteOffDebt,
    by: str,
) -> SiteEvent:
    match request:
        case TakePayment():
            return PaymentRequested(
                request_key=request.request_key,
                method=request.method,
                amount=request.amount,
                by=by,
                contract_id=request.contract_id,
                cdr_id=request.cdr_id,
                given=request.given,
                currency=request.currency,
                provider=request.provider,
            )
        case RefundPayment():
            return RefundRequested(
                request_key=request.request_key,
                payment_id=request.payment_id,
                by=by,
                reason=request.reason,
                amount=request.amount,
                till_id=request.till_id,
            )
        case VoidPayment(payment_id=payment_id, reason=reason):
            return VoidRequested(payment_id=payment_id, by=by, reason=reason)
        case SettlePayment(payment_id=payment_id, amount=amount, reason=reason):
            return PaymentSettled(payment_id=payment_id, amount=amount, by=by, reason=reason)
        case OpenTill(request_key=key, till_id=till_id, opening=opening):
            return TillOpened(request_key=key, till_id=till_id, opening=opening, by=by)
        case MoveCash(request_key=key, amount=amount, reason=reason, till_id=drawer):
            return CashMoved(request_key=key, amount=amount, reason=reason, by=by, till_id=drawer)
        case WriteOffDebt():
            return WriteOffAsked(
                request_key=request.request_key,
                contract_id=request.contract_id,
                by=by,
                reason=request.reason,
                amount=request.amount,
                second_by=request.second_by,
            )
        case CloseTill(request_key=key, counted=counted, till_id=drawer):
            return TillCounted(request_key=key, counted=counted, by=by, till_id=drawer)
        case _:
            assert_never(request)


def as_json(value: Payment | TillSession | TillReport | ProviderReconciled | DebtWrittenOff) -> Any:
    """As it is answered."""
    return _SHOWN[type(value)].dump_python(value, mode="json")
