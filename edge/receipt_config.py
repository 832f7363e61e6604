"""The settings of receipts and statements."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edge.config_fields import Strict

Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,39}$")]
Printed = Annotated[str, StringConstraints(max_length=100)]


class ReceiptSettings(Strict):
    """Receipts and statements: who stands at their top, and how they are numbered."""

    every_bill: bool = Field(
        default=False, description="number a receipt for every bill; otherwise when it is asked for"
    )
    prefix: Prefix | None = Field(
        default=None, description="before the number of a receipt, as in PREFIX-000123; R-EDGE_ID where it is not set"
    )
    statement_prefix: Prefix | None = Field(
        default=None, description="the same of statements; S-EDGE_ID where it is not set"
    )
    language: Literal["en", "zh"] = Field(default="en", description="of customers who have not said which they speak")
    columns: Literal[42, 48] = Field(default=42, description="characters on a line of the 80 mm printer")
    seller: Printed = Field(default="", description="who sells; the Location's name where it is not set")
    address: tuple[Printed, ...] = Field(
        default=(), max_length=5, description="its address, line by line; the Location's where it is not set"
    )
    tax_id: Printed = Field(default="", description="its tax number")
    footer: tuple[Printed, ...] = Field(default=(), max_length=5, description="printed at the end, line by line")
