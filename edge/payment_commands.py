"""`ohmstead-edge pay`, `topup`, `refund`, `void`, `settle`, `payments` and `reconcile`: money that customers pay.

They ask the running agent. What is asked twice with the same --key moves money once.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, assert_never
from uuid import uuid4

import typer
from rich.table import Table

from edge.config import EdgeConfig
from edge.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    StaffOption,
    ask,
    ask_or_read,
    console,
    fail,
    load_settings,
    plain,
)
from edge.places import ledger_path
from protocols.site.payment_requests import (
    MAX_ROWS,
    GetPayments,
    GetReconciliations,
    GetTills,
    PaymentQuestion,
    PaymentRequest,
    ReconcilePayments,
    RefundPayment,
    SettlePayment,
    TakePayment,
    VoidPayment,
)
from protocols.sync.payments import PaymentMethod

Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="In the site's currency, such as 20 or 20.00.")]
PaymentId = Annotated[str, typer.Argument(metavar="PAYMENT", help="As `ohmstead-edge payments` shows it.")]
MethodOption = Annotated[PaymentMethod, typer.Option("--method", "-m", help="How it is paid.")]
GivenOption = Annotated[str | None, typer.Option("--given", help="The cash that was handed over; change is reckoned.")]
ProviderOption = Annotated[str | None, typer.Option("--provider", help="Who takes it, where several could.")]
KeyOption = Annotated[str | None, typer.Option("--key", help="The request's own key; asked twice, it moves once.")]
WaitOption = Annotated[float, typer.Option("--wait", min=0, max=600, help="Seconds to wait for the provider's word.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it stands in the books.")]
_LOOK_EVERY_S: Final = 0.5
_OPEN: Final = ("pending",)


def amount_of(text: str) -> Decimal:
    """A sum of money as people write it; ends the program with a clear word for anything else."""
    try:
        amount = Decimal(text)
        exact = amount.quantize(Decimal("0.01"))
    except InvalidOperation:
        fail(f"{text!r} is no sum of money; write it like 20 or 20.00", code=2)
    if not amount.is_finite() or amount != exact:
        fail(f"{text!r} is no sum of money; it has 2 decimals at most, like 20.50", code=2)
    return exact


def pay(
    amount: Amount,
    contract: Annotated[str | None, typer.Option("--contract", help="Pay to this contract's account.")] = None,
    bill: Annotated[str | None, typer.Option("--bill", help="Pay this bill, wholly or in part.")] = None,
    method: MethodOption = PaymentMethod.CASH,
    given: GivenOption = None,
    provider: ProviderOption = None,
    key: KeyOption = None,
    wait_s: WaitOption = 90,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take a payment of a bill, or to a contract's account. Cash goes into the till that is open.

    Exit status 1 when it was not taken; 3 when its provider had not said so in time: `payments` tells the outcome.
    """
    if (contract is None) == (bill is None):
        fail("say either --contract or --bill", code=2)
    request = TakePayment(
        id="1",
        request_key=key or str(uuid4()),
        method=method,
        amount=_positive(amount),
        contract_id=contract,
        cdr_id=bill,
        given=amount_of(given) if given is not None else None,
        provider=provider,
    )
    _take(load_settings(config), request, wait_s, as_json)


