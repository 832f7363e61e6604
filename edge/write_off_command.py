"""`ohmstead-edge contracts writeoff`: a person gives up what a contract owes."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import uuid4

import typer

from edge.console import DEFAULT_CONFIG, ConfigOption, StaffOption, ask, fail, load_settings, plain
from edge.correction_commands import second_pin
from edge.payment_commands import amount_of
from protocols.site.payment_requests import WriteOffDebt


def writeoff(
    contract: Annotated[str, typer.Argument(metavar="CONTRACT", help="See `ohmstead-edge contracts list`.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept for ever.")],
    amount: Annotated[str | None, typer.Option("--amount", help="A part of it; all that it owes without it.")] = None,
    second: Annotated[
        str | None, typer.Option("--second", help="The second person, where so much money needs one.")
    ] = None,
    request_key: Annotated[
        str | None, typer.Option("--request-key", help="The same key writes off once, however often it is sent.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    staff: StaffOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give up what a contract owes, wholly or in part, in the site's currency with taxes. Dunning ends with it."""
    if not reason.strip():
        fail("--reason: say why, it is kept for ever", code=2)
    wanted = amount_of(amount) if amount is not None else None
    if wanted is not None and wanted <= 0:
        fail(f"--amount {amount}: give a sum above 0.00", code=2)
    request = WriteOffDebt(
        id="1",
        request_key=request_key or uuid4().hex,
        contract_id=contract,
        reason=reason,
        amount=wanted,
        second_by=second,
        second_pin=second_pin() if second is not None else "",
    )
    result = ask(load_settings(config), request).result
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return
    told = f"{result['amount']} {result['currency']} of contract {plain(result['contract_id'])} are written off"
    print(f"{told}; it owes {result['left']} {result['currency']}")
