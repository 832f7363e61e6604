"""Exact money: Decimals that are rounded once, where an invoice line is made, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

ROUNDING_RULE = "line-half-up-2"
"""The rule's id, printed on every bill: exact until the line, each line half-up to 2 decimals, total = sum of lines."""

ZERO = Decimal("0.00")
_SCALE = 100


def round_line(amount: Fraction) -> Decimal:
    """An exact amount as a sum of money with 2 decimals, half-up away from zero."""
    scaled = abs(amount) * _SCALE
    units = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(units if amount >= 0 else -units).scaleb(-2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A sum before and after taxes (OCPI 2.2.1 Price)."""

    excl_vat: Decimal = ZERO
    incl_vat: Decimal = ZERO

    def __add__(self, other: Price) -> Price:
        return Price(excl_vat=self.excl_vat + other.excl_vat, incl_vat=self.incl_vat + other.incl_vat)
