"""`ohmstead-edge bills …`: what became of bills, and the decisions of people upon them."""

from __future__ import annotations

import getpass
import json
import os
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import uuid4

import typer
from rich.table import Table

from edge.console import DEFAULT_CONFIG, ConfigOption, ask, console, fail, ledger_errors, load_settings, plain
from edge.ledger.database import open_reader
from edge.places import ledger_path
from protocols.site.bill_requests import MAX_BILLS, DecideBill
from protocols.terms import BillDecision

if TYPE_CHECKING:  # reading bills takes several times as long to load as asking the agent
    from edge.ledger.bill_reading import BillDocument

bills_app = typer.Typer(help="Bills and the decisions upon them.", no_args_is_help=True)
CdrId = Annotated[str, typer.Argument(help="A bill's id: see `ohmstead-edge bills list`.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept for ever.")]
Second = Annotated[str | None, typer.Option("--second", help="The second person, where so much money needs one.")]
Key = Annotated[str | None, typer.Option("--request-key", help="The same key decides once, however often it is sent.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
Energy = Annotated[float | None, typer.Option("--energy-kwh", min=0, help="Bill this energy instead, in kWh.")]
Ended = Annotated[datetime | None, typer.Option("--ended-at", help="The session ended at this time instead (UTC).")]
TariffId = Annotated[str | None, typer.Option("--tariff", help="Price it by this tariff of the configuration instead.")]
FromReadings = Annotated[
    bool, typer.Option("--from-readings", help="Bill the energy between the first and the last reading of the meter.")
]
_TIME: Final = "%Y-%m-%d %H:%M:%S"


@bills_app.command("list")
def bills_list(
    quarantined: Annotated[bool, typer.Option("--quarantined", help="Only those that wait for a person.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MAX_BILLS, help="At most so many.")] = 100,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List the newest bills first; the agent may run or not."""
    from edge.ledger import bill_reading

    with ledger_errors():
        reading = open_reader(ledger_path(load_settings(config)))
        found = bill_reading.newest(reading, is_waiting=quarantined, limit=limit)
    if as_json:
        print(json.dumps([bill_reading.as_json(each) for each in found], indent=2, ensure_ascii=False))
        return
    table = Table("bill", "made (UTC)", "EVSE", "contract", "energy", "with VAT", "state", "")
    for each in found:
        cdr = each.cdr
        table.add_row(
            cdr.id,
            f"{each.at:%Y-%m-%d %H:%M}",
            plain(f"{cdr.station_id}*{cdr.evse_id}"),
            plain(cdr.contract_id),
            f"{cdr.total_energy_wh / 1000:.3f} kWh",
            f"{cdr.total_cost.incl_vat} {cdr.currency}",
            each.state.upper() if each.state == "quarantined" else each.state,
            plain("; ".join(cdr.quarantine)),
        )
    console().print(table)


@bills_app.command("show")
def bills_show(cdr_id: CdrId, as_json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show a bill and what became of it; the agent may run or not."""
    from edge.ledger import bill_reading

    documents = read_bill(config, cdr_id)
    if as_json:
        print(json.dumps([bill_reading.as_json(each) for each in documents], indent=2, ensure_ascii=False))
        return
    for each in documents:
        _show(each)


@bills_app.command("accept")
def bills_accept(
    cdr_id: CdrId,
    reason: Reason,
    second: Second = None,
    request_key: Key = None,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Issue a quarantined bill as it is."""
    _decide(config, as_json, cdr_id, BillDecision.ACCEPTED, reason, second, request_key)


@bills_app.command("writeoff")
def bills_writeoff(
    cdr_id: CdrId,
    reason: Reason,
    second: Second = None,
    request_key: Key = None,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let nobody pay for what a quarantined bill is about."""
    _decide(config, as_json, cdr_id, BillDecision.WRITTEN_OFF, reason, second, request_key)


@bills_app.command("rerate")
def bills_rerate(
    cdr_id: CdrId,
    reason: Reason,
    energy_kwh: Energy = None,
    ended_at: Ended = None,
    tariff: TariffId = None,
    from_readings: FromReadings = False,
    second: Second = None,
    request_key: Key = None,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Issue a quarantined bill with other energy, another end or another tariff; without any of these, priced anew."""
    energy_wh, reason = _energy(config, cdr_id, energy_kwh, reason, is_read=from_readings)
    changes = {"energy_wh": energy_wh, "ended_at": _utc(ended_at), "tariff_id": tariff}
    _decide(config, as_json, cdr_id, BillDecision.RERATED, reason, second, request_key, **changes)


@bills_app.command("credit")
def bills_credit(
    cdr_id: CdrId,
    reason: Reason,
    energy_kwh: Energy = None,
    ended_at: Ended = None,
    tariff: TariffId = None,
    from_readings: FromReadings = False,
    second: Second = None,
    request_key: Key = None,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take back an issued bill by a credit; with other energy, another end or another tariff issue a new one, too."""
    energy_wh, reason = _energy(config, cdr_id, energy_kwh, reason, is_read=from_readings)
    changes = {"energy_wh": energy_wh, "ended_at": _utc(ended_at), "tariff_id": tariff}
    is_corrected = any(value is not None for value in changes.values())
    decision = BillDecision.CORRECTED if is_corrected else BillDecision.CREDITED
    _decide(config, as_json, cdr_id, decision, reason, second, request_key, **changes)


def read_bill(config: Path, cdr_id: str) -> list[BillDocument]:
    """All bills of a bill's transaction; ends the program where there is no such bill."""
    from edge.ledger import bill_reading

    with ledger_errors():
        documents = bill_reading.documents_with(open_reader(ledger_path(load_settings(config))), cdr_id)
    return documents or fail(f"there is no bill {cdr_id}; see `ohmstead-edge bills list`")


def _decide(
    config: Path,
    as_json: bool,
    cdr_id: str,
    decision: BillDecision,
    reason: str,
    second: str | None,
    key: str | None,
    **changes: Any,
) -> None:
    request = DecideBill(
        id="1",
        cdr_id=cdr_id,
        decision=decision,
        reason=reason,
        second_by=second,
        second_pin=second_pin() if second is not None else "",
        request_key=key or uuid4().hex,
        **changes,
    )
    result = ask(load_settings(config), request).result
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return
    decided = result["decided"]
    print(f"bill {cdr_id} is {decided['decision'].replace('_', ' ')} by {plain(decided['by'])}")
    for name, field in (("credit", "credit_cdr_id"), ("bill", "new_cdr_id")):
        if decided[field] is not None:
            issued = result[name]
            total = f" over {issued['total_cost']['incl_vat']} {issued['currency']}" if issued else ""
            print(f"{name} {decided[field]} issued{total}")


def _energy(
    config: Path, cdr_id: str, energy_kwh: float | None, reason: str, *, is_read: bool
) -> tuple[int | None, str]:
    """The energy that was given or that the readings tell, and the reason with what it stands on."""
    if not is_read:
        return None if energy_kwh is None else int((Decimal(str(energy_kwh)) * 1000).to_integral_value()), reason
    if energy_kwh is not None:
        fail("give --energy-kwh or --from-readings, not both")
    from edge.ledger import bill_reading

    cdr = next(each.cdr for each in read_bill(config, cdr_id) if each.cdr.id == cdr_id)
    with ledger_errors():
        readings = bill_reading.register_readings(open_reader(ledger_path(load_settings(config))), cdr)
    if len(readings) < 2:
        fail(f"the journal has {len(readings)} readings of this session's meter: say the energy with --energy-kwh")
    first, last = readings[0], readings[-1]
    if last.wh < first.wh:
        fail(f"the meter showed {first.wh} Wh first and {last.wh} Wh last: say the energy with --energy-kwh")
    told = f"{first.wh} Wh at {first.at:{_TIME}} and {last.wh} Wh at {last.at:{_TIME}} UTC"
    return last.wh - first.wh, f"{reason} (meter: {told})"


def _show(document: BillDocument) -> None:
    cdr = document.cdr
    print(f"{document.state} bill {cdr.id} of {document.at:{_TIME}} UTC, entry {document.seq} of the money stream")
    print(
        f"  session {cdr.session_id} at {plain(f'{cdr.station_id}*{cdr.evse_id}')}, contract {plain(cdr.contract_id)}"
    )
    print(f"  {cdr.start_date_time:{_TIME}} to {cdr.end_date_time:{_TIME}} UTC, {cdr.total_energy_wh / 1000:.3f} kWh")
    for line in cdr.lines:
        vat = f"{line.vat} % VAT" if line.vat is not None else "no VAT"
        print(
            f"  {line.type} {line.billed_quantity} at {line.price}, {vat}: {line.cost.excl_vat} / {line.cost.incl_vat}"
        )
    print(f"  total {cdr.total_cost.excl_vat} before and {cdr.total_cost.incl_vat} {cdr.currency} after taxes")
    for doubt in cdr.quarantine:
        print(f"  kept back: {plain(doubt)}")
    if document.decided is not None:
        decided = document.decided
        who = f"{decided.by} and {decided.second_by}" if decided.second_by else decided.by
        word = decided.decision.replace("_", " ")
        print(f"  {word} by {plain(who)} on {document.decided_at:{_TIME}} UTC: {plain(decided.reason)}")


def second_pin() -> str:
    """The second person's own; a site without staff asks for none and takes an empty one."""
    pin = os.environ.get("OHMSTEAD_SECOND_PIN")
    if pin is None and sys.stdin.isatty():
        pin = getpass.getpass("PIN of the second person (empty where the site has no staff): ")
    return pin or ""


def _utc(stamp: datetime | None) -> datetime | None:
    if stamp is None:
        return None
    return stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)


# --- what the meter signed ---


@bills_app.command("signed")
def bills_signed(cdr_id: CdrId, as_json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Give out what the meter signed, byte for byte, and check it where it is OCMF; the agent may run or not.

    Ends with 1 where a signature is wrong.
    """
    from dataclasses import asdict

    from msgspec import to_builtins

    from edge.ocmf_check import check_all

    cdr = next(each.cdr for each in read_bill(config, cdr_id) if each.cdr.id == cdr_id)
    signed = cdr.signed_data
    if signed is None:
        fail(f"bill {cdr_id} has no values that a meter signed")
    checks = check_all(signed)
    if as_json:
        told = {"cdr_id": cdr_id, "signed_data": to_builtins(signed), "checks": [asdict(each) for each in checks]}
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print(f"encoding {plain(signed.encoding_method)}, public key {plain(signed.public_key or 'not told')}")
        for value, check in zip(signed.signed_values, checks, strict=True):
            print(f"{value.nature}: {check.result} ({plain(check.why)}; checked by {check.checked_by})")
            print(plain(value.signed_data))
    if any(check.result == "bad" for check in checks):
        raise SystemExit(1)
