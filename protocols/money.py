"""Exact money: Decimals that are rounded once, where an invoice line is made, and nowhere else."""

from __future__ import annotations

from decimal import Decimal

from protocols.fact import Fact

ROUNDING_RULE = "line-half-up-2-tax-once"
"""The rule's id, printed on every bill: exact until the line, each line half-up to 2 decimals; the taxes of all lines
exact upon these and half-up once, and shared among the lines so that the total is their sum."""
TAX_BY_LINE_RULE = "line-half-up-2"
"""The rule of older bills: the tax of each line was rounded by itself."""

ZERO = Decimal("0.00")
_CENT = Decimal("0.01")


def round_cents(numerator: int, denominator: int) -> int:
    """An exact amount, a ratio of integers with a positive denominator, in whole hundredths: half-up away from zero."""
    units = (200 * abs(numerator) + denominator) // (2 * denominator)
    return units if numerator >= 0 else -units


def from_cents(cents: int) -> Decimal:
    """Hundredths as a sum of money with 2 decimals."""
    return _CENT * cents


class Price(Fact, frozen=True, kw_only=True):
    """A sum before and after taxes (OCPI 2.2.1 Price)."""

    excl_vat: Decimal = ZERO
    incl_vat: Decimal = ZERO
