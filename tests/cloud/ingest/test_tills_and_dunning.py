"""What was moved in tills, what came of providers' lists, steps of dunning and changes of staff, from the journal."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from cloud.store.engine import Store
from cloud.store.keys import Scope
from protocols.sync.customers import DunningStepTaken
from protocols.sync.payments import Difference, Mismatch, ProviderReconciled, TillChanged, TillMoved
from protocols.sync.staff import StaffChange, StaffChanged
from tests.cloud.ingest.test_money import OTHER, TILL, told
from tests.cloud.rest_kit import OWN, as_key, client_over, items
from tests.cloud.samples import EPOCH, NEXT_EPOCH, minute

OUT = TillMoved(session_id="t-1", request_key="m-1", amount=Decimal("-50.00"), reason="to the safe", by="anna")
BACK = replace(OUT, request_key="m-2", amount=Decimal("0.50"), reason="found")
LIST = ProviderReconciled(
    provider="terminal",
    day=date(2026, 3, 2),
    matched=41,
    taken=Decimal("812.40"),
    differences=(
        Difference(mismatch=Mismatch.AMOUNT_DIFFERS, payment_id="p-1", ours=Decimal("20.00"), theirs=Decimal("2.00")),
        Difference(
            mismatch=Mismatch.MISSING_HERE, payment_id="p-2", ours=None, theirs=Decimal("5.00"), is_settled=True
        ),
    ),
    by="agent",
)
STEP = DunningStepTaken(
    contract_id="C-2",
    step=1,
    action="remind",
    blocks=False,
    overdue=Decimal("81.20"),
    currency="EUR",
    due_on="2026-02-14",
)


async def test_a_till_session_is_shown_with_what_was_moved(store: Store) -> None:
    for epoch in (EPOCH, NEXT_EPOCH, EPOCH):  # told again, and once more after a restore
        assert (await told(store, TillChanged(session=TILL), OUT, BACK, epoch=epoch)).dead == 0
    await told(store, replace(OUT, reason="another site's"), edge=OTHER)
    closed = replace(
        TILL,
        closed_at=minute(9),
        counted=Decimal("49.00"),
        expected=Decimal("50.50"),
        difference=Decimal("-1.50"),
        closed_by="anna",
    )
    await told(store, TillChanged(session=closed), first=4)
    async with client_over(store) as client:
        client.headers.update(await as_key(store, OWN, Scope.READ))
        till = (await client.get("/v1/till-sessions/t-1")).json()
        assert (till["opening"], till["expected"], till["difference"]) == ("100.00", "50.50", "-1.50")
        assert [(each["amount"], each["reason"], each["by"]) for each in till["movements"]] == [
            ("-50.00", "to the safe", "anna"),
            ("0.50", "found", "anna"),
        ]
        assert (await client.get("/v1/till-sessions/t-9")).json()["code"] == "not_found"


async def test_the_last_word_about_a_day_stands(store: Store) -> None:
    await told(store, LIST, replace(LIST, day=date(2026, 3, 1), differences=()))
    async with client_over(store) as client:
        client.headers.update(await as_key(store, OWN, Scope.READ))
        (open_one,) = await items(client, "/v1/reconciliations?is_settled=false")
        assert open_one["day"] == "2026-03-02"
        assert open_one["differences"] == [
            {"mismatch": "amount_differs", "payment_id": "p-1", "ours": "20.00", "theirs": "2.00", "is_settled": False},
            {"mismatch": "missing_here", "payment_id": "p-2", "ours": None, "theirs": "5.00", "is_settled": True},
        ]
        await told(store, replace(LIST, differences=(), matched=42, by="ben"), first=3)
        assert await items(client, "/v1/reconciliations?is_settled=false") == []
        days = await items(client, "/v1/reconciliations?edge_id=edge-1&provider=terminal")
        assert [(each["day"], each["matched"], each["by"]) for each in days] == [
            ("2026-03-02", 42, "ben"),
            ("2026-03-01", 41, "agent"),
        ]
        assert len(await items(client, "/v1/reconciliations?day_to=2026-03-02")) == 1
        assert len(await items(client, "/v1/reconciliations?day_from=2026-03-02")) == 1


async def test_each_step_of_dunning_is_kept(store: Store) -> None:
    paid = replace(STEP, step=0, action="none", overdue=Decimal("0.00"), due_on=None)
    for _ in range(2):
        await told(store, STEP, replace(STEP, step=2, action="block", blocks=True), paid)
    await told(store, replace(STEP, contract_id="C-3"), edge=OTHER)
    async with client_over(store) as client:
        client.headers.update(await as_key(store, OWN, Scope.READ))
        steps = await items(client, "/v1/dunning-steps?contract_id=C-2")
        assert [(each["step"], each["blocks"], each["overdue"], each["due_on"]) for each in steps] == [
            (0, False, "0.00", None),
            (2, True, "81.20", "2026-02-14"),
            (1, False, "81.20", "2026-02-14"),
        ]
        assert [each["step"] for each in await items(client, "/v1/dunning-steps?blocks=true")] == [2]
        assert [each["contract_id"] for each in await items(client, "/v1/dunning-steps?edge_id=edge-2")] == ["C-3"]


async def test_who_could_do_what_and_when(store: Store) -> None:
    added = StaffChange(staff_id="anna", name="Anna", role="cashier", was_role=None)
    ben = replace(added, staff_id="ben", name="Ben", role="supervisor")
    raised = replace(added, role="supervisor", was_role="cashier", is_pin_new=True)
    gone = replace(added, role=None, was_role="supervisor")
    for _ in range(2):
        await told(store, StaffChanged(changes=(added, ben)), StaffChanged(changes=(raised,)))
    await told(store, StaffChanged(changes=(gone,)), first=3)
    async with client_over(store) as client:
        client.headers.update(await as_key(store, OWN, Scope.READ))
        assert len(await items(client, "/v1/staff-changes")) == 4
        changes = await items(client, "/v1/staff-changes?staff_id=anna")
        assert [(each["was_role"], each["role"], each["is_pin_new"]) for each in changes] == [
            ("supervisor", None, False),
            ("cashier", "supervisor", True),
            (None, "cashier", False),
        ]
