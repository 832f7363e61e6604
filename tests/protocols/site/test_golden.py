"""The local WebSocket's wire as it stands: a golden file per message (see tests/protocols/sync/test_golden.py)."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from protocols.charger.jobs import GetLogJob
from protocols.charger.operations.variables import Reset
from protocols.ocpi.customer import Billing, Contract, Customer, Vehicle
from protocols.ocpi.token import Token
from protocols.site import (
    bill_requests,
    code_requests,
    customer_requests,
    payment_requests,
    receipt_requests,
    requests,
    staff_requests,
    view,
)
from protocols.sync.payments import PaymentMethod
from protocols.terms import BillDecision, EvseState
from tests.protocols.sync.sample_things import FIRMWARE, TARIFF

FRAMES = Path(__file__).parents[2] / "frames" / "site"
NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
TOTALS = view.SiteTotals(
    at=NOW,
    power_w=11_000,
    is_uplink_online=False,
    uplink_since=NOW,
    backlog=7,
    open_alarms=1,
    allows_unknown_stations=False,
)
EVSE = view.EvseView(
    station_id="CS-1",
    evse_id=1,
    label="A1",
    state=EvseState.CHARGING,
    max_power_w=22_000,
    power_w=11_000,
    energy_wh=5050,
    duration_s=1800,
    cost=Decimal("2.27"),
    state_of_charge_percent=61,
)
SHOWN: tuple[view.Snapshot | view.Patch | view.Answer, ...] = (
    view.Snapshot(
        location_id="L1", name="市场", time_zone="Europe/Berlin", currency="EUR", totals=TOTALS, evses=(EVSE,)
    ),
    view.Patch(totals=TOTALS, evses=(EVSE,)),
    view.Answer(id="7", result={"currentTime": "2026-03-02T06:00:00Z"}),
)
ASKED: tuple[requests.Request, ...] = (
    requests.Watch(id="1"),
    requests.GetStatus(id="2"),
    requests.GetStations(id="3"),
    requests.GetDeviations(id="9"),
    requests.GetSync(id="9"),
    requests.SumDays(id="9"),
    requests.CallStation(id="4", station_id="CS-1", action="Reset", payload={"type": "Soft"}),
    requests.OperateStation(id="8", station_id="CS-1", operation=Reset(type="Immediate", evse_id=1)),
    code_requests.StartByCode(id="55", url="https://pay.example.com/q/edge-1/CS-1/1/2?s=AA", token_uid="04AA"),
    requests.ImportTokens(id="5", tokens=(Token(uid="04AA", contract_id="C1"),)),
    requests.BlockToken(id="6", uid="04AA"),
    requests.ImportTariffs(id="54", tariffs=(TARIFF,)),
    requests.AcceptStation(id="14", station_id="CS-1"),
    requests.DismissAlarm(id="11", alarm_id="security_event_TamperDetectionActivated:CS-1"),
    requests.ChangePassword(id="12", station_id="CS-1"),
    requests.ForgetSecurityProfile(id="15", station_id="CS-1"),
    requests.RevokeCertificate(id="13", station_id="CS-1", serial_number="0A1B2C"),
    requests.ClaimStations(
        id="7",
        by_edge_id="edge-2",
        stations=(
            requests.StationClaim(station_id="CS-1"),
            requests.StationClaim(
                station_id="CS-2",
                referrals=(requests.Referral(transaction_id="tx-1", moves=1, from_edge_id="edge-3"),),
            ),
        ),
    ),
    requests.BeginJob(id="20", job=GetLogJob(log_type="SecurityLog"), station_ids=("CS-1",), at_once=2),
    requests.StopJob(id="21", job_id="edge-1-0f6f1f6e-12"),
    requests.GetJobs(id="22", job_id="edge-1-0f6f1f6e-12"),
    requests.AddFirmware(id="23", file=FIRMWARE),
    requests.RemoveFirmware(id="24", file_id=FIRMWARE.file_id),
    requests.ReadVariables(id="25", station_id="CS-1"),
    requests.ReadReport(id="26", station_id="CS-1", report="monitors"),
    staff_requests.SignIn(id="27", staff_id="anna", pin="4711"),
    staff_requests.SignOut(id="28"),
    staff_requests.WhoAmI(id="29"),
    payment_requests.TakePayment(
        id="30",
        request_key="k-1",
        method=PaymentMethod.CASH,
        amount=Decimal("7.30"),
        cdr_id="edge-1-0f6f1f6e-7",
        given=Decimal("10.00"),
    ),
    payment_requests.RefundPayment(id="31", request_key="k-2", payment_id="edge-1-0f6f1f6e-9", reason="broken cable"),
    payment_requests.VoidPayment(id="32", payment_id="edge-1-0f6f1f6e-9", reason="mistyped"),
    payment_requests.SettlePayment(id="33", payment_id="edge-1-0f6f1f6e-9", amount=Decimal("0.00"), reason="not taken"),
    payment_requests.GetPayments(id="34", contract_id="DE-OHM-C1"),
    payment_requests.OpenTill(id="35", request_key="k-3", till_id="kiosk", opening=Decimal("100.00")),
    payment_requests.MoveCash(id="36", request_key="k-4", amount=Decimal("-50.00"), reason="to the safe"),
    payment_requests.CloseTill(id="37", request_key="k-5", counted=Decimal("57.30")),
    payment_requests.GetTills(id="38", session_id="edge-1-0f6f1f6e-8"),
    payment_requests.ReconcilePayments(id="39", provider="terminal", day=date(2026, 3, 2)),
    payment_requests.GetReconciliations(id="40"),
    payment_requests.WriteOffDebt(
        id="40a",
        request_key="k-6",
        contract_id="DE-OHM-C1",
        reason="insolvent",
        amount=Decimal("120.00"),
        second_by="ben",
        second_pin="9174",
    ),
    bill_requests.GetBills(id="41", is_waiting=True),
    bill_requests.GetBill(id="42", cdr_id="edge-1-0f6f1f6e-9"),
    bill_requests.DecideBill(
        id="43",
        cdr_id="edge-1-0f6f1f6e-9",
        decision=BillDecision.RERATED,
        reason="the meter was wrong",
        second_by="ben",
        second_pin="9174",
        energy_wh=5000,
        ended_at=NOW,
        tariff_id="standard",
        request_key="k-6",
    ),
    customer_requests.AddCustomers(
        id="44",
        customers=(Customer(id="c-1", name="王小明", language="zh", vehicles=(Vehicle(plate="沪A12345"),)),),
        contracts=(
            Contract(
                id="DE-OHM-C1",
                customer_id="c-1",
                billing=Billing.POSTPAID,
                currency="EUR",
                credit_limit=Decimal("200.00"),
            ),
        ),
        tokens=(Token(uid="04AA", contract_id="DE-OHM-C1"),),
    ),
    customer_requests.ChangeContract(id="45", contract_id="DE-OHM-C1", credit_limit=Decimal("50.00")),
    customer_requests.BlockContract(id="46", contract_id="DE-OHM-C1"),
    customer_requests.GetCustomer(id="47", customer_id="c-1"),
    customer_requests.GetBalance(id="48", contract_id="DE-OHM-C1", postings=20),
    receipt_requests.IssueReceipt(id="49", ref="edge-1-0f6f1f6e-9", language="zh"),
    receipt_requests.GetReceipts(id="50", limit=10),
    receipt_requests.MakeStatement(id="51", contract_id="DE-OHM-C1", period="2026-02"),
    receipt_requests.GetStatements(id="52", contract_id="DE-OHM-C1"),
    receipt_requests.Find(id="53", text="沪A123"),
)
CASES = [(view.SHOWN, message) for message in SHOWN] + [(requests.REQUEST, message) for message in ASKED]


@pytest.mark.parametrize(("adapter", "message"), CASES, ids=[message.kind for _, message in CASES])
def test_messages(adapter: TypeAdapter[Any], message: Any) -> None:
    path = FRAMES / f"{message.kind}.json"
    encoded = adapter.dump_json(message)
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(json.loads(encoded), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(encoded)
    assert adapter.validate_json(path.read_text(encoding="utf-8")) == message


def test_no_message_is_left_out() -> None:
    assert {type(message) for message in ASKED} == set(get_args(requests.Request))
    assert {type(message) for message in SHOWN} == set(get_args(get_args(view.Shown)[0]))


@given(st.binary() | st.text() | st.dictionaries(st.text(), st.text()).map(json.dumps))
def test_what_is_no_message_is_refused(text: str | bytes) -> None:
    for adapter in (requests.REQUEST, view.SHOWN):
        with pytest.raises(ValidationError):
            adapter.validate_json(text)


def test_a_screen_has_time_to_hear_a_patch_before_it_calls_itself_old() -> None:
    assert view.PATCH_WITHIN_S * 2 < view.STALE_AFTER_S
