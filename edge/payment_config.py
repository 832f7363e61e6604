"""The settings of payments: who takes cards and QR payments, and how long they may take."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge.config_fields import Strict

ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class ProviderSettings(Strict):
    """Who takes payments for the site: a card terminal's service, or one for QR codes."""

    id: ProviderName = Field(description="its name, as accounts and reports have it: a-z, 0-9, _ and -")
    method: Literal["card", "qr"] = Field(description="what it takes: card or qr")
    url: str = Field(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$", description="where it is asked, http or https")
    token_file: Path | None = Field(default=None, description="file with the bearer token for it")
    timeout_s: float = Field(default=10, gt=0, le=60, description="how long it may take to answer one question")


class PaymentSettings(Strict):
    """What is paid at the site. Cash needs none of this."""

    providers: tuple[ProviderSettings, ...] = Field(default=(), max_length=8, description="who takes cards and QR")
    answer_within_s: int = Field(
        default=180, ge=10, le=3600, description="a payment is unknown when its provider says nothing for so long"
    )
    max_amount: Decimal = Field(
        default=Decimal("10000.00"), gt=0, le=10**9, decimal_places=2, description="the most that is taken at once"
    )
    reconcile_hour: int = Field(
        default=3, ge=0, le=23, description="the hour (UTC) in which the day before is held against providers' lists"
    )
    qr_url: str | None = Field(
        default=None,
        pattern=r"^https://[^/?#\s]+(/[^?#\s]*)?$",
        description="the page that a connector's QR code opens, https; its host is printed beside the code",
    )

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [provider.id for provider in self.providers]
        if len(set(names)) < len(names):
            raise ValueError("two providers have the same id")
        return self
