"""The settings of decisions upon bills."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from edge.config_fields import Strict


class BillSettings(Strict):
    """Who decides upon bills."""

    second_person_above: Decimal = Field(
        default=Decimal("100.00"),
        ge=0,
        max_digits=12,
        decimal_places=2,
        description="a decision upon a bill of more than this, taxes included, takes a second person",
    )
