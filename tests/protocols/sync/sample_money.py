"""One body of every kind of the money stream."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from protocols.sync import comparing, payments, receipts, up
from protocols.sync.corrections import BillDecided
from protocols.sync.proof import ChainSealed
from protocols.terms import (
    BillDecision,
)
from tests.protocols.sync.sample_things import CDR, T0, T1

MONEY_BODIES = (
    up.TransactionStarted(
        transaction_id="tx-1",
        charger_transaction_id="17",
        station_id="CS-1",
        evse_id=1,
        connector_id=1,
        token_uid="04A1B2C3",
        contract_id="DE-OHM-C1",
        meter_start_wh=1000,
        started_at=T0,
        tariff_id="standard",
        currency="EUR",
    ),
    up.TransactionEnded(
        transaction_id="tx-1",
        station_id="CS-1",
        evse_id=1,
        meter_stop_wh=11_101,
        ended_at=T1,
        reason="EVDisconnected",
    ),
    up.CdrIssued(cdr=CDR),
    up.CdrQuarantined(cdr=CDR),
    up.PostingMade(
        posting_id="p-1",
        key="cdr:cdr-1",
        cdr_id="cdr-1",
        currency="EUR",
        legs=(
            up.PostingLeg(account="customer:DE-OHM-C1", amount=Decimal("5.41")),
            up.PostingLeg(account="revenue", amount=Decimal("-4.55")),
            up.PostingLeg(account="vat", amount=Decimal("-0.86")),
        ),
    ),
    ChainSealed(through_seq=17, count=9, hash="ab" * 32, since_seq=4, since_count=3, since_hash="cd" * 32),
    up.TransactionHandedOver(transaction_id="tx-1", station_id="CS-1", evse_id=1, to_edge_id="edge-2", moves=1),
    up.TransactionTakenOver(
        transaction_id="tx-1",
        charger_transaction_id="17",
        station_id="CS-1",
        evse_id=1,
        connector_id=1,
        start_key="1.1|2026-03-02T06:00:00+00:00|1000|04A1B2C3",
        token_uid="04A1B2C3",
        contract_id="DE-OHM-C1",
        meter_start_wh=1000,
        started_at=T0,
        tariff_id="standard",
        currency="EUR",
        moves=1,
    ),
    up.TransactionMerged(transaction_id="tx-1", into_transaction_id="tx-2", station_id="CS-1", evse_id=1),
    receipts.ReceiptIssued(
        number="R-edge-1-000007", count=7, of=receipts.ReceiptKind.CDR, ref="cdr-1", issued_at=T1, by="anna"
    ),
    receipts.StatementMade(
        number="S-edge-1-000002",
        count=2,
        contract_id="DE-OHM-C1",
        period="2026-02",
        since=T0,
        until=T1,
        currency="EUR",
        opening=Decimal("1.00"),
        billed=Decimal("5.41"),
        paid=Decimal("-3.00"),
        credited=Decimal("0.00"),
        other=Decimal("0.00"),
        closing=Decimal("3.41"),
        through_seq=9,
        issued_at=T1,
        due_on=date(2026, 3, 16),
    ),
    payments.PaymentChanged(
        payment=payments.Payment(
            payment_id="edge-1-0f6f1f6e-9",
            request_key="till-1/42",
            method=payments.PaymentMethod.CASH,
            amount=Decimal("5.41"),
            currency="EUR",
            contract_id="DE-OHM-C1",
            state=payments.PaymentState.TAKEN,
            at=T1,
            by="anna",
            cdr_id="cdr-1",
            till_session_id="edge-1-0f6f1f6e-8",
            given=Decimal("10.00"),
            change=Decimal("4.59"),
        )
    ),
    payments.TillChanged(
        session=payments.TillSession(
            session_id="edge-1-0f6f1f6e-8",
            till_id="kiosk",
            staff_id="anna",
            currency="EUR",
            request_key="open-1",
            opened_at=T0,
            opening=Decimal("100.00"),
            expected=Decimal("105.41"),
            closed_at=T1,
            counted=Decimal("105.40"),
            difference=Decimal("-0.01"),
            close_key="close-1",
            closed_by="anna",
        )
    ),
    payments.TillMoved(
        session_id="edge-1-0f6f1f6e-8", request_key="move-1", amount=Decimal("-50.00"), reason="to the safe", by="anna"
    ),
    payments.ProviderReconciled(
        provider="terminal",
        day=date(2026, 3, 2),
        matched=3,
        taken=Decimal("61.20"),
        differences=(
            payments.Difference(
                mismatch=payments.Mismatch.MISSING_HERE,
                payment_id="edge-1-0f6f1f6e-11",
                ours=Decimal("20.00"),
                theirs=Decimal("20.00"),
                is_settled=True,
            ),
        ),
        by="agent",
    ),
    BillDecided(
        cdr_id="cdr-1",
        session_id="tx-1",
        decision=BillDecision.CORRECTED,
        reason="the meter was wrong",
        by="anna",
        second_by="bert",
        credit_cdr_id="cdr-2",
        new_cdr_id="cdr-3",
        request_key="k-1",
    ),
    comparing.OpenTransactionsTold(
        count=2, digest=comparing.digest_of(("tx-1", "tx-2")), transaction_ids=("tx-1", "tx-2")
    ),
)
