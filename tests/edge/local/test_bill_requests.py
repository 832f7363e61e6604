"""Bills and the decisions upon them at the local socket: who may, and who is the second person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.domain.correction_events import BillDecisionAsked, BillSettled
from edge.domain.events import Refused, SiteEvent, SiteReply
from edge.local import bill_requests
from edge.local.doorkeeper import Doorkeeper
from edge.local.permits import refusal
from edge.local.staff_file import StaffMember, hash_pin, write_staff
from edge.ports import Overloaded
from protocols.site.bill_requests import BillRequest, DecideBill, GetBill, GetBills
from protocols.site.payment_requests import WriteOffDebt
from protocols.site.staff import OPERATOR, Actor, Role
from protocols.site.view import Answer
from protocols.sync.corrections import BillDecided
from protocols.terms import BillDecision
from tests.edge.local.parts import FakeInbox, FakeReports

CASHIER = Actor("carl", Role.CASHIER)
DECIDE = DecideBill(id="1", cdr_id="c-1", decision=BillDecision.ACCEPTED, reason="seen", request_key="k")


class Inbox(FakeInbox):
    """Settles all decisions but those upon c-9."""

    async def ask(self, event: SiteEvent) -> SiteReply:
        assert isinstance(event, BillDecisionAsked)
        if self.is_overloaded:
            raise Overloaded
        if event.cdr_id == "c-9":
            return Refused(reason="there is no bill c-9")
        decided = BillDecided(
            cdr_id=event.cdr_id, session_id="s", decision=event.decision, reason=event.reason, by=event.by
        )
        return BillSettled(decided=decided)


class Reports(FakeReports):
    async def bills(self, *, is_waiting: bool, limit: int) -> list[dict[str, Any]]:
        return [{"is_waiting": is_waiting, "limit": limit}]

    async def bill(self, cdr_id: str) -> list[dict[str, Any]]:
        return [{"id": cdr_id}] if cdr_id == "c-1" else []


async def asked(request: BillRequest, actor: Actor = OPERATOR, inbox: Inbox | None = None) -> Answer:
    return await bill_requests.answer(inbox or Inbox(), Reports(), actor, request)  # type: ignore[arg-type]


async def test_bills_are_read_and_decided_upon() -> None:
    assert (await asked(GetBills(id="1", is_waiting=True))).result == [{"is_waiting": True, "limit": 100}]
    assert (await asked(GetBill(id="2", cdr_id="c-1"))).result == [{"id": "c-1"}]
    assert (await asked(GetBill(id="3", cdr_id="c-2"))).problem == "there is no bill c-2"
    settled = await asked(DECIDE)
    assert (settled.result["decided"]["by"], settled.result["decided"]["decision"]) == ("operator", "accepted")
    unknown = DecideBill(id="4", cdr_id="c-9", decision=BillDecision.CREDITED, reason="r")
    assert (await asked(unknown)).problem == "there is no bill c-9"


async def test_who_may_not_does_not_and_a_busy_agent_says_so() -> None:
    assert (await asked(GetBills(id="1"), CASHIER)).problem is None
    assert (await asked(DECIDE, CASHIER)).problem == "carl is a cashier and may not do that"
    busy = await asked(DECIDE, inbox=Inbox(is_overloaded=True))
    assert "changed nothing" in str(busy.problem)


@pytest.mark.parametrize(
    ("second", "pin", "problem"),
    [
        ("ben", "9174", None),
        ("ben", "9175", "the second person: no such staff id, or a wrong PIN"),
        ("carl", "5832", "carl is a cashier"),
        (None, "", None),
    ],
)
async def test_the_second_person_says_so_with_its_own_pin(
    tmp_path: Path, second: str | None, pin: str, problem: str | None
) -> None:
    path = tmp_path / "staff.toml"
    people = (("carl", Role.CASHIER, "5832"), ("ben", Role.SUPERVISOR, "9174"))
    write_staff(path, [StaffMember(staff_id=i, name=i, role=r, pin_hash=hash_pin(p)) for i, r, p in people])
    request = DecideBill(
        id="1", cdr_id="c", decision=BillDecision.ACCEPTED, reason="r", second_by=second, second_pin=pin
    )
    found = await Doorkeeper(path, FakeInbox()).second_refusal(request)
    assert (found is None) == (problem is None)
    assert str(problem or "") in str(found or "")
    assert pin not in repr(request) or not pin


async def test_a_site_without_staff_asks_for_no_pin() -> None:
    request = DecideBill(id="1", cdr_id="c", decision=BillDecision.ACCEPTED, reason="r", second_by="somebody")
    assert await Doorkeeper(Path("/nonexistent/staff.toml"), FakeInbox()).second_refusal(request) is None


async def test_a_debt_is_written_off_by_who_may_and_a_second_person_with_its_own_pin(tmp_path: Path) -> None:
    path = tmp_path / "staff.toml"
    ben = StaffMember(staff_id="ben", name="Ben", role=Role.SUPERVISOR, pin_hash=hash_pin("9174"))
    write_staff(path, [ben])
    request = WriteOffDebt(id="1", request_key="k", contract_id="C", reason="r", second_by="ben", second_pin="9175")
    assert refusal(request, CASHIER) == "carl is a cashier and may not decide bills: ask somebody who may"
    assert refusal(request, Actor("ben", Role.SUPERVISOR)) is None
    assert "or a wrong PIN" in str(await Doorkeeper(path, FakeInbox()).second_refusal(request))
    assert "9175" not in repr(request)
