"""`ohmstead-edge price`: what a described session costs by a tariff. The engine of the agent; no agent is needed."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.described_session import DescribedSession, read_session
from edge.domain.pricing.lines import Bill
from edge.domain.pricing.price import ENGINE, price_reservation, price_session
from edge.ocpi_session import from_ocpi, is_ocpi
from edge.tariff_files import one_tariff, read_file, read_tariffs
from protocols.errors import BadText
from protocols.money import ROUNDING_RULE
from protocols.ocpi.cdr import PriceLine
from protocols.ocpi.tariff import Tariff, TariffDimensionType

_BASE_UNITS = {"ENERGY": "Wh", "TIME": "s", "PARKING_TIME": "s", "FLAT": "session"}
_PER = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600, "FLAT": 1}


def price(
    tariff: Annotated[Path, typer.Option(help="The tariff: TOML, JSON or CSV, in the words of OCPI.")],
    session: Annotated[Path, typer.Option(help="The session: TOML or JSON.")],
    tariff_id: Annotated[str | None, typer.Option("--id", help="Which tariff, where the file has several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Price a described session by a tariff (docs/pricing.md): its lines, and the total before and after taxes."""
    chosen = _told(tariff, lambda: one_tariff(read_tariffs(tariff), tariff_id))
    described = _told(session, lambda: _session(read_file(session), chosen))
    bill = _bill(chosen, described)
    if as_json:
        print(json.dumps(_document(chosen, described, bill), ensure_ascii=False, indent=2))
    else:
        _print(chosen, bill)


def _told(path: Path, made: Any) -> Any:
    """What is made of a file, or the end of the program with all that is wrong with it."""
    try:
        return made()
    except BadText as error:
        for problem in str(error).splitlines():
            typer.echo(f"{path}: {problem}", err=True)
        raise SystemExit(2) from None


def _session(document: Any, tariff: Tariff) -> DescribedSession:
    return read_session(from_ocpi(document) if is_ocpi(document) else document, tariff)


def _bill(tariff: Tariff, session: DescribedSession) -> Bill:
    if session.is_reservation:
        return price_reservation(tariff, session.periods, is_expired=session.is_expired, time_zone=session.time_zone)
    return price_session(tariff, session.periods, session.time_zone)


def _document(tariff: Tariff, session: DescribedSession, bill: Bill) -> dict[str, Any]:
    taxes = bill.total.incl_vat - bill.total.excl_vat
    return {
        "tariff_id": tariff.id,
        "currency": tariff.currency,
        "tax_included": tariff.tax_included.value,
        "time_zone": session.time_zone,
        "lines": [_line(line) for line in bill.lines],
        "total": {
            "before_taxes": str(bill.total.excl_vat),
            "taxes": str(taxes),
            "after_taxes": str(bill.total.incl_vat),
        },
        "energy_wh": str(bill.energy_wh),
        "time_s": str(bill.time_s),
        "parking_time_s": str(bill.parking_time_s),
        "reservation_time_s": str(bill.reservation_time_s),
        "engine": ENGINE,
        "rounding_rule": ROUNDING_RULE,
    }


def _line(line: PriceLine) -> dict[str, Any]:
    return {
        "type": line.type.value,
        "label": line.label or None,
        "reservation": line.reservation.value if line.reservation is not None else None,
        "adjustment": line.adjustment.value if line.adjustment is not None else None,
        "unit": _BASE_UNITS[line.type],
        "quantity": line.exact or str(line.quantity),
        "billed_quantity": line.billed_exact or str(line.billed_quantity),
        "price": f"{line.price:f}",
        "vat": f"{line.vat:f}" if line.vat is not None else None,
        "unrounded": _written(
            Fraction(line.billed_exact or line.billed_quantity) * Fraction(line.price) / _PER[line.type]
        ),
        "before_taxes": str(line.cost.excl_vat),
        "after_taxes": str(line.cost.incl_vat),
    }


def _written(amount: Fraction) -> str:
    """As a decimal number where it is one, else as a fraction."""
    rest = amount.denominator
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    return f"{Decimal(amount.numerator) / Decimal(amount.denominator):f}" if rest == 1 else str(amount)


def _print(tariff: Tariff, bill: Bill) -> None:
    for line in bill.lines:
        rate = "" if line.vat is None else f"{line.vat:f} %"
        what = _what(line)
        print(f"{what:<58} {line.cost.excl_vat:>10} {rate:>8} {line.cost.incl_vat:>10}")
    print(f"{'total':<58} {bill.total.excl_vat:>10} {tariff.currency:>8} {bill.total.incl_vat:>10}")
    print(f"before taxes: {bill.total.excl_vat} {tariff.currency}")
    print(f"after taxes: {bill.total.incl_vat} {tariff.currency}")


def _what(line: PriceLine) -> str:
    if line.adjustment is not None:
        return f"brought to {line.adjustment.lower()}"
    name = " ".join(filter(None, (line.reservation, line.type, line.label)))
    if line.type is TariffDimensionType.FLAT:
        return f"{name}  {line.price:f}"
    billed = Fraction(line.billed_exact or line.billed_quantity)
    used = Fraction(line.exact or line.quantity)
    if line.type is TariffDimensionType.ENERGY:
        units = f"{float(billed / 1000):.4f} kWh × {line.price:f}"
        return f"{name}  {units}" + (f" ({float(used / 1000):.4f} used)" if used != billed else "")
    units = f"{float(billed / 60):.2f} min × {line.price:f}/h"
    return f"{name}  {units}" + (f" ({float(used / 60):.2f} used)" if used != billed else "")