def topup(
    contract: Annotated[str, typer.Argument(help="The contract whose wallet is topped up.")],
    amount: Amount,
    method: MethodOption = PaymentMethod.CASH,
    given: GivenOption = None,
    provider: ProviderOption = None,
    key: KeyOption = None,
    wait_s: WaitOption = 90,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Top up a contract's wallet: what is paid before it is charged."""
    pay(amount, contract, None, method, given, provider, key, wait_s, as_json, staff, config)


def refund(
    payment: PaymentId,
    reason: ReasonOption,
    amount: Annotated[str | None, typer.Option("--amount", help="A part of it; all that is left without it.")] = None,
    till: Annotated[str | None, typer.Option("--till", help="The drawer that cash comes out of.")] = None,
    key: KeyOption = None,
    wait_s: WaitOption = 90,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give a payment back the way it came, wholly or in part, and never more than was paid."""
    request = RefundPayment(
        id="1",
        request_key=key or str(uuid4()),
        payment_id=payment,
        reason=_reason(reason),
        amount=_positive(amount) if amount is not None else None,
        till_id=till,
    )
    _take(load_settings(config), request, wait_s, as_json)


def void(
    payment: PaymentId,
    reason: ReasonOption,
    wait_s: WaitOption = 30,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Undo a cash payment while its till is open, or give up one that its provider has not taken."""
    _take(load_settings(config), VoidPayment(id="1", payment_id=payment, reason=_reason(reason)), wait_s, as_json)


def settle(
    payment: PaymentId,
    amount: Amount,
    reason: ReasonOption,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say what a provider really took of a payment whose end nobody knows, or whose sum was another; 0: nothing."""
    request = SettlePayment(id="1", payment_id=payment, amount=amount_of(amount), reason=_reason(reason))
    _take(load_settings(config), request, 0, as_json)


def payments(
    payment: Annotated[str | None, typer.Argument(metavar="[PAYMENT]", help="This one alone, as JSON.")] = None,
    contract: Annotated[str | None, typer.Option("--contract", help="Of this contract.")] = None,
    bill: Annotated[str | None, typer.Option("--bill", help="Of this bill.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MAX_ROWS, help="So many of the newest.")] = 50,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List payments and refunds, the newest first."""
    request = GetPayments(id="1", payment_id=payment, contract_id=contract, cdr_id=bill, limit=limit)
    found = look(load_settings(config), request)
    if as_json or payment is not None:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("payment", "at (UTC)", "method", "amount", "state", "contract", "bill", "by", "")
    for row in found:
        amount = f"-{row['amount']}" if row["reverses"] else row["amount"]
        note = f"of {row['reverses']}" if row["reverses"] else f"{row['refunded']} went back" if _went_back(row) else ""
        table.add_row(
            *(row["payment_id"], row["at"][:16].replace("T", " "), row["provider"] or row["method"]),
            *(f"{amount} {row['currency']}", row["state"], plain(row["contract_id"]), row["cdr_id"] or "-"),
            *(plain(row["by"]), plain(f"{note} {row['text']}".strip())),
        )
    console().print(table)


def reconcile(
    provider: Annotated[str | None, typer.Argument(help="Whose list; without it the newest results are shown.")] = None,
    day: Annotated[datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="The day (UTC).")] = None,
    as_json: JsonOption = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Hold a day's payments against a provider's list; settles what the list settles, and shows what a person must.

    Exit status 1 when something is left for a person.
    """
    settings = load_settings(config)
    if provider is None:
        found = look(settings, GetReconciliations(id="1"))
    elif day is None:
        fail("say which day: --day 2026-03-02", code=2)
    else:
        found = [ask(settings, ReconcilePayments(id="1", provider=provider, day=day.date()), 120.0).result]
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _show_reconciled(found)
    if provider is not None and any(not each["is_settled"] for each in found[0]["differences"]):
        raise SystemExit(1)


def _show_reconciled(found: list[dict[str, Any]]) -> None:
    table = Table("day", "provider", "match", "taken", "what differs", "payment", "ours", "theirs", "")
    for day in found:
        head = (day["day"], day["provider"], str(day["matched"]), day["taken"])
        for each in day["differences"] or [None]:
            if each is None:
                table.add_row(*head, "nothing", "", "", "", "")
                continue
            settled = "settled" if each["is_settled"] else "FOR A PERSON: `ohmstead-edge settle`"
            what = each["mismatch"].replace("_", " ")
            sums = (each["ours"] or "-", each["theirs"] or "-")
            table.add_row(*head, what, plain(each["payment_id"]), *sums, settled)
    console().print(table)


def look(settings: EdgeConfig, request: PaymentQuestion) -> Any:
    """What the running agent knows, or what the ledger has where none runs."""
    return ask_or_read(settings, request, lambda: _read_alone(settings, request))


def _read_alone(settings: EdgeConfig, request: PaymentQuestion) -> Any:
    from edge.ledger import payment_reading as reading
    from edge.ledger.database import open_reader
    from edge.local.payment_requests import as_json

    connection = open_reader(ledger_path(settings))
    match request:
        case GetPayments(payment_id=str() as payment_id):
            found = reading.payment_in(connection, payment_id)
            return as_json(found) if found else fail(f"there is no payment {payment_id}")
        case GetPayments():
            rows = reading.payments_in(connection, request.contract_id, request.cdr_id, request.limit)
            return [as_json(each) for each in rows]
        case GetTills(session_id=str() as session_id):
            report = reading.till_in(connection, session_id)
            return as_json(report) if report else fail(f"there is no till session {session_id}")
        case GetTills():
            return [as_json(each) for each in reading.tills_in(connection, request.limit)]
        case GetReconciliations():
            return [as_json(each) for each in reading.reconciliations_in(connection, request.limit)]
        case _:
            assert_never(request)


def _take(settings: EdgeConfig, request: PaymentRequest, wait_s: float, as_json: bool) -> None:
    """Ask, wait for the provider's word where there is one to wait for, and say what came of it."""
    found: dict[str, Any] = ask(settings, request).result
    ends_s = time.monotonic() + wait_s
    while found["state"] in _OPEN and time.monotonic() < ends_s:
        time.sleep(_LOOK_EVERY_S)
        found = ask(settings, GetPayments(id="2", payment_id=found["payment_id"])).result
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else _sentence(found))
    if found["state"] == "failed" and not isinstance(request, SettlePayment | VoidPayment):
        raise SystemExit(1)
    if found["state"] in ("pending", "unknown"):
        raise SystemExit(3)


def _sentence(found: dict[str, Any]) -> str:
    what = "refund" if found["reverses"] else "payment"
    words = f"{what} {found['payment_id']}: {found['amount']} {found['currency']} {found['state']}"
    if found["change"] is not None and Decimal(found["change"]) > 0:
        words += f", change {found['change']}"
    return plain(f"{words}: {found['text']}" if found["text"] else words)


def _positive(text: str) -> Decimal:
    amount = amount_of(text)
    if amount <= 0:
        fail(f"{text!r} is no sum to pay: it must be more than 0", code=2)
    return amount


def _reason(text: str) -> str:
    if not text.strip():
        fail("say why: --reason", code=2)
    return text.strip()


def _went_back(row: dict[str, Any]) -> bool:
    return Decimal(row["refunded"]) > 0
