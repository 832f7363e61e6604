"""What a client may ask, and who answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, assert_never
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from edge.domain.events import (
    AlarmDismissed,
    Done,
    Refused,
    RevocationOrdered,
    SiteEvent,
)
from edge.local import bill_requests, customer_requests, job_requests
from edge.local.changes import event_of
from edge.local.payment_requests import PaymentDesk
from edge.local.receipt_requests import ReceiptDesk
from edge.ports import (
    CallFailed,
    Chargers,
    Claims,
    Clock,
    Codes,
    Commands,
    Inbox,
    Overloaded,
    Passwords,
    Profiles,
    Reports,
    Window,
)
from protocols.charger.commands import AnyOperation
from protocols.charger.operations.transactions import StartTransaction
from protocols.errors import BadText
from protocols.site.bill_requests import DecideBill, GetBill, GetBills
from protocols.site.code_requests import StartByCode
from protocols.site.customer_requests import (
    AddCustomers,
    BlockContract,
    ChangeContract,
    CustomerRequest,
    GetBalance,
    GetCustomer,
)
from protocols.site.payment_requests import PaymentRequest
from protocols.site.receipt_requests import ReceiptRequest
from protocols.site.requests import (
    REQUEST,
    AcceptStation,
    AddFirmware,
    BeginJob,
    BlockToken,
    CallStation,
    ChangePassword,
    ClaimStations,
    DismissAlarm,
    ForgetSecurityProfile,
    GetDeviations,
    GetJobs,
    GetStations,
    GetStatus,
    GetSync,
    ImportTariffs,
    ImportTokens,
    OperateStation,
    ReadReport,
    ReadVariables,
    RemoveFirmware,
    Request,
    RevokeCertificate,
    StopJob,
    SumDays,
)
from protocols.site.staff import OPERATOR, Actor
from protocols.site.view import Answer
from protocols.sync.down import Command, Operate
from protocols.sync.up import Outcome

Asked = (
    GetStatus
    | GetStations
    | GetSync
    | SumDays
    | GetDeviations
    | CallStation
    | OperateStation
    | StartByCode
    | ImportTokens
    | BlockToken
    | ImportTariffs
    | AcceptStation
    | DismissAlarm
    | ChangePassword
    | ForgetSecurityProfile
    | RevokeCertificate
    | BeginJob
    | StopJob
    | GetJobs
    | AddFirmware
    | RemoveFirmware
    | ReadVariables
    | ReadReport
    | GetBills
    | GetBill
    | DecideBill
    | CustomerRequest
    | PaymentRequest
    | ReceiptRequest
    | ClaimStations
)
MAX_CALL_S: Final = 600.0
_ID: Final = TypeAdapter(dict[str, Any])


class Desk:
    """Answers requests one by one; several may run at once."""

    def __init__(
        self,
        window: Window,
        chargers: Chargers,
        inbox: Inbox,
        commands: Commands,
        clock: Clock,
        reports: Reports,
        claims: Claims | None = None,
        passwords: Passwords | None = None,
        profiles: Profiles | None = None,
        payments: PaymentDesk | None = None,
        receipts: ReceiptDesk | None = None,
        codes: Codes | None = None,
        sync: Callable[[], Awaitable[dict[str, Any]]] | None = None,
        standby: Callable[[], dict[str, Any]] | None = None,
        sums: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._window = window
        self._commands = commands
        self._clock = clock
        self._chargers = chargers
        self._inbox = inbox
        self._reports = reports
        self._claims = claims
        self._passwords = passwords
        self._profiles = profiles
        self._payments = payments
        self._receipts = receipts
        self._codes = codes
        self._sync = sync
        self._standby = standby
        self._sums = sums

    async def answer(self, request: Asked, actor: Actor = OPERATOR) -> Answer:
        """`actor` is who asks, and may: see edge.local.permits."""
        if isinstance(request, PaymentRequest):
            if self._payments is None:
                return Answer(id=request.id, problem="this agent takes no payments")
            return await self._payments.answer(request, actor)
        if isinstance(request, ReceiptRequest):
            if self._receipts is None:
                return Answer(id=request.id, problem="this agent gives no receipts")
            return await self._receipts.answer(request, actor)
        match request:
            case GetStatus():
                async with self._window.still():
                    peers = {"peers": self._claims.status()} if self._claims is not None else {}
                    standby = {"standby": self._standby()} if self._standby is not None else {}
                    return Answer(id=request.id, result=self._window.status() | peers | standby)
            case GetSync():
                if self._sync is None:
                    return Answer(id=request.id, problem="this agent has no hub: there is no [uplink] in its settings")
                return Answer(id=request.id, result=await self._sync())
            case SumDays():
                if self._sums is None:
                    return Answer(id=request.id, problem="this agent adds up no days")
                return Answer(id=request.id, result=await self._sums())
            case GetStations():
                async with self._window.still():
                    return Answer(id=request.id, result=self._window.stations())
            case GetDeviations():
                return Answer(id=request.id, result=await self._reports.deviations())
            case CallStation():
                return await self._call(request)
            case OperateStation():
                return await self._operate(request.id, request.station_id, request.operation, request.timeout_s)
            case StartByCode():
                return await self._start_by_code(request)
            case ImportTokens() | BlockToken() | ImportTariffs() | AcceptStation() | AddFirmware() | RemoveFirmware():
                return await self._ask(request.id, event_of(request, actor.staff_id))
            case DismissAlarm(id=id_, alarm_id=alarm_id):
                return await self._ask(id_, AlarmDismissed(alarm_id=alarm_id))
            case RevokeCertificate(id=id_, station_id=station_id, serial_number=serial_number):
                return await self._ask(id_, RevocationOrdered(station_id=station_id, serial_number=serial_number))
            case ChangePassword():
                return await self._change_password(request)
            case ForgetSecurityProfile():
                return await self._forget_profile(request)
            case BeginJob() | StopJob():
                return await job_requests.order_job(self._commands, self._clock, request)
            case GetJobs() | ReadVariables() | ReadReport():
                return await job_requests.read(self._reports, request)
            case GetBills() | GetBill() | DecideBill():
                return await bill_requests.answer(self._inbox, self._reports, actor, request)
            case AddCustomers() | ChangeContract() | BlockContract() | GetCustomer() | GetBalance():
                return await customer_requests.answer(self._inbox, self._reports, actor, request)
            case ClaimStations():
                return await self._claim(request)
            case _:
                assert_never(request)

    async def _call(self, request: CallStation) -> Answer:
        if not 0 < request.timeout_s <= MAX_CALL_S:
            return Answer(id=request.id, problem=f"timeout_s {request.timeout_s}; expected up to {MAX_CALL_S:.0f} s")
        try:
            result = await self._chargers.call(request.station_id, request.action, request.payload, request.timeout_s)
        except CallFailed as failed:
            facts = {"code": failed.code, "description": failed.description, "details": failed.details}
            return Answer(id=request.id, problem=str(failed), result=facts)
        return Answer(id=request.id, result=result)

    async def _start_by_code(self, request: StartByCode) -> Answer:
        if self._codes is None:
            problem = 'no payment page is configured: set qr_url = "https://…" under [payments]'
            return Answer(id=request.id, problem=problem)
        try:
            (station_id, evse_id), connector_id = self._codes.place(request.url)
        except BadText as error:
            return Answer(id=request.id, problem=str(error))
        start = StartTransaction(evse_id=evse_id, connector_id=connector_id, token_uid=request.token_uid)
        return await self._operate(request.id, station_id, start, request.timeout_s)

    async def _operate(self, request_id: str, station_id: str, operation: AnyOperation, timeout_s: float) -> Answer:
        if not 0 < timeout_s <= MAX_CALL_S:
            return Answer(id=request_id, problem=f"timeout_s {timeout_s}; expected up to {MAX_CALL_S:.0f} s")
        now = self._clock()
        command = Command(
            id=f"local-{uuid4()}",
            issued_at=now,
            expires_at=now + timedelta(seconds=timeout_s),
            body=Operate(station_id=station_id, operation=operation),
        )
        try:
            async with asyncio.timeout(timeout_s):
                finished = await self._commands.carry_out(command)
        except Overloaded:
            return Answer(id=request_id, problem="the agent is too busy and has changed nothing; try again")
        except TimeoutError:
            problem = f"no outcome within {timeout_s:g} s; command {command.id} goes on and is journaled"
            return Answer(id=request_id, problem=problem)
        facts = {"outcome": finished.outcome, "detail": finished.detail, "result": finished.result}
        is_done = finished.outcome is Outcome.ACCEPTED
        return Answer(
            id=request_id, result=facts, problem=None if is_done else f"{finished.outcome}: {finished.detail}"
        )

    async def _change_password(self, request: ChangePassword) -> Answer:
        if self._passwords is None:
            problem = "with [[peers]] another agent would not know the new password: change it in the settings of all"
            return Answer(id=request.id, problem=problem)
        try:
            return Answer(id=request.id, result=await self._passwords.change(request.station_id))
        except BadText as error:
            return Answer(id=request.id, problem=str(error))

    async def _forget_profile(self, request: ForgetSecurityProfile) -> Answer:
        if self._profiles is None:
            problem = "with [[peers]] no security profile is raised but in the settings: set security_profile there"
            return Answer(id=request.id, problem=problem)
        try:
            return Answer(id=request.id, result=await self._profiles.forget(request.station_id))
        except BadText as error:
            return Answer(id=request.id, problem=str(error))

    async def _claim(self, request: ClaimStations) -> Answer:
        if self._claims is None:
            return Answer(id=request.id, problem="this agent has no [[peers]]: name the others of its node there")
        try:
            return Answer(id=request.id, result=await self._claims.answer(request))
        except Overloaded:
            return Answer(id=request.id, problem="the agent is too busy and has handed over nothing; try again")

    async def _ask(self, request_id: str, event: SiteEvent) -> Answer:
        try:
            reply = await self._inbox.ask(event)
        except Overloaded:
            return Answer(id=request_id, problem="the agent is too busy and has changed nothing; try again")
        match reply:
            case Done(text=text):
                return Answer(id=request_id, result=text)
            case Refused(reason=reason):
                return Answer(id=request_id, problem=reason)
            case _:
                return Answer(id=request_id, problem=f"the agent answered {type(reply).__name__}, which is no answer")


def read_request(message: str | bytes) -> Request | Answer:
    """A request, or the answer that says what is wrong with it."""
    try:
        return REQUEST.validate_json(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the message"
        return Answer(id=_id_of(message), problem=f"not a request: {place}: {first['msg']}")


def _id_of(message: str | bytes) -> str:
    """The id that a malformed request still names, so that its asker learns of it; empty when it names none."""
    try:
        request_id = _ID.validate_json(message).get("id")
    except ValidationError:
        return ""
    return request_id if isinstance(request_id, str) else ""
