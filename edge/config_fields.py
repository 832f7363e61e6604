"""What settings are made of: the kinds of fields that several tables share."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A table in which nothing may stand that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Port = Annotated[int, Field(ge=0, le=65535)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
StationId = Annotated[str, Field(min_length=1, max_length=48, pattern=r"^[A-Za-z0-9*_=:+|@.\-]+$")]


class EvseSettings(Strict):
    """A bay."""

    id: int = Field(ge=1, le=64, description="the EVSE's number in its station, from 1; an OCPP 1.6 connectorId")
    label: Name = Field(description="what is painted on the bay")
    max_power_kw: Decimal = Field(default=Decimal(22), gt=0, le=2000, decimal_places=3, description="rated power")
    tariff: str | None = Field(default=None, description="a tariff's id; the default tariff without it")
    connectors: int = Field(default=1, ge=1, le=8, description="how many plugs it has; each has a QR code of its own")
