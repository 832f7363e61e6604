"""The report of a till session: X while it is open, Z when it is closed and counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from edge.domain.payment_states import MOVED, OPEN
from protocols.money import ZERO
from protocols.sync.payments import Payment, PaymentMethod, PaymentState, TillMoved, TillSession


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodTotals:
    """Of one way to pay. `taken` before what went back; `net` is what stayed. `open`: what providers have not told."""

    method: PaymentMethod
    payments: int
    taken: Decimal
    refunds: int
    refunded: Decimal
    voids: int
    voided: Decimal
    open: int
    net: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    at: datetime
    amount: Decimal
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillReport:
    """`kind` X or Z. `expected` is the opening, the cash that stayed, and what was put in less what was taken out."""

    kind: str
    session: TillSession
    methods: tuple[MethodTotals, ...]
    movements: tuple[Movement, ...]
    moved_in: Decimal
    moved_out: Decimal
    expected: Decimal
    counted: Decimal | None
    difference: Decimal | None


def till_report(
    session: TillSession, payments: Iterable[Payment], movements: Sequence[tuple[str, TillMoved]]
) -> TillReport:
    """Of the session's own payments and movements (with their times, ISO 8601): nothing in it is kept anywhere else."""
    known = list(payments)
    methods = tuple(_totals(method, [each for each in known if each.method is method]) for method in PaymentMethod)
    moved_in = sum((moved.amount for _, moved in movements if moved.amount > 0), ZERO)
    moved_out = -sum((moved.amount for _, moved in movements if moved.amount < 0), ZERO)
    cash = next(totals.net for totals in methods if totals.method is PaymentMethod.CASH)
    return TillReport(
        kind="X" if session.closed_at is None else "Z",
        session=session,
        methods=methods,
        movements=tuple(
            Movement(at=datetime.fromisoformat(at), amount=moved.amount, reason=moved.reason, by=moved.by)
            for at, moved in movements
        ),
        moved_in=moved_in,
        moved_out=moved_out,
        expected=session.opening + cash + moved_in - moved_out,
        counted=session.counted,
        difference=session.difference,
    )


def _totals(method: PaymentMethod, payments: Sequence[Payment]) -> MethodTotals:
    came = [each for each in payments if each.reverses is None]
    kept = [each for each in came if each.state in MOVED]
    voided = [each for each in came if each.state is PaymentState.VOIDED]
    back = [each for each in payments if each.reverses is not None and each.state in MOVED]
    taken, gone, undone = _sum(kept) + _sum(voided), _sum(back), _sum(voided)
    return MethodTotals(
        method=method,
        payments=len(kept) + len(voided),
        taken=taken,
        refunds=len(back),
        refunded=gone,
        voids=len(voided),
        voided=undone,
        open=sum(each.state in OPEN for each in payments),
        net=taken - undone - gone,
    )


def _sum(payments: Iterable[Payment]) -> Decimal:
    return sum((each.amount for each in payments), ZERO)
