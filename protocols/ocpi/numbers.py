"""Numbers that people write in documents about money: exact, and of a size that can be reckoned with."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_MOST: Final = 30
"""Places before and behind the point: nobody pays or draws more, and 1e999999999 would take all memory."""


def exact_number(told: object) -> Decimal | None:
    """As exact as it was written, a float as what its shortest text says; None for what is no such number."""
    if isinstance(told, bool) or not isinstance(told, int | float | Decimal | str):
        return None
    if isinstance(told, int) and abs(told) >= 10**_MOST:  # too long to be written, even
        return None
    text = str(told).strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    if not number:
        return Decimal(0)
    is_usual = int(number.as_tuple().exponent) >= -_MOST and number.adjusted() <= _MOST
    return number if is_usual else None
